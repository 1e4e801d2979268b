/* Which positions may hold an anchor. Scalar path, and the hashes that every path computes.
 *
 * The filter is a bitmap in groups of 8 bits. Two symbols select the group, the third selects the bit: a trigram anchor has
 * one bit, a bigram anchor all 8, so that one load answers for both kinds. */
#ifndef FAIRPOST_FILTER_H
#define FAIRPOST_FILTER_H

#include "anchor.h"
#include "chunk.h"

/* The multipliers of filter_bit(), for vectors. */
#define FILTER_PAIR 0x9E3779B1u  /* of first symbol << 16 | second symbol */
#define FILTER_THIRD 0x9E37u     /* of the third symbol; the top 3 of 16 bits count */

static inline uint32_t has_bit(const uint64_t *map, uint32_t bit) { return (uint32_t)(map[bit >> 6] >> (bit & 63)) & 1; }

/* Whether the whole group of the two symbols is set, as a bigram anchor does. */
static inline int has_group(const image_t *image, const uint16_t *s) {
    return ((const uint8_t *)image->filter_map)[filter_bit(s[0], s[1], 0, image->filter_shift) >> 3] == 0xFF;
}

/* Room for all positions. */
static inline int filter_begin(chunk_t *chunk) {
    return column_u32_reserve(&chunk->survivors, chunk->symbol_count + SYMBOL_SLACK);
}

/* Appends to the `count` survivors those of the `size` positions from `block` on whose bit, place[i] of the filter, is set, or
 * whose symbol s[i] is an anchor. Returns how many there are then. */
static inline size_t keep_survivors(const image_t *image, const uint16_t *s, const uint32_t *place, size_t block, size_t size,
                                    uint32_t *survivors, size_t count) {
    const int has_unigrams = image->has_unigrams;
    for (size_t i = 0; i < size; i++) {
        /* Stored in any case: a position that does not survive is written over by the next. */
        survivors[count] = (uint32_t)(block + i);
        uint32_t survives = has_bit(image->filter_map, place[i]);
        if (has_unigrams) survives |= has_bit(image->unigram_map, s[i]);
        count += survives;
    }
    return count;
}

/* Appends the positions among begin .. end to chunk->survivors, ascending. Returns 0, or -1 (memory). */
static int filter_scalar(const image_t *image, chunk_t *chunk, size_t begin, size_t end) {
    if (filter_begin(chunk)) return -1;
    const uint16_t *symbols = chunk_symbols(chunk);
    uint32_t *survivors = chunk->survivors.at;
    size_t count = chunk->survivor_count;
    for (size_t i = begin; i < end; i++) {
        /* Stored in any case: a position that does not survive is written over by the next. */
        survivors[count] = (uint32_t)i;
        uint32_t survives = has_bit(image->filter_map, filter_bit(symbols[i], symbols[i + 1], symbols[i + 2], image->filter_shift));
        if (image->has_unigrams) survives |= has_bit(image->unigram_map, symbols[i]);
        count += survives;
    }
    chunk->survivor_count = count;
    return 0;
}

#endif
