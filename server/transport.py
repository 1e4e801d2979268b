"""The grpcio side: bytes in, bytes out, statuses, streams. Nothing is decided here.

Handlers take the request's bytes (`request_deserializer=None`): a request that is no message gets our error with a
Reason, where the runtime's own deserialisation would give INTERNAL, and hot methods can later go from bytes to bytes.
"""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
import structlog
from grpc_status import rpc_status

from fairpost.server import wire
from fairpost.server.errors import Internal, ResourceExhausted, ServiceError, Unavailable
from fairpost.v1 import appeal_pb2, complaint_pb2, filter_pb2, reason_pb2, registry_pb2, rules_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import ThreadPoolExecutor

    from google.protobuf.message import Message

    from fairpost.server.filtering import FilterService
    from fairpost.server.registry import Registry
    from fairpost.server.rules import RulesService

__all__ = ["APPEALS", "COMPLAINTS", "FILTER", "REGISTRY", "RULES", "Streams", "handlers"]

Result = TypeVar("Result")
log = structlog.get_logger(__name__)

APPEALS = appeal_pb2.DESCRIPTOR.services_by_name["AppealService"].full_name
COMPLAINTS = complaint_pb2.DESCRIPTOR.services_by_name["ComplaintService"].full_name
FILTER = filter_pb2.DESCRIPTOR.services_by_name["FilterService"].full_name
REGISTRY = registry_pb2.DESCRIPTOR.services_by_name["RegistryService"].full_name
RULES = rules_pb2.DESCRIPTOR.services_by_name["RulesService"].full_name

_IDLE_SECONDS = 0.5


@dataclass(slots=True)
class _Stream:
    context: grpc.ServicerContext
    waiting_since: float | None = None


