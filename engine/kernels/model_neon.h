/* The text model: buckets of bigrams 8 at a time with Advanced SIMD, then plain loads of the weights. */
#ifndef FAIRPOST_MODEL_NEON_H
#define FAIRPOST_MODEL_NEON_H

#include "model.h"
#include "utf8_neon.h"

#ifdef HAVE_NEON

static inline uint16x8_t shape_range_neon(uint16x8_t s, uint16_t first, uint16_t count) {
    return vcltq_u16(vsubq_u16(s, vdupq_n_u16(first)), vdupq_n_u16(count));
}

/* As shape_copy(), 8 symbols at a time. */
static inline uint32_t shape_copy_neon(const uint16_t *symbols, uint16_t *to) {
    for (uint32_t k = 0;; k += 8) {
        const uint16x8_t s = vld1q_u16(symbols + k);
        const uint16x8_t special =
            vorrq_u16(vorrq_u16(shape_range_neon(s, '0', 10), shape_range_neon(s, 'a', 26)),
                      vorrq_u16(shape_range_neon(s, 0xD800, 0x800), shape_range_neon(s, SYMBOL_BOUNDARY, 1)));
        const uint64_t bytes = vget_lane_u64(vreinterpret_u64_u8(vmovn_u16(special)), 0);
        vst1q_u16(to + k, s);
        if (bytes) return k + (uint32_t)__builtin_ctzll(bytes) / 8;
    }
}

DEFINE_SHAPES(, shapes_neon, shape_copy_neon)

static inline uint32x4_t model_bigrams_neon(uint16x4_t first, uint16x4_t second, int32x4_t shift) {
    const uint32x4_t x = vmulq_u32(vmovl_u16(first), vdupq_n_u32(MODEL_FIRST));
    return vshlq_u32(vmlaq_u32(x, vmovl_u16(second), vdupq_n_u32(MODEL_SECOND)), shift);
}

static int model_neon(const image_t *image, chunk_t *chunk) {
    if (shapes_neon(chunk) || model_begin(chunk)) return -1;
    const uint16_t *shapes = chunk->shapes_.at;
    uint32_t *bigrams = chunk->bigrams.at;
    const int32x4_t shift = vdupq_n_s32(-(int32_t)image->model_shift); /* to the left by a negative number: to the right */
    /* SAFETY: SYMBOL_SLACK boundaries stand behind the shapes, and the column has as much room behind its last. */
    for (size_t i = 0; i < chunk->shape_count; i += 8) {
        const uint16x8_t first = vld1q_u16(shapes + i), second = vld1q_u16(shapes + i + 1);
        vst1q_u32(bigrams + i, model_bigrams_neon(vget_low_u16(first), vget_low_u16(second), shift));
        vst1q_u32(bigrams + i + 4, model_bigrams_neon(vget_high_u16(first), vget_high_u16(second), shift));
    }
    return model_sum_texts(image, chunk, chunk->bigrams.at);
}

#endif
#endif
