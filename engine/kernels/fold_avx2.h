/* Fold for AVX2: 64 bytes at a time over the whole chunk. Same contract, same result as the scalar one.
 *
 * The code point that would begin at each byte is computed in vectors; then one loop over the bits of the bytes that do begin
 * a character looks its symbol up and keeps it if it counts. Nothing in it branches on the text. */
#ifndef FAIRPOST_FOLD_AVX2_H
#define FAIRPOST_FOLD_AVX2_H

#include "fold.h"
#include "utf8_avx2.h"

#ifdef HAVE_AVX2

TARGET_AVX2 static inline __m256i at_least_avx2(__m256i v, uint8_t bound) {
    const __m256i least = _mm256_set1_epi8((char)bound);
    return _mm256_cmpeq_epi8(_mm256_max_epu8(v, least), v);
}

/* The code points that begin at the 32 bytes from `bytes`, characters outside the plane as RAW_ASTRAL. */
TARGET_AVX2 static inline void decode_avx2(const uint8_t *bytes, __m256i v, uint16_t *code_points) {
    const __m256i v1 = _mm256_loadu_si256((const __m256i *)(bytes + 1)), v2 = _mm256_loadu_si256((const __m256i *)(bytes + 2));
    const __m256i two = at_least_avx2(v, 0xC0), three = at_least_avx2(v, 0xE0), four = at_least_avx2(v, 0xF0);
    const __m256i last1 = _mm256_blendv_epi8(v, v1, three), last = _mm256_blendv_epi8(v1, v2, three);
    const __m256i six = _mm256_set1_epi8(0x3F), low4 = _mm256_set1_epi8(0x0F);
    __m256i low = _mm256_or_si256(_mm256_andnot_si256(six, _mm256_slli_epi16(last1, 6)), _mm256_and_si256(last, six));
    low = _mm256_blendv_epi8(v, low, two);
    __m256i high = _mm256_and_si256(two, _mm256_and_si256(_mm256_srli_epi16(v, 2), _mm256_set1_epi8(7)));
    high = _mm256_blendv_epi8(high, _mm256_or_si256(_mm256_andnot_si256(low4, _mm256_slli_epi16(v, 4)), _mm256_and_si256(_mm256_srli_epi16(v1, 2), low4)), three);
    low = _mm256_andnot_si256(four, low);
    high = _mm256_blendv_epi8(high, _mm256_set1_epi8((char)(RAW_ASTRAL >> 8)), four);
    const __m256i even = _mm256_unpacklo_epi8(low, high), odd = _mm256_unpackhi_epi8(low, high);
    _mm256_storeu_si256((__m256i *)code_points, _mm256_permute2x128_si256(even, odd, 0x20));
    _mm256_storeu_si256((__m256i *)(code_points + 16), _mm256_permute2x128_si256(even, odd, 0x31));
}

/* Finds where the texts end: the boundaries among the symbols. */
TARGET_AVX2 static void note_ends_avx2(chunk_t *chunk, size_t count) {
    const uint16_t *symbols = chunk_symbols(chunk);
    size_t text = 0;
    chunk->texts[0].symbol_begin = 0;
    for (size_t i = 0; i < count; i += 16) {
        const __m256i s = _mm256_loadu_si256((const __m256i *)(symbols + i));
        uint32_t bounds = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi16(s, _mm256_set1_epi16(SYMBOL_BOUNDARY))) & 0x55555555u;
        for (; bounds && text < chunk->text_count; bounds &= bounds - 1) {
            const uint32_t end = (uint32_t)(i + (size_t)__builtin_ctz(bounds) / 2);
            chunk->texts[text++].symbol_end = end;
            chunk->texts[text].symbol_begin = end + 1;
        }
    }
}

TARGET_AVX2 static int fold_avx2(const image_t *image, chunk_t *chunk) {
    const uint8_t *bytes = chunk_bytes(chunk);
    const uint16_t *flat = image->fold_flat;
    const size_t length = chunk->byte_count;
    const __m256i lead = _mm256_set1_epi8((char)0xBF);
    __m256i faults = _mm256_setzero_si256();
    for (size_t i = 0; i < length; i += 32) /* SAFETY: BYTE_LEAD and BYTE_SLACK zero bytes stand around the texts. */
        faults = utf8_faults_avx2(faults, bytes + i, _mm256_loadu_si256((const __m256i *)(bytes + i)));
    if (!_mm256_testz_si256(faults, faults)) return FOLD_INVALID;
    uint16_t *symbols = chunk_symbols(chunk);
    uint32_t *offsets = chunk_offsets(chunk);
    size_t count = 0;
    uint16_t code_points[64 + 8];
    code_points[64] = RAW_NOTHING;
    for (size_t i = 0; i < length; i += 64) {
        const __m256i first = _mm256_loadu_si256((const __m256i *)(bytes + i)), second = _mm256_loadu_si256((const __m256i *)(bytes + i + 32));
        decode_avx2(bytes + i, first, code_points);
        decode_avx2(bytes + i + 32, second, code_points + 32);
        uint64_t leads = (uint32_t)_mm256_movemask_epi8(_mm256_cmpgt_epi8(first, lead)) |
                         (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpgt_epi8(second, lead)) << 32;
        if (length - i < 64) leads &= ((uint64_t)1 << (length - i)) - 1;
        for (uint64_t ends = chunk->ends.at[i >> 6]; ends; ends &= ends - 1) code_points[__builtin_ctzll(ends)] = RAW_SEPARATOR;
        const size_t before = count;
        uint64_t rest = leads;
        uint32_t expands = 0;
        for (int left = __builtin_popcountll(leads); left > 0; left -= 8)
            for (int k = 0; k < 8; k++) { /* without a bit left, place 64 is read, which folds to nothing */
                const size_t place = _tzcnt_u64(rest);
                const uint16_t symbol = flat[code_points[place]];
                rest = _blsr_u64(rest);
                symbols[count] = symbol;
                offsets[count] = (uint32_t)(i + place);
                count += symbol >= SYMBOL_BOUNDARY;
                expands |= symbol == SYMBOL_EXPANDS;
            }
        if (__builtin_expect(expands, 0)) {
            count = before;
            if (fold_block_slowly(image, chunk, &count, i, leads, code_points)) return FOLD_NO_MEMORY;
            symbols = chunk_symbols(chunk);
            offsets = chunk_offsets(chunk);
        }
    }
    chunk_close_symbols(chunk, count);
    note_ends_avx2(chunk, count);
    return FOLD_OK;
}

#endif
#endif
