"""What verdicts would be with one rule more or less: for each rule that fired, the action without it, or, for a shadow
rule, with it enforced.

A rule that is not enforced still counts as fired for conditions that name it (so does a shadow rule), so for rules of
violated categories this is what changing `mode` would do. COMMERCE rules add up to `commerce` and to no category: they
decide no action by themselves and are left out here.

Posts on which the same rules fired are one question, asked once: its cost grows with different sets of rules, not
with posts.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fairpost.engine import RuleSet, VerdictBatch
from fairpost.engine.vocabulary import COMMERCE

from .scoring import Scale

__all__ = ["Effects", "WhatIf"]

_REMEMBERED: Final = 1 << 16


class Effects:
    """Sums by rule number.

    fired: int64[rules], posts. decides: those whose action would be another without the rule (shadow: with it).
    alone: those where it is the only enforced rule of a violated category.
    """

    def __init__(self, rules: int) -> None:
        self.fired = np.zeros(rules, np.int64)
        self.decides = np.zeros(rules, np.int64)
        self.alone = np.zeros(rules, np.int64)


class WhatIf:
    """Answers for batches of one rule set.

    `shadows_only`: look at posts on which a shadow rule fired, and at nothing else.
    """

    def __init__(self, rules: RuleSet, *, shadows_only: bool = False) -> None:
        self.effects = Effects(rules.rule_count)
        self._scale = Scale(rules)
        self._channels = list(rules.meta["channels"])
        self._shadow = np.array(self._scale.shadow, np.bool_)
        self._violating = np.array([category != COMMERCE for category in self._scale.category], np.bool_)
        self._wanted = self._violating & self._shadow if shadows_only else self._violating
        # A set of rules is known by the sum of its rules' numbers; 64 random bits each make two sums differ.
        draw = np.random.Generator(np.random.PCG64(20260101))
        self._names = draw.integers(1, 1 << 63, rules.rule_count, np.uint64)
        self._salts = draw.integers(1, 1 << 63, len(self._channels), np.uint64)
        self._known: dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}

    def add(self, batch: VerdictBatch, channels: NDArray[np.integer] | int = 0) -> None:
        """Count one batch. `channels`: number of each post's channel in this rule set, or one for all."""
        counts = np.subtract(batch.fired_begin[1:], batch.fired_begin[:-1], dtype=np.int64)
        owner = np.repeat(np.arange(len(counts)), counts)
        posts = np.unique(owner[self._wanted[batch.fired_rule]])
        if not len(posts):
            return
        counted = np.where(self._violating[batch.fired_rule], self._names[batch.fired_rule], np.uint64(0))
        sums = np.zeros(len(counts), np.uint64)
        np.add.at(sums, owner, counted)
        of_post = np.broadcast_to(np.asarray(channels, np.int64), len(counts))[posts]
        with np.errstate(over="ignore"):
            keys = sums[posts] + self._salts[of_post]
        keys, first, many = np.unique(keys, return_index=True, return_counts=True)
        for key, at, count in zip(keys.tolist(), first.tolist(), many.tolist(), strict=True):
            post = int(posts[at])
            answer = self._known.get(key)
            if answer is None:
                if len(self._known) >= _REMEMBERED:
                    self._known.clear()
                fired = batch.fired_rule[batch.fired_begin[post] : batch.fired_begin[post + 1]].tolist()
                answer = self._known[key] = self._ask(fired, self._channels[int(of_post[at])])
            rules, decides = answer
            self.effects.fired[rules] += count
            self.effects.decides[rules[decides != 0]] += count
            enforced = rules[~self._shadow[rules]]
            if len(enforced) == 1:
                self.effects.alone[enforced] += count

    def _ask(self, fired: list[int], channel: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(rules, change of the action's number by each) for one set of rules that fired."""
        fired = [rule for rule in fired if self._violating[rule]]
        enforced = [rule for rule in fired if not self._shadow[rule]]
        action = self._scale.action(enforced, channel)
        changes = []
        for rule in fired:
            if self._shadow[rule]:
                other = self._scale.action([r for r in fired if r == rule or not self._shadow[r]], channel)
            else:
                other = self._scale.action([r for r in enforced if r != rule], channel)
            changes.append(abs(int(other) - int(action)))
        return np.array(fired, np.int64), np.array(changes, np.int64)
