"""Standing of all sellers in memory: the array that the engine reads, and where each seller is in it.

Rows that a reader may have seen are never written again. A change of standing writes a new row behind the last one
and points the seller at it; a batch that is being judged keeps reading the row it found. Rows that nobody points at
any more are dropped when the array would have to grow.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fairpost.engine.vocabulary import SELLER_NONE, SELLER_NOT_FOUND, SELLER_UNAVAILABLE, STANDING_DTYPE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["SellerTable", "TableView"]

_FIRST_CAPACITY = 256


class TableView(NamedTuple):
    """What one batch sees. `sellers` int32[n]: row in `standings`, or SELLER_NONE / _NOT_FOUND / _UNAVAILABLE."""

    sellers: np.ndarray
    standings: np.ndarray


class _Generation:
    """Rows and index that belong together. `rows` may be replaced by a longer copy, never by another content."""

    __slots__ = ("index", "rows", "used")

    def __init__(self, capacity: int) -> None:
        self.index: dict[str, int] = {}
        self.rows = np.zeros(capacity, STANDING_DTYPE)
        self.used = 0


class SellerTable:
    """Seller id -> standing. Any number of readers without a lock, one writer at a time."""

    def __init__(self) -> None:
        self._generation = _Generation(_FIRST_CAPACITY)
        self._writing = threading.Lock()
        self.available = True
        """False while the table may lack an acknowledged change: every seller is then SELLER_UNAVAILABLE."""

    def __len__(self) -> int:
        return len(self._generation.index)

    def view(self, seller_ids: Sequence[str]) -> TableView:
        """Rows of the sellers named by a batch of posts; "" names none."""
        generation = self._generation
        if not self.available:
            rows = [SELLER_UNAVAILABLE if seller_id else SELLER_NONE for seller_id in seller_ids]
            return TableView(np.array(rows, np.int32), generation.rows)
        find = generation.index.get
        rows = [find(seller_id, SELLER_NOT_FOUND) if seller_id else SELLER_NONE for seller_id in seller_ids]
        # Taken after the index was read: the writer fills a row before it points at it, so every row found is here.
        return TableView(np.array(rows, np.int32), generation.rows)

    def put(self, seller_id: str, row: np.ndarray) -> None:
        """Let `seller_id` stand as `row` (STANDING_DTYPE, shape ()) from now on."""
        with self._writing:
            generation = self._generation
            if generation.used == len(generation.rows):
                generation = self._make_room(generation)
            generation.rows[generation.used] = row
            generation.index[seller_id] = generation.used
            generation.used += 1
            self._generation = generation

    def replace(self, entries: Iterable[tuple[str, np.ndarray]]) -> None:
        """Exchange the whole content; readers see either all of the old or all of the new."""
        with self._writing:
            fresh = _Generation(_FIRST_CAPACITY)
            for seller_id, row in entries:
                if fresh.used == len(fresh.rows):
                    fresh.rows = _doubled(fresh.rows)
                fresh.rows[fresh.used] = row
                fresh.index[seller_id] = fresh.used
                fresh.used += 1
            self._generation = fresh

    def _make_room(self, generation: _Generation) -> _Generation:
        if len(generation.index) > generation.used // 2:
            generation.rows = _doubled(generation.rows)
            return generation
        # Half of the rows are stale. Row numbers change, so readers need another index: a new generation.
        live = _Generation(len(generation.rows))
        live.rows[: len(generation.index)] = generation.rows[list(generation.index.values())]
        live.index = {seller_id: row for row, seller_id in enumerate(generation.index)}
        live.used = len(live.index)
        return live


def _doubled(rows: np.ndarray) -> np.ndarray:
    longer = np.zeros(2 * len(rows), STANDING_DTYPE)
    longer[: len(rows)] = rows
    return longer
