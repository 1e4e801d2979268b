"""Where the scan looks words up: the sounds around one symbol, whatever stands at it.

A form of three or more symbols is filed once for each of its places, under the sounds beside that place: of the whole
form where it has three, else of four neighbours with the place second, or first or last at an end. A form of two is
filed under both of its sounds. kernels/vocabulary.h looks them up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fairpost.engine import layout
from fairpost.engine.layout import PAIR_MAP_BITS, PLACE_DTYPE

from .vocabulary import Form

__all__ = ["PAIR", "THREE", "FOUR", "hashed", "pair_bit", "place_sections", "window_of"]

PAIR: Final = 0
THREE: Final = 1
FOUR: Final = 4
"""Kinds of keys; of THREE and FOUR there is one for each place that is left out."""
_SPREAD: Final = 16
"""Bits of the map for each key."""


def window_of(place: int, length: int) -> int:
    """First of the four symbols of a form of `length` that decide about `place`."""
    return min(max(place - 1, 0), length - 4)


def hashed(kind: int, sounds: Sequence[NDArray[Any]]) -> NDArray[np.uint32]:
    """uint32[n]: key_hash() of kernels/vocabulary.h for columns of two or three sounds."""
    h = np.full(len(sounds[0]), kind * 0x27D4EB2F & 0xFFFFFFFF, dtype=np.uint32)
    for column, factor in zip(sounds, (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D), strict=False):
        h += column.astype(np.uint32) * np.uint32(factor)
    h ^= h >> np.uint32(15)
    h *= np.uint32(0x2C1B3C6D)
    return h ^ h >> np.uint32(13)


def pair_bit(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.int64]:
    """Where the map of pairs has two sounds; few pairs share a place."""
    side = PAIR_MAP_BITS.bit_length() // 2
    mask = (1 << side) - 1
    return (first.astype(np.int64) & mask) << side | second.astype(np.int64) & mask


def place_sections(forms: Sequence[Form]) -> dict[str, NDArray[Any]]:
    """EKEY, EKYO, EKYM and EPAI."""
    keys: list[NDArray[np.uint32]] = []
    numbers: list[NDArray[np.int64]] = []
    places: list[NDArray[np.int64]] = []
    pairs = np.zeros(PAIR_MAP_BITS, dtype=np.uint8)

    def file(kind: int, sounds: Sequence[NDArray[Any]], rows: NDArray[np.int64], place: int) -> None:
        keys.append(hashed(kind, sounds))
        numbers.append(rows)
        places.append(np.full(len(rows), place, dtype=np.int64))

    for length in sorted({len(form.sounds) for form in forms}):
        rows = np.array([k for k, form in enumerate(forms) if len(form.sounds) == length], dtype=np.int64)
        columns = np.array([forms[k].sounds for k in rows.tolist()], dtype=np.int64).T
        if length == 2:
            file(PAIR, columns, rows, 0)
            pairs[pair_bit(*columns)] = 1
            continue
        for place in range(length):
            start = 0 if length == 3 else window_of(place, length)
            others = [columns[k] for k in range(start, start + min(length, 4)) if k != place]
            file((THREE if length == 3 else FOUR) + place - start, others, rows, place)
    key, number, place = (np.concatenate(parts) for parts in (keys, numbers, places))
    bits = max(4, (len(key) - 1).bit_length())
    bucket = key & np.uint32((1 << bits) - 1)
    order = np.lexsort((place, number, bucket))
    records = np.zeros(len(key), dtype=PLACE_DTYPE)
    records["form"], records["place"], records["tag"] = number[order], place[order], key[order] >> np.uint32(16)
    map_bits = min(26, max(6, (_SPREAD * len(key) - 1).bit_length()))
    flags = np.zeros(1 << map_bits, dtype=np.uint8)
    flags[key >> np.uint32(32 - map_bits)] = 1
    return {
        "EKEY": records,
        "EKYO": np.concatenate([[0], np.cumsum(np.bincount(bucket, minlength=1 << bits))]).astype(np.uint32),
        "EKYM": np.packbits(flags, bitorder="little").view("<u8"),
        "EPAI": np.packbits(pairs, bitorder="little").view("<u8"),
    }


assert layout.PAIR_MAP_BITS.bit_length() % 2, "the map of pairs is a square"
