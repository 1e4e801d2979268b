/* The text model: buckets of bigrams 32 at a time with AVX-512, then plain loads of the weights. */
#ifndef FAIRPOST_MODEL_AVX512_H
#define FAIRPOST_MODEL_AVX512_H

#include "model.h"
#include "utf8_avx512.h"

#ifdef HAVE_AVX512

/* As shape_copy(), 32 symbols at a time. */
TARGET_AVX512 static inline uint32_t shape_copy_avx512(const uint16_t *symbols, uint16_t *to) {
    for (uint32_t k = 0;; k += 32) {
        const __m512i s = _mm512_loadu_si512(symbols + k);
        const __mmask32 special =
            _mm512_cmple_epu16_mask(_mm512_sub_epi16(s, _mm512_set1_epi16('0')), _mm512_set1_epi16(9)) |
            _mm512_cmple_epu16_mask(_mm512_sub_epi16(s, _mm512_set1_epi16('a')), _mm512_set1_epi16(25)) |
            _mm512_cmple_epu16_mask(_mm512_sub_epi16(s, _mm512_set1_epi16((short)0xD800)), _mm512_set1_epi16(0x7FF)) |
            _mm512_cmpeq_epi16_mask(s, _mm512_set1_epi16(SYMBOL_BOUNDARY));
        _mm512_storeu_si512(to + k, s);
        if (special) return k + (uint32_t)__builtin_ctz(special);
    }
}

DEFINE_SHAPES(TARGET_AVX512, shapes_avx512, shape_copy_avx512)

TARGET_AVX512 static inline __m512i model_bigrams_avx512(__m256i first, __m256i second, __m128i shift) {
    const __m512i x = _mm512_mullo_epi32(_mm512_cvtepu16_epi32(first), _mm512_set1_epi32((int)MODEL_FIRST));
    const __m512i y = _mm512_mullo_epi32(_mm512_cvtepu16_epi32(second), _mm512_set1_epi32((int)MODEL_SECOND));
    return _mm512_srl_epi32(_mm512_add_epi32(x, y), shift);
}

TARGET_AVX512 static int model_avx512(const image_t *image, chunk_t *chunk) {
    if (shapes_avx512(chunk) || model_begin(chunk)) return -1;
    const uint16_t *shapes = chunk->shapes_.at;
    uint32_t *bigrams = chunk->bigrams.at;
    const __m128i shift = _mm_cvtsi32_si128((int)image->model_shift);
    /* SAFETY: SYMBOL_SLACK boundaries stand behind the shapes, and the column has as much room behind its last. */
    for (size_t i = 0; i < chunk->shape_count; i += 32) {
        const __m512i first = _mm512_loadu_si512(shapes + i), second = _mm512_loadu_si512(shapes + i + 1);
        _mm512_storeu_si512(bigrams + i, model_bigrams_avx512(_mm512_castsi512_si256(first),
                                                              _mm512_castsi512_si256(second), shift));
        _mm512_storeu_si512(bigrams + i + 16, model_bigrams_avx512(_mm512_extracti64x4_epi64(first, 1),
                                                                   _mm512_extracti64x4_epi64(second, 1), shift));
    }
    return model_sum_texts(image, chunk, chunk->bigrams.at);
}

#endif
#endif
