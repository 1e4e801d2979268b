"""Judges posts with one rule set, batch by batch, and adds up what its rules, words and folds do."""

from __future__ import annotations

import time
from typing import Any

from fairpost.engine import RuleSet, Texts, VerdictBatch
from fairpost.engine.dates import day_of_today

from ..backtest.run import Posts, channel_numbers
from ..source import Source
from ..whatif import WhatIf
from .fold_effects import FoldEffects
from .rule_counts import RuleCounts
from .word_counts import WordCounts

__all__ = ["Statistics"]


class Statistics:
    """Figures of a rule set on real posts.

    ```python
    statistics = Statistics(RuleSet.open("rules.fpb"))
    for texts in batches:
        statistics.add(Posts(texts))
    print(statistics.rules.fired, statistics.words.words()[:10])
    ```

    Args:
        source: the packs, for what each fold buys and costs; None: that is left out.
        day, channel, language, threads: as in `Backtest`.
    """

    def __init__(
        self,
        rules: RuleSet,
        source: Source | None = None,
        *,
        day: int | None = None,
        channel: str = "",
        language: str = "",
        threads: int = 1,
    ) -> None:
        self.rule_set = rules
        self.rules = RuleCounts(rules)
        self.words = WordCounts(rules)
        self.whatif = WhatIf(rules)
        self.folds = None if source is None else FoldEffects(source, rules)
        self.labelled = False
        self.seconds = self.engine_seconds = 0.0
        self._day = day_of_today() if day is None else day
        self._channel, self._language, self._threads = channel, language, threads

    def add(self, posts: Posts) -> VerdictBatch:
        """Judge a batch and count it.

        Raises:
            ValueError, TypeError: as `RuleSet.check_batch`.
        """
        texts = Texts.of(posts.texts)
        numbers: Any = self.rule_set.channel_id(self._channel)
        if posts.channels is not None:
            numbers = channel_numbers(self.rule_set, posts.channels, self._channel)
        request: dict[str, Any] = {
            "sellers": posts.rows,
            "standings": posts.standings,
            "channels": numbers if posts.channels is not None else self._channel or None,
            "languages": self._language or None,
            "days": self._day,
            "threads": self._threads,
        }
        started = time.perf_counter()
        batch = self.rule_set.check_batch(texts, **request)
        self.engine_seconds += time.perf_counter() - started
        self.rules.add(batch, posts.truth)
        self.words.add(texts, posts.truth, int((batch.status != 0).sum()))
        self.whatif.add(batch, numbers)
        if self.folds is not None:
            self.folds.add(batch, posts.truth, **request)
        self.labelled |= posts.truth is not None
        return batch
