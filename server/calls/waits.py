"""Calls that wait for their caller: for a message that does not come, or for one that is not read.

Each holds a thread. A caller may take its time, but not for ever; then the call ends as CANCELLED, since the thread
that could say more is the one that waits.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fairpost.server.calls.call import Call

__all__ = ["CALLS", "PROBES", "Wait", "Waits"]

CALLS: Final = "calls"
PROBES: Final = "probes"
"""Pools whose threads may be lent out."""

STUCK: Final = 0.05
"""From here on a wait is not one for the network: its thread counts as lent out."""


class Wait:
    """One wait: since when, and for how long it may last."""

    __slots__ = ("call", "lends", "limit", "since")

    def __init__(self, call: Call, limit: float, lends: str) -> None:
        self.call = call
        self.limit = limit
        self.lends = lends
        self.since = time.monotonic()


class Waits:
    """All waits of a process. Thread-safe: entries are put and taken by single operations on a dict."""

    def __init__(self, *, idle_seconds: float = 60.0, receive_seconds: float = 10.0) -> None:
        self.idle_seconds = idle_seconds
        """For how long a stream may be silent, and an answer on it unread."""
        self.receive_seconds = receive_seconds
        """For how long the one request of a call may be on its way."""
        self._waits: dict[int, Wait] = {}
        self.ended = 0
        """Calls ended so far."""

    def begin(self, call: Call, limit: float, *, lends: str = "") -> Wait:
        """The calling thread waits from now on. lends: the pool that it is one of, if
        another thread is to take its place there."""
        wait = Wait(call, limit, lends)
        self._waits[id(wait)] = wait
        return wait

    def end(self, wait: Wait) -> None:
        self._waits.pop(id(wait), None)

    def sweep(self) -> Counter[str]:
        """End what has waited too long; gives how many threads are lent out to callers at present, by pool."""
        now = time.monotonic()
        lent: Counter[str] = Counter()
        for wait in list(self._waits.values()):
            passed = now - wait.since
            if passed > wait.limit:
                self.ended += 1
                wait.call.cancel()
            if wait.lends and passed > STUCK:
                lent[wait.lends] += 1
        return lent

    def end_idle(self, seconds: float) -> None:
        """End all that have waited so long: the server stops."""
        now = time.monotonic()
        for wait in list(self._waits.values()):
            if now - wait.since > seconds:
                wait.call.cancel()
