"""The standing table of the server's sellers: the engine's, under a key of the registry's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fairpost.engine.records import KEY_BYTES
from fairpost.engine.vocabulary import SELLER_RECORD_DTYPE
from fairpost.server.standing import derive

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from fairpost.server.identity import IdentityKey
    from fairpost.server.standing import SellerRecord

__all__ = ["columns_of", "table_key"]


def table_key(key: IdentityKey) -> bytes:
    """The key of the table's hashes. From the identity key, so that every process of a registry has the same and can
    open a snapshot that another one made."""
    return key.hash(b"standing-table\0")[:KEY_BYTES]


def columns_of(sellers: Iterable[SellerRecord], day: date) -> tuple[list[str], np.ndarray]:
    """What a table is told: (ids, SELLER_RECORD_DTYPE[n]), derived for `day`."""
    ids: list[str] = []
    rows = np.zeros(64, SELLER_RECORD_DTYPE)
    for seller in sellers:
        if len(ids) == len(rows):
            rows = np.concatenate([rows, np.zeros(len(rows), SELLER_RECORD_DTYPE)])
        rows[len(ids)] = derive(seller, day).record()
        ids.append(seller.seller_id)
    return ids, rows[: len(ids)]
