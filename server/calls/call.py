"""What a transport gives of a call, and what a method is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["Call", "Kind", "Method"]


class Call(Protocol):
    """One call. Everything is asked for when it is wanted: most calls want little of it."""

    def metadata(self) -> Mapping[str, str]:
        """The caller's metadata with textual values, by lower-case name; of a name given twice the last counts."""

    def peer(self) -> str:
        """Where it comes from: "ipv4:192.0.2.7:51000", "ipv6:[::1]:51000", "unix:..."."""

    def authorization(self) -> str | None:
        """The metadata `authorization` alone: asked for at every call."""

    def queued(self) -> tuple[float, int]:
        """Seconds for which it has waited for the thread that answers it, and how many calls wait behind it."""

    def identities(self) -> Sequence[str]:
        """Names of the verified client certificate (subject alternative names, or else the common name); none without
        mutual TLS."""

    def time_left(self) -> float | None:
        """Seconds until the caller gives up; None: it never does."""

    def is_active(self) -> bool:
        """Whether anybody still waits for the answer."""

    def cancel(self) -> None:
        """End it now; the caller sees CANCELLED."""


class Kind(Enum):
    """How requests and answers come."""

    UNARY = "unary"
    """One request, one answer."""
    STREAM = "stream"
    """Any number of requests, one answer for each, in order."""
    PARTS = "parts"
    """One request, and an answer in any number of parts, for as long as somebody listens."""


@dataclass(frozen=True, slots=True)
class Method:
    """A method of a service.

    answer: request bytes -> response bytes. parts: for Kind.PARTS instead of it: request bytes, and whether anybody
    still listens -> parts. Both raise ServiceError. max_bytes: the largest request message that is taken.
    """

    service: str
    name: str
    kind: Kind
    max_bytes: int
    answer: Callable[[bytes], bytes] | None = None
    parts: Callable[[bytes, Callable[[], bool]], Iterator[bytes]] | None = None

    @property
    def path(self) -> str:
        return f"{self.service}/{self.name}"
