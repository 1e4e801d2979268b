"""Open streams: how many there may be, and how they end when the server stops."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from fairpost.server.calls.waits import Waits
from fairpost.server.errors import ResourceExhausted, Unavailable
from fairpost.v1 import reason_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fairpost.server.calls.call import Call

__all__ = ["Streams"]

_DRAIN_SECONDS: Final = 0.5

_READING_SECONDS: Final = 0.05
"""Time for callers to read how their streams ended, before connections are closed."""


class Streams:
    """Open streams of requests; each holds a thread of its own. Thread-safe."""

    def __init__(self, limit: int, waits: Waits | None = None) -> None:
        self._limit = limit
        self._waits = waits or Waits()
        self._open = 0
        self._lock = threading.Lock()
        self._ended = threading.Condition(self._lock)
        self._draining = False

    def run(self, call: Call, requests: Iterator[bytes], answer: Callable[[bytes], bytes]) -> Iterator[bytes]:
        """Answer the requests of one stream, one by one. A stream on which nothing comes, or of which no answer is
        read, is ended after a while.

        Raises:
            ResourceExhausted: too many streams are open; each holds a thread.
            Unavailable: the server is stopping.
        """
        waits = self._waits
        with self._lock:
            if self._draining:
                raise _draining()
            if self._open >= self._limit:
                raise ResourceExhausted(
                    reason_pb2.REASON_TOO_MANY_STREAMS,
                    f"{self._limit} streams are open already, as many as are served at a time; try again later, or "
                    "use CheckPosts",
                    metadata={"limit": str(self._limit)},
                    retry_after=1.0,
                )
            self._open += 1
        wait = None
        try:
            while True:
                wait = waits.begin(call, waits.idle_seconds)
                content = next(requests, None)
                waits.end(wait)
                if content is None:
                    return
                if self._draining:
                    raise _draining()
                answered = answer(content)
                wait = waits.begin(call, waits.idle_seconds)
                yield answered
                waits.end(wait)
        finally:
            if wait is not None:
                waits.end(wait)
            with self._lock:
                self._open -= 1
                self._ended.notify_all()

    def drain(self, seconds: float) -> None:
        """Let no stream begin another batch, and those that are busy end while their connections are whole: one that
        is closed with requests unread is reset, and its caller never reads why its stream ended. Takes half a second
        at most, and no more than `seconds`: streams on which nothing comes do not end by themselves.
        """
        with self._lock:
            self._draining = True
            if not self._open:
                return
            self._ended.wait_for(lambda: not self._open, min(seconds, _DRAIN_SECONDS))
        time.sleep(min(seconds, _READING_SECONDS))

    def end_idle(self) -> None:
        """End calls that have waited for their caller for a while; their threads wait and cannot end them."""
        self._waits.end_idle(_DRAIN_SECONDS)


def _draining() -> Unavailable:
    return Unavailable(
        reason_pb2.REASON_DRAINING,
        "the server is shutting down; send what was not answered to another",
        retry_after=1.0,
    )
