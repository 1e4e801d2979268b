"""The last fifteen minutes: workers' counts (server/observe/figures.py), looked at every five seconds."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import structlog

from fairpost.server.observe.calls import BUCKETS
from fairpost.server.observe.figures import QUESTION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from fairpost.server.web.app import Workers

__all__ = ["EVERY_SECONDS", "KEPT", "History", "Interval", "quantile"]

log = structlog.get_logger(__name__)

EVERY_SECONDS: Final = 5.0
KEPT: Final = 180
"""Intervals: fifteen minutes."""
_COUNTERS: Final = ("actions", "categories", "rules")
_NUMBERS: Final = ("refused", "lookups", "calls", "failed")


@dataclass
class Interval:
    """What all workers counted between two looks.

    Attributes:
        at: its end, seconds since 1970.
        seconds: its length.
        actions, categories, rules: posts by name.
        latency: checks by bucket.
    """

    at: float
    seconds: float
    actions: Counter[str] = field(default_factory=Counter)
    categories: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    latency: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    refused: int = 0
    lookups: int = 0
    calls: int = 0
    failed: int = 0

    @property
    def posts(self) -> int:
        return self.actions.total()

    @property
    def rate(self) -> float:
        """Posts a second."""
        return self.posts / self.seconds if self.seconds else 0.0


class History:
    """Belongs to the event loop. `keep_looking` is a task that never ends.

    clock: seconds since 1970.
    """

    def __init__(self, workers: Workers, clock: Callable[[], float] = time.time) -> None:
        self.intervals: deque[Interval] = deque(maxlen=KEPT)
        """Oldest first."""
        self._workers = workers
        self._clock = clock
        self._before: dict[tuple[int, int], Mapping[str, Any]] = {}
        """The last answer of each process, by worker and pid."""
        self._looked_at = 0.0

    async def keep_looking(self) -> None:
        while True:
            try:
                self.look(await self._workers.gather(QUESTION))
            except Exception:
                log.exception("overview: workers could not be asked")
            await asyncio.sleep(EVERY_SECONDS)

    def look(self, answers: Mapping[int, Mapping[str, Any]]) -> None:
        """Take in what workers answered. A worker that was not there at the last look counts from now on: what it
        judged before is nobody's rate."""
        now = self._clock()
        interval = Interval(now, now - self._looked_at)
        before, self._before = self._before, {}
        for number, answer in answers.items():
            if "actions" not in answer:
                continue
            process = number, answer["pid"]
            self._before[process] = answer
            earlier = before.get(process)
            if earlier is not None:
                _add(interval, earlier, answer)
        first, self._looked_at = not self._looked_at, now
        if not first and interval.seconds > 0:
            self.intervals.append(interval)

    def together(self) -> Interval:
        """All intervals as one."""
        whole = Interval(self._looked_at, sum(each.seconds for each in self.intervals))
        for each in self.intervals:
            for name in _COUNTERS:
                getattr(whole, name).update(getattr(each, name))
            for name in _NUMBERS:
                setattr(whole, name, getattr(whole, name) + getattr(each, name))
            whole.latency = [a + b for a, b in zip(whole.latency, each.latency, strict=True)]
        return whole


def _add(interval: Interval, earlier: Mapping[str, Any], later: Mapping[str, Any]) -> None:
    for name in _COUNTERS:
        counter = getattr(interval, name)
        for key, number in later[name].items():
            # Counts of a rule begin anew with a rule set that was active before and was forgotten meanwhile.
            if (grown := number - earlier[name].get(key, 0)) > 0:
                counter[key] += grown
    for name in _NUMBERS:
        setattr(interval, name, getattr(interval, name) + max(0, later[name] - earlier[name]))
    with contextlib.suppress(ValueError):  # no method of checks, no buckets
        grown = [max(0, a - b) for a, b in zip(later["latency"], earlier["latency"], strict=True)]
        interval.latency = [a + b for a, b in zip(interval.latency, grown, strict=True)]


def quantile(latency: Iterable[int], share: float) -> float | None:
    """Seconds within which this share of the checks was answered, as its bucket's upper bound says; None: there were
    none, infinity: longer than the last bound."""
    counts = list(latency)
    wanted, reached = share * sum(counts), 0
    if not wanted:
        return None
    for bound, count in zip((*BUCKETS, float("inf")), counts, strict=True):
        reached += count
        if reached >= wanted:
            return bound
    return float("inf")
