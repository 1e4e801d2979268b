/* Fold for AVX-512 (F, BW, VL, DQ, VBMI, VBMI2), 64 bytes at a time over the whole chunk. Same contract, same result as the
 * scalar one.
 *
 * Three passes, each without branches that texts could make unpredictable:
 *   decode   bytes -> code points (16 bits; what does not fit has a stand-in) and offsets, and whether all is well-formed
 *   look up  code points -> symbols: scalar loads, which are quicker than gathers
 *   compact  symbols that count, their offsets, and where each text ends
 * Under the identity fold the first pass gives the symbols at once. */
#ifndef FAIRPOST_FOLD_AVX512_H
#define FAIRPOST_FOLD_AVX512_H

#include "fold.h"
#include "utf8_avx512.h"

#ifdef HAVE_AVX512

/* Positions of the bits of `mask`: where a lane's neighbours with a bit would be packed to. */
static inline uint32_t rank_of(uint32_t mask, uint32_t bit) { return (uint32_t)__builtin_popcount(mask & (bit - 1)); }

/* Notes that a text ends at each boundary among up to 32 symbols that begin at `at`; `bounds` are lanes of `kept`. */
static inline size_t note_ends(text_t *texts, size_t next, size_t at, uint32_t bounds, uint32_t kept) {
    while (bounds) {
        const uint32_t end = (uint32_t)at + rank_of(kept, bounds & -bounds);
        texts[next++].symbol_end = end;
        texts[next].symbol_begin = end + 1;
        bounds &= bounds - 1;
    }
    return next;
}

/* Decodes the chunk's bytes into `code_points` and `offsets`, one of each a character, separators as `separator`. Returns how
 * many; *ill_formed is set where a text is not UTF-8. What follows a fault is decoded to some code point below 0x10000. */
TARGET_AVX512 static size_t decode_avx512(const chunk_t *chunk, uint16_t separator, uint16_t *code_points, uint32_t *offsets, int *ill_formed) {
    static const uint8_t counting[64] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                                         22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
                                         44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};
    const uint8_t *bytes = chunk_bytes(chunk);
    const size_t length = chunk->byte_count;
    const __m512i places = _mm512_loadu_si512(counting);
    const __m512i top2 = _mm512_set1_epi8((char)0xC0), top4 = _mm512_set1_epi8((char)0xF0);
    __m512i faults = _mm512_setzero_si512();
    size_t count = 0;
    for (size_t i = 0; i < length; i += 64) {
        /* SAFETY: BYTE_LEAD and BYTE_SLACK zero bytes stand around the texts. */
        const __m512i v = _mm512_loadu_si512(bytes + i), v1 = _mm512_loadu_si512(bytes + i + 1), v2 = _mm512_loadu_si512(bytes + i + 2);
        faults = utf8_faults_avx512(faults, bytes + i, v);
        const uint64_t ends = chunk->ends.at[i >> 6];
        uint64_t leads = _mm512_cmpgt_epi8_mask(v, _mm512_set1_epi8((char)0xBF));
        if (length - i < 64) leads &= ((uint64_t)1 << (length - i)) - 1;
        const uint64_t two = _mm512_cmpge_epu8_mask(v, top2), three = _mm512_cmpge_epu8_mask(v, _mm512_set1_epi8((char)0xE0)),
                       four = _mm512_cmpge_epu8_mask(v, top4);
        /* Low byte of the code point: the last two bits of the last byte but one, six of the last. */
        const __m512i last1 = _mm512_mask_mov_epi8(v, three, v1), last = _mm512_mask_mov_epi8(v1, three, v2);
        __m512i low = _mm512_mask_mov_epi8(v, two, _mm512_ternarylogic_epi32(top2, _mm512_slli_epi16(last1, 6), last, 0xCA));
        __m512i high = _mm512_maskz_mov_epi8(two, _mm512_and_si512(_mm512_srli_epi16(v, 2), _mm512_set1_epi8(7)));
        high = _mm512_mask_mov_epi8(high, three, _mm512_ternarylogic_epi32(top4, _mm512_slli_epi16(v, 4), _mm512_srli_epi16(v1, 2), 0xCA));
        low = _mm512_mask_mov_epi8(_mm512_maskz_mov_epi8(~four, low), ends, _mm512_set1_epi8((char)separator));
        high = _mm512_mask_mov_epi8(_mm512_mask_mov_epi8(high, four, _mm512_set1_epi8((char)(RAW_ASTRAL >> 8))), ends, _mm512_set1_epi8((char)(separator >> 8)));
        low = _mm512_maskz_compress_epi8(leads, low);
        high = _mm512_maskz_compress_epi8(leads, high);
        const __m512i place = _mm512_maskz_compress_epi8(leads, places), here = _mm512_set1_epi32((int)i);
        const size_t gave = (size_t)__builtin_popcountll(leads);
        _mm512_storeu_si512(code_points + count, _mm512_or_si512(_mm512_cvtepu8_epi16(_mm512_castsi512_si256(low)),
                                                                  _mm512_slli_epi16(_mm512_cvtepu8_epi16(_mm512_castsi512_si256(high)), 8)));
        _mm512_storeu_si512(offsets + count, _mm512_add_epi32(here, _mm512_cvtepu8_epi32(_mm512_castsi512_si128(place))));
        _mm512_storeu_si512(offsets + count + 16, _mm512_add_epi32(here, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(place, 1))));
        if (gave > 32) { /* ASCII */
            _mm512_storeu_si512(code_points + count + 32, _mm512_or_si512(_mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(low, 1)),
                                                                           _mm512_slli_epi16(_mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(high, 1)), 8)));
            _mm512_storeu_si512(offsets + count + 32, _mm512_add_epi32(here, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(place, 2))));
            _mm512_storeu_si512(offsets + count + 48, _mm512_add_epi32(here, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(place, 3))));
        }
        count += gave;
    }
    *ill_formed = _mm512_test_epi8_mask(faults, faults) != 0;
    return count;
}

