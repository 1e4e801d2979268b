"""The engine's arithmetic of scores, in plain Python and in its order: float64, so that every number is the engine's.

For questions that the engine does not answer: how a score came about (`explain`), and what a verdict would be if a
rule were not enforced, or a shadow rule were (`statistics`, `backtest`). `engine/scores.pyx` is what counts; tests
hold the two equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from fairpost.engine import RuleSet
from fairpost.engine.vocabulary import (
    CATEGORIES,
    COMMERCE,
    ENFORCEMENT,
    LISTING,
    REGISTRATION,
    SELLER_NOT_FOUND,
    SEVERITIES,
    Action,
)

__all__ = ["CategoryScore", "GroupScore", "Scale", "exposure_steps"]

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


def exposure_steps(
    policy: Mapping[str, float], action: Action, commerce: float, risk: float, seller: Any
) -> list[tuple[str, float]]:
    """How the exposure comes about: what was looked at, and the value after it; the last one is the exposure.

    Args:
        policy: the numbers of the rule set (`meta["exposure"]`).
        commerce, risk: as the verdict has them, float32.
        seller: None, SELLER_NOT_FOUND, SELLER_UNAVAILABLE, or a STANDING_DTYPE record.
    """
    if action in (Action.SHIELD, Action.BLOCK):
        return [(f"the action is {action.name}: not displayed", 0.0)]
    if action is Action.REVIEW:
        return [("the action is REVIEW: policy `review`, until a person has decided", policy["review"])]
    if action is Action.LIMIT:
        return [("the action is LIMIT: policy `limit`", policy["limit"])]
    least = np.float32(policy["commerce"])
    if np.float32(commerce) < least:
        return [(f"commerce {commerce:.4f} is below policy `commerce` {least:g}: as usual", 1.0)]
    sells = f"commerce {commerce:.4f} reaches policy `commerce` {least:g}"
    if seller is None:
        return [(f"{sells}; the post names no seller", 1.0)]
    if isinstance(seller, int | np.integer):
        if seller == SELLER_NOT_FOUND:
            return [(f"{sells}; the registry does not know the seller: policy `unregistered`", policy["unregistered"])]
        return [(f"{sells}; the registry cannot answer", 1.0)]
    registration = REGISTRATION[int(seller["registration"])]
    if registration != "active":
        return [(f"{sells}; the registration is {registration}: policy `unregistered`", policy["unregistered"])]
    days, strikes = int(seller["tenure_days"]), int(seller["strikes"].astype(np.int64).sum())
    complaints = int(seller["complaints"])
    steps = [(f"{sells}; the seller is registered: policy `clean`", policy["clean"])]
    value = policy["clean"] + policy["per_year"] * days / 365.25
    steps.append((f"+ `per_year` {policy['per_year']:g} x {days:,} days / 365.25", value))
    if value > policy["max"]:
        value = policy["max"]
        steps.append(("at most `max`", value))
    if strikes:
        value -= policy["per_strike"] * strikes
        steps.append((f"- `per_strike` {policy['per_strike']:g} x {strikes}", value))
    if complaints:
        value -= policy.get("per_complaint", 0.0) * complaints
        steps.append((f"- `per_complaint` {policy.get('per_complaint', 0.0):g} x {complaints}", value))
    if value < policy.get("floor", 0.5):
        value = policy.get("floor", 0.5)
        steps.append(("at least `floor`", value))
    if value > 1.0:
        reasons = []
        if np.float32(risk) > np.float32(policy.get("clean_risk", 0.0)):
            reasons.append(f"risk {risk:.4f} is above `clean_risk` {policy.get('clean_risk', 0.0):g}")
        if ENFORCEMENT[int(seller["enforcement"])] not in ("none", "warned"):
            reasons.append(f"enforcement is {ENFORCEMENT[int(seller['enforcement'])]}")
        if LISTING[int(seller["listing"])] == "blacklisted":
            reasons.append("the seller is blacklisted")
        if reasons:
            value = 1.0
            steps.append((f"at most 1: {', '.join(reasons)}", value))
    return steps