class Streams:
    """Open streams: how many there may be, and how they end when the server stops."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._streams: dict[int, _Stream] = {}
        self._lock = threading.Lock()
        self._draining = False

    def run(
        self, context: grpc.ServicerContext, requests: Iterator[bytes], answer: Callable[[bytes], bytes]
    ) -> Iterator[bytes]:
        """Answer the requests of one stream, one by one.

        Raises:
            ResourceExhausted: too many streams are open; each would hold a thread.
            Unavailable: the server is stopping.
        """
        stream = _Stream(context)
        with self._lock:
            if self._draining:
                raise _draining()
            if len(self._streams) >= self._limit:
                raise ResourceExhausted(
                    reason_pb2.REASON_TOO_MANY_STREAMS,
                    f"{self._limit} streams are open already, as many as are served at a time; try again later, or "
                    "use CheckPosts",
                    metadata={"limit": str(self._limit)},
                    retry_after=1.0,
                )
            self._streams[id(stream)] = stream
        try:
            while True:
                stream.waiting_since = time.monotonic()
                content = next(requests, None)
                stream.waiting_since = None
                if content is None:
                    return
                if self._draining:
                    raise _draining()
                yield answer(content)
        finally:
            with self._lock:
                del self._streams[id(stream)]

    def drain(self) -> None:
        """Let no stream begin another batch."""
        with self._lock:
            self._draining = True

    def end_idle(self) -> None:
        """End streams whose caller has sent nothing for a while; their threads wait and cannot end them."""
        now = time.monotonic()
        with self._lock:
            for stream in self._streams.values():
                since = stream.waiting_since
                if since is not None and now - since > _IDLE_SECONDS:
                    stream.context.cancel()  # type: ignore[no-untyped-call]


def handlers(
    filtering: FilterService,
    registry: Registry,
    rules: RulesService,
    streams: Streams,
    changes: ThreadPoolExecutor,
    *,
    max_request_bytes: int,
    max_bundle_bytes: int,
) -> list[grpc.GenericRpcHandler[bytes, bytes]]:
    """All methods of fairpost.v1.

    Args:
        changes: threads of their own for streams of the registry, which last for as long as their callers like.
    """

    def check_posts(content: bytes) -> Message:
        request, posts = wire.parse_batch(filter_pb2.CheckPostsRequest, content)
        response = filter_pb2.CheckPostsResponse()
        response.revision = filtering.check_posts(posts, request, response.results)
        return response

    def stream_check(content: bytes) -> bytes:
        _limit(content, max_request_bytes)
        request, posts = wire.parse_batch(filter_pb2.StreamCheckRequest, content)
        response = filter_pb2.StreamCheckResponse(sequence=request.sequence)
        response.revision = filtering.check_posts(posts, request, response.results)
        return response.SerializeToString()

    def stream(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        answers = streams.run(context, requests, stream_check)
        while True:
            # The answer is computed under _guarded, and yielded outside of it: what the caller of this generator
            # throws in (a cancelled call) is no fault of ours.
            answer = _guarded(lambda: next(answers, None), context)
            if answer is None:
                return
            yield answer

    def unary(
        request_type: Any, call: Callable[[Any], Message | bytes], limit: int = max_request_bytes
    ) -> grpc.RpcMethodHandler[bytes, bytes]:
        return _unary(lambda content: call(wire.parse(request_type, content)), limit)

    filter_methods = {
        "CheckPost": unary(filter_pb2.CheckPostRequest, filtering.check_post),
        "CheckPosts": _unary(check_posts, max_request_bytes),
        "StreamCheck": grpc.stream_stream_rpc_method_handler(stream),
    }
    registry_methods = {
        "RegisterSeller": unary(registry_pb2.RegisterSellerRequest, registry.sellers.register),
        "UpdateSeller": unary(registry_pb2.UpdateSellerRequest, registry.sellers.update),
        "ListSellers": unary(registry_pb2.ListSellersRequest, registry.sellers.search),
        "ListEvents": unary(registry_pb2.ListEventsRequest, registry.sellers.events),
        "WatchSellers": _parts(registry_pb2.WatchSellersRequest, registry.mirrors.watch, changes, max_request_bytes),
        "GetSnapshot": _parts(
            registry_pb2.GetSnapshotRequest,
            lambda request, _: registry.mirrors.snapshot(request),
            changes,
            max_request_bytes,
        ),
        "DiffSellers": unary(registry_pb2.DiffSellersRequest, registry.mirrors.diff),
        "GetSeller": unary(registry_pb2.GetSellerRequest, registry.sellers.get),
        "LookupSeller": unary(registry_pb2.LookupSellerRequest, registry.lookups.lookup),
        "BatchLookupSellers": unary(registry_pb2.BatchLookupSellersRequest, registry.lookups.serialised_batch),
        "RecordEvent": unary(registry_pb2.RecordEventRequest, registry.decisions.record_event),
        "ExportPerson": unary(registry_pb2.ExportPersonRequest, registry.erasure.export),
        "ErasePerson": unary(registry_pb2.ErasePersonRequest, registry.erasure.erase),
    }
    complaints, appeals = registry.complaints, registry.appeals
    complaint_methods = {
        "FileComplaint": unary(complaint_pb2.FileComplaintRequest, complaints.file),
        "AssignComplaint": unary(complaint_pb2.AssignComplaintRequest, complaints.assign),
        "AnswerComplaint": unary(complaint_pb2.AnswerComplaintRequest, complaints.answer),
        "ResolveComplaint": unary(complaint_pb2.ResolveComplaintRequest, complaints.resolve),
        "WithdrawComplaint": unary(complaint_pb2.WithdrawComplaintRequest, complaints.withdraw),
        "GetComplaint": unary(complaint_pb2.GetComplaintRequest, complaints.get),
        "ListComplaints": unary(complaint_pb2.ListComplaintsRequest, complaints.search),
    }
    appeal_methods = {
        "FileAppeal": unary(appeal_pb2.FileAppealRequest, appeals.file),
        "DecideAppeal": unary(appeal_pb2.DecideAppealRequest, appeals.decide),
        "GetAppeal": unary(appeal_pb2.GetAppealRequest, appeals.get),
        "ListAppeals": unary(appeal_pb2.ListAppealsRequest, appeals.search),
    }
    rules_methods = {
        "ActivateBundle": unary(rules_pb2.ActivateBundleRequest, rules.activate, max_bundle_bytes),
        "RollBack": unary(rules_pb2.RollBackRequest, rules.roll_back),
        "GetStatus": unary(rules_pb2.GetStatusRequest, rules.status),
        "ListRevisions": unary(rules_pb2.ListRevisionsRequest, rules.revisions),
    }
    return [
        grpc.method_handlers_generic_handler(FILTER, filter_methods),
        grpc.method_handlers_generic_handler(REGISTRY, registry_methods),
        grpc.method_handlers_generic_handler(COMPLAINTS, complaint_methods),
        grpc.method_handlers_generic_handler(APPEALS, appeal_methods),
        grpc.method_handlers_generic_handler(RULES, rules_methods),
    ]


def _unary(call: Callable[[bytes], Message | bytes], limit: int) -> grpc.RpcMethodHandler[bytes, bytes]:
    def behaviour(content: bytes, context: grpc.ServicerContext) -> bytes:
        def work() -> bytes:
            _limit(content, limit)
            answer = call(content)
            return answer if isinstance(answer, bytes) else answer.SerializeToString()

        return _guarded(work, context)

    return grpc.unary_unary_rpc_method_handler(behaviour)


def _parts(
    request_type: Any,
    call: Callable[[Any, Callable[[], bool]], Iterator[Message]],
    pool: ThreadPoolExecutor,
    limit: int,
) -> grpc.RpcMethodHandler[bytes, bytes]:
    """A method that answers one request with a stream. `call` gets the request, and whether anybody still listens."""

    def behaviour(content: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        def begin() -> Iterator[Message]:
            _limit(content, limit)
            return iter(call(wire.parse(request_type, content), context.is_active))

        parts = _guarded(begin, context)
        while True:
            part = _guarded(lambda: next(parts, None), context)
            if part is None:
                return
            yield part.SerializeToString()

    # Otherwise whoever watches would hold one of the few threads that answer calls.
    behaviour.experimental_thread_pool = pool  # type: ignore[attr-defined]
    return grpc.unary_stream_rpc_method_handler(behaviour)


def _guarded(work: Callable[[], Result], context: grpc.ServicerContext) -> Result:
    """The result of `work`, or the call ended with the status of its error."""
    refusal: ServiceError
    try:
        return work()
    except ServiceError as error:
        refusal = error
    except grpc.RpcError:  # the caller is gone; grpcio ends the call
        raise
    except Exception:
        incident = secrets.token_hex(6)
        log.exception("unexpected error", incident=incident)
        refusal = Internal(
            reason_pb2.REASON_INTERNAL,
            f"the server failed; its log has the details under incident {incident}",
            metadata={"incident": incident},
        )
    return context.abort_with_status(rpc_status.to_status(refusal.to_status()))  # raises


def _limit(content: bytes, limit: int) -> None:
    if len(content) > limit:
        raise ResourceExhausted(
            reason_pb2.REASON_REQUEST_TOO_LARGE,
            f"the request has {len(content)} bytes; at most {limit} are taken. Send fewer posts in one message",
            metadata={"limit": str(limit), "size": str(len(content))},
        )


def _draining() -> Unavailable:
    return Unavailable(
        reason_pb2.REASON_DRAINING,
        "the server is shutting down; send what was not answered to another",
        retry_after=1.0,
    )