/* Keeps the symbols that count, with their offsets. Returns how many, or -1 when memory runs out. */
TARGET_AVX512 static int64_t compact_avx512(const image_t *image, chunk_t *chunk, size_t given) {
    const uint16_t *raw = chunk->raw.at;
    const uint32_t *raw_offsets = chunk->raw_offsets.at;
    uint16_t *symbols = chunk_symbols(chunk);
    uint32_t *offsets = chunk_offsets(chunk);
    size_t count = 0, text = 0;
    for (size_t i = 0; i < given; i += 32) {
        const __m512i s = _mm512_loadu_si512(raw + i);
        const uint32_t lanes = given - i < 32 ? ((uint32_t)1 << (given - i)) - 1 : 0xFFFFFFFFu;
        const uint32_t kept = _mm512_cmpge_epu16_mask(s, _mm512_set1_epi16(SYMBOL_BOUNDARY)) & lanes;
        const uint32_t bounds = _mm512_cmpeq_epi16_mask(s, _mm512_set1_epi16(SYMBOL_BOUNDARY)) & lanes;
        const uint32_t expand = _mm512_cmpeq_epi16_mask(s, _mm512_set1_epi16((short)SYMBOL_EXPANDS)) & lanes;
        if (__builtin_expect(expand != 0, 0)) {
            for (size_t k = i; k < i + 32 && k < given; k++) {
                if (raw[k] == SYMBOL_EXPANDS) {
                    if (fold_character(image, chunk, &count, raw_offsets[k], given - k)) return -1;
                    symbols = chunk_symbols(chunk);
                    offsets = chunk_offsets(chunk);
                    continue;
                }
                if (raw[k] == SYMBOL_BOUNDARY) text = note_ends(chunk->texts, text, count, 1, 1);
                symbols[count] = raw[k];
                offsets[count] = raw_offsets[k];
                count += raw[k] >= SYMBOL_BOUNDARY;
            }
            continue;
        }
        const size_t half = (size_t)__builtin_popcount(kept & 0xFFFF);
        _mm512_storeu_si512(symbols + count, _mm512_maskz_compress_epi16(kept, s));
        _mm512_storeu_si512(offsets + count, _mm512_maskz_compress_epi32((__mmask16)kept, _mm512_loadu_si512(raw_offsets + i)));
        _mm512_storeu_si512(offsets + count + half, _mm512_maskz_compress_epi32((__mmask16)(kept >> 16), _mm512_loadu_si512(raw_offsets + i + 16)));
        if (__builtin_expect((bounds & (bounds - 1)) == 0, 1)) { /* none or one, without a branch */
            const uint32_t end = (uint32_t)count + rank_of(kept, bounds);
            chunk->texts[text].symbol_end = end;
            chunk->texts[text + 1].symbol_begin = end + 1;
            text += bounds != 0;
        } else {
            text = note_ends(chunk->texts, text, count, bounds, kept);
        }
        count += (size_t)__builtin_popcount(kept);
    }
    return (int64_t)count;
}

