"""Which connection a call takes: the next one in turn that is not resting."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from fairpost.client.retrying import DRAINING

if TYPE_CHECKING:
    from fairpost.client.errors import CallFailed

__all__ = ["Ring"]

_FIRST_REST = 0.25
_LONGEST_REST = 10.0
_DOUBLED = 10
"""So often it is doubled; a server may be away for thousands of attempts."""
# The server answered: what it says about its store is no reason to turn to another connection of the same servers.
_STORE = "REASON_STORE_UNAVAILABLE"


class Ring:
    """Round robin over `size` connections, in which one that could not be reached rests for a while. Thread-safe.

    A connection rests for 0.25 s, twice as long after each further failure, at most 10 s. If all rest, the one that has
    rested longest is taken: the ring never refuses.
    """

    def __init__(self, size: int, now: Callable[[], float]) -> None:
        self._now = now
        self._next = 0
        self._until = [0.0] * size
        self._failures = [0] * size
        self._lock = threading.Lock()

    def take(self, avoid: int | None = None) -> int:
        """Index of the connection to use. avoid: the one just tried, taken only if there is no other."""
        size = len(self._until)
        if size == 1:
            return 0
        now = self._now()
        with self._lock:
            begin, self._next = self._next, (self._next + 1) % size
            turn = [(begin + step) % size for step in range(size)]
            awake = [index for index in turn if self._until[index] <= now]
            for index in awake:
                if index != avoid:
                    self._next = (index + 1) % size
                    return index
            others = [index for index in turn if index != avoid]
            return awake[0] if awake else min(others, key=lambda index: self._until[index])

    def failed(self, index: int, failure: CallFailed) -> None:
        """Let it rest if the failure says that nobody is there, or not for long."""
        if failure.code == "UNAVAILABLE" and failure.reason != _STORE:
            with self._lock:
                rest = min(_LONGEST_REST, _FIRST_REST * 2.0 ** min(self._failures[index], _DOUBLED))
                # One that drains lets go of its connection; the next one on the same address may be there already.
                self._failures[index] += failure.reason != DRAINING
                self._until[index] = self._now() + rest

    def answered(self, index: int) -> None:
        if self._failures[index] or self._until[index]:
            with self._lock:
                self._failures[index], self._until[index] = 0, 0.0
