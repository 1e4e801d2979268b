"""Refused attempts at what changes the state, for the audit log.

They are gathered for a second and written in one transaction, alike ones in one entry with their number: whoever floods
the server with them costs it no more than that.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

import structlog

from fairpost.server import audit
from fairpost.server.audit.caller import Acting
from fairpost.server.errors import ServiceError

if TYPE_CHECKING:
    from fairpost.server.store import Store

__all__ = ["Attempts"]

log = structlog.get_logger(__name__)

_MOST: Final = 100
"""Different ones a second; the rest are counted together."""
_REST: Final = "various"


class _Attempt(NamedTuple):
    actor: str
    method: str
    peer: str
    reason: str


class Attempts:
    """Thread-safe."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._counts: Counter[_Attempt] = Counter()

    def add(self, actor: str, method: str, peer: str, reason: str) -> None:
        attempt = _Attempt(actor, method, peer, reason)
        with self._lock:
            if attempt not in self._counts and len(self._counts) >= _MOST:
                attempt = _Attempt(_REST, method, _REST, reason)
            self._counts[attempt] += 1

    def write(self) -> None:
        """Write those of the last second. Never fails: what cannot be written is kept for the next time."""
        with self._lock:
            if not self._counts:
                return
            counts, self._counts = self._counts, Counter()
        try:
            with self._store.write() as connection:
                for attempt, count in counts.items():
                    times = "" if count == 1 else f", {count} times"
                    caller = Acting(attempt.actor, attempt.method, attempt.peer)
                    subject = f"refused{times}"
                    audit.append(
                        connection, self._store.store_id, subject=subject, outcome=attempt.reason, caller=caller
                    )
        except ServiceError as error:
            log.warning("refused attempts are not in the audit log yet", reason=error.reason_name)
            with self._lock:
                self._counts.update(counts)
