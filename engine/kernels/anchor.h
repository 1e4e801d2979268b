/* Hashes of the anchor index: the builder (anchors.pyx) and the kernels compute the same numbers.
 *
 * An anchor is one symbol, a bigram or a trigram of a pattern. Symbols of patterns are >= 5. All arithmetic is modulo
 * 2^32 unless it says otherwise. */
#ifndef FAIRPOST_ANCHOR_H
#define FAIRPOST_ANCHOR_H

#include <stdint.h>

enum { FILTER_MIN_BITS = 13, FILTER_MAX_BITS = 22 };

/* The key of an anchor; (s0, s1, 0) for a bigram, (s0, 0, 0) for one symbol. Never 0, which marks an empty slot.
 * Different anchors may have one key: they share a bucket, and the comparison of whole patterns tells them apart. */
static inline uint32_t anchor_key(uint32_t s0, uint32_t s1, uint32_t s2) {
    uint32_t x = (s0 << 16 | s1) * 0x9E3779B1u;
    x ^= x >> 15;
    x = (x ^ s2 * 0x85EBCA6Bu) * 0xC2B2AE35u;
    x ^= x >> 16;
    return x ? x : 1;
}

/* The bit of (s0, s1, s2) in a filter of 2^bits bits, group_shift = 32 - (bits - 3): the bigram chooses a group of 8
 * bits, a byte, and the third symbol one of them. A bigram anchor has all 8 bits set. */
static inline uint32_t filter_bit(uint32_t s0, uint32_t s1, uint32_t s2, uint32_t group_shift) {
    return ((s0 << 16 | s1) * 0x9E3779B1u) >> group_shift << 3 | (s2 * 0x9E37u & 0xFFFF) >> 13;
}

static inline uint32_t scaled(uint32_t hash, uint32_t count) { return (uint32_t)((uint64_t)hash * count >> 32); }

/* Perfect hash, "hash and displace": the bucket whose displacement sends the keys of a bundle to slots of their own. */
static inline uint32_t hash_bucket(uint32_t key, uint32_t displacement_count) {
    return scaled(key * 0xCC9E2D51u, displacement_count);
}

static inline uint32_t hash_slot(uint32_t key, uint32_t displacement, uint32_t slot_count) {
    uint32_t x = key ^ displacement * 0x85EBCA6Bu;
    x *= 0xC2B2AE35u;
    x ^= x >> 15;
    return scaled(x * 0x27D4EB2Fu, slot_count);
}

#endif
