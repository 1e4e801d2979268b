/* match_text for AVX-512: the anchor filter on 16 positions at a time; survivors go the scalar way. */
#ifndef FAIRPOST_MATCH_AVX512_H
#define FAIRPOST_MATCH_AVX512_H

#include "fold_avx512.h"
#include "match.h"

#ifdef HAVE_AVX512_PATH

TARGET_AVX512 static int match_text_avx512(matcher_t *m) {
    const image_t *image = m->image;
    const uint16_t *symbols = m->symbols;
    const uint32_t begin = m->text->symbol_begin, end = m->text->symbol_end;
    const __m512i one = _mm512_set1_epi32(1), multiplier = _mm512_set1_epi32((int)0x9E3779B1u);
    const __m128i shift = _mm_cvtsi32_si128((int)image->anchor_shift);
    /* SAFETY: symbols[end] is the boundary, which has no anchor, and 32 symbols of slack follow it. */
    for (uint32_t i = begin; i < end; i += 16) {
        const __mmask16 lanes = end - i >= 16 ? 0xFFFF : (__mmask16)((1u << (end - i)) - 1);
        const __m512i first = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(symbols + i)));
        const __m512i second = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(symbols + i + 1)));
        if (image->has_unigrams) {
            const __m512i word = _mm512_i32gather_epi32(_mm512_srli_epi32(first, 5), image->unigram_map, 4);
            uint32_t found = _mm512_mask_test_epi32_mask(lanes, word, _mm512_sllv_epi32(one, _mm512_and_si512(first, _mm512_set1_epi32(31))));
            for (; found; found &= found - 1) {
                const uint32_t k = i + (uint32_t)__builtin_ctz(found);
                if (match_anchor(m, (uint32_t)symbols[k] << 16, k)) return -1;
            }
        }
        const __m512i hash = _mm512_srl_epi32(_mm512_mullo_epi32(_mm512_or_si512(_mm512_slli_epi32(first, 16), second), multiplier), shift);
        const __m512i word = _mm512_i32gather_epi32(_mm512_srli_epi32(hash, 5), image->anchor_map, 4);
        uint32_t found = _mm512_mask_test_epi32_mask(lanes, word, _mm512_sllv_epi32(one, _mm512_and_si512(hash, _mm512_set1_epi32(31))));
        for (; found; found &= found - 1) {
            const uint32_t k = i + (uint32_t)__builtin_ctz(found);
            if (match_anchor(m, (uint32_t)symbols[k] << 16 | symbols[k + 1], k)) return -1;
        }
    }
    return 0;
}

#endif
#endif