/* The identity fold: the code points are the symbols, but for the few that need the table. */
TARGET_AVX512 static void mend_identity_avx512(const image_t *image, chunk_t *chunk, size_t given) {
    uint16_t *symbols = chunk_symbols(chunk);
    const uint32_t *offsets = chunk_offsets(chunk);
    size_t text = 0;
    for (size_t i = 0; i < given; i += 32) {
        const __m512i s = _mm512_loadu_si512(symbols + i);
        const uint32_t lanes = given - i < 32 ? ((uint32_t)1 << (given - i)) - 1 : 0xFFFFFFFFu;
        const uint32_t bounds = _mm512_cmpeq_epi16_mask(s, _mm512_set1_epi16((short)RAW_SEPARATOR)) & lanes;
        /* 0..4, 0xFFFF, and the stand-in for what lies outside the plane */
        uint32_t table = (_mm512_cmplt_epu16_mask(_mm512_add_epi16(s, _mm512_set1_epi16(1)), _mm512_set1_epi16(6)) |
                          _mm512_cmpeq_epi16_mask(s, _mm512_set1_epi16((short)RAW_ASTRAL))) & lanes;
        for (; table; table &= table - 1) {
            const size_t k = i + (size_t)__builtin_ctz(table);
            size_t at = offsets[k];
            symbols[k] = fold_symbol(image, decode_utf8(chunk_bytes(chunk), chunk->byte_count, &at));
        }
        _mm512_mask_storeu_epi16(symbols + i, bounds, _mm512_set1_epi16(SYMBOL_BOUNDARY));
        text = note_ends(chunk->texts, text, i, bounds, 0xFFFFFFFFu);
    }
}

static int fold_avx512(const image_t *image, chunk_t *chunk) {
    enum { WIDTH = 64 };
    const size_t room = chunk->byte_count + WIDTH;
    int ill_formed;
    chunk->texts[0].symbol_begin = 0;
    if (image->is_identity) {
        const size_t given = decode_avx512(chunk, RAW_SEPARATOR, chunk_symbols(chunk), chunk_offsets(chunk), &ill_formed);
        if (ill_formed) return FOLD_INVALID;
        mend_identity_avx512(image, chunk, given);
        chunk_close_symbols(chunk, given);
        return FOLD_OK;
    }
    if (column_u16_reserve(&chunk->raw, room) || column_u32_reserve(&chunk->raw_offsets, room)) return FOLD_NO_MEMORY;
    uint16_t *raw = chunk->raw.at;
    const size_t given = decode_avx512(chunk, RAW_SEPARATOR, raw, chunk->raw_offsets.at, &ill_formed);
    if (ill_formed) return FOLD_INVALID;
    look_up(image, raw, given);
    const int64_t count = compact_avx512(image, chunk, given);
    if (count < 0) return FOLD_NO_MEMORY;
    chunk_close_symbols(chunk, (size_t)count);
    return FOLD_OK;
}

#endif
#endif
