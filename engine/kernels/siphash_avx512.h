/* SipHash of a group of ids for AVX-512, a lane each. Same contract, same result as hash_group_scalar().
 *
 * A round of SipHash is a chain of instructions that wait for each other; eight lanes side by side take hardly longer
 * than one, and two vectors in turn fill each other's waits. (Tried: the same with AVX2, which has no rotation of 64-bit
 * lanes: not quicker than scalar code; gathering the words: not quicker, and slow where gathers are mitigated.) */
#ifndef FAIRPOST_SIPHASH_AVX512_H
#define FAIRPOST_SIPHASH_AVX512_H

#include "siphash.h"
#include "utf8_avx512.h"

#ifdef HAVE_AVX512

enum {
    HASH_LANES = 8,
    HASH_STEP = 2 * HASH_LANES, /* ids hashed side by side */
    WORDS_A_LOAD = 4,
    LOAD_BYTES = 8 * WORDS_A_LOAD,
};

typedef struct { __m512i v0, v1, v2, v3; } sip_vector_t;

TARGET_AVX512 static inline void sip_round_avx512(sip_vector_t *s) {
    s->v0 = _mm512_add_epi64(s->v0, s->v1), s->v2 = _mm512_add_epi64(s->v2, s->v3);
    s->v1 = _mm512_xor_si512(_mm512_rol_epi64(s->v1, 13), s->v0);
    s->v3 = _mm512_xor_si512(_mm512_rol_epi64(s->v3, 16), s->v2);
    s->v0 = _mm512_add_epi64(_mm512_rol_epi64(s->v0, 32), s->v3), s->v2 = _mm512_add_epi64(s->v2, s->v1);
    s->v3 = _mm512_xor_si512(_mm512_rol_epi64(s->v3, 21), s->v0);
    s->v1 = _mm512_xor_si512(_mm512_rol_epi64(s->v1, 17), s->v2);
    s->v2 = _mm512_rol_epi64(s->v2, 32);
}

/* Rounds of two vectors in turn: one works while the other waits. */
TARGET_AVX512 static inline void sip_rounds_avx512(sip_vector_t s[2], int count) {
    for (int k = 0; k < count; k++) {
        sip_round_avx512(&s[0]);
        sip_round_avx512(&s[1]);
    }
}

TARGET_AVX512 static inline __m512i sip_sum_avx512(const sip_vector_t *s) {
    return _mm512_xor_si512(_mm512_xor_si512(s->v0, s->v1), _mm512_xor_si512(s->v2, s->v3));
}

TARGET_AVX512 static inline void sip_take_avx512(sip_vector_t *s, const sip_vector_t *next, __mmask8 goes) {
    s->v0 = _mm512_mask_mov_epi64(s->v0, goes, next->v0), s->v1 = _mm512_mask_mov_epi64(s->v1, goes, next->v1);
    s->v2 = _mm512_mask_mov_epi64(s->v2, goes, next->v2), s->v3 = _mm512_mask_mov_epi64(s->v3, goes, next->v3);
}

/* Words of eight ids, one load of each: lane k of words[j] is word j of id[k]. */
TARGET_AVX512 static inline void sip_turn_avx512(const __m256i id[HASH_LANES], __m512i words[WORDS_A_LOAD]) {
    __m512i pair[4]; /* k and k + 4 */
    for (int k = 0; k < 4; k++) pair[k] = _mm512_inserti64x4(_mm512_castsi256_si512(id[k]), id[k + 4], 1);
    const __m512i front = _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13);
    const __m512i back = _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15);
    const __m512i even01 = _mm512_unpacklo_epi64(pair[0], pair[1]), odd01 = _mm512_unpackhi_epi64(pair[0], pair[1]);
    const __m512i even23 = _mm512_unpacklo_epi64(pair[2], pair[3]), odd23 = _mm512_unpackhi_epi64(pair[2], pair[3]);
    words[0] = _mm512_permutex2var_epi64(even01, front, even23);
    words[1] = _mm512_permutex2var_epi64(odd01, front, odd23);
    words[2] = _mm512_permutex2var_epi64(even01, back, even23);
    words[3] = _mm512_permutex2var_epi64(odd01, back, odd23);
}

