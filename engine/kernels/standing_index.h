/* Index of the standing table: from a hash to its row. Open addressing over buckets of 16 slots, one cache line each.
 *
 * A slot of 4 bytes is the row's number and, in the bits that the number leaves, a tag of the hash: a lookup reads one
 * line of the index and nearly always one row. Buckets are chosen by multiplying instead of masking, so an index grows
 * by a quarter and not by doubling: it is filled from 70 to 87 %, 4.6 to 5.7 bytes a seller. The index is cut into
 * shards by the hash, which grow one by one: the old copy of one shard, not of all, exists beside the new one, and the
 * writer stops for one shard's entries at most. (Weighed: no shards, growth by doubling: 4.6 to 9.2 bytes, 14 while
 * growing.) */
#ifndef FAIRPOST_STANDING_INDEX_H
#define FAIRPOST_STANDING_INDEX_H

#include "standing_rows.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define SLOT_EMPTY 0xFFFFFFFFu
#define SLOT_DEAD 0xFFFFFFFEu /* was removed; what was placed behind it is still looked for */
#define NO_ROW SIZE_MAX

enum {
    SHARD_BITS = 4,
    SHARDS = 1 << SHARD_BITS,
    SLOTS_A_BUCKET = 16,
    LEAST_ROW_BITS = 12,
    MOST_ROW_BITS = 30,
};

typedef struct {
    uint32_t *slots; /* [bucket_count * SLOTS_A_BUCKET], at a cache line */
    uint32_t bucket_count, row_bits;
    uint32_t live, taken; /* taken: live and dead slots; always fewer than there are, so that every search ends */
} shard_t;

/* Where a hash belongs. */
typedef struct {
    uint32_t bucket, tag, tag_mask;
} home_t;

static inline unsigned shard_of(uint64_t high) { return (unsigned)(high >> (64 - SHARD_BITS)); }

static inline home_t home_of(const shard_t *shard, uint64_t high) {
    home_t home;
    /* The tag is of the low bits, the bucket of those behind the shard's. A tag is never all ones: such a slot is empty
     * or dead, whatever its row. */
    home.bucket = (uint32_t)((high << SHARD_BITS >> 32) * shard->bucket_count >> 32);
    home.tag_mask = ~0u << shard->row_bits;
    home.tag = (uint32_t)high << shard->row_bits;
    if (home.tag == home.tag_mask) home.tag = 0;
    return home;
}

static inline const uint32_t *bucket_at(const shard_t *shard, uint32_t bucket) {
    /* SAFETY: bucket < bucket_count: home_of() gives such a one, and searches go round with next_bucket(). */
    return shard->slots + (size_t)bucket * SLOTS_A_BUCKET;
}

static inline uint32_t next_bucket(const shard_t *shard, uint32_t bucket) {
    return ++bucket == shard->bucket_count ? 0 : bucket;
}

/* One bit for each slot with (slot & mask) == wanted. */
static inline uint32_t slots_equal(const uint32_t *slots, uint32_t mask, uint32_t wanted) {
#if defined(__SSE2__)
    const __m128i *at = (const __m128i *)slots;
    __m128i m = _mm_set1_epi32((int)mask), w = _mm_set1_epi32((int)wanted);
    __m128i a = _mm_cmpeq_epi32(_mm_and_si128(at[0], m), w), b = _mm_cmpeq_epi32(_mm_and_si128(at[1], m), w);
    __m128i c = _mm_cmpeq_epi32(_mm_and_si128(at[2], m), w), d = _mm_cmpeq_epi32(_mm_and_si128(at[3], m), w);
    return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(_mm_packs_epi32(a, b), _mm_packs_epi32(c, d)));
#elif defined(__aarch64__)
    static const uint16_t bits[8] = {1, 2, 4, 8, 16, 32, 64, 128};
    uint32x4_t m = vdupq_n_u32(mask), w = vdupq_n_u32(wanted);
    uint16x8_t low = vcombine_u16(vmovn_u32(vceqq_u32(vandq_u32(vld1q_u32(slots), m), w)),
                                  vmovn_u32(vceqq_u32(vandq_u32(vld1q_u32(slots + 4), m), w)));
    uint16x8_t high = vcombine_u16(vmovn_u32(vceqq_u32(vandq_u32(vld1q_u32(slots + 8), m), w)),
                                   vmovn_u32(vceqq_u32(vandq_u32(vld1q_u32(slots + 12), m), w)));
    uint16x8_t each = vld1q_u16(bits);
    return vaddvq_u16(vandq_u16(low, each)) | (uint32_t)vaddvq_u16(vandq_u16(high, each)) << 8;
#else
    uint32_t found = 0;
    for (int k = 0; k < SLOTS_A_BUCKET; k++) found |= (uint32_t)((slots[k] & mask) == wanted) << k;
    return found;
#endif
}

static inline uint32_t slot_row(const shard_t *shard, uint32_t slot) { return slot & ((1u << shard->row_bits) - 1); }

