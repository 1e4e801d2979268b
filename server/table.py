"""The standing of all sellers in memory, as of today: the engine's table under a key of the registry's own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fairpost.engine import StandingTable
from fairpost.engine.dates import day_of_date, today
from fairpost.engine.records import KEY_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date
    from pathlib import Path

    import numpy as np

    from fairpost.engine import StandingView

__all__ = ["KEY_BYTES", "SellerTable"]


class SellerTable:
    """Seller id -> standing. Any number of readers, one writer at a time (see fairpost.engine.StandingTable).

    key: 16 bytes, under which the ids are hashed; by default one of its own. clock: today, for tenures.
    """

    def __init__(self, key: bytes | None = None, clock: Callable[[], date] = today) -> None:
        self._key = key or os.urandom(KEY_BYTES)
        self._clock = clock
        self._table = StandingTable(self._key)

    def __len__(self) -> int:
        return len(self._table)

    @property
    def sequence(self) -> int:
        """The position of the log that it shows."""
        return self._table.sequence

    @property
    def available(self) -> bool:
        """False while the table may lack an acknowledged change: every seller is then SELLER_UNAVAILABLE."""
        return self._table.available

    @available.setter
    def available(self, value: bool) -> None:
        self._table.available = value

    @property
    def engine_table(self) -> StandingTable:
        """What answers lookups without the GIL, at present."""
        return self._table

    @property
    def day(self) -> int:
        """Today, in days since 1970."""
        return day_of_date(self._clock())

    def view(self, seller_ids: Sequence[str]) -> StandingView:
        """What one batch sees: `sellers` int32[n] (row, or SELLER_NONE for "", SELLER_NOT_FOUND, SELLER_UNAVAILABLE),
        `standings` STANDING_DTYPE[m], `sequence`."""
        return self._table.view(seller_ids, self._clock())

    def apply(self, sequence: int, seller_ids: Sequence[str], records: np.ndarray) -> None:
        """Let the sellers stand as `records` (SELLER_RECORD_DTYPE[n]) from now on."""
        self._table.apply(sequence, seller_ids, records)

    def replace(self, sequence: int, seller_ids: Sequence[str], records: np.ndarray) -> None:
        """Exchange the whole content; readers see either all of the old or all of the new."""
        self._table.replace(seller_ids, records, sequence, day_of_date(self._clock()))

    def save(self, path: Path) -> None:
        """Write a snapshot, whole or not at all."""
        self._table.save(path)

    def restore(self, path: Path) -> None:
        """Take the content of a snapshot.

        Raises:
            InvalidSnapshot: damaged, or of another key.
            OSError: it cannot be read.
        """
        table = StandingTable.open(path, self._key)
        table.available = self._table.available
        self._table = table
