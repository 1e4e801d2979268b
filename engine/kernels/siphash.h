/* SipHash-2-4 with 128 bits of output: Aumasson, Bernstein, "SipHash: a fast short-input PRF" (2012), and the authors'
 * reference code for the wide output. Without the key nobody can tell which id a hash belongs to, nor make ids collide. */
#ifndef FAIRPOST_SIPHASH_H
#define FAIRPOST_SIPHASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct { uint64_t low, high; } hash128_t;
typedef struct { uint64_t k0, k1; } sip_key_t;
typedef struct { uint64_t v0, v1, v2, v3; } sip_state_t;

/* "somepseudorandomlygeneratedbytes" */
#define SIP_0 0x736f6d6570736575u
#define SIP_1 0x646f72616e646f6du
#define SIP_2 0x6c7967656e657261u
#define SIP_3 0x7465646279746573u

/* n ids: the k-th is bytes[begins[k] .. ends[k]). With Arrow's offsets, ends = begins + 1. All of `bytes` between the
 * first begin and the last end is one buffer and may be read, whatever lies between the ids. */
typedef struct {
    const uint8_t *bytes;
    const int64_t *begins, *ends;
    size_t count;
} seller_ids_t;

enum { HASH_GROUP = 32 }; /* ids hashed at once, at most */

/* Hashes of ids first .. first + count; count <= HASH_GROUP. */
typedef void hash_group_t(sip_key_t key, const seller_ids_t *ids, size_t first, size_t count, hash128_t *hashes);

static inline uint64_t sip_rotate(uint64_t x, int by) { return x << by | x >> (64 - by); }

static inline void sip_rounds(sip_state_t *s, int count) {
    for (int k = 0; k < count; k++) {
        s->v0 += s->v1, s->v1 = sip_rotate(s->v1, 13) ^ s->v0, s->v0 = sip_rotate(s->v0, 32);
        s->v2 += s->v3, s->v3 = sip_rotate(s->v3, 16) ^ s->v2;
        s->v0 += s->v3, s->v3 = sip_rotate(s->v3, 21) ^ s->v0;
        s->v2 += s->v1, s->v1 = sip_rotate(s->v1, 17) ^ s->v2, s->v2 = sip_rotate(s->v2, 32);
    }
}

static inline void sip_word(sip_state_t *s, uint64_t word) {
    s->v3 ^= word;
    sip_rounds(s, 2);
    s->v0 ^= word;
}

/* The last word: what is left of the bytes, and the length in the highest byte. Reads inside [bytes, bytes + length). */
static inline uint64_t sip_last_word(const uint8_t *bytes, size_t length) {
    uint64_t word = 0, top = (uint64_t)length << 56;
    size_t left = length & 7;
    if (left == 0) return top;
    if (length >= 8) { /* the last eight bytes, without those that belong to the word before */
        memcpy(&word, bytes + length - 8, 8);
        return top | word >> (8 * (8 - left));
    }
    for (size_t k = 0; k < left; k++) word |= (uint64_t)bytes[k] << (8 * k);
    return top | word;
}

static inline hash128_t sip_hash128(sip_key_t key, const uint8_t *bytes, size_t length) {
    sip_state_t s = {
        key.k0 ^ SIP_0,
        key.k1 ^ SIP_1 ^ 0xee,
        key.k0 ^ SIP_2,
        key.k1 ^ SIP_3,
    };
    hash128_t hash;
    uint64_t word;
    for (size_t at = 0; at + 8 <= length; at += 8) {
        memcpy(&word, bytes + at, 8);
        sip_word(&s, word);
    }
    sip_word(&s, sip_last_word(bytes, length));
    s.v2 ^= 0xee;
    sip_rounds(&s, 4);
    hash.low = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
    s.v1 ^= 0xdd;
    sip_rounds(&s, 4);
    hash.high = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
    return hash;
}

static inline hash128_t hash_of(sip_key_t key, const seller_ids_t *ids, size_t k) {
    return sip_hash128(key, ids->bytes + ids->begins[k], (size_t)(ids->ends[k] - ids->begins[k]));
}

/* hash_group_t of every path but those that have a better one. */
static inline void hash_group_scalar(sip_key_t key, const seller_ids_t *ids, size_t first, size_t count,
                                     hash128_t *hashes) {
    for (size_t k = 0; k < count; k++) hashes[k] = hash_of(key, ids, first + k);
}

#endif
