"""Evaluation order: COMMERCE rules first, a rule after those that it names, then pack and file order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fairpost.engine.vocabulary import CATEGORIES, COMMERCE

from .problems import Place, Problems
from .source import RuleSource

__all__ = ["order_rules"]


def order_rules(
    rules: Sequence[RuleSource], references: Mapping[str, Sequence[tuple[str, Place]]], problems: Problems
) -> list[RuleSource]:
    """Order `rules` (given in pack and file order); circles are reported, their rules left out."""
    by_id = {rule.id: rule for rule in rules}
    done: dict[str, bool] = {}  # id -> it is no part of a circle
    ordered: list[RuleSource] = []
    first = [rule for rule in rules if rule.category == CATEGORIES[COMMERCE]]
    rest = [rule for rule in rules if rule.category != CATEGORIES[COMMERCE]]
    for start in (*first, *rest):
        # an explicit stack: a chain of rules may be longer than Python's own allows
        stack: list[tuple[str, int]] = [(start.id, 0)]
        path: dict[str, None] = {}
        while stack:
            rule_id, position = stack.pop()
            if position == 0:
                if rule_id in done:
                    continue
                path[rule_id] = None
            targets = references.get(rule_id, ())
            if position < len(targets):
                stack.append((rule_id, position + 1))
                target, place = targets[position]
                if target in path:
                    circle = [*list(path)[list(path).index(target) :], target]
                    problems.error(place, f"rules go round in a circle: {' -> '.join(circle)}; break it at one of them")
                    done.update(dict.fromkeys(path, False))
                elif target in by_id and target not in done:
                    stack.append((target, 0))
                continue
            path.pop(rule_id, None)
            if done.setdefault(rule_id, True):
                ordered.append(by_id[rule_id])
    return ordered
