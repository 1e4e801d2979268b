/* SipHash of a group of ids for AVX-512, a lane each. Same contract, same result as hash_group_scalar().
 *
 * A round of SipHash is a chain of instructions that wait for each other; eight lanes side by side take hardly longer
 * than one. (Tried: the same with AVX2, which has no rotation of 64-bit lanes: not quicker than scalar code.) */
#ifndef FAIRPOST_SIPHASH_AVX512_H
#define FAIRPOST_SIPHASH_AVX512_H

#include "siphash.h"
#include "utf8_avx512.h"

#ifdef HAVE_AVX512

enum {
    HASH_LANES = 8,
    HASH_WORDS = 5, /* ids of up to 39 bytes; a group with a longer one is hashed one by one */
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

/* Sixteen ids: their words, and how many each has (at most `most`). */
TARGET_AVX512 static inline void sip_hash_avx512(sip_key_t key, const uint64_t (*words)[HASH_GROUP], const uint64_t *counts,
                                                 uint64_t most, uint64_t *low, uint64_t *high) {
    const sip_vector_t begin = {
        _mm512_set1_epi64((long long)(key.k0 ^ SIP_0)),
        _mm512_set1_epi64((long long)(key.k1 ^ SIP_1 ^ 0xee)),
        _mm512_set1_epi64((long long)(key.k0 ^ SIP_2)),
        _mm512_set1_epi64((long long)(key.k1 ^ SIP_3)),
    };
    sip_vector_t s[2] = {begin, begin};
    for (uint64_t k = 0; k < most; k++) {
        sip_vector_t next[2] = {s[0], s[1]};
        __mmask8 goes[2];
        __m512i word[2];
        for (int i = 0; i < 2; i++) {
            goes[i] = _mm512_cmpgt_epu64_mask(_mm512_loadu_si512(counts + i * HASH_LANES),
                                              _mm512_set1_epi64((long long)k));
            word[i] = _mm512_maskz_loadu_epi64(goes[i], words[k] + i * HASH_LANES);
            next[i].v3 = _mm512_xor_si512(next[i].v3, word[i]);
        }
        sip_rounds_avx512(next, 2);
        for (int i = 0; i < 2; i++) {
            next[i].v0 = _mm512_xor_si512(next[i].v0, word[i]);
            sip_take_avx512(&s[i], &next[i], goes[i]);
        }
    }
    for (int i = 0; i < 2; i++) s[i].v2 = _mm512_xor_si512(s[i].v2, _mm512_set1_epi64(0xee));
    sip_rounds_avx512(s, 4);
    for (int i = 0; i < 2; i++) {
        _mm512_storeu_si512(low + i * HASH_LANES, sip_sum_avx512(&s[i]));
        s[i].v1 = _mm512_xor_si512(s[i].v1, _mm512_set1_epi64(0xdd));
    }
    sip_rounds_avx512(s, 4);
    for (int i = 0; i < 2; i++) _mm512_storeu_si512(high + i * HASH_LANES, sip_sum_avx512(&s[i]));
}

TARGET_AVX512 static inline void hash_group_avx512(sip_key_t key, const seller_ids_t *ids, size_t first, size_t count,
                                                   hash128_t *hashes) {
    uint64_t words[HASH_WORDS][HASH_GROUP], counts[HASH_GROUP] = {0}, low[HASH_GROUP], high[HASH_GROUP], most = 0;
    size_t k = count < HASH_LANES / 2 ? count : 0; /* too few to pay for lanes */
    for (; k < count; k++) {
        const uint8_t *id = ids->bytes + ids->begins[first + k];
        const size_t length = (size_t)(ids->ends[first + k] - ids->begins[first + k]), full = length / 8;
        if (full >= HASH_WORDS) break;
        for (size_t j = 0; j < full; j++) memcpy(&words[j][k], id + 8 * j, 8);
        words[full][k] = sip_last_word(id, length);
        counts[k] = full + 1;
        most = most > full ? most : full + 1;
    }
    if (most == 0 || k < count) {
        hash_group_scalar(key, ids, first, count, hashes);
        return;
    }
    for (size_t at = 0; at < count; at += 2 * HASH_LANES) {
        const uint64_t(*from)[HASH_GROUP] = (const uint64_t(*)[HASH_GROUP])&words[0][at];
        sip_hash_avx512(key, from, counts + at, most, low + at, high + at);
    }
    for (k = 0; k < count; k++) hashes[k].low = low[k], hashes[k].high = high[k];
}

#endif
#endif
