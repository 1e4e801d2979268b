/* Which posts are examined: those of which some window may sell something.
 *
 * Everyday posts are most of what a platform carries. Where the text model is as good as sure of every window that nothing is sold
 * there, no pattern and no recogniser is looked for: nothing is found, so nothing is claimed. */
#ifndef FAIRPOST_EXAMINE_H
#define FAIRPOST_EXAMINE_H

#include "match.h"
#include "paths.h"

/* Sets is_examined of every text: those of one post (a group) together. Without a model, or a bound, every post is examined. */
static inline void choose_texts(const image_t *image, chunk_t *chunk) {
    for (size_t k = 0, next; k < chunk->text_count; k = next) {
        uint32_t is_examined = image->model_weights == NULL;
        for (next = k; next < chunk->text_count && chunk->texts[next].group == chunk->texts[k].group; next++)
            is_examined |= image->model_weights != NULL && (double)chunk->texts[next].window >= image->examined_from;
        for (size_t j = k; j < next; j++) chunk->texts[j].is_examined = is_examined;
    }
}

/* Looks through the texts that are examined: the filter's survivors, then their buckets in the index of `image`. Returns 0, or -1 (memory). */
static inline int look_through(const path_t *path, const image_t *image, chunk_t *chunk) {
    chunk->survivor_count = 0;
    for (size_t k = 0, next; k < chunk->text_count; k = next + 1) {
        next = k;
        if (!chunk->texts[k].is_examined) continue;
        while (next + 1 < chunk->text_count && chunk->texts[next + 1].is_examined) next++;
        if (path->filter(image, chunk, chunk->texts[k].symbol_begin, chunk->texts[next].symbol_end)) return -1;
    }
    return path->lookup(image, chunk);
}

/* Looks through symbols [begin, end) alone. */
static inline int look_between(const path_t *path, const image_t *image, chunk_t *chunk, size_t begin, size_t end) {
    chunk->survivor_count = 0;
    return path->filter(image, chunk, begin, end) || path->lookup(image, chunk) ? -1 : 0;
}

/* Matches of the context patterns whose askers have their bits set in `asked`, in texts [first, first + count), which are those of one post, in
 * place of what was in `matches`. Returns 0, or -1 (memory). */
static inline int match_context(const path_t *path, const image_t *image, uint64_t asked, chunk_t *chunk, size_t first, size_t count,
                                matcher_t *m, column_match *matches, int is_limited) {
    const uint32_t begin = chunk->texts[first].symbol_begin, end = chunk->texts[first + count - 1].symbol_end;
    matcher_begin(m, image, chunk, matches, 0);
    m->text = &chunk->texts[first];
    m->is_limited = is_limited;
    begin_post(m); /* its matches and its work are counted apart from those of the other patterns */
    if (image->context == NULL || !asked) return 0;
    m->image = image->context;
    m->asked = asked;
    return look_between(path, m->image, chunk, begin, end) || match_chunk(m) ? -1 : 0;
}

#endif
