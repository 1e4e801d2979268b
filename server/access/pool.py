"""The threads that answer unary calls, with two things that ThreadPoolExecutor has not.

A call knows for how long it waited, and how many wait behind it (`queued`), which is what shedding goes by. And a
thread that waits for a caller's request is lent out: another takes its place until it comes back, so that callers who
open calls and send nothing do not take the few threads away from the others.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CallPool", "queued"]

log = structlog.get_logger(__name__)

_SPARE: Final = 64
"""So many threads may be lent out; then those who send nothing get in each other's way."""

_local = threading.local()


def queued() -> tuple[float, int]:
    """Seconds that the call in this thread waited for it, and calls that waited then; none in other threads."""
    return getattr(_local, "queued", (0.0, 0))


class _Ticket:
    """What grpcio wants of a Future: to be told of the end. A Future's locks would cost as much as the check of a
    post. One of the two sides that may be last takes the one token."""

    __slots__ = ("_callback", "_done", "_token")

    def __init__(self) -> None:
        self._callback: Callable[[Any], Any] | None = None
        self._done = False
        self._token = [None]

    def add_done_callback(self, callback: Callable[[Any], Any]) -> None:
        self._callback = callback
        if self._done:
            self._call()

    def end(self) -> None:
        self._done = True
        if self._callback is not None:
            self._call()

    def _call(self) -> None:
        try:
            self._token.pop()
        except IndexError:
            return
        assert self._callback is not None
        self._callback(self)


class CallPool(ThreadPoolExecutor):
    """`threads` of them, and one more for each that is lent out."""

    def __init__(self, threads: int) -> None:
        super().__init__(1)
        self._size = threads
        self._lent = 0
        self._calls: SimpleQueue[tuple[_Ticket, float, Callable[..., Any], tuple[Any, ...]] | None] = SimpleQueue()
        self._guard = threading.Lock()
        self._live: set[threading.Thread] = set()
        self._ended = False
        self._fill()

    @property
    def waiting(self) -> int:
        """Calls that have no thread yet."""
        return self._calls.qsize()

    @property
    def size(self) -> int:
        """Threads there are at present."""
        return len(self._live)

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Any:  # type: ignore[override]
        """Run it when a thread is free; gives something with `add_done_callback`, and no result."""
        if self._ended:
            raise RuntimeError("cannot schedule new calls after shutdown")
        ticket = _Ticket()
        self._calls.put((ticket, time.perf_counter(), fn, args))
        return ticket

    def lend(self, count: int) -> None:
        """So many threads wait for callers at present."""
        self._lent = min(count, _SPARE)
        self._fill()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        with self._guard:
            self._ended = True
            threads = list(self._live)
        for _ in threads:
            self._calls.put(None)
        if wait:
            for thread in threads:
                thread.join()

    def _fill(self) -> None:
        with self._guard:
            while not self._ended and len(self._live) < self._size + self._lent:
                thread = threading.Thread(target=self._work, name=f"call_{len(self._live)}", daemon=True)
                self._live.add(thread)
                thread.start()

    def _work(self) -> None:
        local, clock, get, size = _local, time.perf_counter, self._calls.get, self._calls.qsize
        while (item := get()) is not None:
            ticket, arrived, fn, args = item
            local.queued = clock() - arrived, size()
            try:
                fn(*args)
            except Exception:
                log.exception("a call's thread failed")
            finally:
                ticket.end()
            del item, fn, args, ticket  # what a call held must not wait for the next one
            if len(self._live) > self._size + self._lent and self._retire():
                return

    def _retire(self) -> bool:
        with self._guard:
            if self._ended or len(self._live) <= self._size + self._lent:
                return False
            self._live.discard(threading.current_thread())
            return True
