"""Why a case came out as it did: the folded text, the hits, and each part of the condition with its value.

The parts that depend on hits are only shown beside the hits; what can be known from the case alone
(seller, channel, language, other rules, commerce) is evaluated.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from fairpost.engine import RuleSet
from fairpost.engine.folds import DEFAULT, fold

from . import expression as e
from .schema import SellerModel
from .source import Source
from .wordlists import coarse

if TYPE_CHECKING:
    from .cases import CaseResult

__all__ = ["explain"]

_LIMIT = 12


def explain(source: Source, rules: RuleSet, result: CaseResult) -> str:
    """Lines for the author of a failing case, each indented."""
    rule, case = result.rule, result.case
    symbols = "".join(map(chr, fold(case.text, DEFAULT)[0]))
    lines = [f"when: {rule.when}"]
    if rule.unless is not None:
        lines.append(f"unless: {rule.unless}")
    lines.append(f"folded: {symbols if len(symbols) <= 100 else symbols[:97] + '...'}")
    lines += _hits(source, rules, result)
    others = [name for name in result.fired if name != rule.id]
    lines.append(f"other rules that fired: {', '.join(others) or 'none'}")
    lines.append(f"commerce: {result.commerce:.3f}")
    if any(isinstance(part, e.Licence | e.Strikes | e.Registered | e.Unregistered) for part in e.walk(rule.condition)):
        lines.append(f"seller: {_seller(case.seller)}")
    day = datetime.date(1970, 1, 1) + datetime.timedelta(days=result.day)
    if not rule.from_day <= result.day < rule.until_day:
        lines.append(f"day: {day}, on which the rule is not in force")
    return "\n".join(f"    {line}" for line in lines)


def _seller(seller: SellerModel | str | None) -> str:
    if seller is None or isinstance(seller, str):
        return seller or "none named"
    said = seller.model_dump(exclude_defaults=True)
    return ", ".join(f"{key} {value}" for key, value in said.items()) or "in good standing"


def _hits(source: Source, rules: RuleSet, result: CaseResult) -> list[str]:
    """One line for each list that the condition reads."""
    matches = rules.matches(result.case.text)
    lines = []
    names: dict[str, None] = {}
    for operand in e.operands(result.rule.condition):
        names[operand.list] = None
        if operand.free_of is not None:
            names[operand.free_of] = None
    for name in names:
        found = [(begin, end) for _, list_name, begin, end in matches if list_name == name]
        shown = ", ".join(f"{result.case.text[begin:end]!r} at {begin}" for begin, end in found[:_LIMIT])
        more = f" and {len(found) - _LIMIT} more" if len(found) > _LIMIT else ""
        line = f"hits of {name}: {shown or 'none'}{more}"
        words = source.lists.get(name)
        removed = []
        for _, list_name, begin, end in matches:
            if words is not None and list_name in words.allows:
                allowed = result.case.text[begin:end]
                if any(coarse(word) in coarse(allowed) for word in words.words):
                    removed.append(repr(allowed))
        if removed:
            line += f"; not counted inside the allow words {', '.join(removed[:_LIMIT])}"
        lines.append(line)
    return lines
