"""What can go wrong, with the status and the `Reason` that a caller sees.

    ServiceError
    ├── InvalidArgument      the request is wrong; sending it again changes nothing
    ├── Unauthenticated      no credentials, or wrong ones
    ├── PermissionDenied     good credentials, without the role that is needed
    ├── NotFound
    ├── AlreadyExists
    ├── FailedPrecondition   the server's state does not allow it now
    ├── Aborted              somebody else was first; read again, and repeat if it still makes sense
    ├── OutOfRange
    ├── ResourceExhausted    a limit; `retry_after` if waiting helps
    ├── DeadlineExceeded     the caller has given up; nothing was done
    ├── Unavailable          ask again
    └── Internal             our fault; the message names an incident in the log and nothing else

Every error knows its own status, so that no transport has to classify exceptions. Errors of the store's driver
never leave this package: their text may quote rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

from google.protobuf import duration_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2

from fairpost.v1 import reason_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "DOMAIN",
    "Aborted",
    "AlreadyExists",
    "DeadlineExceeded",
    "FailedPrecondition",
    "Internal",
    "InvalidArgument",
    "NotFound",
    "OutOfRange",
    "PermissionDenied",
    "ResourceExhausted",
    "ServiceError",
    "Unauthenticated",
    "Unavailable",
    "Violation",
    "invalid_fields",
]

DOMAIN = "fairpost.v1"
_DETAILS_BYTES = 2048
_MESSAGE_VIOLATIONS = 8


class Violation(NamedTuple):
    """One field that is wrong: its path in the request, and what is wrong and what would be right."""

    field: str
    description: str


class ServiceError(Exception):
    """Refusal of a call or of one post."""

    code: ClassVar[int] = code_pb2.UNKNOWN

    def __init__(
        self,
        reason: reason_pb2.Reason.ValueType,
        message: str,
        *,
        violations: Iterable[Violation] = (),
        metadata: Mapping[str, str] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.violations = tuple(violations)
        self.metadata = dict(metadata or {})
        self.retry_after = retry_after

    @property
    def reason_name(self) -> str:
        return reason_pb2.Reason.Name(self.reason)

    def to_status(self) -> status_pb2.Status:
        """The error as google.rpc.Status, with ErrorInfo first."""
        status = status_pb2.Status(code=self.code, message=self.message)
        info = error_details_pb2.ErrorInfo(reason=self.reason_name, domain=DOMAIN, metadata=self.metadata)
        status.details.add().Pack(info)
        if self.violations:
            bad = error_details_pb2.BadRequest()
            for violation in self.violations:
                # Details travel in HTTP/2 trailers, for which peers allow some 8 KiB in all.
                if bad.ByteSize() > _DETAILS_BYTES:
                    break
                bad.field_violations.add(field=violation.field, description=violation.description)
            status.details.add().Pack(bad)
        if self.retry_after is not None:
            delay = duration_pb2.Duration()
            delay.FromMilliseconds(round(self.retry_after * 1000))
            status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
        return status

    @classmethod
    def of_status(cls, status: status_pb2.Status) -> ServiceError:
        """The error that `to_status` made this of; of a status from elsewhere (no ErrorInfo of ours) one with
        REASON_UNSPECIFIED."""
        reason, metadata, violations = 0, {}, []
        retry_after: float | None = None
        for detail in status.details:
            info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
            retry = error_details_pb2.RetryInfo()
            if detail.Unpack(info):
                # A name of a newer server is no reason to fail.
                reason, metadata = dict(reason_pb2.Reason.items()).get(info.reason, 0), dict(info.metadata)
            elif detail.Unpack(bad):
                violations = [Violation(each.field, each.description) for each in bad.field_violations]
            elif detail.Unpack(retry):
                retry_after = max(0.0, retry.retry_delay.ToMilliseconds() / 1000)
        kind = next((kind for kind in cls.__subclasses__() if kind.code == status.code), Internal)
        return kind(
            reason_pb2.Reason.ValueType(reason),
            status.message,
            violations=violations,
            metadata=metadata,
            retry_after=retry_after,
        )


class InvalidArgument(ServiceError):
    code = code_pb2.INVALID_ARGUMENT


class Unauthenticated(ServiceError):
    code = code_pb2.UNAUTHENTICATED


class PermissionDenied(ServiceError):
    code = code_pb2.PERMISSION_DENIED


class NotFound(ServiceError):
    code = code_pb2.NOT_FOUND


class AlreadyExists(ServiceError):
    code = code_pb2.ALREADY_EXISTS


class FailedPrecondition(ServiceError):
    code = code_pb2.FAILED_PRECONDITION


class Aborted(ServiceError):
    code = code_pb2.ABORTED


class OutOfRange(ServiceError):
    code = code_pb2.OUT_OF_RANGE


class ResourceExhausted(ServiceError):
    code = code_pb2.RESOURCE_EXHAUSTED


class DeadlineExceeded(ServiceError):
    code = code_pb2.DEADLINE_EXCEEDED


class Unavailable(ServiceError):
    code = code_pb2.UNAVAILABLE


class Internal(ServiceError):
    code = code_pb2.INTERNAL


def invalid_fields(violations: Iterable[Violation]) -> InvalidArgument:
    """All faults of a request in one error; its message repeats them for people without a details viewer."""
    found = tuple(violations)
    message = "; ".join(f"{violation.field}: {violation.description}" for violation in found[:_MESSAGE_VIOLATIONS])
    if len(found) > _MESSAGE_VIOLATIONS:
        message += f"; and {len(found) - _MESSAGE_VIOLATIONS} more"
    return InvalidArgument(reason_pb2.REASON_INVALID_FIELD, message, violations=found)
