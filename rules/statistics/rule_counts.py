"""What each rule does on real posts: columns in, sums by rule out."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fairpost.engine import RuleSet, VerdictBatch
from fairpost.engine.vocabulary import CATEGORIES, COMMERCE

from ..truth import UNLABELLED, VIOLATING, Truth

__all__ = ["RuleCounts"]

_MASKS: Final = np.left_shift(np.uint32(1), np.arange(len(CATEGORIES), dtype=np.uint32))


class RuleCounts:
    """Sums over batches of one rule set. Rules are numbers of `RuleSet.rule_ids`.

    posts: judged; at_fault: not judged. fired: int64[rules], posts on which the rule fired, in whatever mode.
    right, wrong: int64[rules], of its labelled posts those that violate the rule's category, and the others. A post
    that violates "something" is right for every rule; for a COMMERCE rule every violating post is.
    labelled: posts with a label; base: int64[categories], those of them that are right for a rule of the category.
    agreement: int64[2, 2], labelled posts by (violates, not ALLOW).
    """

    def __init__(self, rules: RuleSet) -> None:
        self.rules = rules
        count = rules.rule_count
        self.posts = self.at_fault = self.labelled = 0
        self.fired = np.zeros(count, np.int64)
        self.right = np.zeros(count, np.int64)
        self.wrong = np.zeros(count, np.int64)
        self.base = np.zeros(len(CATEGORIES), np.int64)
        self.agreement = np.zeros((2, 2), np.int64)
        self._category = np.array([CATEGORIES.index(rules.rule_category(k)) for k in range(count)], np.int64)
        self._pairs: dict[int, int] = {}

    def add(self, batch: VerdictBatch, truth: Truth | None = None) -> None:
        """Count one batch."""
        judged = batch.status == 0
        self.posts += int(judged.sum())
        self.at_fault += int((~judged).sum())
        self.fired += np.bincount(batch.fired_rule, minlength=len(self.fired))
        counts = np.subtract(batch.fired_begin[1:], batch.fired_begin[:-1], dtype=np.int64)
        self._add_pairs(batch.fired_rule, batch.fired_begin, counts)
        if truth is not None:
            self._add_truth(batch, truth, judged, np.repeat(np.arange(len(counts)), counts))

    def _add_pairs(self, rule: NDArray[np.uint16], begin: NDArray[np.uint32], counts: NDArray[np.int64]) -> None:
        """Which rules fired on the same posts."""
        many = counts[np.repeat(np.arange(len(counts)), counts)]  # of each entry: entries of its post
        first = np.repeat(begin[:-1].astype(np.int64), counts)
        total = int(many.sum())
        # Every entry beside every entry of the same post.
        left = np.repeat(np.arange(len(rule)), many)
        stops = np.cumsum(many)
        right = np.arange(total) - np.repeat(stops - many, many) + np.repeat(first, many)
        keys = rule[left].astype(np.int64) * len(self.fired) + rule[right]
        found, times = np.unique(keys[left != right], return_counts=True)
        for key, count in zip(found.tolist(), times.tolist(), strict=True):
            self._pairs[key] = self._pairs.get(key, 0) + count

    def _add_truth(
        self, batch: VerdictBatch, truth: Truth, judged: NDArray[np.bool_], owner: NDArray[np.int64]
    ) -> None:
        known = judged & (truth.state != UNLABELLED)
        violating = truth.state == VIOLATING
        self.labelled += int(known.sum())
        for category in range(len(CATEGORIES)):
            fits = violating if category == COMMERCE else (truth.categories & _MASKS[category]) != 0
            self.base[category] += int((known & fits).sum())
        rule = batch.fired_rule[known[owner]]
        post = owner[known[owner]]
        category = self._category[rule]
        right = np.where(category == COMMERCE, violating[post], (truth.categories[post] & _MASKS[category]) != 0)
        self.right += np.bincount(rule[right], minlength=len(self.fired))
        self.wrong += np.bincount(rule[~right], minlength=len(self.fired))
        np.add.at(self.agreement, (violating[known].astype(np.int64), (batch.action[known] > 0).astype(np.int64)), 1)

    def precision(self, rule: int) -> float | None:
        """Of the labelled posts on which the rule fired, the share that is right; None where there is none."""
        total = int(self.right[rule] + self.wrong[rule])
        return int(self.right[rule]) / total if total else None

    def lift(self, rule: int) -> float | None:
        """How many times as often a post is right where the rule fired as among all labelled posts."""
        precision, base = self.precision(rule), int(self.base[self._category[rule]])
        return precision * self.labelled / base if precision is not None and base else None

    def companions(self) -> dict[int, tuple[int, float]]:
        """By rule, the rule that fires most often together with it, and on which share of its posts."""
        best: dict[int, tuple[int, int]] = {}
        for key, count in self._pairs.items():
            rule, other = divmod(key, len(self.fired))
            best[rule] = max(best.get(rule, (0, 0)), (count, -other))
        return {rule: (-other, count / int(self.fired[rule])) for rule, (count, other) in best.items()}
