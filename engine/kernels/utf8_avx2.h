/* What the AVX2 kernels share: the target, and validation of UTF-8 (see utf8_avx512.h). */
#ifndef FAIRPOST_UTF8_AVX2_H
#define FAIRPOST_UTF8_AVX2_H

#include "utf8_tables.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define HAVE_AVX2 1
#include <immintrin.h>

#define TARGET_AVX2 __attribute__((target("avx2,bmi,bmi2,popcnt,lzcnt")))

static inline int runs_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
           __builtin_cpu_supports("popcnt");
}

TARGET_AVX2 static inline __m256i nibble_table_avx2(const int8_t *table) {
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table));
}

/* Adds to `faults` what is wrong with the 32 bytes `v` at `bytes`, given the three before them. */
TARGET_AVX2 static inline __m256i utf8_faults_avx2(__m256i faults, const uint8_t *bytes, __m256i v) {
    const __m256i low = _mm256_set1_epi8(15);
    const __m256i before1 = _mm256_loadu_si256((const __m256i *)(bytes - 1));
    const __m256i before2 = _mm256_loadu_si256((const __m256i *)(bytes - 2));
    const __m256i before3 = _mm256_loadu_si256((const __m256i *)(bytes - 3));
    const __m256i a = _mm256_shuffle_epi8(nibble_table_avx2(utf8_first_high), _mm256_and_si256(_mm256_srli_epi16(before1, 4), low));
    const __m256i b = _mm256_shuffle_epi8(nibble_table_avx2(utf8_first_low), _mm256_and_si256(before1, low));
    const __m256i c = _mm256_shuffle_epi8(nibble_table_avx2(utf8_second_high), _mm256_and_si256(_mm256_srli_epi16(v, 4), low));
    const __m256i wrong = _mm256_and_si256(_mm256_and_si256(a, b), c);
    /* The third byte of three and the third and fourth of four are continuations after continuations, rightly. */
    const __m256i third = _mm256_subs_epu8(before2, _mm256_set1_epi8(0xE0 - 0x80));
    const __m256i fourth = _mm256_subs_epu8(before3, _mm256_set1_epi8(0xF0 - 0x80));
    const __m256i right = _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8((char)0x80));
    return _mm256_or_si256(faults, _mm256_xor_si256(wrong, right));
}

#endif
#endif
