"""Whether the threads that answer calls get on: a no-op in their queue tells."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

__all__ = ["Pulse"]


class Pulse:
    """The pulse of a pool of threads whose queue is first in, first out. Thread-safe."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._lock = threading.Lock()
        self._pending: threading.Event | None = None
        self._since = 0.0

    def stuck(self, patience: float = 0.5) -> float:
        """For how many seconds no thread has come round to the no-op; 0 if one has within `patience` seconds.

        Threads that are all held by calls that take long look stuck, too: whoever asks has to allow for that.
        """
        with self._lock:
            if self._pending is None or self._pending.is_set():
                self._since = time.monotonic()
                try:
                    pending = threading.Event()
                    self._pool.submit(pending.set)
                except RuntimeError:  # shut down: it ends anyway
                    return 0.0
                self._pending = pending
            pending, since = self._pending, self._since
        return 0.0 if pending.wait(patience) else time.monotonic() - since
