"""What a backtest says, post by post in plain Python: verdict objects and sets, no columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from fairpost.engine import RuleSet, Verdict

__all__ = ["Expected", "backtest", "enforced_rules"]


@dataclass
class Expected:
    """Flips by post, and their sums."""

    kinds: dict[int, set[str]] = field(default_factory=dict)
    causes: dict[int, set[str]] = field(default_factory=dict)
    appeared: dict[int, set[str]] = field(default_factory=dict)
    vanished: dict[int, set[str]] = field(default_factory=dict)
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    stricter: int = 0
    milder: int = 0


def enforced_rules(rules: RuleSet, text: str, channel: str, day: int) -> set[str]:
    """Ids of the enforced rules that fire on a post."""
    batch = rules.check_batch([text], channels=channel, days=day)
    shadows = {entry["id"] for entry in rules.meta["rules"] if entry["mode"] == "shadow"}
    return {rules.rule_ids[number] for number in batch.fired_rule.tolist()} - shadows


def backtest(
    old: RuleSet, new: RuleSet, posts: Sequence[tuple[str, str]], day: int, exposure: float, commerce: float
) -> Expected:
    """Judge (text, channel) posts by both, one after the other."""
    expected = Expected()
    was = {entry["id"]: _definition(old, entry) for entry in old.meta["rules"]}
    now = {entry["id"]: _definition(new, entry) for entry in new.meta["rules"]}
    for number, (text, channel) in enumerate(posts):
        if not text:
            continue
        before, after = (rules.check(text, channel=channel, day=day) for rules in (old, new))
        expected.pairs[before.action.name, after.action.name] += 1
        kinds = _kinds(before, after, exposure, commerce)
        if not kinds:
            continue
        expected.kinds[number] = kinds
        expected.stricter += after.action > before.action
        expected.milder += after.action < before.action
        fired = [enforced_rules(rules, text, channel, day) for rules in (old, new)]
        causes = {f"+{rule}" for rule in fired[1] - fired[0]} | {f"-{rule}" for rule in fired[0] - fired[1]}
        causes |= {f"~{rule}" for rule in fired[0] & fired[1] if was[rule] != now[rule]}
        expected.causes[number] = causes or {"(policy or model)"}
        labels = [{label.category for label in verdict.labels} for verdict in (before, after)]
        expected.appeared[number], expected.vanished[number] = labels[1] - labels[0], labels[0] - labels[1]
    return expected


def _definition(rules: RuleSet, entry: dict[str, object]) -> tuple[object, ...]:
    caps = {group["name"]: group["cap"] for group in rules.meta["groups"]}
    return (*(entry[key] for key in ("category", "severity", "weight", "group")), caps.get(entry["group"]))


def _kinds(before: Verdict, after: Verdict, exposure: float, commerce: float) -> set[str]:
    kinds = set()
    if before.action != after.action:
        kinds.add("action")
    if {label.category for label in before.labels} != {label.category for label in after.labels}:
        kinds.add("labels")
    if abs(before.exposure - after.exposure) > exposure + 1e-6:
        kinds.add("exposure")
    if abs(before.commerce - after.commerce) > commerce + 1e-6:
        kinds.add("commerce")
    return kinds
