"""Perfect hash over the anchors of a rule set: used when a bundle is built, never when it is read."""

import numpy as np

from libc.stdint cimport uint16_t, uint32_t, uint64_t

cdef extern from "match.h":
    uint32_t hash_displaced(uint32_t key, uint32_t displacement) noexcept nogil

__all__ = ["AnchorsNotPlaced", "perfect_hash"]


class AnchorsNotPlaced(RuntimeError):
    """No displacement below 65,536 separates the keys of some bucket; the tables must grow."""


def perfect_hash(const uint32_t[::1] keys, int slot_bits, int bucket_bits):
    """Place distinct keys in 2**slot_bits slots by "hash and displace" (Belazzougui, Botelho, Dietzfelbinger 2009).

    Args:
        keys: uint32[n], distinct, n <= 2**slot_bits.
        slot_bits: log2 of the number of slots, 1 to 31.
        bucket_bits: log2 of the number of buckets, 1 to 31.

    Returns:
        (displacement uint16[2**bucket_bits], slot_of uint32[n]): the slot of key i is slot_of[i].

    Raises:
        AnchorsNotPlaced: the tables are too full.
    """
    cdef Py_ssize_t n = keys.shape[0], j, begin, end, k
    cdef uint32_t displacement_shift = 32 - bucket_bits, slot_shift = 32 - slot_bits
    cdef uint32_t d, slot
    cdef bint placed
    bucket_np = (np.asarray(keys) * np.uint32(0xCC9E2D51)) >> np.uint32(displacement_shift)
    counts_np = np.bincount(bucket_np, minlength=1 << bucket_bits)
    # The fullest buckets are placed first, while most slots are free; ties by bucket number, so that
    # the same keys always give the same tables.
    order_np = np.lexsort((np.asarray(keys), bucket_np, -counts_np[bucket_np])).astype(np.int64)
    cdef const long long[::1] order = order_np
    cdef const uint32_t[::1] bucket = np.ascontiguousarray(bucket_np, dtype=np.uint32)
    displacement_np = np.zeros(1 << bucket_bits, dtype=np.uint16)
    slot_of_np = np.zeros(n, dtype=np.uint32)
    taken_np = np.zeros(1 << slot_bits, dtype=np.uint8)
    cdef uint16_t[::1] displacement = displacement_np
    cdef uint32_t[::1] slot_of = slot_of_np
    cdef unsigned char[::1] taken = taken_np
    begin = 0
    while begin < n:
        end = begin + 1
        while end < n and bucket[order[end]] == bucket[order[begin]]:
            end += 1
        placed = False
        for d in range(65536):
            placed = True
            for j in range(begin, end):
                slot = <uint32_t>(<uint64_t>hash_displaced(keys[order[j]], d) >> slot_shift)
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
            raise AnchorsNotPlaced(f"{n} anchors do not fit 2**{slot_bits} slots")
        begin = end
    return displacement_np, slot_of_np
