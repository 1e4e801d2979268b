"""Regular patterns as a bundle holds them: anchors among the other patterns, automata in sections of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fairpost.engine import layout
from fairpost.engine.symbols import ScanFold

from .automaton import Automaton, Neighbours, alphabet, compile_regular, states_of
from .syntax import Symbols, rare_code_points

__all__ = ["AnchorPattern", "RegularPatterns"]

_WORD: Final = 64
_DIRECT: Final = ((layout.FIRST_SYMBOL, 0xD7FF), (0xE000, 0xFFFE))
"""Code points that are their own symbol."""


@dataclass(frozen=True, slots=True)
class AnchorPattern:
    """An anchor as the index takes it: a literal, and its number in section RGXA.

    A regular pattern's first anchor stands for it in evidence, and has its text and lists; the others have none.
    """

    literal: tuple[int, ...]  # folded code points
    number: int
    text: str
    lists: list[int]


@dataclass(slots=True)
class _Entry:
    text: str
    automaton: Automaton
    has_edges: bool
    lists: set[int] = field(default_factory=set)


class RegularPatterns:
    """The regular patterns of a bundle, those merged that match alike."""

    def __init__(self) -> None:
        self._entries: dict[tuple[tuple[Symbols, ...], Any, bool], _Entry] = {}

    def add(self, text: str, word_boundaries: bool, lists: tuple[int, ...]) -> None:
        """Compile `text`, which stands between slashes.

        Raises:
            InvalidRegular: it cannot be compiled.
        """
        a = compile_regular(text[1:-1])
        key = (a.symbols, (a.first, a.last, a.chain, a.branches), word_boundaries)
        self._entries.setdefault(key, _Entry(text, a, word_boundaries)).lists.update(lists)

    def rare_code_points(self) -> NDArray[np.int64]:
        """Those of the classes that need a symbol from the pool."""
        needed = {
            code_point
            for entry in self._entries.values()
            for symbols in entry.automaton.symbols
            for code_point in rare_code_points(symbols)
        }
        return np.array(sorted(needed), dtype=np.int64)

    @property
    def anchor_count(self) -> int:
        return sum(len(entry.automaton.anchors) for entry in self._entries.values())

    def anchors(self) -> Iterator[AnchorPattern]:
        """All anchors, in the order of section RGXA."""
        number = 0
        for entry in self._entries.values():
            for place, anchor in enumerate(entry.automaton.anchors):
                stands_for = place == 0
                yield AnchorPattern(
                    anchor.literal,
                    number,
                    entry.text if stands_for else "",
                    sorted(entry.lists) if stands_for else [],
                )
                number += 1

    def sections(self, scan: ScanFold, first_pattern: int) -> dict[str, NDArray[Any]]:
        """Sections RGXR, RGXA, RGXC, RGXM; `first_pattern` is the number of the first anchor among all patterns."""
        records = np.zeros(len(self._entries), dtype=layout.REGULAR_DTYPE)
        anchors: list[tuple[int, ...]] = []
        starts: list[int] = []
        masks: list[int] = []
        sets: dict[int, int] = {}  # by places
        for number, entry in enumerate(self._entries.values()):
            a = entry.automaton
            words = -(-len(a.symbols) // _WORD)
            branch_of = {state: row for row, (states, _) in enumerate(a.branches) for state in states_of(states)}
            opening = tuple(a.symbols[state] for state in states_of(a.first))
            pieces, takes = alphabet([_as_symbols(symbols, scan) for symbols in a.symbols])
            records[number] = (
                first_pattern + len(anchors),
                len(masks),
                len(starts),
                _set_number(opening, scan, sets),
                len(pieces),
                len(a.branches),
                words,
                a.longest,
                entry.has_edges,
                0,
            )
            for anchor in a.anchors:
                around = a.surroundings(anchor)
                near = [_set_number(near, scan, sets) for near in (around.before, around.behind, around.second)]
                anchors.append((number, anchor.least, anchor.most, around.ahead, 0, *near))
            starts += [*pieces, *(branch_of.get(state, 0) for state in range(words * _WORD))]
            turning = sum(1 << state for state in branch_of)
            for mask in (a.first, a.last, a.chain, turning, *(others for _, others in a.branches), *takes):
                masks += _words(mask, words)
        return {
            "RGXR": records,
            "RGXA": np.array(anchors, dtype=layout.REGULAR_ANCHOR_DTYPE),
            "RGXC": np.array(starts, dtype=np.uint16),
            "RGXM": np.array(masks, dtype=np.uint64),
            "RGXN": np.array([(_words(places, _SET_WORDS),) for places in sets], dtype=layout.SYMBOL_SET_DTYPE),
        }


_SET_WORDS: Final = 4
_ANY: Final = (1 << _WORD * _SET_WORDS) - 1


def _words(mask: int, count: int) -> list[int]:
    """The bits of `mask` in words of 64, the lowest first."""
    return [mask >> (_WORD * word) & (1 << _WORD) - 1 for word in range(count)]


def _set_number(neighbours: Neighbours, scan: ScanFold, sets: dict[int, int]) -> int:
    """The number in `sets` of the set that holds these symbols."""
    return sets.setdefault(_hashed(neighbours, scan), len(sets))


def _hashed(neighbours: Neighbours, scan: ScanFold) -> int:
    """A set of symbols as 256 bits: a symbol's bit is the top 8 of a 32-bit product (kernels/regular.h)."""
    if neighbours is None or any(symbols.is_wide for symbols in neighbours):
        return _ANY
    found = 0
    for symbols in set(neighbours):
        for low, high in _as_symbols(symbols, scan).ranges:
            for symbol in range(low, high + 1):
                found |= 1 << ((symbol * 0x9E3779B1 & 0xFFFFFFFF) >> 24)
    return found


def _as_symbols(symbols: Symbols, scan: ScanFold) -> Symbols:
    """Ranges of code points as ranges of the scan's symbols."""
    ranges = [
        (max(first, low), min(last, high))
        for first, last in symbols.ranges
        for low, high in _DIRECT
        if first <= high and last >= low
    ]
    rare = scan.symbols(np.fromiter(rare_code_points(symbols), dtype=np.int64)).tolist()
    return Symbols(tuple(sorted([*ranges, *((symbol, symbol) for symbol in rare)])), symbols.negated)
