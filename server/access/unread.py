"""Answers that callers do not read: how much memory they may hold, and for how long.

A unary answer leaves its thread at once; until the caller's flow control lets it go it lies in grpcio's memory. Small
ones are bounded by the number of calls that a connection may have; large ones are counted here.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from fairpost.server.errors import ResourceExhausted
from fairpost.v1 import reason_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

    from fairpost.server.calls.call import Call

__all__ = ["LARGE", "Unread"]

LARGE: Final = 32 * 1024


class Unread:
    """Thread-safe. limit: bytes in all; seconds: after which a call whose answer is not read is ended."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds
        self._lock = threading.Lock()
        self._answers: dict[int, tuple[Call, int, float]] = {}
        self._number = 0
        self.bytes = 0

    def check(self) -> None:
        """
        Raises:
            ResourceExhausted: there is no room for further answers.
        """
        if self.bytes > self._limit:
            raise ResourceExhausted(
                reason_pb2.REASON_ANSWERS_UNREAD,
                f"answers of {self.bytes} bytes wait for callers that do not read them; at most {self._limit} may",
                metadata={"limit": str(self._limit)},
                retry_after=1.0,
            )

    def add(self, call: Call, size: int, when_ended: Callable[[Callable[[], None]], bool]) -> None:
        """An answer is handed to the transport. when_ended: has a function called at the end of the call; False: it has
        ended."""
        with self._lock:
            self._number += 1
            number = self._number
            self._answers[number] = (call, size, time.monotonic())
            self.bytes += size

        def read() -> None:
            with self._lock:
                if self._answers.pop(number, None) is not None:
                    self.bytes -= size

        if not when_ended(read):
            read()

    def sweep(self) -> None:
        """End calls whose answer was not read in time."""
        now = time.monotonic()
        with self._lock:
            late = [call for call, _, since in self._answers.values() if now - since > self._seconds]
        for call in late:
            call.cancel()
