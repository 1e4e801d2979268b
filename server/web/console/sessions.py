"""Sessions of the console, in the web child's memory: a restart of it asks everybody to log in again.

A session's id is 256 random bits that only the browser's cookie has; here it is known by its SHA-256. A new one is made
at each login, so that an id that somebody planted in a browser before is worth nothing.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Session", "Sessions"]

_MOST: Final = 2_000
_MOST_OF_ACTOR: Final = 20


@dataclass
class Session:
    """Somebody who has logged in.

    Attributes:
        actor: as the audit log names them: "key:1a2b3c4d/name", "oidc:subject".
        roles: what they may do.
        name: what the page calls them.
        key: of a session by API key that key, which each call sends; "" for one by OIDC, whose calls name actor and
            roles.
        binding: what this session's forms are tied to.
        began: by `Sessions`' clock.
        seen: at the last request.
    """

    actor: str
    roles: frozenset[str]
    name: str
    key: str = field(default="", repr=False)
    binding: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    began: float = 0.0
    seen: float = 0.0


class Sessions:
    """Not thread-safe: they belong to the event loop.

    Args:
        idle_seconds: a session ends that nobody used for so long.
        seconds: a session ends at this age, used or not.
        clock: seconds, monotonic.
    """

    def __init__(self, idle_seconds: float, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._idle = idle_seconds
        self._seconds = seconds
        self._clock = clock
        self._by_hash: OrderedDict[bytes, Session] = OrderedDict()  # the one that was used last stands last

    def __len__(self) -> int:
        return len(self._by_hash)

    def begin(self, session: Session) -> str:
        """Take a session in; gives its id, for the cookie. Where there are too many, the longest unused one ends: of
        the same actor from 20 on, of all from 2,000 on."""
        self._drop_ended()
        session.began = session.seen = self._clock()
        own = [key for key, each in self._by_hash.items() if each.actor == session.actor]
        for key in own[: max(0, len(own) - _MOST_OF_ACTOR + 1)]:
            del self._by_hash[key]
        while len(self._by_hash) >= _MOST:
            self._by_hash.popitem(last=False)
        text = secrets.token_urlsafe(32)
        self._by_hash[_hash(text)] = session
        return text

    def find(self, text: str, *, is_use: bool = True) -> Session | None:
        """The session with this id, which counts as used now; None: there is none, or it has ended.

        is_use: False for what a page asks for by itself: a page that nobody looks at keeps no session going.
        """
        key = _hash(text)
        session = self._by_hash.get(key)
        if session is None:
            return None
        if self._has_ended(session):
            del self._by_hash[key]
            return None
        if is_use:
            session.seen = self._clock()
            self._by_hash.move_to_end(key)
        return session

    def end(self, text: str) -> Session | None:
        """End it; gives what it was."""
        return self._by_hash.pop(_hash(text), None)

    def _has_ended(self, session: Session) -> bool:
        now = self._clock()
        return now - session.seen >= self._idle or now - session.began >= self._seconds

    def _drop_ended(self) -> None:
        for key in [key for key, session in self._by_hash.items() if self._has_ended(session)]:
            del self._by_hash[key]


def _hash(text: str) -> bytes:
    # A look-up by hash takes no time that tells anything about the ids that there are.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
