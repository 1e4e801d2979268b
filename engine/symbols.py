"""From fold tables over code points to the two-stage tables of a bundle.

The scan has one fold and 16-bit symbols. A folded code point of the Basic Multilingual Plane is its own
symbol; the others that occur in patterns get symbols from the surrogates' range, which no text can hold.
Patterns with fewer folds keep their own ("fine") fold, in code points, for checking a hit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairpost.engine import folds as fold_tables
from fairpost.engine import layout
from fairpost.engine.folds import CLAUSE, DEFAULT, DROP, SENTENCE, FoldTable, fold, fold_table
from fairpost.engine.layout import Symbol

__all__ = ["RECOGNISER_FOLDS", "FineFolds", "ScanFold"]

RECOGNISER_FOLDS = DEFAULT - {"separators"}
"""What recognisers read: separators stay, as single characters. Always fine fold 0."""

_POOL = range(0xD800, 0xE000)
_BLOCK = 128


def _two_stage(entries: NDArray[Any]) -> tuple[NDArray[np.uint16], NDArray[Any]]:
    """Split a column over all code points into (block numbers, distinct blocks)."""
    numbers: dict[bytes, int] = {}  # blocks in order of their first use
    index = [numbers.setdefault(row.tobytes(), len(numbers)) for row in entries.reshape(-1, _BLOCK)]
    return np.array(index, dtype=np.uint16), np.frombuffer(b"".join(numbers), dtype=entries.dtype)


class ScanFold:
    """The scan's fold as symbols, with symbols for the code points that the patterns need.

    Args:
        folds: fold classes; none is the identity, which needs no table.
        needed: the code points of all folded patterns, as often as they occur.
    """

    def __init__(self, folds: Iterable[str], needed: NDArray[np.integer[Any]]) -> None:
        names = frozenset(folds) - {"repeat"}
        self.is_identity = not names
        self._table = fold_table(names)
        symbol = np.full(0x110000, Symbol.OTHER, dtype=np.uint16)
        symbol[layout.FIRST_SYMBOL : 0xFFFF] = np.arange(layout.FIRST_SYMBOL, 0xFFFF)
        symbol[_POOL.start : _POOL.stop] = Symbol.OTHER
        is_needed = np.zeros(0x110000, dtype=bool)
        is_needed[needed] = True
        self._rare = np.flatnonzero(is_needed & (symbol == Symbol.OTHER))
        if len(self._rare) > len(_POOL):
            raise ValueError(f"patterns hold more than {len(_POOL)} different rare characters")
        symbol[self._rare] = _POOL.start + np.arange(len(self._rare))
        self._symbol = symbol

    def symbols(self, code_points: NDArray[np.integer[Any]]) -> NDArray[np.uint16]:
        """Folded code points of patterns as symbols."""
        symbols: NDArray[np.uint16] = self._symbol[code_points]
        return symbols

    def sections(self) -> dict[str, NDArray[Any]]:
        if self.is_identity:
            return {"RARE": self._rare}
        target = self._table.target
        entries = self._symbol.copy()
        changed = np.flatnonzero(target != np.arange(0x110000, dtype=np.int32))
        images = target[changed]
        entries[changed] = self._symbol[np.maximum(images, 0)]
        dropped = changed[images == DROP]
        kind = fold_tables.CHAR_CLASS[dropped]  # built on first use
        ends = np.where(kind & CLAUSE, Symbol.SKIP_CLAUSE, Symbol.SKIP)
        entries[dropped] = np.where(kind & SENTENCE, Symbol.SKIP_SENTENCE, ends)
        expanding = changed[images < DROP]
        entries[expanding] = Symbol.EXPANDS
        expansions = self._table.expansions
        numbers = -2 - target[expanding]
        lengths = np.array([len(codes) for codes in expansions], dtype=np.int64)
        starts = np.cumsum(lengths) - lengths
        records = np.zeros(len(expanding), dtype=layout.EXPANSION_DTYPE)
        records["code_point"], records["start"], records["length"] = expanding, starts[numbers], lengths[numbers]
        folded = np.array([code for codes in expansions for code in codes], dtype=np.int64)
        blocks, column = _two_stage(entries)
        return {"FBLK": blocks, "FSYM": column, "FEXP": records, "FEXS": self.symbols(folded)}


class FineFolds:
    """Fine folds and the patterns that use them."""

    def __init__(self) -> None:
        self._folds: dict[frozenset[str], int] = {frozenset(RECOGNISER_FOLDS): 0}
        self._records: list[tuple[int, int, int, int]] = []
        self._code_points: list[int] = []

    def pattern(self, text: str, folds: frozenset[str], own: Sequence[int]) -> int:
        """Number of a new fine pattern: `own` = `text` under `folds`."""
        number = self._folds.setdefault(folds, len(self._folds))
        lead = next(k for k, code_point in enumerate(own) if fold(chr(code_point), DEFAULT)[0])
        self._records.append((len(self._code_points), len(own), lead, number))
        self._code_points.extend(own)
        return len(self._records) - 1

    def sections(self) -> dict[str, NDArray[Any]]:
        expansions: list[tuple[int, int, int]] = []
        expanded: list[int] = []
        columns = [self._entries(fold_table(folds), expansions, expanded) for folds in self._folds]
        blocks, column = _two_stage(np.concatenate(columns))
        return {
            "VBLK": blocks,
            "VCPT": column,
            "VEXP": np.array(expansions, dtype=layout.EXPANSION_DTYPE),
            "VEXS": np.array(expanded, dtype=np.uint32),
            "FINE": np.array(self._records, dtype=layout.FINE_DTYPE),
            "FCPT": np.array(self._code_points, dtype=np.uint32),
        }

    @staticmethod
    def _entries(table: FoldTable, expansions: list[tuple[int, int, int]], expanded: list[int]) -> NDArray[np.uint32]:
        base = len(expansions)
        for code_points in table.expansions:
            expansions.append((0, len(expanded), len(code_points)))
            expanded.extend(code_points)
        target = table.target.astype(np.int64)
        # Stored as a difference (exclusive or), so that the blocks of all unchanged characters are one.
        entries = np.where(target >= 0, target ^ np.arange(0x110000), layout.FINE_FOLD_DROP)
        many = target <= -2
        entries[many] = (-target[many] - 2 + base) | layout.FINE_FOLD_EXPANDS
        return entries.astype(np.uint32)
