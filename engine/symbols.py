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

from fairpost.engine import layout
from fairpost.engine.folds import CHAR_CLASS, CLAUSE, DEFAULT, SENTENCE, FoldTable, fold, fold_table
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
    """The scan's fold as symbols, with symbols for the code points that the patterns need."""

    def __init__(self, folds: Iterable[str], needed: Iterable[int]) -> None:
        table = fold_table(folds)
        symbol = np.arange(0x110000, dtype=np.int64)
        direct = (symbol >= layout.FIRST_SYMBOL) & (symbol < 0xFFFF) & ~((symbol >= 0xD800) & (symbol < 0xE000))
        symbol[~direct] = Symbol.OTHER
        pool = iter(_POOL)
        for code_point in sorted({c for c in needed if not direct[c]}):
            try:
                symbol[code_point] = next(pool)
            except StopIteration:
                raise ValueError(f"patterns hold more than {len(_POOL)} different rare characters") from None
        self._symbol = symbol
        self._table = table

    def symbols(self, code_points: Sequence[int]) -> list[int]:
        """Folded code points of a pattern as symbols."""
        return [int(self._symbol[c]) for c in code_points]

    def sections(self) -> dict[str, NDArray[Any]]:
        target = self._table.target
        entries = np.full(0x110000, Symbol.SKIP, dtype=np.uint16)
        kept = target >= 0
        entries[kept] = self._symbol[target[kept]]
        dropped = ~kept & (target == -1)
        entries[dropped & ((CHAR_CLASS & CLAUSE) != 0)] = Symbol.SKIP_CLAUSE
        entries[dropped & ((CHAR_CLASS & SENTENCE) != 0)] = Symbol.SKIP_SENTENCE
        expanding = np.flatnonzero(target <= -2)
        entries[expanding] = Symbol.EXPANDS
        records = np.zeros(len(expanding), dtype=layout.EXPANSION_DTYPE)
        symbols: list[int] = []
        for number, code_point in enumerate(expanding):
            folded = self.symbols(self._table.expansions[-int(target[code_point]) - 2])
            records[number] = (code_point, len(symbols), len(folded))
            symbols.extend(folded)
        blocks, column = _two_stage(entries)
        return {"FBLK": blocks, "FSYM": column, "FEXP": records, "FEXS": np.array(symbols, dtype=np.uint16)}


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
