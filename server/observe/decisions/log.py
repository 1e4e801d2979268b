"""The decision log of one process: it takes messages from the calls, and writes decisions in a thread of its own.

A verdict never waits for it. What a call does is to put its two messages into a queue; when the queue is full they are
dropped, and counted. The thread picks what is to be logged before it makes objects of anything, and takes no more than
a share of one core: it holds the interpreter's lock while it works, and calls wait for that.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import structlog

from fairpost.server.observe.decisions.messages import have_decisions, opened
from fairpost.server.observe.decisions.records import Recorder, line_of
from fairpost.server.seldom import Seldom

if TYPE_CHECKING:
    from fairpost.server.calls.call import Method
    from fairpost.server.observe.decisions.files import LogFile
    from fairpost.server.observe.decisions.sampling import Sampling

__all__ = ["DecisionLog", "LogCounts"]

log = structlog.get_logger(__name__)

_POLL_SECONDS: Final = 0.05
"""Nobody is woken up for a message: that would cost the call more than all else here."""
_TURN_SECONDS: Final = 0.002
"""Processor time after which what was made is written, and calls get their turn."""
_PART_BYTES: Final = 1 << 18
_LOG_SECONDS: Final = 10.0
_OVERHEAD: Final = 200
"""What two messages in the queue count for beside their bytes."""


class LogCounts(NamedTuple):
    """written: records; sampled_out: decisions; dropped: messages by reason; waiting: bytes in the queue; files: that
    were closed; cut_lines: incomplete ones cut off."""

    written: int
    sampled_out: int
    dropped: dict[str, int]
    waiting: int
    files: int
    cut_lines: int


class _Message(NamedTuple):
    method: Method
    request: bytes
    response: bytes
    trace_id: str

    @property
    def size(self) -> int:
        return len(self.request) + len(self.response) + _OVERHEAD


class DecisionLog:
    """Thread-safe.

    Args:
        room: bytes of messages that may wait.
        share: of one core's time that is taken at most, 0 to 1.
    """

    def __init__(
        self, file: LogFile, recorder: Recorder, sampling: Sampling, *, room: int = 1 << 26, share: float = 0.1
    ) -> None:
        self._file = file
        self._recorder = recorder
        self._sampling = sampling
        self._room = room
        self._share = share
        self._lock = threading.Lock()
        self._queue: deque[_Message] = deque()
        self._waiting = 0
        self._open = True
        self._stop = threading.Event()
        self._give_up = float("inf")
        self._written = 0
        self._sampled_out = 0
        self._dropped: Counter[str] = Counter({"queue_full": 0, "write_failed": 0, "unreadable": 0})
        self._warnings = Seldom(_LOG_SECONDS)
        self._thread = threading.Thread(target=self._run, name="decision-log", daemon=True)

    # ---- the calls' side --------------------------------------------------------------------------------

    def wants(self, method: Method) -> bool:
        """Whether the method's messages have decisions."""
        return have_decisions(method)

    def take(self, method: Method, request: bytes, response: bytes, trace_id: str = "") -> None:
        """Take the messages of an answered request. Never waits, never fails."""
        message = _Message(method, request, response, trace_id)
        size = message.size
        with self._lock:
            if self._open and self._waiting + size <= self._room:
                self._waiting += size
                self._queue.append(message)
                return
        self._drop(1, "queue_full")

    def counts(self) -> LogCounts:
        with self._lock:
            numbers = self._written, self._sampled_out, dict(self._dropped), self._waiting
        return LogCounts(*numbers, self._file.closed, self._file.cut_lines)

    def _drop(self, messages: int, reason: str, **what: str) -> None:
        with self._lock:
            self._dropped[reason] += messages
            total = self._dropped[reason]
        if self._warnings.due():
            log.warning("decisions not logged", why=reason, messages=total, **what)

    # ---- the file's side --------------------------------------------------------------------------------

    def start(self) -> None:
        self._thread.start()

    def close(self, seconds: float = 10.0) -> None:
        """Take nothing more, and write what waits, for `seconds` at most."""
        with self._lock:
            self._open = False
        self._give_up = time.monotonic() + seconds
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        if self._queue:
            self._drop(len(self._queue), "queue_full")
        self._file.close()

    def flush(self, seconds: float = 10.0) -> bool:
        """Wait until all that was taken is written; False if it takes longer. For tests and programs that read the
        file."""
        end = time.monotonic() + seconds
        while self._waiting and time.monotonic() < end:
            time.sleep(0.005)
        return not self._waiting

    def _run(self) -> None:
        while True:
            stopping = self._stop.is_set()
            began, used = time.monotonic(), time.thread_time()
            try:
                self._turn()
                self._file.keep_house()
            except Exception as error:
                log.error("decision log at fault", why=f"{type(error).__name__}: {error}")
            if stopping:
                if not self._queue or time.monotonic() >= self._give_up:
                    return
                continue
            rest = (time.thread_time() - used) / self._share - (time.monotonic() - began)
            self._stop.wait(max(rest, 0.0 if self._queue else _POLL_SECONDS))

    def _turn(self) -> None:
        """Write a part of what waits."""
        lines: list[bytes] = []
        length = sampled_out = size = messages = 0
        limit = time.thread_time() + _TURN_SECONDS
        while self._queue and length < _PART_BYTES and time.thread_time() < limit:
            message = self._queue.popleft()
            size += message.size
            messages += 1
            try:
                made, left_out = self._lines(message)
            except Exception as error:
                # Both messages went through the server: not to understand them is a fault of ours.
                self._drop(1, "unreadable", error=type(error).__name__)
                messages -= 1
                continue
            lines += made
            length += sum(map(len, made))
            sampled_out += left_out
        written = 0
        if lines:
            try:
                self._file.append(b"".join(lines))
                written = len(lines)
            except OSError as error:
                self._drop(messages, "write_failed", error=error.strerror or str(error))
        with self._lock:
            self._waiting -= size
            self._written += written
            self._sampled_out += sampled_out

    def _lines(self, message: _Message) -> tuple[list[bytes], int]:
        """Lines of the decisions that are picked, and how many are not."""
        exchange = opened(message.method, message.request, message.response)
        picked = self._sampling.picked(exchange.actions)
        path = message.method.path
        made = [
            line_of(self._recorder.record(path, exchange.request, *exchange.pair(i), trace_id=message.trace_id))
            for i in picked
        ]
        return made, int(np.count_nonzero(exchange.actions)) - len(picked)
