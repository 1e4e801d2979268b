"""Warnings of what may happen with every call, said now and then."""

from __future__ import annotations

import threading
import time

__all__ = ["Seldom"]


class Seldom:
    """True once in so many seconds at most. Thread-safe."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._last = float("-inf")

    def due(self) -> bool:
        """Whether the time has come; it then begins anew."""
        with self._lock:
            now = time.monotonic()
            if now - self._last < self._seconds:
                return False
            self._last = now
            return True
