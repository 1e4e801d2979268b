/* The text model: a linear model over hashed character unigrams and bigrams of a text's symbols. Scalar path.
 *
 * engine/model.py defines the features; `features` there and the functions here must agree for every symbol.
 * A bundle's own symbols, those of the surrogates' range, count as SYMBOL_OTHER: which characters have one depends
 * on the bundle's patterns, and a model must give the same answer whatever the patterns are. */
#ifndef FAIRPOST_MODEL_H
#define FAIRPOST_MODEL_H

#include <math.h>

#include "chunk.h"

#define MODEL_FIRST 0x9E3779B1u  /* multiplies a unigram's symbol, and a bigram's first one */
#define MODEL_SECOND 0xC2B2AE35u /* multiplies a bigram's second one */

static inline uint32_t model_symbol(uint16_t symbol) {
    return (symbol & 0xF800) == 0xD800 ? (uint32_t)SYMBOL_OTHER : symbol;
}

static inline uint32_t model_bigram(uint32_t first, uint32_t second, uint32_t shift) {
    return (first * MODEL_FIRST + second * MODEL_SECOND) >> shift;
}

/* Sum of the weights of one text, symbols[begin .. end); symbols[end] is SYMBOL_BOUNDARY. 64 bits hold any. */
static inline int64_t model_sum(const image_t *image, const uint16_t *symbols, uint32_t begin, uint32_t end) {
    /* SAFETY: a bucket is a number of 32 - model_shift bits, and model_weights has 1 << (32 - model_shift) entries. */
    const int8_t *const weights = image->model_weights, *const unigrams = image->model_unigrams;
    const uint32_t shift = image->model_shift;
    int64_t sum = 0, sum_of_bigrams = 0;
    uint32_t first = begin < end ? model_symbol(symbols[begin]) : 0;
    for (uint32_t i = begin; i < end; i++) {
        const uint32_t second = model_symbol(symbols[i + 1]);
        sum += unigrams[symbols[i]];
        sum_of_bigrams += weights[model_bigram(first, second, shift)];
        first = second;
    }
    return sum + sum_of_bigrams;
}

/* The logit of a post whose texts have `symbols` symbols in all and the sum `sum`. In double, in this order, and
 * rounded once; the extension is compiled without contraction, so that no multiply-add skips a rounding. */
static inline float model_logit(const image_t *image, int64_t sum, uint64_t symbols) {
    return (float)(image->model_bias + image->model_scale * (double)sum / sqrt((double)(symbols ? symbols : 1)));
}

/* Notes the sum of each text of the folded chunk in text_t.weights. Returns 0, or -1 when memory runs out. */
static int model_scalar(const image_t *image, chunk_t *chunk) {
    for (size_t k = 0; k < chunk->text_count; k++) {
        text_t *text = &chunk->texts[k];
        text->weights = model_sum(image, chunk_symbols(chunk), text->symbol_begin, text->symbol_end);
    }
    return 0;
}

/* The vector paths write the bucket of the bigram at each symbol of the chunk to chunk->bigrams, some past the last. */
static inline int model_begin(chunk_t *chunk) {
    return column_u32_reserve(&chunk->bigrams, chunk->symbol_count + SYMBOL_SLACK);
}

/* The second half of the vector paths. The weights are plain loads: gathers are slower, and four sums keep the loads
 * apart. */
static inline void model_sum_texts(const image_t *image, chunk_t *chunk) {
    const int8_t *const weights = image->model_weights, *const unigrams = image->model_unigrams;
    for (size_t k = 0; k < chunk->text_count; k++) {
        text_t *text = &chunk->texts[k];
        const uint32_t length = text->symbol_end - text->symbol_begin;
        const uint16_t *symbol = chunk_symbols(chunk) + text->symbol_begin;
        const uint32_t *bigram = chunk->bigrams.at + text->symbol_begin;
        int64_t a = 0, b = 0, c = 0, d = 0;
        uint32_t i = 0;
        for (; i + 4 <= length; i += 4) {
            uint64_t four, two, next; /* symbols and buckets, several a load: loads are what limits this loop */
            memcpy(&four, symbol + i, 8);
            memcpy(&two, bigram + i, 8);
            memcpy(&next, bigram + i + 2, 8);
            a += unigrams[(uint16_t)four];
            b += unigrams[(uint16_t)(four >> 16)];
            c += unigrams[(uint16_t)(four >> 32)];
            d += unigrams[four >> 48];
            a += weights[(uint32_t)two];
            b += weights[two >> 32];
            c += weights[(uint32_t)next];
            d += weights[next >> 32];
        }
        for (; i < length; i++) {
            a += unigrams[symbol[i]];
            b += weights[bigram[i]];
        }
        text->weights = a + b + c + d;
    }
}

#endif
