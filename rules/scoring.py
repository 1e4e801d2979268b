"""The engine's arithmetic of scores, in plain Python and in its order: float64, so that every number is the engine's.

For questions that the engine does not answer: how a score came about (`explain`), and what a verdict would be if a
rule were not enforced, or a shadow rule were (`statistics`, `backtest`). `engine/scores.pyx` is what counts; tests
hold the two equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from fairpost.engine import RuleSet
from fairpost.engine.vocabulary import CATEGORIES, COMMERCE, SEVERITIES, Action

__all__ = ["CategoryScore", "GroupScore", "Scale"]

_ACTIONS: Final = tuple(Action)


@dataclass(frozen=True)
class GroupScore:
    """What the rules of one group add up to in a category, before and after the cap; or one rule without a group.

    rules: numbers of the rules, in evaluation order. cap: None for a rule without a group.
    """

    group: str | None
    rules: tuple[int, ...]
    total: float
    cap: float | None
    score: float


@dataclass(frozen=True)
class CategoryScore:
    """The score of one category: `parts` joined as a noisy-or. `severity` is that of the gravest rule."""

    category: int
    severity: int
    parts: tuple[GroupScore, ...]
    score: float


class Scale:
    """What a rule set says of scores: weights, groups, caps, thresholds.

    Rules are numbers in the order of `RuleSet.rule_ids`; `fired` lists are in evaluation order, which is that order.
    """

    def __init__(self, rules: RuleSet) -> None:
        entries = {entry["id"]: entry for entry in rules.meta["rules"]}
        self._rules = [entries[name] for name in rules.rule_ids]
        self.category = [CATEGORIES.index(entry["category"]) for entry in self._rules]
        self.severity = [SEVERITIES.index(entry["severity"]) for entry in self._rules]
        # As the bundle stores them: what the engine multiplies.
        self.weight = [float(entry["weight"]) for entry in self._rules]
        self.shadow = [entry["mode"] == "shadow" for entry in self._rules]
        self.group: list[str | None] = [entry["group"] for entry in self._rules]
        self.caps = {entry["name"]: float(entry["cap"]) for entry in rules.meta["groups"]}
        self._group_order: list[list[str]] = [[] for _ in CATEGORIES]
        for number, name in zip(self.category, self.group, strict=True):
            if name is not None and name not in self._group_order[number]:
                self._group_order[number].append(name)
        self.severity_weights = [float(rules.meta["severity_weights"][name]) for name in SEVERITIES]
        self._channels = {name: self._thresholds(rules, name) for name in rules.meta["channels"]}

    @staticmethod
    def _thresholds(rules: RuleSet, channel: str) -> list[dict[Action, np.float32]]:
        given = dict(rules.meta["thresholds"].get("default", {}))
        if channel != "default":
            given |= rules.meta["thresholds"].get(channel, {})
        return [
            {
                action: np.float32(value)
                for action in _ACTIONS[1:]
                if (value := given.get(name, {}).get(action.name)) is not None
            }
            for name in CATEGORIES
        ]

    def thresholds(self, channel: str, category: int) -> dict[Action, np.float32]:
        """Least score for each action that is ever taken; an unknown channel has those of the default."""
        return self._channels.get(channel, self._channels["default"])[category]

    def score(self, category: int, fired: Sequence[int]) -> CategoryScore | None:
        """The score of a category from the rules that count; None where none of them is of it.

        Rules without a group come first, then groups in the order of their first rule in the rule set: the order of
        factors does not depend on which rules fired.
        """
        own = [rule for rule in fired if self.category[rule] == category]
        if not own:
            return None
        parts: list[GroupScore] = []
        keep = 1.0
        for rule in own:
            if self.group[rule] is None:
                parts.append(GroupScore(None, (rule,), self.weight[rule], None, self.weight[rule]))
                keep *= 1.0 - self.weight[rule]
        for name in self._group_order[category]:
            members = tuple(rule for rule in own if self.group[rule] == name)
            if not members:
                continue
            rest = 1.0
            for member in members:
                rest *= 1.0 - self.weight[member]
            total, cap = 1.0 - rest, self.caps[name]
            parts.append(GroupScore(name, members, total, cap, min(total, cap)))
            keep *= 1.0 - parts[-1].score
        severity = max(self.severity[rule] for rule in own)
        return CategoryScore(category, severity, tuple(parts), 1.0 - keep)

    def scores(self, fired: Iterable[int]) -> list[CategoryScore]:
        """Scores of all violated categories, by their number."""
        fired = [rule for rule in fired if self.category[rule] != COMMERCE]
        categories = sorted({self.category[rule] for rule in fired})
        return [score for category in categories if (score := self.score(category, fired)) is not None]

    def reached(self, score: CategoryScore, channel: str) -> Action:
        """The most severe action whose threshold the score reaches. Scores are compared as the verdict has them."""
        value = np.float32(score.score)
        reached = Action.ALLOW
        for action, least in self.thresholds(channel, score.category).items():
            if value >= least:
                reached = action
        return reached

    def action(self, fired: Iterable[int], channel: str = "default") -> Action:
        """The action that these rules, all enforced, lead to."""
        return max((self.reached(score, channel) for score in self.scores(fired)), default=Action.ALLOW)

    def risk(self, scores: Iterable[CategoryScore]) -> float:
        """Noisy-or of the scores times the weights of their severities."""
        keep = 1.0
        for score in scores:
            keep *= 1.0 - score.score * self.severity_weights[score.severity]
        return 1.0 - keep
