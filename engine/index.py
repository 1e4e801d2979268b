"""The anchor index: each pattern under its rarest bigram or trigram, found by a filter and a perfect hash."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairpost.engine import layout
from fairpost.engine.anchors import AnchorsNotPlaced, bucket_keys, choose_anchors, filter_map, perfect_hash
from fairpost.engine.columns import bitmap

__all__ = ["PatternColumns", "build_index", "pattern_records", "sketch", "sketch_position"]

_FILTER_SPREAD = 16


@dataclass(frozen=True, slots=True)
class PatternColumns:
    """Patterns as the index takes them.

    symbols: uint16[total]; starts: int64[n + 1], pattern k is symbols[starts[k]:starts[k + 1]].
    flags: uint8[n], PatternFlag. fine: uint32[n], record in FINE or NO_FINE.
    lists: uint16[any]; those of pattern k are lists[list_starts[k]:][:list_counts[k]]. Patterns share places there.
    """

    symbols: NDArray[np.uint16]
    starts: NDArray[np.int64]
    flags: NDArray[np.uint8]
    fine: NDArray[np.uint32]
    lists: NDArray[np.uint16]
    list_starts: NDArray[np.int64]
    list_counts: NDArray[np.int64]


def sketch_position(first: int, second: int) -> int:
    """Where the frequency sketch keeps the bigram."""
    return ((first << 16 | second) * 0x9E3779B1 & 0xFFFFFFFF) >> 16


@cache
def sketch() -> NDArray[np.uint64]:
    """uint64[65536]: 16 times the expected occurrences of each hashed bigram per 2**24 of running Chinese text.

    `bigrams.bin` holds round(8 * log2(count + 1)) for 65,536 hash values; counts come from public short
    texts and tell nothing of any one text.
    """
    stored = np.frombuffer(resources.files("fairpost.engine").joinpath("bigrams.bin").read_bytes(), dtype=np.uint8)
    # floor(16 * 2 ** (v / 8)) in whole numbers: an exp2 may differ in its last bit between machines.
    powers = [isqrt(isqrt(isqrt(1 << (v + 32)))) for v in range(256)]
    return np.array(powers, dtype=np.uint64)[stored]


def pattern_records(patterns: PatternColumns) -> dict[str, NDArray[Any]]:
    """Sections PATT, PSYM, PLST."""
    records = np.zeros(len(patterns.starts) - 1, dtype=layout.PATTERN_DTYPE)
    records["start"] = patterns.starts[:-1]
    records["fine"] = patterns.fine
    records["lists"] = patterns.list_starts
    records["length"] = np.diff(patterns.starts)
    records["flags"] = patterns.flags
    records["list_count"] = patterns.list_counts
    return {"PATT": records, "PSYM": patterns.symbols, "PLST": patterns.lists}


def build_index(patterns: PatternColumns, members: NDArray[np.int64] | None = None) -> dict[str, NDArray[Any]]:
    """Sections UMAP, FMAP, DISP, SLOT, ENTR.

    Args:
        members: the numbers of those patterns that the index is of, ascending; without it all.
    """
    symbols, starts, flags = patterns.symbols, patterns.starts, patterns.flags
    if members is not None:
        symbols, starts, flags = _members(patterns, members)
    count = len(starts) - 1
    lengths = np.diff(starts)
    widths = _anchor_widths(lengths, flags)
    filter_bits = _filter_bits(widths)
    places = choose_anchors(symbols, starts, widths, sketch(), filter_bits)
    anchors = starts[:-1] + places
    words = filter_map(symbols, anchors, widths, filter_bits)
    keys = bucket_keys(symbols, anchors, widths, words)
    order = _bucket_order(keys)
    filed = keys[order]
    first = np.ones(count, dtype=bool)
    first[1:] = filed[1:] != filed[:-1]
    bucket_starts = np.flatnonzero(first)
    displacement, slots = _place(filed[first], bucket_starts)

    entries = np.zeros(count, dtype=layout.ENTRY_DTYPE)
    entries["head"] = _heads(symbols, starts[:-1], lengths)[order]
    entries["pattern"] = order if members is None else members[order]
    entries["anchor"] = places[order]
    entries["length"] = lengths[order]
    entries["flags"] = flags[order]
    entries["flags"][np.roll(first, -1)] |= layout.ENTRY_LAST  # the last one precedes a first one, round the end too
    return {
        "UMAP": bitmap(1 << 16, symbols[starts[:-1][widths == 1]]),
        "FMAP": words,
        "DISP": displacement,
        "SLOT": slots,
        "ENTR": entries,
    }


def _members(
    patterns: PatternColumns, members: NDArray[np.int64]
) -> tuple[NDArray[np.uint16], NDArray[np.int64], NDArray[np.uint8]]:
    """Symbols, starts and flags of some patterns, as PatternColumns has those of all."""
    lengths = np.diff(patterns.starts)[members]
    starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    places = np.repeat(patterns.starts[members] - starts[:-1], lengths) + np.arange(starts[-1])
    return patterns.symbols[places], starts, patterns.flags[members]


def _bucket_order(keys: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Patterns bucket by bucket, each bucket's ascending, buckets by their first pattern: whoever walks the entries
    meets the patterns nearly in order."""
    by_key = np.argsort(keys, kind="stable")
    filed = keys[by_key]
    first = np.ones(len(keys), dtype=bool)
    first[1:] = filed[1:] != filed[:-1]
    first_pattern = np.empty(len(keys), dtype=np.int64)
    first_pattern[by_key] = by_key[first][np.cumsum(first) - 1]
    return np.argsort(first_pattern, kind="stable")


def _heads(symbols: NDArray[np.uint16], starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.uint64]:
    heads = np.zeros(len(starts), dtype=np.uint64)
    for k in range(4):
        has = np.flatnonzero(lengths > k)
        heads[has] |= symbols[starts[has] + k].astype(np.uint64) << np.uint64(16 * k)
    return heads


def _anchor_widths(lengths: NDArray[np.int64], flags: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A pattern of one symbol: that one; of two, and every `repeat` pattern: a bigram; any other: a trigram."""
    widths = np.minimum(lengths, 3).astype(np.uint8)
    widths[(flags & layout.PatternFlag.REPEAT != 0) & (widths == 3)] = 2
    return widths


def _filter_bits(widths: NDArray[np.uint8]) -> int:
    bits_set = 8 * int((widths == 2).sum()) + int((widths == 3).sum())
    return int(np.clip((bits_set * _FILTER_SPREAD).bit_length(), *layout.FILTER_BITS))


def _place(keys: NDArray[np.uint32], bucket_starts: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[Any]]:
    """A perfect hash over different keys: displacements, and the slots."""
    slot_count = len(keys) * 6 // 5 + 1
    while True:
        try:
            displacement, slot_of = perfect_hash(keys, slot_count, slot_count // 4 + 1)
            break
        except AnchorsNotPlaced:
            slot_count += slot_count // 8 + 1
    slots = np.zeros(slot_count, dtype=layout.SLOT_DTYPE)
    slots["key"][slot_of] = keys
    slots["start"][slot_of] = bucket_starts
    return displacement, slots
