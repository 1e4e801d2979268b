/* What is read of a text: the passages that may sell something.
 *
 * Whoever disguises a word does so where he sells. Stretches of a long text in which the text model is as good as sure that nothing is
 * sold are neither read aloud nor by their looks. */
#ifndef FAIRPOST_PASSAGES_H
#define FAIRPOST_PASSAGES_H

#include "chunk.h"
#include "model.h"

/* Symbols [begin, end) of the chunk, the sounds made of them, and the emoji that stand there. */
typedef struct {
    uint32_t begin, end;
    uint32_t sound_begin, sound_end;
    uint32_t emoji_begin, emoji_end;
} passage_t;

COLUMN(passage_t, column_passage)

static inline int add_passage(column_passage *passages, uint32_t begin, uint32_t end) {
    const passage_t passage = {begin, end, 0, 0, 0, 0};
    if (column_passage_reserve(passages, 1)) return -1;
    passages->at[passages->count++] = passage;
    return 0;
}

/* The symbol behind those from `at` on of which the next `count` shapes of the text were made. */
static inline uint32_t skip_shapes(const chunk_t *chunk, const text_t *text, uint32_t at, uint32_t count) {
    const uint16_t *symbols = chunk_symbols(chunk);
    uint16_t shape;
    for (; count; count--) at = shape_is_special(symbols[at]) ? shape_token(chunk, at, text->symbol_end, &shape) : at + 1;
    return at;
}

/* Finds the passages of the text: its windows of which the model's logit is at least that from which posts are examined, side by side
 * as one. Without a model all of it is one. Returns 0, or -1 (memory). */
static inline int find_passages(const image_t *image, const chunk_t *chunk, const text_t *text, column_passage *passages) {
    const uint32_t shape_count = image->model_weights == NULL ? 0 : text->shape_end - text->shape_begin;
    passages->count = 0;
    if (image->model_weights != NULL && (double)text->window < image->examined_from) return 0;
    if (shape_count <= 2 * WINDOW_BLOCK) return add_passage(passages, text->symbol_begin, text->symbol_end);
    const uint32_t *sums = chunk->sums.at + text->shape_begin;
    for (uint32_t at = 0; at + WINDOW_BLOCK < shape_count; at += WINDOW_BLOCK) {
        const uint32_t stop = shape_count - at > 2 * WINDOW_BLOCK ? at + 2 * WINDOW_BLOCK : shape_count;
        if ((double)model_logit(image, (int32_t)(sums[stop] - sums[at]), stop - at) < image->examined_from) continue;
        passage_t *last = passages->count ? &passages->at[passages->count - 1] : NULL;
        if (last != NULL && at <= last->end)
            last->end = stop;
        else if (add_passage(passages, at, stop))
            return -1;
    }
    /* So far in shapes; now in symbols. */
    uint32_t shape = 0, symbol = text->symbol_begin;
    for (size_t k = 0; k < passages->count; k++) {
        passage_t *passage = &passages->at[k];
        symbol = skip_shapes(chunk, text, symbol, passage->begin - shape);
        shape = passage->begin;
        passage->begin = symbol;
        symbol = passage->end == shape_count ? text->symbol_end : skip_shapes(chunk, text, symbol, passage->end - shape);
        shape = passage->end;
        passage->end = symbol;
    }
    return 0;
}

#endif
