/* Which posts are examined: those of which some window may sell something.
 *
 * Everyday posts are most of what a platform carries. Where the text model is as good as sure of every window that nothing is sold
 * there, no pattern and no recogniser is looked for: nothing is found, so nothing is claimed. */
#ifndef FAIRPOST_EXAMINE_H
#define FAIRPOST_EXAMINE_H

#include "model.h"

/* Sets is_examined of every text: those of one post (a group) together. Without a model, or a bound, every post is examined. */
static inline void choose_texts(const image_t *image, chunk_t *chunk) {
    for (size_t k = 0, next; k < chunk->text_count; k = next) {
        uint32_t is_examined = image->model_weights == NULL;
        for (next = k; next < chunk->text_count && chunk->texts[next].group == chunk->texts[k].group; next++)
            is_examined |= image->model_weights != NULL && (double)chunk->texts[next].window >= image->examined_from;
        for (size_t j = k; j < next; j++) chunk->texts[j].is_examined = is_examined;
    }
}

/* Drops the filter's survivors that stand in texts which are not examined. */
static inline void keep_examined(chunk_t *chunk) {
    uint32_t *const survivors = chunk->survivors.at;
    const text_t *text = chunk->texts, *const last = chunk->texts + chunk->text_count;
    size_t kept = 0, k = 0;
    while (text < last && text->is_examined) text++;
    if (text == last) return;
    text = chunk->texts;
    for (; k < chunk->survivor_count && text < last; k++) {
        const uint32_t at = survivors[k];
        while (text < last && at >= text->symbol_end) text++;
        if (text == last) break;
        survivors[kept] = at; /* stored in any case: written over by the next */
        kept += text->is_examined & (at >= text->symbol_begin);
    }
    chunk->survivor_count = kept;
}

#endif
