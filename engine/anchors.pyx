"""Anchors of patterns, and the perfect hash over them: used when a bundle is built, never when it is read."""

import numpy as np

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from "anchor.h" nogil:
    uint32_t anchor_key(uint32_t s0, uint32_t s1, uint32_t s2) noexcept
    uint32_t filter_bit(uint32_t s0, uint32_t s1, uint32_t s2, uint32_t group_shift) noexcept
    uint32_t hash_bucket(uint32_t key, uint32_t displacement_count) noexcept
    uint32_t hash_slot(uint32_t key, uint32_t displacement, uint32_t slot_count) noexcept

__all__ = ["AnchorsNotPlaced", "bucket_keys", "choose_anchors", "filter_map", "perfect_hash"]

cdef enum:
    RARE = 1024  # the sketch's mean is 4,096
    BUCKET_CAP = 8191  # costs stop growing there: frequency < 2**37, so that a cost stays below 2**63


class AnchorsNotPlaced(RuntimeError):
    """No displacement below 65,536 separates the keys of some bucket; the tables must grow."""


ctypedef struct filed_t:  # how many patterns are filed under a key; key 0 is a free place
    uint32_t key, count


cdef inline filed_t* _filed(filed_t *table, uint32_t shift, uint32_t mask, uint32_t key) noexcept nogil:
    cdef uint32_t place = (key * <uint32_t>0x9E3779B1) >> shift
    while table[place].key != 0 and table[place].key != key:
        place = (place + 1) & mask
    return &table[place]


cdef inline uint64_t _frequency(const uint64_t[::1] sketch, uint32_t s0, uint32_t s1) noexcept nogil:
    # Other text than the sketch's holds other bigrams: none is taken for rarer than a fraction of the mean.
    return max(sketch[((s0 << 16 | s1) * <uint32_t>0x9E3779B1) >> 16], <uint64_t>RARE)


def choose_anchors(
    const uint16_t[::1] symbols,
    const int64_t[::1] starts,
    const uint8_t[::1] widths,
    const uint64_t[::1] sketch,
    uint32_t filter_bits,
):
    """The anchor of each pattern: of those it may have, the one that costs least, counting how often text holds it and
    how many patterns would be compared there. Patterns choose in their order.

    Trigrams are chosen last: one whose group of the filter is full, by another pattern's bigram or by this trigram, is
    filed under its bigram with all others that begin so (see `bucket_keys`), and costs accordingly.

    Args:
        symbols: uint16[total]; starts: int64[n + 1], pattern k is symbols[starts[k]:starts[k + 1]], 1 to 255 of them.
        widths: uint8[n], symbols of the anchor: 1, 2 or 3, no more than the pattern has.
        sketch: uint64[65536], how often text holds each hashed bigram (`index.sketch_position`), below 2**37.
        filter_bits: log2 of the bits of the filter that is to be built.

    Returns:
        uint8[n]: anchor k is pattern k's symbols[place:place + width].
    """
    cdef Py_ssize_t n = starts.shape[0] - 1, k, i, length
    cdef uint32_t bits = max(4, int(4 * n).bit_length()), shift = 32 - bits, mask = (<uint32_t>1 << bits) - 1
    cdef const uint16_t *s
    cdef uint32_t width, turn, group_shift = 32 - (filter_bits - 3)
    cdef uint64_t cost, best, frequency, bucket
    cdef filed_t *place
    cdef filed_t *best_place
    cdef uint32_t key, best_key, bit
    cdef bint is_full
    table_np = np.zeros(1 << bits, dtype=np.uint64)
    cdef uint64_t[::1] table_view = table_np
    cdef filed_t *table = <filed_t*>&table_view[0]
    place_np = np.zeros(n, np.uint8)
    cdef uint8_t[::1] places = place_np
    cdef uint8_t[::1] groups = np.zeros(1 << (filter_bits - 3), np.uint8)  # the filter as it grows
    with nogil:
        for turn in range(2):
            for k in range(n):
                s = &symbols[starts[k]]
                length = starts[k + 1] - starts[k]
                width = widths[k]
                if (width == 3) != (turn == 1):
                    continue
                best = <uint64_t>-1
                best_place = NULL
                best_key = 0
                for i in range(length - width + 1):
                    if width == 1:
                        key, frequency = anchor_key(s[i], 0, 0), 1
                        place = _filed(table, shift, mask, key)
                    else:
                        key, frequency = anchor_key(s[i], s[i + 1], 0), _frequency(sketch, s[i], s[i + 1])
                        if width == 3:
                            bit = filter_bit(s[i], s[i + 1], s[i + 2], group_shift)
                            is_full = (groups[bit >> 3] | <uint8_t>1 << (bit & 7)) & 0xFF == 0xFF
                            if not is_full:
                                key = anchor_key(s[i], s[i + 1], s[i + 2])
                                # What the bigram lets through, an eighth of it, is looked up too.
                                frequency = min(frequency, _frequency(sketch, s[i + 1], s[i + 2])) + frequency // 8
                        place = _filed(table, shift, mask, key)
                    bucket = min(place.count, <uint32_t>BUCKET_CAP)
                    cost = frequency * (2 + bucket) * (16 + bucket)
                    if cost < best:
                        best, best_place, best_key = cost, place, key
                        places[k] = <uint8_t>i
                best_place.key = best_key
                best_place.count += 1
                if width == 1:
                    continue
                s += places[k]
                key = anchor_key(s[0], s[1], 0)
                if key != best_key:  # how many would share the bigram's bucket
                    place = _filed(table, shift, mask, key)
                    place.key = key
                    place.count += 1
                bit = filter_bit(s[0], s[1], s[2] if width == 3 else 0, group_shift)
                groups[bit >> 3] |= 0xFF if width == 2 else <uint8_t>1 << (bit & 7)
    return place_np


