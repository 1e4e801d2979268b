/* Lookups of standings for AVX-512: eight hashes are placed at once, a bucket is compared as one vector, a standing is
 * written as two. Same contract, same result as find_standings_scalar(). */
#ifndef FAIRPOST_STANDING_LOOKUP_AVX512_H
#define FAIRPOST_STANDING_LOOKUP_AVX512_H

#include "siphash_avx512.h"
#include "standing_lookup.h"

#ifdef HAVE_AVX512

_Static_assert(SHARDS == 16, "two vectors hold a column of them");

/* Eight lanes of a column of the shards, each its own. */
TARGET_AVX512 static inline __m512i shard_lanes_avx512(const void *column, __m512i shards) {
    return _mm512_permutex2var_epi64(_mm512_loadu_si512(column), shards, _mm512_loadu_si512((const char *)column + 64));
}

TARGET_AVX512 static inline void lookup_place_avx512(const content_t *content, group_t *group) {
    const __m512i seconds = _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15);
    for (size_t k = 0; k < group->count; k += 8) {
        /* Lanes behind the last hash are of whatever was there before, and nobody reads them. */
        const __m512i four = _mm512_loadu_si512(group->hashes + k), others = _mm512_loadu_si512(group->hashes + k + 4);
        const __m512i high = _mm512_and_si512(_mm512_permutex2var_epi64(four, seconds, others),
                                              _mm512_set1_epi64((long long)content->placement));
        const __m512i shards = _mm512_srli_epi64(high, 64 - SHARD_BITS);
        const __m512i slots = shard_lanes_avx512(content->shard_slots, shards);
        const __m512i shapes = shard_lanes_avx512(content->shard_shapes, shards);
        /* As home_of(): the multiplication reads the lower half of a lane, which is bucket_count. */
        const __m512i part = _mm512_srli_epi64(_mm512_slli_epi64(high, SHARD_BITS), 32);
        const __m512i bucket = _mm512_srli_epi64(_mm512_mul_epu32(part, shapes), 32);
        const __m256i row_bits = _mm512_cvtepi64_epi32(_mm512_srli_epi64(shapes, 32));
        const __m256i tag_mask = _mm256_sllv_epi32(_mm256_set1_epi32(-1), row_bits);
        const __m256i tag = _mm256_sllv_epi32(_mm512_cvtepi64_epi32(high), row_bits);
        _mm512_storeu_si512(group->buckets + k, _mm512_add_epi64(slots, _mm512_slli_epi64(bucket, 6)));
        _mm256_storeu_si256((__m256i *)(group->tag_masks + k), tag_mask);
        _mm256_storeu_si256((__m256i *)(group->tags + k),
                            _mm256_maskz_mov_epi32(_mm256_cmpneq_epi32_mask(tag, tag_mask), tag));
    }
}

TARGET_AVX512 static inline void lookup_probe_avx512(const rows_t *rows, group_t *group, size_t k) {
    const __m512i slots = _mm512_load_si512(group->buckets[k]);
    const __m512i tag_mask = _mm512_set1_epi32((int)group->tag_masks[k]), tag = _mm512_set1_epi32((int)group->tags[k]);
    const __mmask16 found = _mm512_cmpeq_epi32_mask(_mm512_and_si512(slots, tag_mask), tag);
    const __mmask16 empty = _mm512_cmpeq_epi32_mask(slots, _mm512_set1_epi32((int)SLOT_EMPTY));
    const __m512i first = _mm512_maskz_compress_epi32(found, slots);
    lookup_found(rows, group, k, (uint32_t)_mm_cvtsi128_si32(_mm512_castsi512_si128(first)), found != 0, empty != 0);
}

_Static_assert(offsetof(seller_row_t, licences) == 16 && offsetof(seller_row_t, states) == 28 &&
                   offsetof(standing_t, registration) == 8 && offsetof(standing_t, strikes) == 16,
               "the halves of a row and of a standing that row_stand_avx512() shuffles");

TARGET_AVX512 static inline void row_stand_avx512(const rows_t *rows, const seller_row_t *row, int32_t day,
                                                  standing_t *standing) {
    const __m128i half = _mm_load_si128((const __m128i *)&row->licences);
    const __m256i strikes = _mm256_loadu_si256((const __m256i *)tally_at(rows, row->tally)->strikes);
    /* licences; room for the tenure; states twice, listing, complaints; 0 */
    __m128i head = _mm_shuffle_epi8(half, _mm_setr_epi8(0, 1, 2, 3, -1, -1, -1, -1, 12, 12, 13, 14, -1, -1, -1, -1));
    const uint32_t words = (uint32_t)_mm_extract_epi32(head, 2);
    head = _mm_insert_epi32(head, (int)((words & 0xFFFF000F) | (words >> 4 & 0xF00)), 2);
    head = _mm_insert_epi32(head, (int)tenure_on(day, row->since_day), 1);
    _mm_storeu_si128((__m128i *)standing, head);
    _mm256_storeu_si256((__m256i *)standing->strikes, strikes);
}

TARGET_AVX512 static inline size_t find_standings_avx512(const lookup_t *lookup, size_t found) {
    static const lookup_path_t path = {hash_group_avx512, lookup_place_avx512, lookup_probe_avx512, row_stand_avx512};
    return find_standings_by(&path, lookup, found);
}

#endif
#endif
