/* fold_text for AVX-512 (F, BW, VL, VBMI, VBMI2): 64 bytes at a time. Same contract, same result as the scalar one.
 *
 * Validation is the range test of Keiser and Lemire, "Validating UTF-8 in less than one instruction per byte"
 * (2020): three table look-ups by nibbles name every way in which two neighbouring bytes can be wrong. A text with a
 * fault is folded again by the scalar path, which knows where it is. */
#ifndef FAIRPOST_FOLD_AVX512_H
#define FAIRPOST_FOLD_AVX512_H

#include "fold.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define HAVE_AVX512_PATH 1
#include <immintrin.h>

#define TARGET_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2,bmi,bmi2,popcnt,lzcnt")))

enum {
    TOO_SHORT = 1,       /* a lead byte, then no continuation */
    TOO_LONG = 2,        /* ASCII, then a continuation */
    OVERLONG_3 = 4,      /* E0 80..9F */
    TOO_LARGE = 8,       /* F4 90.., F5.. */
    SURROGATE = 16,      /* ED A0..BF */
    OVERLONG_2 = 32,     /* C0, C1 */
    TOO_LARGE_1000 = 64, /* F5.. 80..8F */
    OVERLONG_4 = 64,     /* F0 80..8F */
    TWO_CONTINUATIONS = 128,
    CARRY = TOO_SHORT | TOO_LONG | TWO_CONTINUATIONS
};

TARGET_AVX512 static inline __m512i nibble_table(const int8_t *table) {
    return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)table));
}

/* Bytes of `v` whose pair with the byte before (or the lead two or three before) is ill-formed are not 0. */
TARGET_AVX512 static inline __mmask64 utf8_faults(__m512i v, __m512i before1, __m512i before2, __m512i before3) {
    static const int8_t first_high[16] = {
        TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG,
        (int8_t)TWO_CONTINUATIONS, (int8_t)TWO_CONTINUATIONS, (int8_t)TWO_CONTINUATIONS, (int8_t)TWO_CONTINUATIONS,
        TOO_SHORT | OVERLONG_2, TOO_SHORT, TOO_SHORT | OVERLONG_3 | SURROGATE, TOO_SHORT | TOO_LARGE | TOO_LARGE_1000};
    static const int8_t first_low[16] = {
        (int8_t)(CARRY | OVERLONG_3 | OVERLONG_2 | OVERLONG_4), (int8_t)(CARRY | OVERLONG_2), (int8_t)CARRY, (int8_t)CARRY,
        (int8_t)(CARRY | TOO_LARGE), (int8_t)(CARRY | TOO_LARGE | TOO_LARGE_1000), (int8_t)(CARRY | TOO_LARGE | TOO_LARGE_1000),
        (int8_t)(CARRY | TOO_LARGE | TOO_LARGE_1000), (int8_t)(CARRY | TOO_LARGE | TOO_LARGE_1000),
        (int8_t)(CARRY | TOO_LARGE | TOO_LARGE_1000), (int8_t)(CARRY | TOO_LARGE | TOO_LARGE_1000),
        (int8_t)(CARRY | TOO_LARGE | TOO_LARGE_1000), (int8_t)(CARRY | TOO_LARGE | TOO_LARGE_1000),
        (int8_t)(CARRY | TOO_LARGE | TOO_LARGE_1000 | SURROGATE), (int8_t)(CARRY | TOO_LARGE | TOO_LARGE_1000),
        (int8_t)(CARRY | TOO_LARGE | TOO_LARGE_1000)};
    static const int8_t second_high[16] = {
        TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
        (int8_t)(TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | OVERLONG_3 | TOO_LARGE_1000 | OVERLONG_4),
        (int8_t)(TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | OVERLONG_3 | TOO_LARGE),
        (int8_t)(TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | SURROGATE | TOO_LARGE),
        (int8_t)(TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | SURROGATE | TOO_LARGE),
        TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT};
    const __m512i low = _mm512_set1_epi8(15);
    const __m512i a = _mm512_shuffle_epi8(nibble_table(first_high), _mm512_and_si512(_mm512_srli_epi16(before1, 4), low));
    const __m512i b = _mm512_shuffle_epi8(nibble_table(first_low), _mm512_and_si512(before1, low));
    const __m512i c = _mm512_shuffle_epi8(nibble_table(second_high), _mm512_and_si512(_mm512_srli_epi16(v, 4), low));
    const __m512i faults = _mm512_and_si512(_mm512_and_si512(a, b), c);
    /* The third byte of three and the third and fourth of four are continuations after continuations, rightly. */
    const __m512i third = _mm512_subs_epu8(before2, _mm512_set1_epi8((char)(0xE0 - 0x80)));
    const __m512i fourth = _mm512_subs_epu8(before3, _mm512_set1_epi8((char)(0xF0 - 0x80)));
    const __m512i expected = _mm512_and_si512(_mm512_or_si512(third, fourth), _mm512_set1_epi8((char)0x80));
    return _mm512_test_epi8_mask(_mm512_xor_si512(faults, expected), _mm512_set1_epi8((char)0xFF));
}

