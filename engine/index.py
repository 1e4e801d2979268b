"""The anchored bigram index: each pattern under its rarest bigram, found by a bitmap and a perfect hash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairpost.engine import layout
from fairpost.engine.anchors import AnchorsNotPlaced, perfect_hash
from fairpost.engine.layout import PatternFlag

__all__ = ["Anchored", "build_index", "sketch_position"]

_MAP_BITS = (13, 20)  # 1 KB to 128 KB: it must stay in the cache beside the text
_KEY_SPREAD = 32  # bits of the map per anchor


@dataclass(frozen=True, slots=True)
class Anchored:
    """A pattern as the index takes it: symbols, flags, its fine record, its lists."""

    symbols: Sequence[int]
    flags: int
    fine: int
    lists: Sequence[int]


def sketch_position(first: int, second: int) -> int:
    """Where the frequency sketch keeps the bigram."""
    return ((first << 16 | second) * 0x9E3779B1 & 0xFFFFFFFF) >> 16


@cache
def _sketch() -> NDArray[np.float64]:
    """Expected occurrences of each hashed bigram per 2**24 of running Chinese text.

    `bigrams.bin` holds round(8 * log2(count + 1)) for 65,536 hash values; counts come from public short
    texts and tell nothing of any one text.
    """
    stored = np.frombuffer(resources.files("fairpost.engine").joinpath("bigrams.bin").read_bytes(), dtype=np.uint8)
    return np.exp2(stored / 8.0)


def _choose_anchors(patterns: Sequence[Anchored]) -> list[int]:
    """Place of each pattern's anchor: the bigram that costs least, counting how often text holds it and how
    many patterns would be checked there."""
    frequency = _sketch()
    filed: dict[tuple[int, int], int] = {}
    chosen = []
    for pattern in patterns:
        symbols = pattern.symbols
        if len(symbols) == 1:
            chosen.append(0)
            continue
        best, best_cost = 0, np.inf
        for k in range(len(symbols) - 1):
            bigram = (symbols[k], symbols[k + 1])
            bucket = filed.get(bigram, 0)
            cost = frequency[sketch_position(*bigram)] * (2.0 + bucket) * (1.0 + bucket / 64.0)
            if cost < best_cost:
                best, best_cost = k, cost
        bigram = (symbols[best], symbols[best + 1])
        filed[bigram] = filed.get(bigram, 0) + 1
        chosen.append(best)
    return chosen


def build_index(patterns: Sequence[Anchored]) -> dict[str, NDArray[Any]]:
    """Sections UMAP, BMAP, DISP, SLOT, ENTR, PATT, PSYM, PLST."""
    anchors = _choose_anchors(patterns)
    buckets: dict[int, list[tuple[int, int, int, int, int]]] = {}
    records = np.zeros(len(patterns), dtype=layout.PATTERN_DTYPE)
    symbols: list[int] = []
    lists: list[int] = []
    for number, (pattern, anchor) in enumerate(zip(patterns, anchors, strict=True)):
        length = len(pattern.symbols)
        second = pattern.symbols[anchor + 1] if length > 1 else 0
        where = _neighbour(length, anchor, pattern.flags)
        entry = (number, pattern.symbols[anchor + where], where, anchor, length)
        buckets.setdefault(pattern.symbols[anchor] << 16 | second, []).append(entry)
        records[number] = (len(symbols), length, pattern.flags, pattern.fine, len(lists), len(pattern.lists))
        symbols.extend(pattern.symbols)
        lists.extend(pattern.lists)
    keys = np.array(sorted(buckets), dtype=np.uint32)
    displacement, slots = _place(keys, buckets)
    entries = [entry for key in keys.tolist() for entry in buckets[key]]
    return {
        "UMAP": _bitmap(np.array([key >> 16 for key in buckets if not key & 0xFFFF], dtype=np.int64), 16),
        "BMAP": _anchor_map(keys),
        "DISP": displacement,
        "SLOT": slots,
        "ENTR": np.array(entries, dtype=layout.ENTRY_DTYPE),
        "PATT": records,
        "PSYM": np.array(symbols, dtype=np.uint16),
        "PLST": np.array(lists, dtype=np.uint16),
    }


def _neighbour(length: int, anchor: int, flags: int) -> int:
    """Which symbol beside the anchor is compared first, as a distance from the anchor."""
    if flags & PatternFlag.REPEAT or length < 3:
        return 0
    return 2 if anchor + 2 < length else -1


def _place(keys: NDArray[np.uint32], buckets: dict[int, Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    slot_bits = max(1, int(np.ceil(np.log2(max(1, len(keys)) * 1.2))))
    bucket_bits = max(1, slot_bits - 2)
    while True:
        try:
            displacement, slot_of = perfect_hash(keys, slot_bits, bucket_bits)
            break
        except AnchorsNotPlaced:
            slot_bits, bucket_bits = slot_bits + 1, bucket_bits + 1
    slots = np.zeros(1 << slot_bits, dtype=layout.SLOT_DTYPE)
    slots["key"] = 0xFFFFFFFF
    counts = np.array([len(buckets[key]) for key in keys.tolist()], dtype=np.int64)
    slots["key"][slot_of] = keys
    slots["start"][slot_of] = np.cumsum(counts) - counts
    slots["count"][slot_of] = counts
    return displacement, slots


def _bitmap(positions: NDArray[np.int64], bits: int) -> NDArray[np.uint64]:
    flags = np.zeros(1 << bits, dtype=np.uint8)
    flags[positions] = 1
    return np.packbits(flags, bitorder="little").view("<u8")


def _anchor_map(keys: NDArray[np.uint32]) -> NDArray[np.uint64]:
    bigrams = keys[(keys & 0xFFFF) != 0]
    bits = int(np.clip(np.ceil(np.log2(max(1, len(bigrams)) * _KEY_SPREAD)), *_MAP_BITS))
    hashed = (bigrams * np.uint32(0x9E3779B1)) >> np.uint32(32 - bits)
    return _bitmap(hashed.astype(np.int64), bits)
