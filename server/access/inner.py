"""The inner door: a Unix socket of each worker, by which the HTTP side calls for others.

The supervisor makes a folder for the sockets that only its own user can enter, and a token, at each start; workers and
the HTTP side learn both from it and from nobody else. A call that has the token names in its metadata for whom it is:
an actor and roles, which the gate takes as they are, or a key (`authorization`), which is looked at like any client's.
Both may name the address from which that caller came, for the audit log. Without the token nobody is let in here.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote

from fairpost.server.access.roles import ROLES, VISITOR
from fairpost.server.errors import Unauthenticated
from fairpost.v1 import reason_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fairpost.server.calls.call import Call

__all__ = ["InnerDoor", "Principal", "is_inside", "metadata_of"]

TOKEN: Final = "fairpost-inner-token"
ACTOR: Final = "fairpost-actor"
CALLED_BY: Final = "fairpost-roles"
PEER: Final = "fairpost-peer"
_KNOWN: Final = frozenset({*ROLES, VISITOR})


def is_inside(call: Call) -> bool:
    """Whether a call has come through an inner door, which no other connection can pretend."""
    return call.peer().startswith("unix:")


@dataclass(frozen=True, slots=True)
class Principal:
    """For whom a call is. peer: from where it came, as in the audit log: "ipv4:192.0.2.7"."""

    actor: str
    roles: frozenset[str]
    peer: str


@dataclass(frozen=True, slots=True)
class InnerDoor:
    """socket: path of the worker's Unix socket; token: what opens it."""

    socket: str
    token: str

    def __repr__(self) -> str:
        return f"InnerDoor({self.socket!r})"  # the token is for nobody's log

    def principal(self, call: Call) -> Principal:
        """For whom a call is that has come through the door.

        Raises:
            Unauthenticated: it has not the token, or names a role that is none.
        """
        metadata = call.metadata()
        if not hmac.compare_digest(metadata.get(TOKEN, "").encode(), self.token.encode()):
            raise Unauthenticated(
                reason_pb2.REASON_CREDENTIALS_INVALID,
                "this socket is for the server's own HTTP side; call its port, with a key",
            )
        roles = frozenset(filter(None, metadata.get(CALLED_BY, "").split(",")))
        if unknown := sorted(roles - _KNOWN):
            raise Unauthenticated(reason_pb2.REASON_CREDENTIALS_INVALID, f"{CALLED_BY}: {unknown[0]!r} is no role")
        return Principal(unquote(metadata.get(ACTOR, "")), roles, unquote(metadata.get(PEER, "")) or "unix:")


def metadata_of(
    token: str, *, actor: str = "", roles: Iterable[str] = (), key: str = "", peer: str = ""
) -> tuple[tuple[str, str], ...]:
    """What a call carries that is made for somebody: for the holder of `key`, or else for `actor` with `roles`."""
    made = [(TOKEN, token), (PEER, quote(peer, safe=":.[]/"))]
    if key:
        # What is no text of a header (a key that was mistyped) is not found like any other.
        return (*made, ("authorization", f"Bearer {quote(key, safe='')}"))
    return (*made, (ACTOR, quote(actor, safe=":/@ ")), (CALLED_BY, ",".join(sorted(roles))))
