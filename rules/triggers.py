"""Triggers: lists of which one must have a hit before a condition can be true.

The engine evaluates a rule only on posts where one of its triggers hit, so the set must be sound:
whenever the condition is true, one of the lists has a hit. `None` means that no such set exists
and the rule runs on every post.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from fairpost.engine.vocabulary import CATEGORIES, COMMERCE

from . import expression as e
from .source import ListSource, RuleSource
from .wordlists import expected

__all__ = ["Triggers", "trigger_lists", "triggers_of"]

Triggers = frozenset[str] | None

_RECOGNISER_COST: Final = {"price": 1 << 20, "percent": 1 << 18}
_OTHER_RECOGNISER_COST: Final = 1 << 17
"""How often they hit, in the unit of `wordlists.expected`. On real posts the lists that are chosen by expected hits
give 1.0 conditions a post; 1.5 by the lengths of their words, and 0.6 by counted hits."""


def triggers_of(
    rules: Iterable[RuleSource], lists: Mapping[str, ListSource], by_model: bool = False
) -> dict[str, Triggers]:
    """Triggers of all rules, given in evaluation order, by their ids.

    by_model: the commerce score is a text model's, which may be high where no rule has fired.
    """
    result: dict[str, Triggers] = {}
    costs: dict[str, float] = {}
    commerce: Triggers = None if by_model else frozenset()
    for rule in rules:
        needed = _Needs(result, lists, commerce, costs).of(rule.condition, negated=False)
        result[rule.id] = needed
        if rule.category == CATEGORIES[COMMERCE]:
            commerce = None if commerce is None or needed is None else commerce | needed
    return result


def trigger_lists(
    node: e.Node, rules: Mapping[str, Triggers], lists: Mapping[str, ListSource], commerce: Triggers = None
) -> Triggers:
    """The cheapest sound set of lists for `node`.

    `rules` holds the sets of the rules that it may name, `commerce` the lists without which the commerce score
    is 0; None where a text model has a say in it.
    """
    return _Needs(rules, lists, commerce, {}).of(node, negated=False)


class _Needs:
    def __init__(
        self,
        rules: Mapping[str, Triggers],
        lists: Mapping[str, ListSource],
        commerce: Triggers,
        costs: dict[str, float],
    ) -> None:
        self.rules, self.lists, self.commerce, self.costs = rules, lists, commerce, costs

    def of(self, node: e.Node, negated: bool) -> Triggers:
        if isinstance(node, e.Not):
            return self.of(node.x, not negated)
        if isinstance(node, e.Named):
            return self.of(node.x, negated)
        if isinstance(node, e.And | e.Or):
            children = [self.of(child, negated) for child in node.xs]
            if isinstance(node, e.And) is not negated:  # all of them must be true: the cheapest one will do
                return self.cheapest(child for child in children if child is not None)
            union: frozenset[str] = frozenset()
            for child in children:
                if child is None:
                    return None
                union |= child
            return union
        # `not count(x) < 3` needs a hit as `count(x) >= 3` does
        if isinstance(node, e.Count):
            return frozenset({node.x.list}) if e.compare(0, node.cmp, node.n) is negated else None
        if isinstance(node, e.Commerce):
            return self.commerce if e.compare(0.0, node.cmp, node.value) is negated else None
        if negated:
            return None
        if isinstance(node, e.Any):
            return frozenset({node.x.list})
        if isinstance(node, e.Near | e.Before):
            return self.cheapest((frozenset({node.x.list}), frozenset({node.y.list})))
        if isinstance(node, e.RuleFired):
            return self.rules.get(node.rule)
        return None

    def cheapest(self, choices: Iterable[frozenset[str]]) -> Triggers:
        return min(choices, key=lambda names: (sum(self.cost(name) for name in names), sorted(names)), default=None)

    def cost(self, name: str) -> float:
        words = self.lists.get(name)
        if words is None:
            return _RECOGNISER_COST.get(name, _OTHER_RECOGNISER_COST)
        if name not in self.costs:
            self.costs[name] = sum(expected(word, words.folds) for word in words.words)
        return self.costs[name]
