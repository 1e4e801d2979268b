"""Columns as sections hold them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["bitmap", "ragged"]


def bitmap(size: int, places: NDArray[Any] | Sequence[int]) -> NDArray[np.uint64]:
    """uint64[size / 64]: bit k % 64 of word k // 64 is set for each of the places; size is a multiple of 64."""
    flags = np.zeros(size, dtype=np.uint8)
    flags[places] = 1
    return np.packbits(flags, bitorder="little").view("<u8")


def ragged(rows: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(offsets[n+1], values) of n rows of different lengths."""
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return offsets, np.array([value for row in rows for value in row], dtype=np.int64)
