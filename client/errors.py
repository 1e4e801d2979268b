"""What a caller gets when a call failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from google.protobuf import duration_pb2
from google.rpc import error_details_pb2
from grpc_status import rpc_status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.rpc import status_pb2

__all__ = ["CallFailed"]

_UNSENT: Final = ("connections to all backends failing", "failed to connect to all addresses", "errors resolving ")
"""How gRPC's details begin where a call found no connection; there is no code for that."""


class CallFailed(Exception):
    """A call that the server refused or that did not reach it.

    code: name of the gRPC status ("INVALID_ARGUMENT"); reason: name of the `Reason`, "" if the status is not from
    fairpost; violations: (field, description) of each field at fault; metadata: of the ErrorInfo; retry_after: seconds
    after which the server wants to be asked again, None if it does not say that waiting helps; attempts: how often the
    call was sent; unsent: no connection could be made, so that no server has seen it (the last time).
    """

    def __init__(
        self,
        code: str,
        message: str,
        reason: str = "",
        violations: Sequence[tuple[str, str]] = (),
        metadata: dict[str, str] | None = None,
        retry_after: float | None = None,
        *,
        unsent: bool = False,
    ) -> None:
        super().__init__(f"{code}{f' ({reason})' if reason else ''}: {message}")
        self.code = code
        self.message = message
        self.reason = reason
        self.violations = tuple(violations)
        self.metadata = metadata or {}
        self.retry_after = retry_after
        self.unsent = unsent
        self.attempts = 1

    def __reduce__(self) -> tuple[Any, ...]:
        fields = (self.code, self.message, self.reason, self.violations, self.metadata, self.retry_after)
        return type(self), fields, {"attempts": self.attempts, "unsent": self.unsent}

    @classmethod
    def of(cls, error: Any) -> CallFailed:
        """The failure of a call, from grpc.RpcError or grpc.aio.AioRpcError."""
        try:
            status = rpc_status.from_call(error)
        except (ValueError, AttributeError, TypeError):  # no status in the trailers, or not that of the call
            status = None
        code = error.code().name
        if status is None:
            details = error.details() or ""
            return cls(code, details, unsent=code == "UNAVAILABLE" and details.startswith(_UNSENT))
        return cls._of_status(code, status)

    @classmethod
    def of_status(cls, status: status_pb2.Status) -> CallFailed:
        """The error of one post in a batch."""
        from google.rpc import code_pb2

        return cls._of_status(code_pb2.Code.Name(status.code), status)

    @classmethod
    def _of_status(cls, code: str, status: status_pb2.Status) -> CallFailed:
        reason, metadata, violations = "", {}, []
        retry_after: float | None = None
        for detail in status.details:
            info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
            retry = error_details_pb2.RetryInfo()
            if detail.Unpack(info):
                reason, metadata = info.reason, dict(info.metadata)
            elif detail.Unpack(bad):
                violations = [(violation.field, violation.description) for violation in bad.field_violations]
            elif detail.Unpack(retry):
                retry_after = _seconds(retry.retry_delay)
        return cls(code, status.message, reason, violations, metadata, retry_after)


def _seconds(duration: duration_pb2.Duration) -> float:
    return max(0.0, duration.seconds + duration.nanos / 1e9)
