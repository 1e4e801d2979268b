/* Code points -> UTF-8 for AVX-512, 16 at a time without branches. Same contract, same result as encode.h. */
#ifndef FAIRPOST_ENCODE_AVX512_H
#define FAIRPOST_ENCODE_AVX512_H

#include "encode.h"
#include "utf8_avx512.h"

#ifdef HAVE_AVX512

/* UTF-8 of those of 16 code points that `lanes` names (the first ones), to `out`. Returns how many bytes. */
TARGET_AVX512 static inline size_t encode_16_avx512(__m512i c, __mmask16 lanes, uint8_t *out) {
    const __m512i six = _mm512_set1_epi32(63);
    const __mmask16 two = _mm512_cmpge_epu32_mask(c, _mm512_set1_epi32(0x80)), three = _mm512_cmpge_epu32_mask(c, _mm512_set1_epi32(0x800)),
                    four = _mm512_cmpge_epu32_mask(c, _mm512_set1_epi32(0x10000));
    const __m512i last = _mm512_and_si512(c, six), last1 = _mm512_and_si512(_mm512_srli_epi32(c, 6), six),
                  last2 = _mm512_and_si512(_mm512_srli_epi32(c, 12), six);
    /* The first byte of each in the lowest bits of its lane, the others above it. */
    const __m512i as_two = _mm512_or_si512(_mm512_or_si512(_mm512_srli_epi32(c, 6), _mm512_slli_epi32(last, 8)), _mm512_set1_epi32(0x80C0));
    const __m512i as_three = _mm512_or_si512(
        _mm512_or_si512(_mm512_srli_epi32(c, 12), _mm512_slli_epi32(last1, 8)),
        _mm512_or_si512(_mm512_slli_epi32(last, 16), _mm512_set1_epi32(0x8080E0)));
    const __m512i as_four = _mm512_or_si512(
        _mm512_or_si512(_mm512_or_si512(_mm512_srli_epi32(c, 18), _mm512_slli_epi32(last2, 8)), _mm512_slli_epi32(last1, 16)),
        _mm512_or_si512(_mm512_slli_epi32(last, 24), _mm512_set1_epi32((int)0x808080F0)));
    __m512i bytes = _mm512_mask_mov_epi32(c, two, as_two);
    bytes = _mm512_mask_mov_epi32(bytes, three, as_three);
    bytes = _mm512_mask_mov_epi32(bytes, four, as_four);
    __m512i marks = _mm512_maskz_set1_epi32(lanes, 0x80);
    marks = _mm512_mask_set1_epi32(marks, two & lanes, 0x8080);
    marks = _mm512_mask_set1_epi32(marks, three & lanes, 0x808080);
    marks = _mm512_mask_set1_epi32(marks, four & lanes, (int)0x80808080);
    const __mmask64 kept = _mm512_movepi8_mask(marks);
    const size_t count = (size_t)__builtin_popcountll(kept);
    const __mmask64 first = count == 64 ? ~(__mmask64)0 : ((__mmask64)1 << count) - 1;
    _mm512_mask_storeu_epi8(out, first, _mm512_maskz_compress_epi8(kept, bytes));
    return count;
}

static inline uint32_t lanes_of(size_t left) { return left < 16 ? ((uint32_t)1 << left) - 1 : 0xFFFF; }

TARGET_AVX512 static size_t encode_ucs2_avx512(const uint16_t *in, size_t n, uint8_t *out) {
    const uint8_t *const start = out;
    for (size_t i = 0; i < n; i += 16) {
        const __mmask16 lanes = (__mmask16)lanes_of(n - i);
        out += encode_16_avx512(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(lanes, in + i)), lanes, out);
    }
    return (size_t)(out - start);
}

TARGET_AVX512 static size_t encode_ucs4_avx512(const uint32_t *in, size_t n, uint8_t *out) {
    const uint8_t *const start = out;
    for (size_t i = 0; i < n; i += 16) {
        const __mmask16 lanes = (__mmask16)lanes_of(n - i);
        out += encode_16_avx512(_mm512_maskz_loadu_epi32(lanes, in + i), lanes, out);
    }
    return (size_t)(out - start);
}

#endif
#endif
