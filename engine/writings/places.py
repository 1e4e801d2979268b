"""Where the scan looks words up: the sounds around one symbol, whatever stands at it.

A form is filed for each of its places, under what stands beside that place. Of two symbols: the other one as it
stands, or its sound. Of three: one of the others as it stands and the sound of the other, or both sounds. Of more: the
sounds of three neighbours, the place second among the four, or first or last at an end. kernels/vocabulary.h looks them
up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fairpost.engine.columns import bitmap
from fairpost.engine.layout import PAIR_MAP_BITS, PLACE_DTYPE

from .vocabulary import Form

__all__ = ["hashed", "pair_bit", "place_sections", "window_of"]

PAIR_FIRST: Final = 0
PAIR_SECOND: Final = 1
PAIR_FIRST_SOUND: Final = 2
PAIR_SECOND_SOUND: Final = 3
THREE: Final = 4
FOUR: Final = 13
"""Kinds of keys, as KEY_... in kernels/vocabulary.h."""
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


def _keys(
    place: int, sounds: NDArray[np.int64], symbols: NDArray[np.int64]
) -> list[tuple[int, list[NDArray[np.int64]]]]:
    """(kind, columns) under which forms are filed for the symbol at `place`."""
    length = len(sounds)
    if length == 2:
        if place == 0:
            return [(PAIR_FIRST, [sounds[0], symbols[1]]), (PAIR_FIRST_SOUND, [sounds[0], sounds[1]])]
        return [(PAIR_SECOND, [symbols[0], sounds[1]]), (PAIR_SECOND_SOUND, [sounds[0], sounds[1]])]
    if length == 3:
        a, b = (k for k in range(3) if k != place)
        kind = THREE + 3 * place
        return [
            (kind, [symbols[a], sounds[b]]),
            (kind + 1, [sounds[a], symbols[b]]),
            (kind + 2, [sounds[a], sounds[b]]),
        ]
    start = window_of(place, length)
    return [(FOUR + place - start, [sounds[k] for k in range(start, start + 4) if k != place])]


def place_sections(forms: Sequence[Form], meant: Sequence[NDArray[np.uint16]]) -> dict[str, NDArray[Any]]:
    """EKEY, EKYO, EKYM, EPAI and EADJ. meant: the symbols of each word."""
    keys: list[NDArray[np.uint32]] = []
    records: list[NDArray[Any]] = []
    pairs = bitmap(PAIR_MAP_BITS, [])
    neighbours: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
    written = {form.word: form.sounds for form in reversed(forms)}  # the first form of a word: as it is written
    for length in sorted({len(form.sounds) for form in forms}):
        rows = np.array([k for k, form in enumerate(forms) if len(form.sounds) == length], dtype=np.int64)
        sounds = np.array([forms[k].sounds for k in rows.tolist()], dtype=np.int64).T
        symbols = np.array([meant[forms[k].word] for k in rows.tolist()], dtype=np.int64).T
        if length == 2:
            pairs = bitmap(PAIR_MAP_BITS, pair_bit(*sounds))
        else:
            plain = np.array([written[forms[k].word] for k in rows.tolist()], dtype=np.int64).T
            for first, second in ((sounds, sounds), (plain, sounds), (sounds, plain)):
                neighbours.append(pair_bit(first[:-1], second[1:]).ravel())
        for place in range(length):
            made = np.zeros(len(rows), dtype=PLACE_DTYPE)
            made["form"], made["meant"], made["sound"] = rows << 8 | place, symbols[place], sounds[place]
            for kind, columns in _keys(place, sounds, symbols):
                keys.append(hashed(kind, columns))
                records.append(made)
    key, record = np.concatenate(keys), np.concatenate(records)
    record["sound"] |= (key >> np.uint32(28) << np.uint32(12)).astype(np.uint16)
    bits = max(4, (len(key) - 1).bit_length())
    bucket = key & np.uint32((1 << bits) - 1)
    order = np.lexsort((record["form"], bucket))
    map_bits = min(26, max(6, (_SPREAD * len(key) - 1).bit_length()))
    return {
        "EKEY": record[order],
        "EKYO": np.concatenate([[0], np.cumsum(np.bincount(bucket, minlength=1 << bits))]).astype(np.uint32),
        "EKYM": bitmap(1 << map_bits, key >> np.uint32(32 - map_bits)),
        "EPAI": pairs,
        "EADJ": bitmap(PAIR_MAP_BITS, np.concatenate(neighbours)),
    }
