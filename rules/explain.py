"""Why a case came out as it did: the parts of the condition with their truth, the folded text, the hits.

The parts are judged by the engine itself: each becomes a shadow rule of its own in a second bundle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from fairpost.engine import RuleSet
from fairpost.engine.dates import date_of_day
from fairpost.engine.folds import DEFAULT, fold
from fairpost.engine.vocabulary import CATEGORIES

from . import expression as e
from .render import render
from .schema import SellerModel
from .source import CaseSource, RuleSource, Source
from .wordlists import holds

__all__ = ["CaseResult", "conjuncts", "explain", "with_parts"]

_LIMIT: Final = 12
_SHOWN: Final = 100


@dataclass(frozen=True)
class CaseResult:
    """One case as it came out. `fired`: ids of all rules that fired on its text, COMMERCE and shadow ones too."""

    rule: RuleSource
    case: CaseSource
    day: int
    fired: tuple[str, ...]
    commerce: float
    model: float | None
    error: str | None

    @property
    def passed(self) -> bool:
        return self.error is None and (self.rule.id in self.fired) is self.case.fires


def conjuncts(rule: RuleSource) -> tuple[e.Node, ...]:
    """The parts that must all be true for the rule to fire."""
    return rule.condition.xs if isinstance(rule.condition, e.And) else (rule.condition,)


def with_parts(source: Source, results: Sequence[CaseResult]) -> Source:
    """`source` with a shadow rule `id#n` for part n of each rule among `results`.

    They stand last and weigh nothing, so the others come out as before; they have no dates, and a category that
    may read commerce.
    """
    rules = {result.rule.id: result.rule for result in results}
    parts = [
        replace(
            rule,
            id=f"{rule.id}#{number}",
            category=CATEGORIES[-1],
            mode="shadow",
            group=None,
            condition=part,
            effective_from=None,
            effective_until=None,
        )
        for rule in rules.values()
        for number, part in enumerate(conjuncts(rule))
    ]
    return replace(source, rules=(*source.rules, *parts))


def explain(source: Source, rules: RuleSet, result: CaseResult, fired: Sequence[str]) -> str:
    """Lines for the author of a failing case, each indented. `fired` are the parts that are true (`id#n`)."""
    rule, case = result.rule, result.case
    symbols = "".join(map(chr, fold(case.text, DEFAULT)[0]))
    lines = ["the rule fires if all of these are true:"]
    for number, part in enumerate(conjuncts(rule)):
        truth = "true " if f"{rule.id}#{number}" in fired else "false"
        lines.append(f"  {truth}  {render(part, rule.pack)}")
    lines.append(f"folded: {symbols if len(symbols) <= _SHOWN else symbols[:_SHOWN] + '...'}")
    lines += _hits(source, rules, result)
    others = [name for name in result.fired if name != rule.id]
    lines.append(f"other rules that fired: {', '.join(others) or 'none'}")
    lines.append(f"commerce: {result.commerce:.3f}")
    if result.model is not None:
        lines.append(f"model: {result.model:.3f}")
    if any(isinstance(part, _SELLER_PARTS) for part in e.walk(rule.condition)):
        lines.append(f"seller: {_seller(case.seller)}")
    if not rule.from_day <= result.day < rule.until_day:
        day = date_of_day(result.day)
        lines.append(f"day: {day}, on which the rule is not in force")
    return "\n".join(f"    {line}" for line in lines)


_SELLER_PARTS: Final = (
    e.Licence,
    e.Strikes,
    e.Tenure,
    e.Registered,
    e.Unregistered,
    e.Unavailable,
    e.Enforcement,
    e.Listing,
)


def _seller(seller: SellerModel | str | None) -> str:
    if seller is None or isinstance(seller, str):
        return seller or "none named"
    said = seller.model_dump(exclude_defaults=True)
    return ", ".join(f"{key} {value}" for key, value in said.items()) or "in good standing"


def _hits(source: Source, rules: RuleSet, result: CaseResult) -> list[str]:
    """One line for each list that the condition reads and that has hits, and one that names the others."""
    matches = rules.matches(result.case.text)
    names: dict[str, None] = {}
    for operand in e.operands(result.rule.condition):
        names[operand.list] = None
        if operand.free_of is not None:
            names[operand.free_of] = None
    lines, without = [], []
    for name in names:
        found = [(begin, end) for _, list_name, begin, end in matches if list_name == name]
        shown = ", ".join(f"{result.case.text[begin:end]!r} at {begin}" for begin, end in found[:_LIMIT])
        more = f" and {len(found) - _LIMIT} more" if len(found) > _LIMIT else ""
        removed = _removed(source, name, matches, result.case.text)
        if not found and not removed:
            without.append(name)
            continue
        inside = f"; not counted inside the allow words {', '.join(removed[:_LIMIT])}" if removed else ""
        lines.append(f"hits of {name}: {shown or 'none'}{more}{inside}")
    if without:
        lines.append(f"no hits of {', '.join(without)}")
    return lines


def _removed(source: Source, name: str, matches: Sequence[tuple[str, str, int, int]], text: str) -> list[str]:
    """Allow words in the text that hold a word of the list."""
    words = source.lists.get(name)
    if words is None:
        return []
    spans = [text[begin:end] for _, list_name, begin, end in matches if list_name in words.allows]
    return [repr(span) for span in spans if any(holds(span, word) for word in words.words)]
