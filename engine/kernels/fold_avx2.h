/* Fold for AVX2: 32 bytes at a time over the whole chunk. Same contract, same result as the scalar one, same three passes as
 * the AVX-512 one. AVX2 has no instruction that packs lanes; a shuffle by a table does it for 8 of 16 bits. */
#ifndef FAIRPOST_FOLD_AVX2_H
#define FAIRPOST_FOLD_AVX2_H

#include "fold.h"
#include "pack_avx2.h"

#ifdef HAVE_AVX2

TARGET_AVX2 static inline __m256i at_least_avx2(__m256i v, uint8_t bound) {
    const __m256i least = _mm256_set1_epi8((char)bound);
    return _mm256_cmpeq_epi8(_mm256_max_epu8(v, least), v);
}

/* A byte of ones for each bit. */
TARGET_AVX2 static inline __m256i spread_avx2(uint32_t bits) {
    const __m256i bytes = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i select = _mm256_set1_epi64x((int64_t)0x8040201008040201);
    const __m256i spread = _mm256_shuffle_epi8(_mm256_set1_epi32((int)bits), bytes);
    return _mm256_cmpeq_epi8(_mm256_and_si256(spread, select), select);
}

/* As decode_avx512(). */
TARGET_AVX2 static size_t decode_avx2(const chunk_t *chunk, uint16_t *code_points, uint32_t *offsets, int *ill_formed) {
    const uint8_t *bytes = chunk_bytes(chunk);
    const size_t length = chunk->byte_count;
    const __m256i six = _mm256_set1_epi8(0x3F), low4 = _mm256_set1_epi8(0x0F);
    const __m128i counting = _mm_setr_epi16(0, 1, 2, 3, 4, 5, 6, 7);
    __m256i faults = _mm256_setzero_si256();
    size_t count = 0;
    for (size_t i = 0; i < length; i += 32) {
        /* SAFETY: BYTE_LEAD and BYTE_SLACK zero bytes stand around the texts. */
        const __m256i v = _mm256_loadu_si256((const __m256i *)(bytes + i));
        const __m256i v1 = _mm256_loadu_si256((const __m256i *)(bytes + i + 1)), v2 = _mm256_loadu_si256((const __m256i *)(bytes + i + 2));
        faults = utf8_faults_avx2(faults, bytes + i, v);
        uint32_t leads = (uint32_t)_mm256_movemask_epi8(_mm256_cmpgt_epi8(v, _mm256_set1_epi8((char)0xBF)));
        if (length - i < 32) leads &= ((uint32_t)1 << (length - i)) - 1;
        const __m256i ends = spread_avx2((uint32_t)(chunk->ends.at[i >> 6] >> (i & 32)));
        const __m256i two = at_least_avx2(v, 0xC0), three = at_least_avx2(v, 0xE0), four = at_least_avx2(v, 0xF0);
        const __m256i last1 = _mm256_blendv_epi8(v, v1, three), last = _mm256_blendv_epi8(v1, v2, three);
        __m256i low = _mm256_or_si256(_mm256_andnot_si256(six, _mm256_slli_epi16(last1, 6)), _mm256_and_si256(last, six));
        low = _mm256_andnot_si256(four, _mm256_blendv_epi8(v, low, two));
        __m256i high = _mm256_and_si256(two, _mm256_and_si256(_mm256_srli_epi16(v, 2), _mm256_set1_epi8(7)));
        high = _mm256_blendv_epi8(high, _mm256_or_si256(_mm256_andnot_si256(low4, _mm256_slli_epi16(v, 4)), _mm256_and_si256(_mm256_srli_epi16(v1, 2), low4)), three);
        high = _mm256_blendv_epi8(high, _mm256_set1_epi8((char)(RAW_ASTRAL >> 8)), four);
        low = _mm256_blendv_epi8(low, _mm256_set1_epi8((char)RAW_SEPARATOR), ends);
        high = _mm256_blendv_epi8(high, _mm256_set1_epi8((char)(RAW_SEPARATOR >> 8)), ends);
        const __m256i even = _mm256_unpacklo_epi8(low, high), odd = _mm256_unpackhi_epi8(low, high);
        const __m128i eight[4] = {_mm256_castsi256_si128(even), _mm256_castsi256_si128(odd), _mm256_extracti128_si256(even, 1), _mm256_extracti128_si256(odd, 1)};
        for (uint32_t k = 0; k < 4; k++) {
            const uint32_t some = leads >> (8 * k) & 0xFF;
            const __m128i pack = packing16_avx2(some);
            _mm_storeu_si128((__m128i *)(code_points + count), _mm_shuffle_epi8(eight[k], pack));
            const __m256i place = _mm256_cvtepu16_epi32(_mm_shuffle_epi8(counting, pack));
            _mm256_storeu_si256((__m256i *)(offsets + count), _mm256_add_epi32(place, _mm256_set1_epi32((int)(i + 8 * k))));
            count += (size_t)__builtin_popcount(some);
        }
    }
    *ill_formed = !_mm256_testz_si256(faults, faults);
    return count;
}

/* Folds raw[from .. to) one by one: some of them fold to several symbols or lie outside the plane. Returns 0 or -1 (memory). */
static __attribute__((noinline)) int compact_slowly(const image_t *image, chunk_t *chunk, size_t *count, size_t from, size_t to, size_t given) {
    for (size_t k = from; k < to; k++) {
        const uint16_t symbol = chunk->raw.at[k];
        if (symbol == SYMBOL_EXPANDS) {
            if (fold_character(image, chunk, count, chunk->raw_offsets.at[k], given - k)) return -1;
            continue;
        }
        chunk_symbols(chunk)[*count] = symbol;
        chunk_offsets(chunk)[*count] = chunk->raw_offsets.at[k];
        *count += symbol >= SYMBOL_BOUNDARY;
    }
    return 0;
}