static inline uint64_t low_bits(size_t count) { return count >= 64 ? ~0ull : (1ull << count) - 1; }

/* Whether the text ends inside a character. */
static inline int ends_inside(const uint8_t *text, size_t length) {
    return (length >= 1 && text[length - 1] >= 0xC0) || (length >= 2 && text[length - 2] >= 0xE0) ||
           (length >= 3 && text[length - 3] >= 0xF0);
}

TARGET_AVX512 static inline int is_utf8_avx512(const uint8_t *text, size_t length) {
    if (ends_inside(text, length)) return 0;
    uint64_t faults = 0;
    for (size_t i = 0; i < length; i += 64) {
        const size_t left = length - i;
        const uint64_t first = i == 0;
        /* Masked lanes are not read, so a pointer before the text or past its end is harmless. */
        faults |= utf8_faults(_mm512_maskz_loadu_epi8(low_bits(left), text + i),
                              _mm512_maskz_loadu_epi8(low_bits(left + 1) & ~first, text + i - 1),
                              _mm512_maskz_loadu_epi8(low_bits(left + 2) & ~(first * 3), text + i - 2),
                              _mm512_maskz_loadu_epi8(low_bits(left + 3) & ~(first * 7), text + i - 3));
    }
    return faults == 0;
}

TARGET_AVX512 static int fold_text_avx512(const image_t *image, const uint8_t *text, size_t length, column_u16 *symbols,
                                          column_u32 *offsets, column_delimiter *delimiters, size_t *fault) {
    enum { SLACK = 64 }; /* full vectors are stored, then only the symbols kept are counted */
    /* The whole text first: below, a character at the end of a block is decoded with bytes of the next. */
    if (!is_utf8_avx512(text, length)) return fold_text(image, text, length, symbols, offsets, delimiters, fault);
    if (column_u16_reserve(symbols, length + SLACK) || column_u32_reserve(offsets, length + SLACK)) return FOLD_NO_MEMORY;
    uint16_t *symbol_at = symbols->at + symbols->count;
    uint32_t *offset_at = offsets->at + offsets->count;
    const __m512i places = _mm512_set_epi8(63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42,
                                           41, 40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20,
                                           19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const __m512i six = _mm512_set1_epi32(0x3F);
    for (size_t i = 0; i < length; i += 64) {
        const size_t left = length - i;
        const __m512i v = _mm512_maskz_loadu_epi8(low_bits(left), text + i);
        const uint64_t leads = _mm512_cmplt_epi8_mask(_mm512_set1_epi8((char)0xBF), v) & low_bits(left);
        uint8_t bytes[4][64], place[64];
        const size_t count = (size_t)__builtin_popcountll(leads);
        _mm512_storeu_si512(bytes[0], _mm512_maskz_compress_epi8(leads, v));
        _mm512_storeu_si512(bytes[1], _mm512_maskz_compress_epi8(leads, _mm512_maskz_loadu_epi8(low_bits(left - 1), text + i + 1)));
        _mm512_storeu_si512(bytes[2], _mm512_maskz_compress_epi8(leads, _mm512_maskz_loadu_epi8(low_bits(left > 2 ? left - 2 : 0), text + i + 2)));
        _mm512_storeu_si512(bytes[3], _mm512_maskz_compress_epi8(leads, _mm512_maskz_loadu_epi8(low_bits(left > 3 ? left - 3 : 0), text + i + 3)));
        _mm512_storeu_si512(place, _mm512_maskz_compress_epi8(leads, places));
        for (size_t g = 0; g < count; g += 16) {
            const __mmask16 lanes = count - g >= 16 ? 0xFFFF : (__mmask16)((1u << (count - g)) - 1);
            const __m512i c0 = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(bytes[0] + g)));
            const __m512i c1 = _mm512_and_si512(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(bytes[1] + g))), six);
            const __m512i c2 = _mm512_and_si512(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(bytes[2] + g))), six);
            const __mmask16 two = _mm512_cmpge_epu32_mask(c0, _mm512_set1_epi32(0xC0));
            const __mmask16 three = _mm512_cmpge_epu32_mask(c0, _mm512_set1_epi32(0xE0));
            const __mmask16 four = _mm512_cmpge_epu32_mask(c0, _mm512_set1_epi32(0xF0));
            __m512i code = c0;
            code = _mm512_mask_or_epi32(code, two, _mm512_slli_epi32(_mm512_and_si512(c0, _mm512_set1_epi32(0x1F)), 6), c1);
            code = _mm512_mask_or_epi32(
                code, three, _mm512_slli_epi32(_mm512_and_si512(c0, _mm512_set1_epi32(0x0F)), 12),
                _mm512_or_si512(_mm512_slli_epi32(c1, 6), c2));
            const __m512i where = _mm512_add_epi32(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(place + g))),
                                                   _mm512_set1_epi32((int)i));
            const __mmask16 plane0 = lanes & (__mmask16)~four;
            /* SAFETY: code < 0x10000 in these lanes, and fold_flat has two entries more than that. */
            __m512i symbol = _mm512_and_si512(
                _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), plane0, code, image->fold_flat, 2), _mm512_set1_epi32(0xFFFF));
            if (four & lanes) {
                uint32_t rare[16];
                _mm512_storeu_si512(rare, symbol);
                for (uint32_t bits = four & lanes; bits; bits &= bits - 1) {
                    const int k = __builtin_ctz(bits);
                    const uint32_t c = (bytes[0][g + k] & 7u) << 18 | (bytes[1][g + k] & 63u) << 12 |
                                       (bytes[2][g + k] & 63u) << 6 | (bytes[3][g + k] & 63u);
                    rare[k] = image->fold_symbol[(size_t)image->fold_block[c >> BLOCK_SHIFT] << BLOCK_SHIFT | (c & BLOCK_MASK)];
                }
                symbol = _mm512_loadu_si512(rare);
            }
            const __mmask16 expands = _mm512_mask_cmpeq_epu32_mask(lanes, symbol, _mm512_set1_epi32(SYMBOL_EXPANDS));
            const __mmask16 kept = _mm512_mask_cmpgt_epu32_mask(lanes, symbol, _mm512_set1_epi32(SYMBOL_BOUNDARY));
            if (expands) { /* rare: these characters one by one */
                for (size_t k = g; k < count && k < g + 16; k++) {
                    size_t at = i + place[k];
                    symbols->count = offsets->count = (size_t)(symbol_at - symbols->at);
                    if (fold_character(image, text, length, &at, symbols, offsets, delimiters, SLACK)) return FOLD_NO_MEMORY;
                    symbol_at = symbols->at + symbols->count;
                    offset_at = offsets->at + offsets->count;
                }
                continue;
            }
            const uint32_t dropped = _mm512_mask_cmpneq_epu32_mask(lanes & (__mmask16)~kept, symbol, _mm512_setzero_si512());
            const uint32_t sentences = _mm512_cmpeq_epu32_mask(symbol, _mm512_set1_epi32(SYMBOL_SKIP_SENTENCE));
            for (uint32_t bits = dropped; bits; bits &= bits - 1) {
                const int k = __builtin_ctz(bits);
                const uint32_t c = (uint32_t)i + place[g + k];
                if (column_delimiter_reserve(delimiters, 1)) return FOLD_NO_MEMORY;
                delimiter_t *d = &delimiters->at[delimiters->count++];
                d->symbol = (uint32_t)(symbol_at - symbols->at) + (uint32_t)__builtin_popcount(kept & ((1u << k) - 1));
                d->offset = c;
                d->strength = sentences >> k & 1 ? SYMBOL_SKIP_SENTENCE : SYMBOL_SKIP_CLAUSE;
            }
            _mm256_storeu_si256((__m256i *)symbol_at, _mm256_maskz_compress_epi16(kept, _mm512_cvtepi32_epi16(symbol)));
            _mm512_storeu_si512(offset_at, _mm512_maskz_compress_epi32(kept, where));
            symbol_at += __builtin_popcount(kept);
            offset_at += __builtin_popcount(kept);
        }
    }
    symbols->count = offsets->count = (size_t)(symbol_at - symbols->at);
    return FOLD_OK;
}

#endif
#endif
