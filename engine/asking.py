"""Which lists rules ask, and which of them only give context.

A rule is evaluated where one of its triggers has a hit. Most other lists only excuse (a buyer's words, news, negation)
or complete a condition, and their words are the commonest there are: on real posts three hits of four. Such a list is
*context*: its patterns are in an index of their own, and looked for only in posts of which a rule asks that question.

No context: triggers, what COMMERCE rules read (they come first), recognisers, and the allow lists of all these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairpost.engine.layout import Op, PatternFlag
from fairpost.engine.vocabulary import RECOGNISERS

__all__ = ["context_lists", "context_patterns", "lists_of_rules", "with_allows"]

Sections = Mapping[str, NDArray[Any]]

_ONE_OPERAND = (Op.ANY, Op.COUNT, Op.COUNT_DISTINCT)
_TWO_OPERANDS = (Op.NEAR, Op.BEFORE)


def lists_of_rules(s: Sections) -> list[set[int]]:
    """Of each rule the lists that its condition reads."""
    operands = list(zip(s["OPND"]["list"].tolist(), s["OPND"]["free_of"].tolist(), strict=True))
    code = list(zip(*(s["CODE"][name].tolist() for name in ("op", "a", "b")), strict=True))
    found: list[set[int]] = []
    for begin, count in zip(s["RULE"]["code"].tolist(), s["RULE"]["code_count"].tolist(), strict=True):
        read: set[int] = set()
        for op, a, b in code[begin : begin + count]:
            if op in _ONE_OPERAND or op in _TWO_OPERANDS:
                read.update(operands[a])
            if op in _TWO_OPERANDS:
                read.update(operands[b])
        found.append(read - {-1})
    return found


def context_lists(s: Sections) -> NDArray[np.bool_]:
    """By list: whether it is context."""
    count = max(1, s["ALST"].size) - 1
    eager = set(range(len(RECOGNISERS))) | set(np.flatnonzero(np.diff(s["TRGO"].astype(np.int64))).tolist())
    for category, read in zip(s["RULE"]["category"].tolist(), lists_of_rules(s), strict=True):
        if category == 0:
            eager |= read
    is_context = np.ones(count, dtype=np.bool_)
    is_context[sorted(with_allows(s, eager))] = False
    return is_context


def with_allows(s: Sections, lists: Iterable[int]) -> set[int]:
    """The lists and those whose longer hits remove theirs."""
    offsets, allows = s["ALST"], s["ALLW"]
    found = set(lists)
    for number in list(found):
        found.update(allows[offsets[number] : offsets[number + 1]].tolist())
    return found


def context_patterns(s: Sections) -> NDArray[np.bool_]:
    """By pattern (section PATT): whether all lists of what it is a match of are context."""
    patterns = s["PATT"]
    owner = np.arange(patterns.size, dtype=np.int64)
    regular = np.flatnonzero(patterns["flags"] & PatternFlag.REGULAR)
    owner[regular] = s["RGXR"]["pattern"][s["RGXA"]["regular"][patterns["fine"][regular]]]
    alike = np.flatnonzero(patterns["flags"] & PatternFlag.ALIKE)
    owner[alike] = patterns["fine"][alike]
    # Patterns of the same lists share them: few different ones are to be looked at.
    places = patterns["lists"].astype(np.uint64) << np.uint64(16) | patterns["list_count"]
    different, which = np.unique(places[owner], return_inverse=True)
    is_context, lists = context_lists(s), s["PLST"]
    holds = [
        bool(is_context[lists[place >> 16 : (place >> 16) + (place & 0xFFFF)]].all() and place & 0xFFFF)
        for place in different.tolist()
    ]
    return np.array(holds, dtype=np.bool_)[which]