def bucket_keys(
    const uint16_t[::1] symbols,
    const int64_t[::1] anchors,
    const uint8_t[::1] widths,
    const uint64_t[::1] words,
):
    """The key of each anchor's bucket, uint32[n].

    A position is looked up once: under its trigram, or under its bigram where the filter's whole group is set. So a
    trigram anchor in such a group (another anchor's bigram, or one of the same hash) is filed under its bigram.

    Args:
        symbols, anchors, widths: as in `filter_map`; words: what it returned.
    """
    cdef Py_ssize_t k
    cdef uint32_t bit, shift = 32 - (int(words.shape[0] * 64).bit_length() - 1 - 3)
    cdef const uint16_t *s
    key_np = np.zeros(anchors.shape[0], dtype=np.uint32)
    cdef uint32_t[::1] keys = key_np
    with nogil:
        for k in range(anchors.shape[0]):
            s = &symbols[anchors[k]]
            if widths[k] == 1:
                keys[k] = anchor_key(s[0], 0, 0)
                continue
            bit = filter_bit(s[0], s[1], 0, shift) & ~<uint32_t>7
            if (words[bit >> 6] >> (bit & 63)) & 0xFF == 0xFF:
                keys[k] = anchor_key(s[0], s[1], 0)
            else:
                keys[k] = anchor_key(s[0], s[1], s[2])
    return key_np


def filter_map(
    const uint16_t[::1] symbols,
    const int64_t[::1] anchors,
    const uint8_t[::1] widths,
    uint32_t bits,
):
    """The filter's bitmap, uint64[2**bits / 64]: anchor k, of widths[k] symbols, starts at symbols[anchors[k]]."""
    cdef Py_ssize_t k
    cdef uint32_t bit, shift = 32 - (bits - 3)
    cdef const uint16_t *s
    filter_np = np.zeros((1 << bits) // 64, dtype=np.uint64)
    cdef uint64_t[::1] words = filter_np
    with nogil:
        for k in range(anchors.shape[0]):
            s = &symbols[anchors[k]]
            if widths[k] == 3:
                bit = filter_bit(s[0], s[1], s[2], shift)
                words[bit >> 6] |= <uint64_t>1 << (bit & 63)
            elif widths[k] == 2:
                bit = filter_bit(s[0], s[1], 0, shift) & ~<uint32_t>7
                words[bit >> 6] |= <uint64_t>0xFF << (bit & 63)
    return filter_np


def perfect_hash(const uint32_t[::1] keys, uint32_t slot_count, uint32_t bucket_count):
    """Place distinct keys in `slot_count` slots by "hash and displace" (Belazzougui, Botelho, Dietzfelbinger 2009).

    Args:
        keys: uint32[n], distinct, n <= slot_count.
        slot_count, bucket_count: at least 1.

    Returns:
        (displacement uint16[bucket_count], slot_of uint32[n]): the slot of key i is slot_of[i].

    Raises:
        AnchorsNotPlaced: the tables are too full.
    """
    cdef Py_ssize_t n = keys.shape[0], i, j, begin, end, k
    cdef uint32_t d, slot
    cdef bint placed
    bucket_np = np.zeros(n, dtype=np.uint32)
    cdef uint32_t[::1] bucket = bucket_np
    for i in range(n):
        bucket[i] = hash_bucket(keys[i], bucket_count)
    # The fullest buckets are placed first, while most slots are free; ties by bucket number, so that
    # the same keys always give the same tables.
    size_np = np.bincount(bucket_np, minlength=bucket_count)
    by_bucket = np.argsort(bucket_np, kind="stable")
    order_np = by_bucket[np.argsort(-size_np[bucket_np[by_bucket]], kind="stable")].astype(np.int64)
    cdef const int64_t[::1] order = order_np
    displacement_np = np.zeros(bucket_count, dtype=np.uint16)
    slot_of_np = np.zeros(n, dtype=np.uint32)
    taken_np = np.zeros(slot_count, dtype=np.uint8)
    cdef uint16_t[::1] displacement = displacement_np
    cdef uint32_t[::1] slot_of = slot_of_np
    cdef uint8_t[::1] taken = taken_np
    begin = 0
    with nogil:
        while begin < n:
            end = begin + 1
            while end < n and bucket[order[end]] == bucket[order[begin]]:
                end += 1
            placed = False
            for d in range(65536):
                placed = True
                for j in range(begin, end):
                    slot = hash_slot(keys[order[j]], d, slot_count)
                    if taken[slot]:
                        placed = False
                        for k in range(begin, j):
                            taken[slot_of[order[k]]] = 0
                        break
                    taken[slot] = 1
                    slot_of[order[j]] = slot
                if placed:
                    displacement[bucket[order[begin]]] = <uint16_t>d
                    break
            if not placed:
                with gil:
                    raise AnchorsNotPlaced(f"{n} anchors do not fit {slot_count} slots")
            begin = end
    return displacement_np, slot_of_np
