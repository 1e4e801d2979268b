"""All methods of fairpost.v1, from their descriptors, and which of them may be sent twice."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from google.protobuf import message_factory

from fairpost.v1 import (
    access_pb2,
    appeal_pb2,
    audit_pb2,
    bulletin_pb2,
    complaint_pb2,
    filter_pb2,
    registry_pb2,
    review_pb2,
    rules_pb2,
)

if TYPE_CHECKING:
    from google.protobuf.descriptor import MethodDescriptor
    from google.protobuf.message import Message

__all__ = ["RPCS", "Repeat", "Rpc", "rpc"]

_FILES = (
    *(filter_pb2, registry_pb2, complaint_pb2, appeal_pb2, review_pb2),
    *(rules_pb2, bulletin_pb2, audit_pb2, access_pb2),
)
# A check is among them: what it records in a seller's log is recorded once for each post, however often it is checked.
_CHANGE_NOTHING = (
    "Check",
    "Lookup",
    "BatchLookup",
    "Get",
    "List",
    "Diff",
    "Watch",
    "StreamCheck",
    "Draft",
    "Subscribe",
    "Compare",
    "Who",
    "Keep",  # the same bundle is the same candidate
)


class Repeat(Enum):
    """Whether a call whose fate is not known may be sent again."""

    ALWAYS = "always"
    """It changes nothing, or nothing the second time."""
    BY_REQUEST_ID = "by request id"
    """The server gives the first answer again to the same `request_id`."""
    NEVER = "never"


class Rpc(NamedTuple):
    """One method: "/package.Service/Method", its messages, and whether it may be repeated."""

    path: str
    request: type[Message]
    response: type[Message]
    repeat: Repeat

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


def _repeat(method: MethodDescriptor) -> Repeat:
    """Methods that nobody thought of are not repeated."""
    if "request_id" in method.input_type.fields_by_name:
        return Repeat.BY_REQUEST_ID
    return Repeat.ALWAYS if method.name.startswith(_CHANGE_NOTHING) else Repeat.NEVER


def _all() -> dict[str, Rpc]:
    found: dict[str, Rpc] = {}
    for file in _FILES:
        for service in file.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                request: Any = message_factory.GetMessageClass(method.input_type)
                response: Any = message_factory.GetMessageClass(method.output_type)
                path = f"/{service.full_name}/{method.name}"
                found[method.name] = Rpc(path, request, response, _repeat(method))
    return found


RPCS = _all()
"""By the method's name; names are unique over the services (a test says so)."""


def rpc(name: str) -> Rpc:
    """The method of that name ("GetStatus"), also with its service ("fairpost.v1.RulesService/GetStatus").

    Raises:
        ValueError: there is none.
    """
    found = RPCS.get(name.rpartition("/")[2])
    if found is None or not found.path.endswith(name):
        raise ValueError(f"{name!r} is no method of fairpost.v1; there are {', '.join(sorted(RPCS))}")
    return found
