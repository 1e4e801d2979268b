/* What the AVX-512 kernels share: the target, and validation of UTF-8.
 *
 * Validation is the range test of Keiser and Lemire, "Validating UTF-8 in less than one instruction per byte"
 * (2020): three table look-ups by nibbles name every way in which two neighbouring bytes can be wrong. */
#ifndef FAIRPOST_UTF8_AVX512_H
#define FAIRPOST_UTF8_AVX512_H

#include "utf8_tables.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define HAVE_AVX512 1
#include <immintrin.h>

#define TARGET_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2,bmi,bmi2,popcnt,lzcnt")))

static inline int runs_avx512(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2");
}

TARGET_AVX512 static inline __m512i nibble_table_avx512(const int8_t *table) {
    return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)table));
}

/* Adds to `faults` what is wrong with the 64 bytes `v` at `bytes`, given the three before them. */
TARGET_AVX512 static inline __m512i utf8_faults_avx512(__m512i faults, const uint8_t *bytes, __m512i v) {
    const __m512i low = _mm512_set1_epi8(15);
    const __m512i before1 = _mm512_loadu_si512(bytes - 1);
    const __m512i before2 = _mm512_loadu_si512(bytes - 2);
    const __m512i before3 = _mm512_loadu_si512(bytes - 3);
    const __m512i a = _mm512_shuffle_epi8(nibble_table_avx512(utf8_first_high), _mm512_and_si512(_mm512_srli_epi16(before1, 4), low));
    const __m512i b = _mm512_shuffle_epi8(nibble_table_avx512(utf8_first_low), _mm512_and_si512(before1, low));
    const __m512i c = _mm512_shuffle_epi8(nibble_table_avx512(utf8_second_high), _mm512_and_si512(_mm512_srli_epi16(v, 4), low));
    /* The third byte of three and the third and fourth of four are continuations after continuations, rightly. */
    const __m512i third = _mm512_subs_epu8(before2, _mm512_set1_epi8(0xE0 - 0x80));
    const __m512i fourth = _mm512_subs_epu8(before3, _mm512_set1_epi8(0xF0 - 0x80));
    const __m512i wrong = _mm512_ternarylogic_epi32(a, b, c, 0x80);                                        /* a & b & c */
    const __m512i right = _mm512_ternarylogic_epi32(third, fourth, _mm512_set1_epi8((char)0x80), 0xA8); /* (third | fourth) & 0x80 */
    return _mm512_ternarylogic_epi32(faults, wrong, right, 0xF6);                                        /* faults | (wrong ^ right) */
}

#endif
#endif
