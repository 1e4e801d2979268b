"""Standing of all sellers in memory, as batches read it.

A change of standing writes a new row behind the last one and points the seller at it; a batch that is being judged
keeps reading the row it found.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fairpost.engine.dates import day_of_date, today
from fairpost.engine.vocabulary import SELLER_NONE, SELLER_NOT_FOUND, SELLER_UNAVAILABLE, STANDING_DTYPE
from fairpost.server.packed import NO_DAY, SELLER_RECORD_DTYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

__all__ = ["SellerTable", "TableView"]


class TableView(NamedTuple):
    """What one batch sees. `sellers` int32[n]: row in `standings` (STANDING_DTYPE[m]), or SELLER_NONE / _NOT_FOUND /
    _UNAVAILABLE; `sequence`: the position of the log that it shows."""

    sellers: np.ndarray
    standings: np.ndarray
    sequence: int


class SellerTable:
    """Seller id -> standing. Any number of readers, one writer at a time."""

    def __init__(self, clock: Callable[[], date] = today) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._rows: dict[str, np.ndarray] = {}
        self.sequence = 0
        self.available = True
        """False while the table may lack an acknowledged change: every seller is then SELLER_UNAVAILABLE."""

    def __len__(self) -> int:
        return len(self._rows)

    def view(self, seller_ids: Sequence[str]) -> TableView:
        """Rows of the sellers named by a batch of posts; "" names none."""
        day = day_of_date(self._clock())
        standings = np.zeros(len(seller_ids), STANDING_DTYPE)
        sellers = np.arange(len(seller_ids), dtype=np.int32)
        with self._lock:
            sequence, available = self.sequence, self.available
            rows = [self._rows.get(seller_id) for seller_id in seller_ids]
        for i, (seller_id, row) in enumerate(zip(seller_ids, rows, strict=True)):
            if not seller_id:
                sellers[i] = SELLER_NONE
            elif not available:
                sellers[i] = SELLER_UNAVAILABLE
            elif row is None:
                sellers[i] = SELLER_NOT_FOUND
            else:
                for name in ("licences", "registration", "enforcement", "listing", "complaints", "strikes"):
                    standings[name][i] = row[name]
                since = int(row["since_day"])
                standings["tenure_days"][i] = max(0, day - since) if since != NO_DAY else 0
        return TableView(sellers, standings, sequence)

    def apply(self, sequence: int, seller_ids: Sequence[str], records: np.ndarray) -> None:
        """Let the sellers stand as `records` (SELLER_RECORD_DTYPE[n]) from now on."""
        assert records.dtype == SELLER_RECORD_DTYPE
        with self._lock:
            self._rows.update(zip(seller_ids, records, strict=True))
            self.sequence = sequence

    def replace(self, sequence: int, seller_ids: Sequence[str], records: np.ndarray) -> None:
        """Exchange the whole content; readers see either all of the old or all of the new."""
        rows = dict(zip(seller_ids, records, strict=True))
        with self._lock:
            self._rows, self.sequence = rows, sequence
