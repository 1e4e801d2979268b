"""When a failed call is sent again, and after how long.

The loop is ours and not gRPC's (`retryPolicy` of a service config), because that one sees the code alone: it cannot
tell "too many streams, ask in a second" from "your message is too large", which are both RESOURCE_EXHAUSTED, it does
not read google.rpc.RetryInfo, it knows nothing of request ids, and it stays with the channel that failed. gRPC's own
retries are switched off, so that attempts do not multiply.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fairpost.client.catalogue import Repeat

if TYPE_CHECKING:
    from fairpost.client.errors import CallFailed

__all__ = ["Budget", "Pace", "Retry", "pause_before_retry"]

DRAINING = "REASON_DRAINING"


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how soon.

    attempts: in all, the first one included. Before attempt n + 1 there is a pause drawn from 0 to
    min(longest, first * factor ** (n - 1)) seconds ("full jitter": callers that failed together do not come back
    together), on top of what the server asked for. budget: retries and hedges that may be made at once; gain: what each
    answered call puts back. Under a lasting overload retries thus are at most `gain` of the calls.
    aborted: also ABORTED is sent again. That is right only for writes without `expected_version`.
    """

    attempts: int = 6
    first: float = 0.1
    factor: float = 2.0
    longest: float = 2.0
    budget: float = 100.0
    gain: float = 0.1
    aborted: bool = False

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"attempts is {self.attempts}; at least 1, the first one included")
        if self.first <= 0 or self.longest <= 0 or self.factor < 1:
            raise ValueError("first and longest must be above 0 s, and factor at least 1")
        if self.budget < 0 or self.gain < 0:
            raise ValueError("budget and gain cannot be negative")


@dataclass(frozen=True, slots=True)
class Pace:
    """Clock and dice; tests bring their own. now: monotonic seconds; draw: uniform between two bounds."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep
    sleep_async: Callable[[float], Awaitable[object]] = asyncio.sleep
    draw: Callable[[float, float], float] = random.uniform


@dataclass(slots=True)
class Budget:
    """A bucket of tokens: each retry and each hedge takes one, each answered call puts `gain` back. Thread-safe."""

    size: float
    gain: float
    tokens: float = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        self.tokens = self.size

    def take(self) -> bool:
        """Whether one more may be sent."""
        with self._lock:
            if self.tokens < 1.0:
                return False
            self.tokens -= 1.0
            return True

    def answered(self) -> None:
        if self.tokens < self.size:  # almost never
            with self._lock:
                self.tokens = min(self.size, self.tokens + self.gain)


def may_repeat(failure: CallFailed, repeat: Repeat, *, aborted: bool = False) -> bool:
    """Whether sending the call again can help, and can do no harm."""
    if failure.unsent:
        return True
    if repeat is Repeat.NEVER:
        return False
    if failure.code == "UNAVAILABLE":
        return True
    if failure.code == "RESOURCE_EXHAUSTED":
        return failure.retry_after is not None  # a message that is too large stays so
    return failure.code == "ABORTED" and aborted


def pause_before_retry(
    failure: CallFailed,
    retry: Retry | None,
    budget: Budget,
    *,
    repeat: Repeat,
    attempts: int,
    left: float,
    draw: Callable[[float, float], float],
) -> float | None:
    """Seconds to wait before the next attempt; None: the failure stands.

    Args:
        attempts: made so far. left: seconds to the deadline; a pause that would reach it is not begun.
    """
    if retry is None or attempts >= retry.attempts or not may_repeat(failure, repeat, aborted=retry.aborted):
        return None
    bound = min(retry.longest, retry.first * retry.factor ** (attempts - 1))
    pause = draw(bound / 2 if failure.unsent else 0.0, bound)
    # A server that is leaving names the time after which it may be back. Another one can be asked at once.
    if failure.retry_after is not None and failure.reason != DRAINING:
        pause += failure.retry_after
    if pause >= left or not (failure.unsent or budget.take()):
        return None
    return pause
