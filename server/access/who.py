"""AccessService without a transport: for whom the server takes a caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairpost.server.access.gate import Admitted
from fairpost.server.access.roles import ROLES
from fairpost.server.audit.caller import current
from fairpost.v1 import access_pb2

if TYPE_CHECKING:
    from fairpost.server.audit.caller import Caller

__all__ = ["who_am_i"]


def who_am_i(_request: access_pb2.WhoAmIRequest) -> access_pb2.WhoAmIResponse:
    """Who is served in this context."""
    caller: Caller = current()
    answer = access_pb2.WhoAmIResponse(actor=caller.actor)
    if isinstance(caller, Admitted):
        answer.roles.extend(role for role in ROLES if role in caller.roles)
        if caller.expires_at is not None:
            answer.expires_at.FromMilliseconds(caller.expires_at)
    return answer
