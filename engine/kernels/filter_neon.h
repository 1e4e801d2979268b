/* The filter for NEON: hashes in vectors, loads and tests one by one. */
#ifndef FAIRPOST_FILTER_NEON_H
#define FAIRPOST_FILTER_NEON_H

#include "filter.h"
#include "utf8_neon.h"

#ifdef HAVE_NEON

/* Bits of the filter for four positions; `third` has been multiplied. */
static inline uint32x4_t filter_bits_neon(uint16x4_t first, uint16x4_t second, uint16x4_t third, int32x4_t shift) {
    const uint32x4_t pair = vmulq_u32(vorrq_u32(vshll_n_u16(first, 16), vmovl_u16(second)), vdupq_n_u32(FILTER_PAIR));
    return vorrq_u32(vshlq_n_u32(vshlq_u32(pair, shift), 3), vmovl_u16(vshr_n_u16(third, 13)));
}

static int filter_neon(const image_t *image, chunk_t *chunk, size_t begin, size_t end) {
    enum { BLOCK = 256 };
    if (filter_begin(chunk)) return -1;
    const uint16_t *symbols = chunk_symbols(chunk);
    uint32_t *survivors = chunk->survivors.at;
    uint32_t place[BLOCK];
    const int32x4_t shift = vdupq_n_s32(-(int32_t)image->filter_shift); /* to the left by a negative number: to the right */
    size_t count = chunk->survivor_count;
    for (size_t block = begin; block < end; block += BLOCK) {
        const uint16_t *s = symbols + block;
        const size_t left = end - block, size = left < BLOCK ? left : BLOCK;
        /* SAFETY: boundaries stand behind the symbols; no anchor begins with one. */
        for (size_t i = 0; i < size; i += 8) {
            const uint16x8_t first = vld1q_u16(s + i), second = vld1q_u16(s + i + 1);
            const uint16x8_t third = vmulq_n_u16(vld1q_u16(s + i + 2), FILTER_THIRD);
            vst1q_u32(place + i, filter_bits_neon(vget_low_u16(first), vget_low_u16(second), vget_low_u16(third), shift));
            vst1q_u32(place + i + 4, filter_bits_neon(vget_high_u16(first), vget_high_u16(second), vget_high_u16(third), shift));
        }
        count = keep_survivors(image, s, place, block, size, survivors, count);
    }
    chunk->survivor_count = count;
    return 0;
}

#endif
#endif
