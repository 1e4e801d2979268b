"""Ends a stream on which nothing comes: a blocked `next` of grpc's has no timeout of its own."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

__all__ = ["Watchdog"]


class Watchdog:
    """Calls `bite` once somebody has waited longer than `seconds`. A thread of its own, as long as the block lasts.

    Only time between `wait` and `rest` counts, so that a reader who takes his time is not the server's fault.
    """

    def __init__(self, seconds: float, bite: Callable[[], None], now: Callable[[], float]) -> None:
        self._seconds = seconds
        self._bite = bite
        self._now = now
        self._changed = threading.Condition()
        self._since: float | None = None
        self._ended = False
        self._dozing = False
        self.bitten = False

    def __enter__(self) -> Watchdog:
        threading.Thread(target=self._watch, name="fairpost-watchdog", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()

    def wait(self) -> None:
        """Somebody waits from now on, if nobody did."""
        with self._changed:
            if self._since is None:
                self._since = self._now()
                if self._dozing:  # otherwise it wakes by itself, early enough
                    self._changed.notify()

    def rest(self) -> None:
        """Nobody waits, or what was waited for has come."""
        with self._changed:
            self._since = None

    def left(self) -> float:
        """Seconds until it bites."""
        with self._changed:
            return self._seconds - (self._now() - self._since if self._since is not None else 0.0)

    def forgive(self) -> None:
        """Begin anew after a bite."""
        with self._changed:
            self._since, self.bitten = None, False
            self._changed.notify()

    def _watch(self) -> None:
        with self._changed:
            while not self._ended:
                if self._since is None or self.bitten:
                    self._dozing = True
                    self._changed.wait()
                    self._dozing = False
                    continue
                left = self._seconds - (self._now() - self._since)
                if left > 0:
                    self._changed.wait(left)
                    continue
                self.bitten = True
                self._changed.release()
                try:
                    self._bite()
                finally:
                    self._changed.acquire()