/* Keeps the symbols that count, with their offsets. Returns how many, or -1 when memory runs out. */
TARGET_AVX2 static int64_t compact_avx2(const image_t *image, chunk_t *chunk, size_t given) {
    const uint16_t *raw = chunk->raw.at;
    const uint32_t *raw_offsets = chunk->raw_offsets.at;
    uint16_t *symbols = chunk_symbols(chunk);
    uint32_t *offsets = chunk_offsets(chunk);
    size_t count = 0;
    for (size_t i = 0; i < given; i += 8) {
        const __m128i s = _mm_loadu_si128((const __m128i *)(raw + i)), least = _mm_set1_epi16(SYMBOL_BOUNDARY);
        const uint32_t lanes = given - i < 8 ? ((uint32_t)1 << (given - i)) - 1 : 0xFF;
        const __m128i counts = _mm_cmpeq_epi16(_mm_max_epu16(s, least), s), expands = _mm_cmpeq_epi16(s, _mm_set1_epi16((short)SYMBOL_EXPANDS));
        const uint32_t both = (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(counts, expands)), kept = both & lanes;
        if (__builtin_expect(both >> 8 & lanes, 0)) {
            if (compact_slowly(image, chunk, &count, i, given - i < 8 ? given : i + 8, given)) return -1;
            symbols = chunk_symbols(chunk);
            offsets = chunk_offsets(chunk);
            continue;
        }
        _mm_storeu_si128((__m128i *)(symbols + count), _mm_shuffle_epi8(s, packing16_avx2(kept)));
        const __m256i here = _mm256_loadu_si256((const __m256i *)(raw_offsets + i));
        _mm256_storeu_si256((__m256i *)(offsets + count), _mm256_permutevar8x32_epi32(here, packing32_avx2(kept)));
        count += (size_t)__builtin_popcount(kept);
    }
    return (int64_t)count;
}

/* Finds where the texts end: `mark` among the symbols. */
TARGET_AVX2 static void note_ends_avx2(chunk_t *chunk, size_t count, uint16_t mark) {
    const uint16_t *symbols = chunk_symbols(chunk);
    size_t text = 0;
    chunk->texts[0].symbol_begin = 0;
    for (size_t i = 0; i < count; i += 16) {
        const __m256i s = _mm256_loadu_si256((const __m256i *)(symbols + i));
        uint32_t bounds = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi16(s, _mm256_set1_epi16((short)mark))) & 0x55555555u;
        for (; bounds && text < chunk->text_count; bounds &= bounds - 1) {
            const uint32_t end = (uint32_t)(i + (size_t)__builtin_ctz(bounds) / 2);
            chunk->texts[text++].symbol_end = end;
            chunk->texts[text].symbol_begin = end + 1;
        }
    }
}

/* The identity fold: the code points are the symbols, but for the few that need the table. */
TARGET_AVX2 static void mend_identity_avx2(const image_t *image, chunk_t *chunk, size_t given) {
    uint16_t *symbols = chunk_symbols(chunk);
    for (size_t i = 0; i < given; i += 16) {
        const __m256i s = _mm256_loadu_si256((const __m256i *)(symbols + i)), next = _mm256_add_epi16(s, _mm256_set1_epi16(1));
        /* 0..4, 0xFFFF, and the stand-in for what lies outside the plane */
        const __m256i few = _mm256_cmpeq_epi16(_mm256_min_epu16(next, _mm256_set1_epi16(5)), next);
        const __m256i table = _mm256_or_si256(few, _mm256_cmpeq_epi16(s, _mm256_set1_epi16((short)RAW_ASTRAL)));
        for (uint32_t rest = (uint32_t)_mm256_movemask_epi8(table) & 0x55555555u; rest; rest &= rest - 1) {
            const size_t k = i + (size_t)__builtin_ctz(rest) / 2;
            if (k >= given) break;
            size_t at = chunk_offsets(chunk)[k];
            symbols[k] = fold_symbol(image, decode_utf8(chunk_bytes(chunk), chunk->byte_count, &at));
        }
    }
}

static int fold_avx2(const image_t *image, chunk_t *chunk) {
    enum { WIDTH = 32 };
    const size_t room = chunk->byte_count + WIDTH;
    int ill_formed;
    if (image->is_identity) {
        const size_t given = decode_avx2(chunk, chunk_symbols(chunk), chunk_offsets(chunk), &ill_formed);
        if (ill_formed) return FOLD_INVALID;
        note_ends_avx2(chunk, given, RAW_SEPARATOR); /* first: a symbol of the pool may look like a separator */
        mend_identity_avx2(image, chunk, given);
        for (size_t k = 0; k < chunk->text_count; k++) chunk_symbols(chunk)[chunk->texts[k].symbol_end] = SYMBOL_BOUNDARY;
        chunk_close_symbols(chunk, given);
        return FOLD_OK;
    }
    if (column_u16_reserve(&chunk->raw, room) || column_u32_reserve(&chunk->raw_offsets, room)) return FOLD_NO_MEMORY;
    const size_t given = decode_avx2(chunk, chunk->raw.at, chunk->raw_offsets.at, &ill_formed);
    if (ill_formed) return FOLD_INVALID;
    look_up(image, chunk->raw.at, given);
    const int64_t count = compact_avx2(image, chunk, given);
    if (count < 0) return FOLD_NO_MEMORY;
    chunk_close_symbols(chunk, (size_t)count);
    note_ends_avx2(chunk, (size_t)count, SYMBOL_BOUNDARY);
    return FOLD_OK;
}

#endif
#endif
