"""The services as the pages use them: by gRPC on the workers' inner sockets, for one principal at a time.

    calls = services.visitor(peer)                      whoever reads the public pages
    calls = services.key("fp_...", peer)                the holder of a key
    calls = services.actor("oidc:li", ["moderator"], peer)

    answer = await calls.bulletin.List(bulletin_pb2.ListDocumentsRequest())
    async for part in calls.registry.WatchSellers(request): ...

What a service refuses is raised as the ServiceError that it was there, with code, reason, message, violations. A worker
that cannot be reached is passed over, as long as nothing can be done twice by that.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import TYPE_CHECKING, Any, Final

import grpc
import grpc.aio
from grpc_status import rpc_status

from fairpost.server.access.inner import metadata_of
from fairpost.server.access.roles import METHODS, VISITOR
from fairpost.server.errors import DeadlineExceeded, Internal, ServiceError, Unavailable
from fairpost.v1 import (
    access_pb2,
    appeal_pb2,
    audit_pb2,
    bulletin_pb2,
    complaint_pb2,
    filter_pb2,
    reason_pb2,
    registry_pb2,
    review_pb2,
    rules_pb2,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

__all__ = ["SECONDS", "Calls", "Services"]

SECONDS: Final = 10.0
"""Time that a call gets unless its caller says otherwise."""
PATIENCE: Final = 2.0
_PAUSE: Final = 0.05
_AWAY: Final = grpc.ChannelConnectivity.TRANSIENT_FAILURE
_LARGEST: Final = 80 << 20
_OPTIONS: Final = [
    ("grpc.max_receive_message_length", _LARGEST),
    ("grpc.max_send_message_length", _LARGEST),
    ("grpc.enable_retries", 0),
    # A worker is replaced within a second; it is looked for as often.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
    # The socket's name says nothing of a host.
    ("grpc.default_authority", "inner"),
]

SERVICES: Final[dict[str, ServiceDescriptor]] = {
    "filter": filter_pb2.DESCRIPTOR.services_by_name["FilterService"],
    "registry": registry_pb2.DESCRIPTOR.services_by_name["RegistryService"],
    "complaints": complaint_pb2.DESCRIPTOR.services_by_name["ComplaintService"],
    "appeals": appeal_pb2.DESCRIPTOR.services_by_name["AppealService"],
    "rules": rules_pb2.DESCRIPTOR.services_by_name["RulesService"],
    "reviews": review_pb2.DESCRIPTOR.services_by_name["ReviewService"],
    "audit": audit_pb2.DESCRIPTOR.services_by_name["AuditService"],
    "access": access_pb2.DESCRIPTOR.services_by_name["AccessService"],
    "bulletin": bulletin_pb2.DESCRIPTOR.services_by_name["BulletinService"],
}
"""By the name that `Calls` gives them."""


class Services:
    """Channels to all workers. Belongs to one event loop, in which it connects at the first call.

    sockets: of the workers; token: what opens them (server/access/inner.py); patience: seconds for which a worker that
    can be reached is waited for, where there is none.
    """

    def __init__(self, sockets: Sequence[str], token: str, *, patience: float = PATIENCE) -> None:
        self._targets = [f"unix:{socket}" for socket in sockets]
        self._token = token
        self.patience = patience
        self._channels: list[grpc.aio.Channel] = []
        self._turn = itertools.count()

    def visitor(self, peer: str) -> Calls:
        """Calls for whoever reads the public pages. peer: "ipv4:192.0.2.7", for the audit log and quotas."""
        return self.actor(VISITOR, [VISITOR], peer)

    def key(self, key: str, peer: str) -> Calls:
        """Calls with an API key: what it may do is looked up at each, so that a revocation holds."""
        return Calls(self, metadata_of(self._token, key=key, peer=peer))

    def actor(self, actor: str, roles: Iterable[str], peer: str) -> Calls:
        """Calls for somebody whom the HTTP side itself has identified, with the roles that it gives them."""
        return Calls(self, metadata_of(self._token, actor=actor, roles=roles, peer=peer))

    async def close(self) -> None:
        channels, self._channels = self._channels, []
        for channel in channels:
            await channel.close(None)

    def channels(self) -> list[grpc.aio.Channel]:
        """All, beginning with the one whose turn it is; those that cannot be reached at present come last."""
        if not self._channels:
            self._channels = [grpc.aio.insecure_channel(target, options=_OPTIONS) for target in self._targets]
        first = next(self._turn) % len(self._channels)
        turned = self._channels[first:] + self._channels[:first]
        return sorted(turned, key=lambda channel: channel.get_state() is _AWAY)


class Calls:
    """All services for one principal, by the names of SERVICES."""

    __slots__ = ("_metadata", "_services")

    def __init__(self, services: Services, metadata: tuple[tuple[str, str], ...]) -> None:
        self._services = services
        self._metadata = metadata

    def __getattr__(self, name: str) -> _Service:
        if name not in SERVICES:
            raise AttributeError(f"no service {name!r}; one of {', '.join(SERVICES)}")
        return _Service(self._services, self._metadata, SERVICES[name])


class _Service:
    __slots__ = ("_descriptor", "_metadata", "_services")

    def __init__(
        self, services: Services, metadata: tuple[tuple[str, str], ...], descriptor: ServiceDescriptor
    ) -> None:
        self._services = services
        self._metadata = metadata
        self._descriptor = descriptor

    def __getattr__(self, name: str) -> Any:
        method = self._descriptor.methods_by_name.get(name)
        if method is None:
            raise AttributeError(f"{self._descriptor.full_name} has no method {name!r}")
        call = _parts if method.server_streaming else _unary

        def made(request: Any, timeout: float | None = SECONDS) -> Any:
            return call(self._services, method, request, self._metadata, timeout)

        return made


def _path(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


def _answer_of(method: MethodDescriptor) -> Any:
    from google.protobuf import message_factory

    return message_factory.GetMessageClass(method.output_type).FromString


async def _unary(
    services: Services,
    method: MethodDescriptor,
    request: Any,
    metadata: tuple[tuple[str, str], ...],
    timeout: float | None,
) -> Any:
    path, content, read = _path(method), request.SerializeToString(), _answer_of(method)
    access = METHODS.get(path[1:])
    # What changes something may have been done although no answer came; with a request id it is not done twice.
    once = access is not None and access.changes and not getattr(request, "request_id", "")
    until = time.monotonic() + services.patience
    while True:
        for channel in services.channels():
            try:
                return read(await channel.unary_unary(path, None, None)(content, timeout=timeout, metadata=metadata))
            except grpc.aio.AioRpcError as error:
                failure, reached = _failure(error)
                if reached or once:
                    raise failure from None
        if time.monotonic() > until:
            raise failure
        await asyncio.sleep(_PAUSE)


async def _parts(
    services: Services,
    method: MethodDescriptor,
    request: Any,
    metadata: tuple[tuple[str, str], ...],
    timeout: float | None,
) -> AsyncIterator[Any]:
    path, content, read = _path(method), request.SerializeToString(), _answer_of(method)
    begun = False
    channels = services.channels()
    for i, channel in enumerate(channels):
        try:
            async for part in channel.unary_stream(path, None, None)(content, timeout=timeout, metadata=metadata):
                begun = True
                yield read(part)
            return
        except grpc.aio.AioRpcError as error:
            failure, reached = _failure(error)
            if reached or begun or i + 1 == len(channels):
                raise failure from None


def _failure(error: grpc.aio.AioRpcError) -> tuple[ServiceError, bool]:
    """What went wrong, and whether a server said so (else it could not be reached)."""
    try:
        status = rpc_status.from_call(error)  # type: ignore[arg-type]
    except ValueError:
        status = None
    if status is not None:
        return ServiceError.of_status(status), True
    code = error.code()
    if code is grpc.StatusCode.UNAVAILABLE:
        return Unavailable(reason_pb2.REASON_UNSPECIFIED, "no worker answers at present; ask again"), False
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlineExceeded(reason_pb2.REASON_DEADLINE_PASSED, "the answer did not come in time"), True
    # RESOURCE_EXHAUSTED of grpcio's own limits, CANCELLED by the server's own sweep, ...
    kind = next((kind for kind in ServiceError.__subclasses__() if kind.code == code.value[0]), Internal)
    return kind(reason_pb2.REASON_UNSPECIFIED, error.details() or code.name), True
