/* Fold for NEON: 64 bytes at a time over the whole chunk. Same contract, same result as the scalar one; built as the AVX2
 * path is (fold_avx2.h): code points in vectors, then one loop over the bytes that begin a character. */
#ifndef FAIRPOST_FOLD_NEON_H
#define FAIRPOST_FOLD_NEON_H

#include "fold.h"
#include "utf8_neon.h"

#ifdef HAVE_NEON

/* What is done with a block of 64 bytes in which a character folds to several symbols or lies outside the plane:
 * `leads` has a bit for each byte that begins a character, `code_points` what begins there. */
static __attribute__((noinline)) int fold_block_slowly(const image_t *image, chunk_t *chunk, size_t *count, size_t block, uint64_t leads,
                                                       const uint16_t *code_points) {
    for (; leads; leads &= leads - 1) {
        const size_t place = (size_t)__builtin_ctzll(leads);
        const uint16_t symbol = image->fold_flat[code_points[place]];
        if (symbol == SYMBOL_EXPANDS) {
            if (fold_character(image, chunk, count, block + place, chunk->byte_count - block)) return -1;
            continue;
        }
        chunk_symbols(chunk)[*count] = symbol;
        chunk_offsets(chunk)[*count] = (uint32_t)(block + place);
        *count += symbol >= SYMBOL_BOUNDARY;
    }
    return 0;
}

/* The code points that begin at the 16 bytes from `bytes`, characters outside the plane as RAW_ASTRAL. */
static inline void decode_neon(const uint8_t *bytes, uint8x16_t v, uint16_t *code_points) {
    const uint8x16_t v1 = vld1q_u8(bytes + 1), v2 = vld1q_u8(bytes + 2);
    const uint8x16_t two = vcgeq_u8(v, vdupq_n_u8(0xC0)), three = vcgeq_u8(v, vdupq_n_u8(0xE0)), four = vcgeq_u8(v, vdupq_n_u8(0xF0));
    const uint8x16_t last1 = vbslq_u8(three, v1, v), last = vbslq_u8(three, v2, v1);
    uint8x16_t low = vbslq_u8(two, vbslq_u8(vdupq_n_u8(0x3F), last, vshlq_n_u8(last1, 6)), v);
    uint8x16_t high = vandq_u8(two, vandq_u8(vshrq_n_u8(v, 2), vdupq_n_u8(7)));
    high = vbslq_u8(three, vbslq_u8(vdupq_n_u8(0x0F), vshrq_n_u8(v1, 2), vshlq_n_u8(v, 4)), high);
    low = vbicq_u8(low, four);
    high = vbslq_u8(four, vdupq_n_u8(RAW_ASTRAL >> 8), high);
    vst1q_u8((uint8_t *)code_points, vzip1q_u8(low, high));
    vst1q_u8((uint8_t *)(code_points + 8), vzip2q_u8(low, high));
}

/* Finds where the texts end: the boundaries among the symbols. */
static void note_ends_neon(chunk_t *chunk, size_t count) {
    const uint16_t *symbols = chunk_symbols(chunk);
    size_t text = 0;
    chunk->texts[0].symbol_begin = 0;
    for (size_t i = 0; i < count; i += 8) {
        const uint16x8_t is_end = vceqq_u16(vld1q_u16(symbols + i), vdupq_n_u16(SYMBOL_BOUNDARY));
        uint64_t bounds = vget_lane_u64(vreinterpret_u64_u8(vmovn_u16(is_end)), 0) & 0x0101010101010101u; /* a byte each */
        for (; bounds && text < chunk->text_count; bounds &= bounds - 1) {
            const uint32_t end = (uint32_t)(i + (size_t)__builtin_ctzll(bounds) / 8);
            chunk->texts[text++].symbol_end = end;
            chunk->texts[text].symbol_begin = end + 1;
        }
    }
}

static int fold_neon(const image_t *image, chunk_t *chunk) {
    const uint8_t *bytes = chunk_bytes(chunk);
    const uint16_t *flat = image->fold_flat;
    const size_t length = chunk->byte_count;
    uint8x16_t faults = vdupq_n_u8(0);
    for (size_t i = 0; i < length; i += 16) /* SAFETY: BYTE_LEAD and BYTE_SLACK zero bytes stand around the texts. */
        faults = utf8_faults_neon(faults, bytes + i, vld1q_u8(bytes + i));
    if (vmaxvq_u8(faults) != 0) return FOLD_INVALID;
    uint16_t *symbols = chunk_symbols(chunk);
    uint32_t *offsets = chunk_offsets(chunk);
    size_t count = 0;
    uint16_t code_points[64 + 8];
    code_points[64] = RAW_NOTHING;
    for (size_t i = 0; i < length; i += 64) {
        uint8x16_t v[4], begins[4];
        for (int k = 0; k < 4; k++) {
            v[k] = vld1q_u8(bytes + i + 16 * k);
            decode_neon(bytes + i + 16 * k, v[k], code_points + 16 * k);
            begins[k] = vcgtq_s8(vreinterpretq_s8_u8(v[k]), vdupq_n_s8((int8_t)0xBF));
        }
        uint64_t leads = bits_of_neon(begins[0], begins[1], begins[2], begins[3]);
        if (length - i < 64) leads &= ((uint64_t)1 << (length - i)) - 1;
        for (uint64_t ends = chunk->ends.at[i >> 6]; ends; ends &= ends - 1) code_points[__builtin_ctzll(ends)] = RAW_SEPARATOR;
        const size_t before = count;
        uint64_t rest = leads;
        uint32_t expands = 0;
        for (int left = __builtin_popcountll(leads); left > 0; left -= 8)
            for (int k = 0; k < 8; k++) { /* without a bit left, place 64 is read, which folds to nothing */
                const size_t place = rest ? (size_t)__builtin_ctzll(rest) : 64;
                const uint16_t symbol = flat[code_points[place]];
                rest &= rest - 1;
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
    note_ends_neon(chunk, count);
    return FOLD_OK;
}

#endif
#endif
