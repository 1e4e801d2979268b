/* The text model: buckets of bigrams 8 at a time with Advanced SIMD, then plain loads of the weights. */
#ifndef FAIRPOST_MODEL_NEON_H
#define FAIRPOST_MODEL_NEON_H

#include "model.h"
#include "utf8_neon.h"

#ifdef HAVE_NEON

static inline uint16x8_t model_symbols_neon(const uint16_t *symbols) {
    const uint16x8_t s = vld1q_u16(symbols);
    const uint16x8_t own = vceqq_u16(vandq_u16(s, vdupq_n_u16(0xF800)), vdupq_n_u16(0xD800));
    return vbslq_u16(own, vdupq_n_u16(SYMBOL_OTHER), s);
}

static inline uint32x4_t model_bigrams_neon(uint16x4_t first, uint16x4_t second, int32x4_t shift) {
    const uint32x4_t x = vmulq_u32(vmovl_u16(first), vdupq_n_u32(MODEL_FIRST));
    return vshlq_u32(vmlaq_u32(x, vmovl_u16(second), vdupq_n_u32(MODEL_SECOND)), shift);
}

static int model_neon(const image_t *image, chunk_t *chunk) {
    if (model_begin(chunk)) return -1;
    const uint16_t *symbols = chunk_symbols(chunk);
    uint32_t *bigrams = chunk->bigrams.at;
    const int32x4_t shift = vdupq_n_s32(-(int32_t)image->model_shift); /* to the left by a negative number: to the right */
    /* SAFETY: SYMBOL_SLACK boundaries stand behind the symbols, and the column has as much room behind its last. */
    for (size_t i = 0; i < chunk->symbol_count; i += 8) {
        const uint16x8_t first = model_symbols_neon(symbols + i), second = model_symbols_neon(symbols + i + 1);
        vst1q_u32(bigrams + i, model_bigrams_neon(vget_low_u16(first), vget_low_u16(second), shift));
        vst1q_u32(bigrams + i + 4, model_bigrams_neon(vget_high_u16(first), vget_high_u16(second), shift));
    }
    model_sum_texts(image, chunk);
    return 0;
}

#endif
#endif
