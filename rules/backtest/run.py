"""Judges posts with two rule sets, batch by batch, and adds up what differs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairpost.engine import RuleSet, VerdictBatch
from fairpost.engine.dates import day_of_today

from ..truth import Truth
from ..whatif import WhatIf
from .comparison import Bounds, Flips, RuleTable, compare
from .counts import Counts, Words
from .samples import Sample, Samples

__all__ = ["Backtest", "Judged", "Posts"]


@dataclass(frozen=True)
class Posts:
    """A batch of n posts as columns.

    Attributes:
        texts: what `RuleSet.check_batch` takes.
        names: name(i) tells how to find post i again (its id, or its line).
        rows, standings: as `sellers` and `standings` of `check_batch`; None: no post names a seller.
        sellers, channels: names, for the tables; channels decide thresholds too. None: none are named.
        truth: labels, or None.
        segments, languages, days: as of `check_batch`; None: one text a post, and what the `Backtest` says.
    """

    texts: Any
    names: Callable[[int], str] = str
    rows: NDArray[np.int32] | None = None
    standings: NDArray[Any] | None = None
    sellers: Words | None = None
    channels: Words | None = None
    truth: Truth | None = None
    segments: NDArray[np.int64] | None = None
    languages: Sequence[str] | None = None
    days: NDArray[np.int32] | None = None


@dataclass(frozen=True)
class Judged:
    """A batch as both rule sets judged it."""

    old: VerdictBatch
    new: VerdictBatch
    flips: Flips


class Backtest:
    """A comparison of two rule sets on the same posts.

    ```python
    backtest = Backtest(RuleSet.open("old.fpb"), RuleSet.open("new.fpb"), samples=5)
    for texts in batches:
        backtest.add(Posts(texts))
    print(backtest.counts.stricter, backtest.samples.all())
    ```

    Args:
        day: the law of which day counts, as days since 1970-01-01; None = today in China.
        samples: flips kept for each cause; seed: draws them.
        channel: of all posts whose batch names none.
    """

    def __init__(
        self,
        old: RuleSet,
        new: RuleSet,
        *,
        bounds: Bounds | None = None,
        day: int | None = None,
        samples: int = 3,
        seed: int = 0,
        channel: str = "",
        language: str = "",
        threads: int = 1,
    ) -> None:
        self.old, self.new = old, new
        self.bounds = bounds or Bounds()
        self.day = day_of_today() if day is None else day
        self.seed = seed
        self.table = RuleTable(old, new)
        self.counts = Counts(self.table)
        self.samples = Samples(self.table, samples, seed)
        self.shadows = WhatIf(new, shadows_only=True)
        self.labelled = False
        self._channel, self._language, self._threads = channel, language, threads
        self._ordinal = 0

    def add(self, posts: Posts) -> Judged:
        """Judge a batch with both and count what differs.

        Raises:
            ValueError, TypeError: as `RuleSet.check_batch`.
        """
        old, spent_old = self._judge(self.old, posts)
        new, spent_new = self._judge(self.new, posts)
        self.counts.seconds_old += spent_old
        self.counts.seconds_new += spent_new
        flips = compare(old, new, self.table, self.bounds)
        self.counts.add(old, new, flips, posts.sellers, posts.channels, posts.truth)
        self.labelled |= posts.truth is not None
        if posts.channels is None:
            self.shadows.add(new, self.new.channel_id(self._channel))
        else:
            self.shadows.add(new, channel_numbers(self.new, posts.channels, self._channel))

        def make(flip: int, cause: str, change: int) -> Sample:
            post = int(flips.post[flip])
            channel = posts.channels.of(post) if posts.channels is not None else self._channel
            seller = posts.sellers.of(post) if posts.sellers is not None else None
            text = old.text(post).decode()
            ordinal = self._ordinal + post
            return Sample(cause, change, ordinal, posts.names(post), seller, channel or "", text, old[post], new[post])

        self.samples.add(flips, self._ordinal + flips.post, make)
        self._ordinal += len(old)
        return Judged(old, new, flips)

    def _judge(self, rules: RuleSet, posts: Posts) -> tuple[VerdictBatch, float]:
        numbers = None if posts.channels is None else channel_numbers(rules, posts.channels, self._channel)
        started = time.perf_counter()
        batch = rules.check_batch(
            posts.texts,
            segments=posts.segments,
            sellers=posts.rows,
            standings=posts.standings,
            channels=self._channel or None if numbers is None else numbers,
            languages=self._language or None if posts.languages is None else posts.languages,
            days=self.day if posts.days is None else posts.days,
            threads=self._threads,
        )
        return batch, time.perf_counter() - started


def channel_numbers(rules: RuleSet, channels: Words, default: str) -> NDArray[np.uint16]:
    """The channel of each post by its number in a rule set; 0, the default, for one that it does not know."""
    numbers = np.array([rules.channel_id(word or default) for word in channels.words], np.uint16)
    chosen: NDArray[np.uint16] = numbers[channels.codes]
    return chosen
