"""Checks what a standing table is given and brings it into the engine's types."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fairpost.engine.dates import day_of_date
from fairpost.engine.texts import Texts
from fairpost.engine.vocabulary import ENFORCEMENT, LISTING, REGISTRATION, SELLER_RECORD_DTYPE

__all__ = ["KEY_BYTES", "check_key", "check_records", "day_number", "ids_of"]

KEY_BYTES: Final = 16
_STATES = {"registration": REGISTRATION, "enforcement": ENFORCEMENT, "listing": LISTING}


def check_key(key: Any) -> bytes:
    """The key of the hashes as 16 bytes."""
    if not isinstance(key, bytes | bytearray | memoryview):
        raise TypeError(f"key is {type(key).__name__}, expected {KEY_BYTES} bytes")
    if len(key) != KEY_BYTES:
        raise ValueError(f"key has {len(key)} bytes, expected {KEY_BYTES}")
    return bytes(key)


def ids_of(ids: Any, *, are_named: bool = False) -> Texts:
    """Ids of sellers as columns; are_named: none may be empty."""
    texts = Texts.of(ids)
    if are_named and len(texts):
        empty = np.flatnonzero(np.diff(texts.offsets) == 0)
        if empty.size:
            raise ValueError(f"ids[{empty[0]}] is empty: a seller has an id")
    return texts


def check_records(records: Any, count: int) -> NDArray[Any]:
    """SELLER_RECORD_DTYPE[count], contiguous, every number inside its vocabulary."""
    if getattr(records, "dtype", None) != SELLER_RECORD_DTYPE:
        raise TypeError("records must be an array of SELLER_RECORD_DTYPE")
    if records.shape != (count,):
        raise ValueError(f"records has shape {records.shape}, expected ({count},): one for each id")
    for field, words in _STATES.items():
        if count and records[field].max() >= len(words):
            row = int(np.argmax(records[field] >= len(words)))
            allowed = ", ".join(f"{k} ({word})" for k, word in enumerate(words))
            raise ValueError(f"records[{row}].{field} is {records[field][row]}, expected one of {allowed}")
    return np.ascontiguousarray(records)


def day_number(day: date | int) -> int:
    """Days since 1970."""
    number = day_of_date(day) if isinstance(day, date) else int(day)
    if not -(2**31) < number < 2**31:
        raise ValueError(f"day is {number}, expected a date or days since 1970")
    return number
