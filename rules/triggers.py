"""Triggers: lists of which one must have a hit before a condition can be true.

The engine evaluates a rule only on posts where one of its triggers hit, so the set must be sound:
whenever the condition is true, one of the lists has a hit. `None` means that no such set exists
and the rule runs on every post.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from . import expression as e
from .source import ListSource

__all__ = ["trigger_lists"]

_RECOGNISER_COST: Final = 40
"""A recogniser counts as a list of so many words: prices are in every third post, a rare word is not."""

Triggers = frozenset[str] | None


def trigger_lists(node: e.Node, rules: Mapping[str, Triggers], lists: Mapping[str, ListSource]) -> Triggers:
    """The cheapest sound set of lists for `node`; `rules` holds the sets of the rules that it may name."""
    return _needs(node, False, rules, lists)


def _needs(node: e.Node, negated: bool, rules: Mapping[str, Triggers], lists: Mapping[str, ListSource]) -> Triggers:
    if isinstance(node, e.Not):
        return _needs(node.x, not negated, rules, lists)
    if isinstance(node, e.And | e.Or):
        children = [_needs(child, negated, rules, lists) for child in node.xs]
        if isinstance(node, e.And) is not negated:  # all of them must be true: the cheapest one will do
            present = [child for child in children if child is not None]
            return min(present, key=lambda child: (_cost(child, lists), sorted(child)), default=None)
        union: frozenset[str] = frozenset()
        for child in children:
            if child is None:
                return None
            union |= child
        return union
    if isinstance(node, e.Count):
        # `not count(x) < 3` needs a hit as `count(x) >= 3` does
        true_without_hits = e.compare(0, node.cmp, node.n)
        return frozenset({node.x.list}) if true_without_hits is negated else None
    if negated:
        return None
    if isinstance(node, e.Any):
        return frozenset({node.x.list})
    if isinstance(node, e.Near | e.Before):
        choices = (frozenset({node.x.list}), frozenset({node.y.list}))
        return min(choices, key=lambda child: (_cost(child, lists), sorted(child)))
    if isinstance(node, e.RuleFired):
        return rules.get(node.rule)
    return None


def _cost(names: frozenset[str], lists: Mapping[str, ListSource]) -> int:
    return sum(len(lists[name].words) if name in lists else _RECOGNISER_COST for name in names)