/* Words at / 8 .. at / 8 + 3 of ids first .. first + count, with zeros behind their ends. Reads inside the ids only. */
TARGET_AVX512 static inline void sip_words_avx512(const seller_ids_t *ids, size_t first, size_t count, size_t at,
                                                  __m512i words[WORDS_A_LOAD]) {
    __m256i id[HASH_LANES];
    for (size_t k = 0; k < HASH_LANES; k++) {
        id[k] = _mm256_setzero_si256();
        if (k >= count) continue;
        const int64_t begin = ids->begins[first + k];
        const size_t length = (size_t)(ids->ends[first + k] - begin), from = at < length ? at : length;
        const size_t left = length - from < LOAD_BYTES ? length - from : LOAD_BYTES;
        id[k] = _mm256_maskz_loadu_epi8(_bzhi_u32(~0u, (uint32_t)left), ids->bytes + begin + from);
    }
    sip_turn_avx512(id, words);
}

/* The same for eight ids of fewer than LOAD_BYTES bytes each, from their begin on, by reading beyond their ends: loads
 * without a mask are much quicker where ids are not in the cache. */
TARGET_AVX512 static inline void sip_short_words_avx512(const uint8_t *bytes, const int64_t *begins, __m512i lengths,
                                                        __m512i words[WORDS_A_LOAD]) {
    __m256i id[HASH_LANES];
    for (size_t k = 0; k < HASH_LANES; k++) id[k] = _mm256_loadu_si256((const __m256i *)(bytes + begins[k]));
    sip_turn_avx512(id, words);
    for (int j = 0; j < WORDS_A_LOAD; j++) {
        /* Shifts by 64 and more give 0: words before the last stay whole. Those behind it are not taken in. */
        const __m512i bits = _mm512_sub_epi64(_mm512_slli_epi64(lengths, 3), _mm512_set1_epi64(64 * j));
        words[j] = _mm512_andnot_si512(_mm512_sllv_epi64(_mm512_set1_epi64(-1), bits), words[j]);
    }
}

/* Take in the next word of every id that has one: number `k`. */
TARGET_AVX512 static inline void sip_word_avx512(sip_vector_t s[2], const __m512i word[2], const __m512i lengths[2],
                                                 uint64_t k) {
    sip_vector_t next[2] = {s[0], s[1]};
    __m512i whole[2];
    __mmask8 goes[2];
    for (int i = 0; i < 2; i++) {
        const __m512i last = _mm512_srli_epi64(lengths[i], 3), number = _mm512_set1_epi64((long long)k);
        const __mmask8 is_last = _mm512_cmpeq_epi64_mask(last, number);
        goes[i] = _mm512_cmpge_epu64_mask(last, number);
        whole[i] = _mm512_mask_or_epi64(word[i], is_last, word[i], _mm512_slli_epi64(lengths[i], 56));
        next[i].v3 = _mm512_xor_si512(next[i].v3, whole[i]);
    }
    sip_rounds_avx512(next, 2);
    for (int i = 0; i < 2; i++) next[i].v0 = _mm512_xor_si512(next[i].v0, whole[i]);
    if ((goes[0] & goes[1]) == 0xFF) {
        s[0] = next[0], s[1] = next[1];
        return;
    }
    for (int i = 0; i < 2; i++) sip_take_avx512(&s[i], &next[i], goes[i]);
}

TARGET_AVX512 static inline void sip_finish_avx512(sip_vector_t s[2], __m512i low[2], __m512i high[2]) {
    for (int i = 0; i < 2; i++) s[i].v2 = _mm512_xor_si512(s[i].v2, _mm512_set1_epi64(0xee));
    sip_rounds_avx512(s, 4);
    for (int i = 0; i < 2; i++) {
        low[i] = sip_sum_avx512(&s[i]);
        s[i].v1 = _mm512_xor_si512(s[i].v1, _mm512_set1_epi64(0xdd));
    }
    sip_rounds_avx512(s, 4);
    for (int i = 0; i < 2; i++) high[i] = sip_sum_avx512(&s[i]);
}

/* One bit for each of the lanes that `count` ids fill. */
TARGET_AVX512 static inline uint32_t lanes_avx512(size_t count, size_t lanes) {
    return _bzhi_u32((1u << lanes) - 1, (uint32_t)(count < lanes ? count : lanes));
}

