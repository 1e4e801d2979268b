"""Which lists rules ask, and which of them only give context.

A rule is evaluated where one of its triggers has a hit. Most other lists only excuse (a buyer's words, news, negation)
or complete a condition, and their words are the commonest there are: on real posts three hits of four. Such a list is
*context*: its patterns are in indexes of their own, one for each category whose rules alone ask for them and one for
those of several categories, and they are looked for only in posts of which such a rule asks.

No context: triggers, what COMMERCE rules read (they come first), recognisers, and the allow lists of all these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fairpost.engine.layout import Op, PatternFlag
from fairpost.engine.vocabulary import RECOGNISERS

__all__ = ["NO_CONTEXT", "SHARED", "UNASKED", "list_contexts", "lists_of_rules", "pattern_contexts", "with_allows"]

Sections = Mapping[str, NDArray[Any]]

NO_CONTEXT: Final = -1
SHARED: Final = 0
"""Asked for by rules of several categories. (It is COMMERCE's number, whose rules read no context.)"""
UNASKED: Final = 255

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


def with_allows(s: Sections, lists: Iterable[int]) -> set[int]:
    """The lists and those whose longer hits remove theirs."""
    offsets, allows = s["ALST"], s["ALLW"]
    found = set(lists)
    for number in list(found):
        found.update(allows[offsets[number] : offsets[number + 1]].tolist())
    return found


def list_contexts(s: Sections) -> NDArray[np.int16]:
    """By list: NO_CONTEXT; the category whose rules alone ask for it; SHARED, or UNASKED."""
    count = max(1, s["ALST"].size) - 1
    eager = set(range(len(RECOGNISERS))) | set(np.flatnonzero(np.diff(s["TRGO"].astype(np.int64))).tolist())
    contexts = np.full(count, UNASKED, dtype=np.int16)
    for category, read in zip(s["RULE"]["category"].tolist(), lists_of_rules(s), strict=True):
        if category == 0:
            eager |= read
            continue
        for number in with_allows(s, read):
            contexts[number] = category if contexts[number] in (UNASKED, category) else SHARED
    contexts[sorted(with_allows(s, eager))] = NO_CONTEXT
    return contexts


def pattern_contexts(s: Sections) -> NDArray[np.int16]:
    """By pattern (section PATT): NO_CONTEXT where a list of what it is a match of is none; else as its lists are,
    SHARED where they differ."""
    patterns = s["PATT"]
    owner = np.arange(patterns.size, dtype=np.int64)
    regular = np.flatnonzero(patterns["flags"] & PatternFlag.REGULAR)
    owner[regular] = s["RGXR"]["pattern"][s["RGXA"]["regular"][patterns["fine"][regular]]]
    # Patterns of the same lists share them: few different ones are to be looked at.
    places = patterns["lists"].astype(np.int64) << 16 | patterns["list_count"]
    different, which = np.unique(places[owner], return_inverse=True)
    contexts, lists = list_contexts(s), s["PLST"]
    found = [_joint(set(contexts[lists[p >> 16 : (p >> 16) + (p & 0xFFFF)]].tolist())) for p in different.tolist()]
    return np.array(found, dtype=np.int16)[which]


def _joint(contexts: set[int]) -> int:
    if not contexts or NO_CONTEXT in contexts:
        return NO_CONTEXT
    asked = contexts - {UNASKED} or {UNASKED}
    return asked.pop() if len(asked) == 1 else SHARED
