/* The filter for AVX-512: hashes and tests in vectors, the loads between them one by one (gathers are slower). */
#ifndef FAIRPOST_FILTER_AVX512_H
#define FAIRPOST_FILTER_AVX512_H

#include "filter.h"
#include "utf8_avx512.h"

#ifdef HAVE_AVX512

TARGET_AVX512 static int filter_avx512(const image_t *image, chunk_t *chunk, size_t begin, size_t end) {
    enum { BLOCK = 256 }; /* its working columns stay in the first-level cache */
    if (filter_begin(chunk)) return -1;
    const uint16_t *symbols = chunk_symbols(chunk);
    const uint32_t *map = (const uint32_t *)image->filter_map, *unigrams = (const uint32_t *)image->unigram_map;
    uint32_t *survivors = chunk->survivors.at;
    uint32_t word[BLOCK], bit[BLOCK], loaded[BLOCK], alone[BLOCK];
    const __m128i shift = _mm_cvtsi32_si128((int)image->filter_shift);
    const __m512i one = _mm512_set1_epi32(1), low5 = _mm512_set1_epi32(31);
    const __m512i lanes = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const int has_unigrams = image->has_unigrams;
    size_t count = chunk->survivor_count;
    for (size_t block = begin; block < end; block += BLOCK) {
        const uint16_t *s = symbols + block;
        const size_t left = end - block, size = left < BLOCK ? left : BLOCK;
        /* SAFETY: boundaries stand behind the symbols; no anchor begins with one. */
        for (size_t i = 0; i < size; i += 16) {
            const __m512i first = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(s + i)));
            const __m512i second = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(s + i + 1)));
            const __m256i third = _mm256_mullo_epi16(_mm256_loadu_si256((const __m256i *)(s + i + 2)), _mm256_set1_epi16((short)FILTER_THIRD));
            const __m512i pair = _mm512_mullo_epi32(_mm512_or_si512(_mm512_slli_epi32(first, 16), second), _mm512_set1_epi32((int)FILTER_PAIR));
            const __m512i group = _mm512_srl_epi32(pair, shift);
            const __m512i place = _mm512_or_si512(_mm512_slli_epi32(group, 3), _mm512_cvtepu16_epi32(_mm256_srli_epi16(third, 13)));
            _mm512_storeu_si512(word + i, _mm512_srli_epi32(place, 5));
            _mm512_storeu_si512(bit + i, _mm512_sllv_epi32(one, _mm512_and_si512(place, low5)));
        }
        for (size_t i = 0; i < size; i += 16)
            for (size_t k = i; k < i + 16; k += 2) { /* two places a load: loads are what limits this loop */
                uint64_t two;
                memcpy(&two, word + k, 8);
                loaded[k] = map[(uint32_t)two];
                loaded[k + 1] = map[two >> 32];
            }
        if (has_unigrams)
            for (size_t i = 0; i < size; i++) alone[i] = unigrams[s[i] >> 5];
        for (size_t i = 0; i < size; i += 16) {
            __mmask16 kept = _mm512_test_epi32_mask(_mm512_loadu_si512(loaded + i), _mm512_loadu_si512(bit + i));
            if (has_unigrams) {
                const __m512i first = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(s + i)));
                kept |= _mm512_test_epi32_mask(_mm512_loadu_si512(alone + i), _mm512_sllv_epi32(one, _mm512_and_si512(first, low5)));
            }
            if (size - i < 16) kept &= (__mmask16)((1u << (size - i)) - 1);
            const __m512i here = _mm512_add_epi32(lanes, _mm512_set1_epi32((int)(block + i)));
            _mm512_storeu_si512(survivors + count, _mm512_maskz_compress_epi32(kept, here));
            count += (size_t)__builtin_popcount(kept);
        }
    }
    chunk->survivor_count = count;
    return 0;
}

#endif
#endif
