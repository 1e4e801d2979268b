/* The filter for AVX2: hashes in vectors, loads and tests one by one. */
#ifndef FAIRPOST_FILTER_AVX2_H
#define FAIRPOST_FILTER_AVX2_H

#include "filter.h"
#include "utf8_avx2.h"

#ifdef HAVE_AVX2

TARGET_AVX2 static int filter_avx2(const image_t *image, chunk_t *chunk, size_t begin, size_t end) {
    enum { BLOCK = 256 };
    if (filter_begin(chunk)) return -1;
    const uint16_t *symbols = chunk_symbols(chunk);
    uint32_t *survivors = chunk->survivors.at;
    uint32_t place[BLOCK];
    const __m128i shift = _mm_cvtsi32_si128((int)image->filter_shift);
    size_t count = chunk->survivor_count;
    for (size_t block = begin; block < end; block += BLOCK) {
        const uint16_t *s = symbols + block;
        const size_t left = end - block, size = left < BLOCK ? left : BLOCK;
        /* SAFETY: boundaries stand behind the symbols; no anchor begins with one. */
        for (size_t i = 0; i < size; i += 8) {
            const __m256i first = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(s + i)));
            const __m256i second = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(s + i + 1)));
            const __m128i third = _mm_mullo_epi16(_mm_loadu_si128((const __m128i *)(s + i + 2)), _mm_set1_epi16((short)FILTER_THIRD));
            const __m256i pair = _mm256_mullo_epi32(_mm256_or_si256(_mm256_slli_epi32(first, 16), second), _mm256_set1_epi32((int)FILTER_PAIR));
            const __m256i group = _mm256_srl_epi32(pair, shift);
            _mm256_storeu_si256((__m256i *)(place + i), _mm256_or_si256(_mm256_slli_epi32(group, 3), _mm256_cvtepu16_epi32(_mm_srli_epi16(third, 13))));
        }
        count = keep_survivors(image, s, place, block, size, survivors, count);
    }
    chunk->survivor_count = count;
    return 0;
}

#endif
#endif
