/* Packing of lanes for AVX2: shuffles by tables, one row for each set of 8 lanes. */
#ifndef FAIRPOST_PACK_AVX2_H
#define FAIRPOST_PACK_AVX2_H

#include "utf8_avx2.h"

#ifdef HAVE_AVX2

static uint8_t packing_avx2[256][8]; /* the numbers of the lanes that are kept; then of the first, for nothing */
static uint8_t packing_bytes_avx2[256][16];

/* Fills the tables. Called when the paths are looked at, before any is used. */
static inline void prepare_packing_avx2(void) {
    for (uint32_t set = 0; set < 256; set++) {
        uint32_t to = 0;
        for (uint32_t lane = 0; lane < 8; lane++)
            if (set >> lane & 1) packing_avx2[set][to++] = (uint8_t)lane;
        for (; to < 8; to++) packing_avx2[set][to] = 0;
        for (uint32_t k = 0; k < 16; k++) packing_bytes_avx2[set][k] = (uint8_t)(2 * packing_avx2[set][k / 2] + k % 2);
    }
}

/* For _mm_shuffle_epi8: packs the lanes of 16 bits in `set` to the front. */
TARGET_AVX2 static inline __m128i packing16_avx2(uint32_t set) { return _mm_loadu_si128((const __m128i *)packing_bytes_avx2[set]); }

/* For _mm256_permutevar8x32_epi32. */
TARGET_AVX2 static inline __m256i packing32_avx2(uint32_t set) {
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)packing_avx2[set]));
}

static inline int prepare_avx2(void) {
    if (!runs_avx2()) return 0;
    prepare_packing_avx2();
    return 1;
}

#endif
#endif
