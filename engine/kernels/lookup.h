/* Survivors of the filter -> buckets, by perfect hash. Scalar path.
 *
 * A position is looked up once: under its bigram where the filter's whole group is set, else under its trigram (bucket_keys() in
 * anchors.pyx files patterns so); and under its symbol, if that alone is an anchor. */
#ifndef FAIRPOST_LOOKUP_H
#define FAIRPOST_LOOKUP_H

#include "filter.h"

enum { LOOKUP_SLACK = 64 };

static inline int lookup_begin(chunk_t *chunk) {
    const size_t room = 2 * chunk->survivor_count + LOOKUP_SLACK;
    chunk->found_count = 0;
    return column_u32_reserve(&chunk->found, room) || column_u32_reserve(&chunk->buckets, room);
}

static inline uint32_t lookup_key(const image_t *image, const uint16_t *s) {
    return anchor_key(s[0], s[1], has_group(image, s) ? 0 : s[2]);
}

/* Writes the positions that have a bucket to chunk->found, ascending, and its first entry to chunk->buckets. A table at a time
 * for a batch of survivors, so that their cache misses overlap, and without branches. */
static int lookup_scalar(const image_t *image, chunk_t *chunk) {
    enum { BATCH = 64 };
    if (lookup_begin(chunk)) return -1;
    const uint16_t *symbols = chunk_symbols(chunk);
    const uint32_t *survivors = chunk->survivors.at;
    uint32_t *found = chunk->found.at, *buckets = chunk->buckets.at;
    size_t count = 0;
    for (size_t from = 0; from < chunk->survivor_count; from += BATCH) {
        const size_t left = chunk->survivor_count - from, size = left < BATCH ? left : BATCH;
        uint32_t key[2 * BATCH], position[2 * BATCH];
        const slot_t *slot[2 * BATCH];
        size_t keys = 0;
        for (size_t i = 0; i < size; i++) {
            const uint32_t at = survivors[from + i];
            const uint32_t pair = lookup_key(image, symbols + at);
            if (image->has_unigrams) {
                position[keys] = at;
                key[keys] = anchor_key(symbols[at], 0, 0);
                keys += has_bit(image->unigram_map, symbols[at]) & (key[keys] != pair);
            }
            position[keys] = at;
            key[keys++] = pair;
        }
        for (size_t i = 0; i < keys; i++) {
            const uint32_t displacement = image->displacement[hash_bucket(key[i], image->displacement_count)];
            slot[i] = &image->slots[hash_slot(key[i], displacement, image->slot_count)];
            __builtin_prefetch(slot[i]);
        }
        for (size_t i = 0; i < keys; i++) {
            found[count] = position[i];
            buckets[count] = slot[i]->start;
            count += slot[i]->key == key[i];
        }
    }
    chunk->found_count = count;
    return 0;
}

#endif
