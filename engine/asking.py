"""Which lists rules ask, and which of them only give context.

A rule is evaluated where one of its triggers has a hit. Most other lists only excuse (a buyer's words, news, negation)
or complete a condition, and their words are the commonest there are: on real posts three hits of four. Such a list is
*context*: its patterns are in indexes of their own, one for each category whose rules alone ask for them and one for
those of several categories, and they are looked for only in posts of which such a rule asks.

No context: triggers, what COMMERCE rules read (they come first), recognisers, and the allow lists of all these.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fairpost.engine.layout import Op, PatternFlag
from fairpost.engine.requirements import Sections
from fairpost.engine.vocabulary import RECOGNISERS

__all__ = [
    "NO_CONTEXT",
    "SHARED",
    "UNASKED",
    "list_contexts",
    "lists_of_rules",
    "owner_columns",
    "pattern_contexts",
]

NO_CONTEXT: Final = -1
SHARED: Final = 0
"""Asked for by rules of several categories. (It is COMMERCE's number, whose rules read no context.)"""
UNASKED: Final = 255

_ONE_OPERAND = (Op.ANY, Op.COUNT, Op.COUNT_DISTINCT)
_TWO_OPERANDS = (Op.NEAR, Op.BEFORE)


def lists_of_rules(s: Sections) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(rule, list) of every list that a rule's condition reads, and of those whose longer hits remove hits of these.

    int64[m] each, ascending by rule, then list.
    """
    counts = s["RULE"]["code_count"].astype(np.int64)
    owner, at = _unfolded(s["RULE"]["code"], counts)
    code = s["CODE"][at]
    one, two = np.isin(code["op"], _ONE_OPERAND + _TWO_OPERANDS), np.isin(code["op"], _TWO_OPERANDS)
    operands = s["OPND"][np.concatenate([code["a"][one], code["b"][two]])]
    owner = np.concatenate([owner[one], owner[two]])
    rules = np.concatenate([owner, owner])
    lists = np.concatenate([operands["list"], operands["free_of"]]).astype(np.int64)
    rules, lists = rules[lists >= 0], lists[lists >= 0]
    excused, allows = _allows_of(s, lists)
    pairs = np.unique(np.concatenate([rules, rules[excused]]) << 16 | np.concatenate([lists, allows]))
    return pairs >> 16, pairs & 0xFFFF


def _unfolded(starts: NDArray[Any], counts: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(row, place) of each of the places starts[row] .. starts[row] + counts[row]."""
    counts = counts.astype(np.int64)
    rows = np.repeat(np.arange(len(counts)), counts)
    return rows, np.repeat(starts.astype(np.int64) - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())


def _allows_of(s: Sections, lists: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(place in `lists`, allow list) of every allow list of these."""
    offsets = s["ALST"].astype(np.int64)
    rows, places = _unfolded(offsets[lists], offsets[lists + 1] - offsets[lists])
    return rows, s["ALLW"][places].astype(np.int64)


def list_contexts(s: Sections) -> NDArray[np.int16]:
    """By list: NO_CONTEXT; the category whose rules alone ask for it; SHARED, or UNASKED."""
    rules, lists = lists_of_rules(s)
    category = s["RULE"]["category"][rules].astype(np.int16)
    contexts = _joint(category, lists, max(1, s["ALST"].size) - 1)
    triggers = np.flatnonzero(np.diff(s["TRGO"].astype(np.int64)))
    eager = np.concatenate([np.arange(len(RECOGNISERS)), triggers])
    contexts[eager] = contexts[_allows_of(s, eager)[1]] = contexts[lists[category == 0]] = NO_CONTEXT
    return contexts


def pattern_contexts(s: Sections) -> NDArray[np.int16]:
    """By pattern (section PATT): NO_CONTEXT where a list of what it is a match of is none; else as its lists are,
    SHARED where they differ."""
    patterns = s["PATT"]
    owner = np.arange(patterns.size, dtype=np.int64)
    regular = np.flatnonzero(patterns["flags"] & PatternFlag.REGULAR)
    owner[regular] = s["RGXR"]["pattern"][s["RGXA"]["regular"][patterns["fine"][regular]]]
    rows, places = _unfolded(patterns["lists"][owner], patterns["list_count"][owner])
    contexts = list_contexts(s)[s["PLST"][places]]
    joint = _joint(contexts[contexts != UNASKED], rows[contexts != UNASKED], patterns.size)
    joint[rows[contexts == NO_CONTEXT]] = joint[patterns["list_count"][owner] == 0] = NO_CONTEXT
    return joint


def owner_columns(
    s: Sections, is_context: NDArray[np.bool_], twice: int
) -> tuple[NDArray[np.uint32], NDArray[np.uint16], NDArray[np.uint16]]:
    """(runs, shares, lists) of kernels/hits.h, owners_t.

    Args:
        is_context: bool[lists]; twice: what is added to the runs of patterns that may match twice in the same bytes.

    Returns:
        uint32[patterns], uint16[items of PLST + 1, 2], and PLST with each pattern's context lists behind its others.
    """
    patterns, lists = s["PATT"], s["PLST"]
    own_ways = PatternFlag.REPEAT | PatternFlag.FINE | PatternFlag.REGULAR
    runs = patterns["lists"] + np.where(patterns["flags"] & own_ways, np.uint32(twice), np.uint32(0))
    has = patterns["list_count"] > 0
    runs[~has] = lists.size
    shares = np.zeros((lists.size + 1, 2), dtype=np.uint16)
    shares[patterns["lists"][has], 1] = patterns["list_count"][has]
    starts = np.flatnonzero(shares[:, 1])
    rows, places = _unfolded(starts, shares[starts, 1])
    later = is_context[lists[places]]
    shares[starts, 0] = np.bincount(rows[~later], minlength=len(starts))
    in_order = lists.copy()
    in_order[places] = lists[places[np.lexsort((later, rows))]]
    return runs, shares, in_order


def _joint(asking: NDArray[np.int16], rows: NDArray[np.int64], count: int) -> NDArray[np.int16]:
    """By row: who asks for it, SHARED where several do, UNASKED where nobody does."""
    least, most = np.full(count, UNASKED, dtype=np.int16), np.full(count, NO_CONTEXT, dtype=np.int16)
    np.minimum.at(least, rows, asking)
    np.maximum.at(most, rows, asking)
    return np.where((least == most) | (least == UNASKED), least, SHARED).astype(np.int16)
