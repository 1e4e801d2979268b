/* The text model: buckets of bigrams 16 at a time with AVX2, then plain loads of the weights. */
#ifndef FAIRPOST_MODEL_AVX2_H
#define FAIRPOST_MODEL_AVX2_H

#include "model.h"
#include "utf8_avx2.h"

#ifdef HAVE_AVX2

TARGET_AVX2 static inline __m256i shape_range_avx2(__m256i s, uint16_t first, uint16_t count) {
    const __m256i from = _mm256_sub_epi16(s, _mm256_set1_epi16((short)first));
    return _mm256_cmpeq_epi16(_mm256_min_epu16(from, _mm256_set1_epi16((short)(count - 1))), from);
}

/* As shape_copy(), 16 symbols at a time. */
TARGET_AVX2 static inline uint32_t shape_copy_avx2(const uint16_t *symbols, uint16_t *to) {
    for (uint32_t k = 0;; k += 16) {
        const __m256i s = _mm256_loadu_si256((const __m256i *)(symbols + k));
        const __m256i special =
            _mm256_or_si256(_mm256_or_si256(shape_range_avx2(s, '0', 10), shape_range_avx2(s, 'a', 26)),
                            _mm256_or_si256(shape_range_avx2(s, 0xD800, 0x800), shape_range_avx2(s, SYMBOL_BOUNDARY, 1)));
        const uint32_t bytes = (uint32_t)_mm256_movemask_epi8(special);
        _mm256_storeu_si256((__m256i *)(to + k), s);
        if (bytes) return k + (uint32_t)__builtin_ctz(bytes) / 2;
    }
}

DEFINE_SHAPES(TARGET_AVX2, shapes_avx2, shape_copy_avx2)

TARGET_AVX2 static inline __m256i model_bigrams_avx2(__m128i first, __m128i second, __m128i shift) {
    const __m256i x = _mm256_mullo_epi32(_mm256_cvtepu16_epi32(first), _mm256_set1_epi32((int)MODEL_FIRST));
    const __m256i y = _mm256_mullo_epi32(_mm256_cvtepu16_epi32(second), _mm256_set1_epi32((int)MODEL_SECOND));
    return _mm256_srl_epi32(_mm256_add_epi32(x, y), shift);
}

TARGET_AVX2 static int model_avx2(const image_t *image, chunk_t *chunk) {
    if (shapes_avx2(chunk) || model_begin(chunk)) return -1;
    const uint16_t *shapes = chunk->shapes_.at;
    uint32_t *bigrams = chunk->bigrams.at;
    const __m128i shift = _mm_cvtsi32_si128((int)image->model_shift);
    /* SAFETY: SYMBOL_SLACK boundaries stand behind the shapes, and the column has as much room behind its last. */
    for (size_t i = 0; i < chunk->shape_count; i += 16) {
        const __m256i first = _mm256_loadu_si256((const __m256i *)(shapes + i));
        const __m256i second = _mm256_loadu_si256((const __m256i *)(shapes + i + 1));
        _mm256_storeu_si256((__m256i *)(bigrams + i), model_bigrams_avx2(_mm256_castsi256_si128(first),
                                                                         _mm256_castsi256_si128(second), shift));
        _mm256_storeu_si256((__m256i *)(bigrams + i + 8), model_bigrams_avx2(_mm256_extracti128_si256(first, 1),
                                                                             _mm256_extracti128_si256(second, 1), shift));
    }
    return model_sum_texts(image, chunk, chunk->bigrams.at);
}

#endif
#endif
