"""The anchor index in plain Python: the hashes, the choice of anchors, and a look-up as the kernels do it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fairpost.engine.layout import ENTRY_LAST

__all__ = ["anchor_key", "bucket", "choose", "filter_bit", "scan"]

MASK = 0xFFFFFFFF


def anchor_key(s0: int, s1: int, s2: int) -> int:
    x = ((s0 << 16 | s1) * 0x9E3779B1) & MASK
    x ^= x >> 15
    x = ((x ^ (s2 * 0x85EBCA6B & MASK)) * 0xC2B2AE35) & MASK
    x ^= x >> 16
    return x or 1


def filter_bit(s0: int, s1: int, s2: int, bits: int) -> int:
    group = ((s0 << 16 | s1) * 0x9E3779B1 & MASK) >> (32 - (bits - 3))
    return group << 3 | (s2 * 0x9E37 & 0xFFFF) >> 13


def choose(patterns: Sequence[Sequence[int]], widths: Sequence[int], sketch: Sequence[int], bits: int) -> list[int]:
    """The place of each pattern's anchor: bigrams choose first, then trigrams, each what costs least."""

    def frequency(a: int, b: int) -> int:
        return max(sketch[((a << 16 | b) * 0x9E3779B1 & MASK) >> 16], 1024)

    filed: dict[int, int] = {}
    groups: dict[int, set[int]] = {}

    def cost(often: int, key: int) -> int:
        there = min(filed.get(key, 0), 8191)
        return often * (2 + there) * (16 + there)

    chosen = [0] * len(patterns)
    for turn in (2, 3):
        for number, (s, width) in enumerate(zip(patterns, widths, strict=True)):
            if width != turn:
                continue
            options = []
            for place in range(len(s) - width + 1):
                a, b, c = (*s[place : place + width], 0)[:3]
                pair, often = anchor_key(a, b, 0), frequency(a, b)
                group, bit = divmod(filter_bit(a, b, c, bits), 8)
                sets = set(range(8)) if width == 2 else {bit}
                if len(groups.get(group, set()) | sets) == 8:
                    options.append((cost(often, pair), place, {pair}, group, sets))
                else:
                    key = anchor_key(a, b, c)
                    rare = min(often, frequency(b, c)) + often // 8
                    options.append((cost(rare, key), place, {pair, key}, group, sets))
            _, chosen[number], keys, group, sets = min(options, key=lambda option: option[:2])
            groups.setdefault(group, set()).update(sets)
            for key in keys:
                filed[key] = filed.get(key, 0) + 1
    return chosen


def bucket(sections: Mapping[str, Any], symbols: Sequence[int], at: int, width: int) -> list[int]:
    """Numbers of the patterns that a text's symbols at `at` lead to by their first `width` symbols, as entries."""
    s0, s1, s2 = (*symbols[at : at + 3], 3, 3)[:3]
    if width == 1:
        if not int(sections["UMAP"][s0 >> 6]) >> (s0 & 63) & 1:
            return []
        key = anchor_key(s0, 0, 0)
    else:
        words = sections["FMAP"]
        bit = filter_bit(s0, s1, s2, int(words.size * 64).bit_length() - 1)
        if not int(words[bit >> 6]) >> (bit & 63) & 1:
            return []
        whole = int(words[bit >> 6]) >> (bit & 56) & 0xFF == 0xFF
        key = anchor_key(s0, s1, 0 if whole else s2)
    displacements, slots, entries = sections["DISP"], sections["SLOT"], sections["ENTR"]
    displacement = int(displacements[(key * 0xCC9E2D51 & MASK) * displacements.size >> 32])
    x = key ^ (displacement * 0x85EBCA6B & MASK)
    x = x * 0xC2B2AE35 & MASK
    x ^= x >> 15
    slot = slots[(x * 0x27D4EB2F & MASK) * slots.size >> 32]
    if slot["key"] != key:
        return []
    found, k = [], int(slot["start"])
    while True:
        found.append(k)
        if entries[k]["flags"] & ENTRY_LAST:
            return found
        k += 1


def scan(sections: Mapping[str, Any], symbols: Sequence[int]) -> list[tuple[int, int, int]]:
    """(pattern, begin, end) of all matches of a set without `repeat` and word boundaries, in symbols, sorted."""
    found = set()
    for at in range(len(symbols)):
        for width in (1, 2):
            for k in bucket(sections, symbols, at, width):
                entry = sections["ENTR"][k]
                begin, length = at - int(entry["anchor"]), int(entry["length"])
                start = int(sections["PATT"]["start"][entry["pattern"]])
                want = sections["PSYM"][start : start + length].tolist()
                if begin >= 0 and list(symbols[begin : begin + length]) == want:
                    found.add((int(entry["pattern"]), begin, begin + length))
    return sorted(found)