/* Whether these ids are short, and as many bytes may be read from each begin on. They all lie in one buffer, and so does
 * what is between one's begin and another's end: seller_ids_t. */
TARGET_AVX512 static inline int are_short_avx512(const seller_ids_t *ids, size_t first, uint64_t longest) {
    const __m512i last = _mm512_set1_epi64(ids->ends[ids->count - 1] - LOAD_BYTES);
    const __m512i begins = _mm512_loadu_si512(ids->begins + first);
    const __m512i others = _mm512_loadu_si512(ids->begins + first + HASH_LANES);
    return longest < LOAD_BYTES && !_mm512_cmpgt_epi64_mask(_mm512_max_epi64(begins, others), last);
}

/* At most HASH_STEP ids. */
TARGET_AVX512 static inline void hash_step_avx512(sip_key_t key, const seller_ids_t *ids, size_t first, size_t count,
                                                  hash128_t *hashes) {
    const sip_vector_t begin = {
        _mm512_set1_epi64((long long)(key.k0 ^ SIP_0)),
        _mm512_set1_epi64((long long)(key.k1 ^ SIP_1 ^ 0xee)),
        _mm512_set1_epi64((long long)(key.k0 ^ SIP_2)),
        _mm512_set1_epi64((long long)(key.k1 ^ SIP_3)),
    };
    const size_t counts[2] = {count < HASH_LANES ? count : HASH_LANES, count < HASH_LANES ? 0 : count - HASH_LANES};
    sip_vector_t s[2] = {begin, begin};
    __m512i lengths[2], words[2][WORDS_A_LOAD], low[2], high[2];
    for (int i = 0; i < 2; i++) {
        const __mmask8 lanes = (__mmask8)lanes_avx512(counts[i], HASH_LANES);
        const size_t at = first + (size_t)i * HASH_LANES;
        lengths[i] = _mm512_sub_epi64(_mm512_maskz_loadu_epi64(lanes, ids->ends + at),
                                      _mm512_maskz_loadu_epi64(lanes, ids->begins + at));
    }
    const uint64_t longest = _mm512_reduce_max_epu64(_mm512_max_epu64(lengths[0], lengths[1]));
    const int are_short = count == HASH_STEP && are_short_avx512(ids, first, longest);
    for (uint64_t k = 0; k <= longest / 8; k += WORDS_A_LOAD) {
        for (size_t i = 0; i < 2; i++) {
            const size_t at = first + i * HASH_LANES;
            if (are_short)
                sip_short_words_avx512(ids->bytes, ids->begins + at, lengths[i], words[i]);
            else
                sip_words_avx512(ids, at, counts[i], 8 * k, words[i]);
        }
        for (uint64_t j = 0; j < WORDS_A_LOAD && k + j <= longest / 8; j++) {
            const __m512i word[2] = {words[0][j], words[1][j]};
            sip_word_avx512(s, word, lengths, k + j);
        }
    }
    sip_finish_avx512(s, low, high);
    const __m512i front = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
    const __m512i back = _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15);
    for (int i = 0; i < 2; i++) {
        const uint32_t lanes = lanes_avx512(2 * counts[i], 2 * HASH_LANES);
        uint64_t *out = (uint64_t *)(hashes + i * HASH_LANES);
        _mm512_mask_storeu_epi64(out, (__mmask8)lanes, _mm512_permutex2var_epi64(low[i], front, high[i]));
        _mm512_mask_storeu_epi64(out + 8, (__mmask8)(lanes >> 8), _mm512_permutex2var_epi64(low[i], back, high[i]));
    }
}

TARGET_AVX512 static inline void hash_group_avx512(sip_key_t key, const seller_ids_t *ids, size_t first, size_t count,
                                                   hash128_t *hashes) {
    if (count < HASH_LANES / 2) { /* too few to pay for lanes */
        hash_group_scalar(key, ids, first, count, hashes);
        return;
    }
    for (size_t at = 0; at < count; at += HASH_STEP)
        hash_step_avx512(key, ids, first + at, count - at < HASH_STEP ? count - at : HASH_STEP, hashes + at);
}

#endif
#endif
