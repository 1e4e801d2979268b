/* The look-up for AVX-512: 16 survivors at a time. Same contract, same result as the scalar one. */
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

/* The slot in which each key must be, if anywhere. */
TARGET_AVX512 static inline __m512i slots_avx512(const image_t *image, __m512i key) {
    const __m512i bucket = scaled_avx512(times_avx512(key, 0xCC9E2D51u), _mm512_set1_epi32((int)image->displacement_count));
    /* SAFETY: a gather of 32 bits reads two bytes past a 16-bit item: sections are followed by padding. */
    const __m512i displacement = _mm512_and_si512(_mm512_i32gather_epi32(bucket, image->displacement, 2), _mm512_set1_epi32(0xFFFF));
    __m512i x = times_avx512(_mm512_xor_si512(key, times_avx512(displacement, 0x85EBCA6Bu)), 0xC2B2AE35u);
    x = times_avx512(_mm512_xor_si512(x, _mm512_srli_epi32(x, 15)), 0x27D4EB2Fu);
    return scaled_avx512(x, _mm512_set1_epi32((int)image->slot_count));
}

/* The lanes of `lanes` whose key is in its slot; their buckets to *buckets. */
TARGET_AVX512 static inline __mmask16 find_slots_avx512(const image_t *image, __m512i key, __m512i slot, __mmask16 lanes, __m512i *buckets) {
    const __m512i none = _mm512_setzero_si512();
    const __mmask16 found = _mm512_mask_cmpeq_epi32_mask(lanes, _mm512_mask_i32gather_epi32(none, lanes, slot, &image->slots->key, sizeof(slot_t)), key);
    *buckets = _mm512_mask_i32gather_epi32(none, found, slot, &image->slots->start, sizeof(slot_t));
    return found;
}

/* Of 16 survivors: the lanes whose symbol is an anchor by itself, and has not the key that was looked up anyway. */
TARGET_AVX512 static inline __mmask16 find_alone_avx512(const image_t *image, __m512i at, __m512i key, __mmask16 lanes, const uint16_t *symbols, __m512i *buckets) {
    const __m512i none = _mm512_setzero_si512(), one = _mm512_set1_epi32(1), low5 = _mm512_set1_epi32(31);
    const __m512i first = _mm512_and_si512(_mm512_mask_i32gather_epi32(none, lanes, at, symbols, 2), _mm512_set1_epi32(0xFFFF));
    const __m512i word = _mm512_mask_i32gather_epi32(none, lanes, _mm512_srli_epi32(first, 5), image->unigram_map, 4);
    const __mmask16 alone = _mm512_mask_test_epi32_mask(lanes, word, _mm512_sllv_epi32(one, _mm512_and_si512(first, low5)));
    if (!alone) return 0;
    const __m512i alone_key = anchor_key_avx512(_mm512_slli_epi32(first, 16), none);
    return find_slots_avx512(image, alone_key, slots_avx512(image, alone_key), _mm512_mask_cmpneq_epi32_mask(alone, alone_key, key), buckets);
}

/* Survivors in batches: first the slots of all, asked into the cache, then what is in them. A batch's misses overlap, which
 * the processor would not see to by itself: gathers are long. */
TARGET_AVX512 static int lookup_avx512(const image_t *image, chunk_t *chunk) {
    enum { BATCH = 128, FEW = 8 };
    if (chunk->survivor_count <= FEW) return lookup_scalar(image, chunk); /* a gather takes as long for one as for 16 */
    if (lookup_begin(chunk)) return -1;
    const uint16_t *symbols = chunk_symbols(chunk);
    const __m512i none = _mm512_setzero_si512(), low16 = _mm512_set1_epi32(0xFFFF);
    const __m128i shift = _mm_cvtsi32_si128((int)image->filter_shift);
    uint32_t *found = chunk->found.at, *buckets = chunk->buckets.at, keys[BATCH], slots[BATCH];
    size_t count = 0;
    for (size_t batch = 0; batch < chunk->survivor_count; batch += BATCH) {
        const uint32_t *survivors = chunk->survivors.at + batch;
        const size_t rest = chunk->survivor_count - batch, size = rest < BATCH ? rest : BATCH;
        for (size_t i = 0; i < size; i += 16) {
            const __mmask16 lanes = size - i < 16 ? (__mmask16)((1u << (size - i)) - 1) : 0xFFFF;
            const __m512i at = _mm512_maskz_loadu_epi32(lanes, survivors + i);
            const __m512i pair = _mm512_rol_epi32(_mm512_mask_i32gather_epi32(none, lanes, at, symbols, 2), 16); /* s0 << 16 | s1 */
            __m512i third = _mm512_and_si512(_mm512_mask_i32gather_epi32(none, lanes, at, symbols + 2, 2), low16);
            const __m512i group = _mm512_srl_epi32(times_avx512(pair, FILTER_PAIR), shift);
            const __m512i bits = _mm512_or_si512(_mm512_mask_i32gather_epi32(none, lanes, group, image->filter_map, 1), _mm512_set1_epi32((int)0xFFFFFF00u));
            third = _mm512_maskz_mov_epi32(_mm512_cmpneq_epi32_mask(bits, _mm512_set1_epi32(-1)), third);
            const __m512i key = anchor_key_avx512(pair, third);
            _mm512_storeu_si512(keys + i, key);
            _mm512_storeu_si512(slots + i, slots_avx512(image, key));
            for (size_t k = i; k < i + 16; k++) __builtin_prefetch(&image->slots[slots[k]]);
        }
        for (size_t i = 0; i < size; i += 16) {
            const __mmask16 lanes = size - i < 16 ? (__mmask16)((1u << (size - i)) - 1) : 0xFFFF;
            const __m512i at = _mm512_maskz_loadu_epi32(lanes, survivors + i), key = _mm512_loadu_si512(keys + i);
            __m512i bucket, alone_bucket = none;
            const __mmask16 hit = find_slots_avx512(image, key, _mm512_loadu_si512(slots + i), lanes, &bucket);
            const __mmask16 alone = image->has_unigrams ? find_alone_avx512(image, at, key, lanes, symbols, &alone_bucket) : 0;
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
            for (uint32_t left = hit | alone; left; left &= left - 1) {
                const int k = __builtin_ctz(left);
                found[count] = place[k];
                buckets[count] = of_one[k];
                count += alone >> k & 1;
                found[count] = place[k];
                buckets[count] = of_pair[k];
                count += hit >> k & 1;
            }
        }
    }
    chunk->found_count = count;
    return 0;
}

#endif
#endif
