/* The look-up for AVX-512: 16 survivors at a time. Same contract, same result as the scalar one. Here gathers pay: each load
 * depends on the one before, and 16 misses overlap. */
#ifndef FAIRPOST_LOOKUP_AVX512_H
#define FAIRPOST_LOOKUP_AVX512_H

#include "lookup.h"
#include "utf8_avx512.h"

#ifdef HAVE_AVX512

/* Lanes a * b >> 32. */
TARGET_AVX512 static inline __m512i scaled_avx512(__m512i a, __m512i b) {
    const __m512i even = _mm512_srli_epi64(_mm512_mul_epu32(a, b), 32);
    const __m512i odd = _mm512_mul_epu32(_mm512_srli_epi64(a, 32), b);
    return _mm512_mask_mov_epi32(even, 0xAAAA, odd);
}

TARGET_AVX512 static inline __m512i times_avx512(__m512i x, uint32_t factor) { return _mm512_mullo_epi32(x, _mm512_set1_epi32((int)factor)); }

/* anchor_key() of s0 << 16 | s1 and s2 */
TARGET_AVX512 static inline __m512i anchor_key_avx512(__m512i pair, __m512i third) {
    __m512i x = times_avx512(pair, 0x9E3779B1u);
    x = _mm512_xor_si512(x, _mm512_srli_epi32(x, 15));
    x = times_avx512(_mm512_xor_si512(x, times_avx512(third, 0x85EBCA6Bu)), 0xC2B2AE35u);
    x = _mm512_xor_si512(x, _mm512_srli_epi32(x, 16));
    return _mm512_mask_mov_epi32(x, _mm512_testn_epi32_mask(x, x), _mm512_set1_epi32(1));
}

/* The lanes of `lanes` whose key has a slot; their buckets to *buckets. */
TARGET_AVX512 static inline __mmask16 find_slots_avx512(const image_t *image, __m512i key, __mmask16 lanes, __m512i *buckets) {
    const __m512i none = _mm512_setzero_si512();
    const __m512i bucket = scaled_avx512(times_avx512(key, 0xCC9E2D51u), _mm512_set1_epi32((int)image->displacement_count));
    /* SAFETY: a gather of 32 bits reads two bytes past a 16-bit item: sections are followed by padding. */
    const __m512i displacement = _mm512_and_si512(_mm512_mask_i32gather_epi32(none, lanes, bucket, image->displacement, 2), _mm512_set1_epi32(0xFFFF));
    __m512i x = times_avx512(_mm512_xor_si512(key, times_avx512(displacement, 0x85EBCA6Bu)), 0xC2B2AE35u);
    x = times_avx512(_mm512_xor_si512(x, _mm512_srli_epi32(x, 15)), 0x27D4EB2Fu);
    const __m512i slot = scaled_avx512(x, _mm512_set1_epi32((int)image->slot_count));
    const __mmask16 found = _mm512_mask_cmpeq_epi32_mask(lanes, _mm512_mask_i32gather_epi32(none, lanes, slot, &image->slots->key, sizeof(slot_t)), key);
    *buckets = _mm512_mask_i32gather_epi32(none, found, slot, &image->slots->start, sizeof(slot_t));
    return found;
}

TARGET_AVX512 static int lookup_avx512(const image_t *image, chunk_t *chunk) {
    if (lookup_begin(chunk)) return -1;
    const uint16_t *symbols = chunk_symbols(chunk);
    const __m512i none = _mm512_setzero_si512(), low16 = _mm512_set1_epi32(0xFFFF), one = _mm512_set1_epi32(1), low5 = _mm512_set1_epi32(31);
    const __m128i shift = _mm_cvtsi32_si128((int)image->filter_shift);
    uint32_t *found = chunk->found.at, *buckets = chunk->buckets.at;
    size_t count = 0;
    for (size_t from = 0; from < chunk->survivor_count; from += 16) {
        const size_t left = chunk->survivor_count - from;
        const __mmask16 lanes = left < 16 ? (__mmask16)((1u << left) - 1) : 0xFFFF;
        const __m512i at = _mm512_maskz_loadu_epi32(lanes, chunk->survivors.at + from);
        const __m512i two = _mm512_mask_i32gather_epi32(none, lanes, at, symbols, 2); /* s0 | s1 << 16 */
        const __m512i first = _mm512_and_si512(two, low16), pair = _mm512_rol_epi32(two, 16);
        __m512i third = _mm512_and_si512(_mm512_mask_i32gather_epi32(none, lanes, at, symbols + 2, 2), low16);
        const __m512i group = _mm512_srl_epi32(times_avx512(pair, FILTER_PAIR), shift);
        const __m512i bits = _mm512_or_si512(_mm512_mask_i32gather_epi32(none, lanes, group, image->filter_map, 1), _mm512_set1_epi32((int)0xFFFFFF00u));
        third = _mm512_maskz_mov_epi32(_mm512_cmpneq_epi32_mask(bits, _mm512_set1_epi32(-1)), third);
        const __m512i key = anchor_key_avx512(pair, third);
        __m512i bucket, alone_bucket = none;
        const __mmask16 hit = find_slots_avx512(image, key, lanes, &bucket);
        __mmask16 alone = 0;
        if (image->has_unigrams) {
            const __m512i word = _mm512_mask_i32gather_epi32(none, lanes, _mm512_srli_epi32(first, 5), image->unigram_map, 4);
            alone = _mm512_mask_test_epi32_mask(lanes, word, _mm512_sllv_epi32(one, _mm512_and_si512(first, low5)));
            if (alone) {
                const __m512i alone_key = anchor_key_avx512(_mm512_slli_epi32(first, 16), none);
                alone = find_slots_avx512(image, alone_key, _mm512_mask_cmpneq_epi32_mask(alone, alone_key, key), &alone_bucket);
            }
        }
        if (!alone) {
            _mm512_storeu_si512(found + count, _mm512_maskz_compress_epi32(hit, at));
            _mm512_storeu_si512(buckets + count, _mm512_maskz_compress_epi32(hit, bucket));
            count += (size_t)__builtin_popcount(hit);
            continue;
        }
        uint32_t place[16], of_pair[16], of_one[16];
        _mm512_storeu_si512(place, at);
        _mm512_storeu_si512(of_pair, bucket);
        _mm512_storeu_si512(of_one, alone_bucket);
        for (uint32_t rest = hit | alone; rest; rest &= rest - 1) {
            const int k = __builtin_ctz(rest);
            found[count] = place[k];
            buckets[count] = of_one[k];
            count += alone >> k & 1;
            found[count] = place[k];
            buckets[count] = of_pair[k];
            count += hit >> k & 1;
        }
    }
    chunk->found_count = count;
    return 0;
}

#endif
#endif