/* The slot that holds `hash`'s row, or NULL. Compares whole hashes: a tag only says where it is worth looking. */
static inline uint32_t *slot_of(const shard_t *shard, const rows_t *rows, hash128_t hash, uint64_t high) {
    home_t home = home_of(shard, high);
    for (uint32_t step = 0, bucket = home.bucket; step < shard->bucket_count; step++) {
        const uint32_t *slots = bucket_at(shard, bucket);
        for (uint32_t found = slots_equal(slots, home.tag_mask, home.tag); found; found &= found - 1) {
            const uint32_t *slot = slots + __builtin_ctz(found);
            const seller_row_t *row = row_at(rows, slot_row(shard, *slot));
            if (row->hash.low == hash.low && row->hash.high == hash.high) return (uint32_t *)slot;
        }
        if (slots_equal(slots, ~0u, SLOT_EMPTY)) return NULL;
        bucket = next_bucket(shard, bucket);
    }
    return NULL;
}

/* Enter a row whose hash is in no slot yet. shard_reserve() has made room. */
static inline void shard_enter(shard_t *shard, uint64_t high, uint32_t row) {
    home_t home = home_of(shard, high);
    for (uint32_t bucket = home.bucket;; bucket = next_bucket(shard, bucket)) {
        uint32_t *slots = (uint32_t *)bucket_at(shard, bucket);
        uint32_t empty = slots_equal(slots, ~0u, SLOT_EMPTY), dead = slots_equal(slots, ~0u, SLOT_DEAD);
        if (!(empty | dead)) continue;
        /* A dead slot first, and so none is left behind that lengthens searches. */
        slots[__builtin_ctz(dead ? dead : empty)] = home.tag | row;
        shard->taken += dead == 0;
        shard->live++;
        return;
    }
}

/* Forget a slot. Where the bucket has an empty one nothing was placed beyond it, and the slot can be empty too. */
static inline void shard_forget(shard_t *shard, uint32_t *slot) {
    const uint32_t *slots = shard->slots + (slot - shard->slots) / SLOTS_A_BUCKET * SLOTS_A_BUCKET;
    int is_last = slots_equal(slots, ~0u, SLOT_EMPTY) != 0;
    *slot = is_last ? SLOT_EMPTY : SLOT_DEAD;
    shard->taken -= (uint32_t)is_last;
    shard->live--;
}

static inline size_t shard_bytes(const shard_t *shard) {
    return (size_t)shard->bucket_count * SLOTS_A_BUCKET * sizeof(uint32_t);
}

/* Slots that may be taken: seven of eight, so at least two of a shard stay empty. */
static inline size_t shard_limit(const shard_t *shard) { return (size_t)shard->bucket_count * SLOTS_A_BUCKET / 8 * 7; }

/* Buckets for `count` entries that fill 70 % of the slots. */
static inline uint32_t buckets_for(size_t count) { return (uint32_t)(count * 10 / (7 * SLOTS_A_BUCKET)) + 1; }

static inline int shard_has_room(const shard_t *shard, size_t more, size_t rows_end) {
    return shard->taken + more <= shard_limit(shard) && rows_end <= (size_t)1 << shard->row_bits;
}

/* An empty shard for `count` entries whose rows are below `rows_end`, with some bits to grow. */
static inline int shard_open(shard_t *shard, size_t count, size_t rows_end) {
    memset(shard, 0, sizeof *shard);
    shard->row_bits = LEAST_ROW_BITS;
    while (shard->row_bits < MOST_ROW_BITS && (size_t)1 << shard->row_bits < rows_end + rows_end / 4) shard->row_bits++;
    shard->bucket_count = buckets_for(count);
    while (shard_limit(shard) < count) shard->bucket_count++;
    shard->slots = shard_bytes(shard) < HUGE_PAGE ? aligned_alloc(64, shard_bytes(shard)) : pages_take(shard_bytes(shard), 1);
    if (shard->slots == NULL) return STANDINGS_NO_MEMORY;
    memset(shard->slots, 0xFF, shard_bytes(shard)); /* SLOT_EMPTY */
    return STANDINGS_OK;
}

static inline void shard_close(shard_t *shard) {
    if (shard_bytes(shard) < HUGE_PAGE)
        free(shard->slots);
    else
        pages_give_back(shard->slots, shard_bytes(shard));
}

/* Enter all that `old` holds. `placement`: the bits of a hash that choose its place, see standings.h. */
static inline void shard_refill(shard_t *shard, const shard_t *old, const rows_t *rows, uint64_t placement) {
    enum { AHEAD = 16 };
    size_t end = (size_t)old->bucket_count * SLOTS_A_BUCKET;
    for (size_t k = 0; k < end; k++) {
        if (k + AHEAD < end && old->slots[k + AHEAD] < SLOT_DEAD)
            __builtin_prefetch(row_at(rows, slot_row(old, old->slots[k + AHEAD])));
        if (old->slots[k] >= SLOT_DEAD) continue;
        uint32_t row = slot_row(old, old->slots[k]);
        shard_enter(shard, row_at(rows, row)->hash.high & placement, row);
    }
}

#endif
