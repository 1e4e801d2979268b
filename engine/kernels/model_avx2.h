/* The text model: buckets of bigrams 16 at a time with AVX2, then plain loads of the weights. */
#ifndef FAIRPOST_MODEL_AVX2_H
#define FAIRPOST_MODEL_AVX2_H

#include "model.h"
#include "utf8_avx2.h"

#ifdef HAVE_AVX2

TARGET_AVX2 static inline __m256i model_symbols_avx2(const uint16_t *symbols) {
    const __m256i s = _mm256_loadu_si256((const __m256i *)symbols);
    const __m256i own = _mm256_cmpeq_epi16(_mm256_and_si256(s, _mm256_set1_epi16((short)0xF800)),
                                           _mm256_set1_epi16((short)0xD800));
    return _mm256_blendv_epi8(s, _mm256_set1_epi16(SYMBOL_OTHER), own);
}

TARGET_AVX2 static inline __m256i model_bigrams_avx2(__m128i first, __m128i second, __m128i shift) {
    const __m256i x = _mm256_mullo_epi32(_mm256_cvtepu16_epi32(first), _mm256_set1_epi32((int)MODEL_FIRST));
    const __m256i y = _mm256_mullo_epi32(_mm256_cvtepu16_epi32(second), _mm256_set1_epi32((int)MODEL_SECOND));
    return _mm256_srl_epi32(_mm256_add_epi32(x, y), shift);
}

TARGET_AVX2 static int model_avx2(const image_t *image, chunk_t *chunk) {
    if (model_begin(chunk)) return -1;
    const uint16_t *symbols = chunk_symbols(chunk);
    uint32_t *bigrams = chunk->bigrams.at;
    const __m128i shift = _mm_cvtsi32_si128((int)image->model_shift);
    /* SAFETY: SYMBOL_SLACK boundaries stand behind the symbols, and the column has as much room behind its last. */
    for (size_t i = 0; i < chunk->symbol_count; i += 16) {
        const __m256i first = model_symbols_avx2(symbols + i), second = model_symbols_avx2(symbols + i + 1);
        _mm256_storeu_si256((__m256i *)(bigrams + i), model_bigrams_avx2(_mm256_castsi256_si128(first),
                                                                         _mm256_castsi256_si128(second), shift));
        _mm256_storeu_si256((__m256i *)(bigrams + i + 8), model_bigrams_avx2(_mm256_extracti128_si256(first, 1),
                                                                             _mm256_extracti128_si256(second, 1), shift));
    }
    model_sum_texts(image, chunk);
    return 0;
}

#endif
#endif
