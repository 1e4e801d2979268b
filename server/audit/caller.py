"""On whose behalf something is changed."""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["COMMAND", "NOBODY", "SERVER", "Acting", "Caller", "acting", "current", "set_caller"]

SERVER: Final = "server"
"""The actor of what a server does by itself: violations that verdicts brought up, jobs."""
COMMAND: Final = "command"
"""The actor of commands that work on the store itself, without a server."""


class Caller(Protocol):
    """Who calls what, and from where. Asked only when something is written."""

    @property
    def actor(self) -> str: ...

    @property
    def method(self) -> str: ...

    @property
    def peer(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Acting:
    """A caller that is known from the start."""

    actor: str
    method: str
    peer: str = ""


NOBODY: Final = Acting(SERVER, "")
"""No caller: the server itself."""
_current: ContextVar[Caller] = ContextVar("caller", default=NOBODY)

set_caller = _current.set
"""Who is served from now on, in this context."""


def current() -> Caller:
    """Who is served here; the server itself where nobody has called."""
    return _current.get()


@contextlib.contextmanager
def acting(method: str, *, actor: str | None = None) -> Iterator[None]:
    """What is changed inside the block is done by `method`, on behalf of `actor` or of whom it was before."""
    before = _current.get()
    token = _current.set(Acting(actor or before.actor, method, before.peer))
    try:
        yield
    finally:
        _current.reset(token)
