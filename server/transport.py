"""grpcio's calls as ours, and our errors as its statuses. Nothing is decided here.

Handlers take the request's bytes (`request_deserializer=None`): a request that is no message gets our error with a
Reason, where the runtime's own deserialisation would give INTERNAL, and hot methods go from bytes to bytes. All of them
take an iterator of requests, also where there is one (the same on the wire): so a call is known, and can be refused or
ended, before its request has come.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, NoReturn

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2
from grpc_status import rpc_status

from fairpost.server.access.pool import queued
from fairpost.server.access.unread import LARGE
from fairpost.server.calls.call import Kind
from fairpost.server.calls.waits import PROBES
from fairpost.server.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from concurrent.futures import ThreadPoolExecutor

    from grpc_health.v1 import health

    from fairpost.server.access.unread import Unread
    from fairpost.server.calls.call import Method
    from fairpost.server.calls.dispatch import Dispatcher
    from fairpost.server.calls.waits import Waits

__all__ = ["handlers", "health_handler"]

_NAMES = ("x509_subject_alternative_name", "x509_common_name")


class _GrpcCall:
    """A grpcio call as a `Call`."""

    __slots__ = ("_context",)

    def __init__(self, context: grpc.ServicerContext) -> None:
        self._context = context

    def metadata(self) -> Mapping[str, str]:
        return {key: value for key, value in self._context.invocation_metadata() if isinstance(value, str)}

    def authorization(self) -> str | None:
        found = None
        for key, value in self._context.invocation_metadata():
            if key == "authorization":
                found = value
        return found if isinstance(found, str) or found is None else ""

    def queued(self) -> tuple[float, int]:
        return queued()

    def peer(self) -> str:
        return str(self._context.peer())

    def identities(self) -> Sequence[str]:
        known: Mapping[str, Sequence[bytes]] = self._context.auth_context()  # type: ignore[assignment]
        for name in _NAMES:
            if found := known.get(name):
                return [value.decode(errors="replace") for value in found]
        return []

    def time_left(self) -> float | None:
        return self._context.time_remaining()

    def is_active(self) -> bool:
        return self._context.is_active()

    def cancel(self) -> None:
        self._context.cancel()  # type: ignore[no-untyped-call]


def handlers(
    methods: Iterable[Method],
    dispatcher: Dispatcher,
    unread: Unread,
    *,
    streams: ThreadPoolExecutor,
    watchers: ThreadPoolExecutor,
) -> list[grpc.GenericRpcHandler[bytes, bytes]]:
    """grpcio's handlers of the methods.

    Args:
        streams, watchers: threads of their own for Kind.STREAM and Kind.PARTS, whose callers send or listen for as long
            as they like: otherwise they would hold the few threads that answer calls.
    """
    made = []
    for service, group in groupby(methods, lambda method: method.service):
        found = {method.name: _handler(method, dispatcher, unread, streams, watchers) for method in group}
        made.append(grpc.method_handlers_generic_handler(service, found))
    return made


def _handler(
    method: Method, dispatcher: Dispatcher, unread: Unread, streams: ThreadPoolExecutor, watchers: ThreadPoolExecutor
) -> grpc.RpcMethodHandler[bytes, bytes]:
    def unary(requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        call = _GrpcCall(context)
        try:
            answer = dispatcher.unary(method, call, requests)
        except ServiceError as error:
            _end(context, error)
        if len(answer) >= LARGE:
            unread.add(call, len(answer), context.add_callback)
        return answer

    def stream(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        try:
            yield from dispatcher.stream(method, _GrpcCall(context), requests)
        except ServiceError as error:
            _end(context, error)

    def parts(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        try:
            yield from dispatcher.parts(method, _GrpcCall(context), requests)
        except ServiceError as error:
            _end(context, error)

    if method.kind is Kind.UNARY:
        return grpc.stream_unary_rpc_method_handler(unary)
    if method.kind is Kind.STREAM:
        stream.experimental_thread_pool = streams  # type: ignore[attr-defined]
        return grpc.stream_stream_rpc_method_handler(stream)
    parts.experimental_thread_pool = watchers  # type: ignore[attr-defined]
    return grpc.stream_stream_rpc_method_handler(parts)


def health_handler(
    servicer: health.HealthServicer, probes: ThreadPoolExecutor, waits: Waits
) -> grpc.GenericRpcHandler[bytes, bytes]:
    """grpc.health.v1 by its own threads; a watch holds none."""

    def receive(requests: Iterator[bytes], context: grpc.ServicerContext) -> health_pb2.HealthCheckRequest:
        wait = waits.begin(_GrpcCall(context), waits.receive_seconds, lends=PROBES)
        try:
            return health_pb2.HealthCheckRequest.FromString(next(requests, b""))
        except DecodeError:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the request is no HealthCheckRequest")
        finally:
            waits.end(wait)

    def check(requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        answer: bytes = servicer.Check(receive(requests, context), context).SerializeToString()
        return answer

    def watch(requests: Iterator[bytes], context: grpc.ServicerContext, send: Callable[[bytes | None], None]) -> None:
        def send_message(message: health_pb2.HealthCheckResponse | None) -> None:
            send(None if message is None else message.SerializeToString())

        servicer.Watch(receive(requests, context), context, send_message)

    check.experimental_thread_pool = probes  # type: ignore[attr-defined]
    watch.experimental_thread_pool = probes  # type: ignore[attr-defined]
    watch.experimental_non_blocking = True  # type: ignore[attr-defined]
    service: str = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
    return grpc.method_handlers_generic_handler(
        service,
        {
            "Check": grpc.stream_unary_rpc_method_handler(check),
            "Watch": grpc.stream_stream_rpc_method_handler(watch),
        },
    )


def _end(context: grpc.ServicerContext, error: ServiceError) -> NoReturn:
    context.abort_with_status(rpc_status.to_status(error.to_status()))
    raise AssertionError("abort_with_status raises")
