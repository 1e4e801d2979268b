/* The text model: a linear model over hashed unigrams and bigrams of what shapes.h makes of a text. Scalar path.
 *
 * engine/model.py defines the features; `features` there and the functions here must agree for every text. */
#ifndef FAIRPOST_MODEL_H
#define FAIRPOST_MODEL_H

#include <math.h>

#include "shapes.h"

#define MODEL_FIRST 0x9E3779B1u  /* multiplies a unigram's symbol, and a bigram's first one */
#define MODEL_SECOND 0xC2B2AE35u /* multiplies a bigram's second one */

static inline uint32_t model_unigram(uint32_t symbol, uint32_t shift) { return (symbol * MODEL_FIRST) >> shift; }

static inline uint32_t model_bigram(uint32_t first, uint32_t second, uint32_t shift) {
    return (first * MODEL_FIRST + second * MODEL_SECOND) >> shift;
}

/* The logit of a post whose texts have `symbols` shapes in all and the sum `sum`. In double, in this order, and
 * rounded once; the extension is compiled without contraction, so that no multiply-add skips a rounding. */
static inline float model_logit(const image_t *image, int64_t sum, uint64_t symbols) {
    const uint64_t beyond = symbols < 12 ? 0 : symbols > 48 ? 36 : symbols - 12; /* MODEL_LENGTHS */
    return (float)(image->model_bias + image->model_length * (double)beyond / 36.0 + image->model_scale * (double)sum / sqrt((double)(symbols ? symbols : 1)));
}

/* One over 1 + e^-logit, by + and * and / on doubles alone, in this order: the library's exponential is not rounded
 * alike everywhere, and decisions must replay. e^-x = (e^(-x / 64))^64, the inner one by its series; exact to about 1e-13.
 * `logistic` in engine/model.py does the same. */
static inline double model_logistic(double logit) {
    const double size = logit < 0 ? -logit : logit;
    const double t = (size < 40.0 ? size : 40.0) * -0.015625;
    double power = 1.0 + t * (1.0 / 12.0);
    for (int k = 11; k >= 1; k--) power = 1.0 + t / k * power;
    for (int k = 0; k < 6; k++) power *= power;
    return logit < 0 ? power / (1.0 + power) : 1.0 / (1.0 + power);
}

/* Writes to chunk->sums, at each shape of the chunk and behind the last, the sum of the weights of all before it, modulo 2^32: whole chunks
 * know no loop over texts or windows whose end would have to be guessed. The vector paths have computed the buckets of the bigrams;
 * `bigrams` is NULL without. The weights are plain loads: gathers are slower. Returns 0, or -1 (memory). */
static inline int model_sum_shapes(const image_t *image, chunk_t *chunk, const uint32_t *bigrams) {
    /* SAFETY: a bucket is a number of 32 - model_shift bits, and model_weights has 1 << (32 - model_shift) entries. */
    const int8_t *const weights = image->model_weights, *const unigrams = image->model_unigrams;
    const uint16_t *shapes = chunk->shapes_.at;
    const size_t count = chunk->shape_count;
    if (column_u32_reserve(&chunk->sums, count + 1)) return -1;
    uint32_t *sums = chunk->sums.at, sum = 0;
    size_t i = 0;
    if (bigrams == NULL) {
        for (; i < count; i++) {
            sums[i] = sum;
            sum += (uint32_t)(unigrams[shapes[i]] + weights[model_bigram(shapes[i], shapes[i + 1], image->model_shift)]);
        }
    }
    for (; i + 4 <= count; i += 4) {
        uint64_t four, two, next; /* shapes and buckets, several a load: loads are what limits this loop */
        memcpy(&four, shapes + i, 8);
        memcpy(&two, bigrams + i, 8);
        memcpy(&next, bigrams + i + 2, 8);
        const int32_t a = unigrams[(uint16_t)four] + weights[(uint32_t)two], b = unigrams[(uint16_t)(four >> 16)] + weights[two >> 32];
        const int32_t c = unigrams[(uint16_t)(four >> 32)] + weights[(uint32_t)next], d = unigrams[four >> 48] + weights[next >> 32];
        sums[i] = sum;
        sums[i + 1] = sum + (uint32_t)a;
        sums[i + 2] = sum + (uint32_t)(a + b);
        sums[i + 3] = sum + (uint32_t)(a + b + c);
        sum += (uint32_t)(a + b + c + d);
    }
    for (; i < count; i++) {
        sums[i] = sum;
        sum += (uint32_t)(unigrams[shapes[i]] + weights[bigrams[i]]);
    }
    sums[count] = sum;
    return 0;
}

/* A window is two neighbouring blocks, of which the last may be shorter; a text of one block is one window. */
enum { WINDOW_BLOCK = 20 };

/* Notes the sum of the weights of each text of the chunk in text_t.weights (64 bits hold any), and the greatest logit of one of its
 * windows in text_t.window: a claim in a long story is found by where it stands. */
static inline int model_sum_texts(const image_t *image, chunk_t *chunk, const uint32_t *bigrams) {
    if (model_sum_shapes(image, chunk, bigrams)) return -1;
    const uint32_t *sums = chunk->sums.at;
    const float none = model_logit(image, 0, 0);
    for (size_t k = 0; k < chunk->text_count; k++) {
        text_t *text = &chunk->texts[k];
        int64_t sum = 0, before = 0, full = INT64_MIN;
        uint32_t size = 0, at = text->shape_begin;
        float last = none;
        while (at < text->shape_end) {
            const uint32_t end = text->shape_end - at > WINDOW_BLOCK ? at + WINDOW_BLOCK : text->shape_end;
            const int64_t block = (int32_t)(sums[end] - sums[at]); /* of few shapes: 32 bits hold it */
            if (end == text->shape_end)
                last = model_logit(image, before + block, size + (end - at));
            else if (size && (full == INT64_MIN || (image->model_scale >= 0 ? before + block > full : before + block < full)))
                full = before + block; /* all of these have as many shapes: the logit of the best will do */
            sum += block;
            before = block;
            size = end - at;
            at = end;
        }
        text->weights = sum;
        text->window = last;
        if (full != INT64_MIN) {
            const float logit = model_logit(image, full, 2 * WINDOW_BLOCK);
            if (logit > last) text->window = logit;
        }
    }
    return 0;
}

static int model_scalar(const image_t *image, chunk_t *chunk) {
    if (shapes_scalar(chunk)) return -1;
    return model_sum_texts(image, chunk, NULL);
}

/* The vector paths write the bucket of the bigram at each shape of the chunk to chunk->bigrams, some past the last. */
static inline int model_begin(chunk_t *chunk) {
    return column_u32_reserve(&chunk->bigrams, chunk->shape_count + SYMBOL_SLACK);
}

#endif
