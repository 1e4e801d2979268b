/* What a standing table holds: rows and index, and the changes of both that nobody else may see half done. */
#ifndef FAIRPOST_STANDING_CONTENT_H
#define FAIRPOST_STANDING_CONTENT_H

#include "guard.h"
#include "standing_index.h"

typedef struct {
    rows_t rows;
    shard_t shards[SHARDS];
    /* Of the shards, what it takes to place a hash, as columns: a kernel places several at once. */
    const uint32_t *shard_slots[SHARDS];
    uint64_t shard_shapes[SHARDS]; /* bucket_count, and row_bits << 32 */
    uint64_t placement; /* bits of a hash that choose its place; all, but in tests of collisions */
    int64_t sequence;
    int32_t day;
} content_t;

static inline void content_close(content_t *content) {
    if (content == NULL) return;
    for (int k = 0; k < SHARDS; k++) shard_close(&content->shards[k]);
    rows_close(&content->rows);
    free(content);
}

static inline void content_show_shard(content_t *content, unsigned number, shard_t shard) {
    content->shards[number] = shard;
    content->shard_slots[number] = shard.slots;
    content->shard_shapes[number] = shard.bucket_count | (uint64_t)shard.row_bits << 32;
}

static inline content_t *content_open(uint64_t placement) {
    content_t *content = calloc(1, sizeof *content);
    if (content == NULL) return NULL;
    content->placement = placement;
    int fault = rows_open(&content->rows);
    for (unsigned k = 0; k < SHARDS && !fault; k++) {
        shard_t shard;
        fault = shard_open(&shard, 0, 0);
        content_show_shard(content, k, shard);
    }
    if (!fault) return content;
    content_close(content);
    return NULL;
}

static inline uint32_t *content_slot(const content_t *content, hash128_t hash) {
    uint64_t high = hash.high & content->placement;
    return slot_of(&content->shards[shard_of(high)], &content->rows, hash, high);
}

static inline size_t content_row(const content_t *content, hash128_t hash) {
    const uint32_t *slot = content_slot(content, hash);
    return slot ? slot_row(&content->shards[shard_of(hash.high & content->placement)], *slot) : NO_ROW;
}

/* A shard in a new copy, with room for `count` entries. The guard is NULL where nobody reads yet.
 *
 * SAFETY: readers hold guard.showing while they follow `slots`. The old copy is freed after guard_show() was got and
 * left again: whoever reads now came in later and found the new one. */
static inline int content_copy_shard(content_t *content, unsigned number, size_t count, size_t rows_end,
                                     guard_t *guard) {
    shard_t old = content->shards[number], copy;
    int fault = shard_open(&copy, count, rows_end);
    if (fault) return fault;
    shard_refill(&copy, &old, &content->rows, content->placement);
    if (guard) guard_show(guard);
    content_show_shard(content, number, copy);
    if (guard) guard_done(guard);
    shard_close(&old);
    return STANDINGS_OK;
}

/* Room in a shard for `more` entries. */
static inline int content_reserve_shard(content_t *content, unsigned number, size_t more, size_t rows_end,
                                        guard_t *guard) {
    const shard_t *shard = &content->shards[number];
    if (shard_has_room(shard, more, rows_end)) return STANDINGS_OK;
    return content_copy_shard(content, number, shard->live + more, rows_end, guard);
}

/* One record on its way into a content. */
typedef struct {
    hash128_t hash;
    size_t row; /* where the seller is, or NO_ROW */
    uint32_t tally;
} change_t;

/* Everything that putting `records` may need: tallies taken, room for sellers that are new. With a fault nothing. */
static inline int content_prepare(content_t *content, change_t *changes, const seller_record_t *records, size_t count,
                                  guard_t *guard) {
    size_t fresh = 0, taken = 0, fresh_of[SHARDS] = {0};
    int fault = STANDINGS_OK;
    for (; taken < count && !fault; taken++) {
        change_t *change = &changes[taken];
        fault = tally_take(&content->rows, records[taken].strikes, &change->tally);
        if (change->row != NO_ROW) continue;
        fresh++;
        fresh_of[shard_of(change->hash.high & content->placement)]++;
    }
    if (!fault) fault = rows_reserve(&content->rows, fresh);
    for (unsigned k = 0; k < SHARDS && !fault; k++)
        if (fresh_of[k])
            fault = content_reserve_shard(content, k, fresh_of[k], content->rows.count + fresh, guard);
    while (fault && taken > 0) tally_drop(&content->rows, changes[--taken].tally);
    return fault;
}

/* Let a seller stand as `record`. content_prepare() has made room, so nothing can fail. */
static inline void content_put(content_t *content, const change_t *change, const seller_record_t *record) {
    size_t row = change->row;
    if (row == NO_ROW) row = content_row(content, change->hash); /* the batch may have named it before */
    if (row == NO_ROW) {
        uint64_t high = change->hash.high & content->placement;
        row = content->rows.count++;
        row_at(&content->rows, row)->hash = change->hash; /* the rest of it is zero, see content_remove() */
        shard_enter(&content->shards[shard_of(high)], high, (uint32_t)row);
    }
    row_write(&content->rows, row_at(&content->rows, row), record, change->tally);
}

/* Forget a seller; 0: there was none. The last row takes the place of the one removed, and zeros its own. */
static inline int content_remove(content_t *content, hash128_t hash) {
    rows_t *rows = &content->rows;
    uint32_t *slot = content_slot(content, hash);
    if (slot == NULL) return 0;
    shard_t *shard = &content->shards[shard_of(hash.high & content->placement)];
    size_t row = slot_row(shard, *slot), last = rows->count - 1;
    tally_drop(rows, row_at(rows, row)->tally);
    shard_forget(shard, slot);
    if (row != last) {
        hash128_t moved = row_at(rows, last)->hash;
        uint32_t *other = content_slot(content, moved); /* SAFETY: every row below count is in the index */
        shard = &content->shards[shard_of(moved.high & content->placement)];
        *other += (uint32_t)row - (uint32_t)last; /* the tag above the row's bits stays: row < last */
        *row_at(rows, row) = *row_at(rows, last);
    }
    memset(row_at(rows, last), 0, sizeof(seller_row_t));
    rows->count = last;
    return 1;
}

/* After removals: give back what is no longer needed. A shard that could not be copied stays as it is, which is no
 * fault. */
static inline void content_trim(content_t *content, guard_t *guard) {
    for (unsigned k = 0; k < SHARDS; k++) {
        const shard_t *shard = &content->shards[k];
        if (4 * (size_t)shard->live < 3 * shard_limit(shard) && buckets_for(shard->live) < shard->bucket_count)
            content_copy_shard(content, k, shard->live, content->rows.count, guard);
    }
    rows_trim(&content->rows);
}

static inline size_t content_bytes(const content_t *content) {
    size_t bytes = sizeof *content + rows_bytes(&content->rows);
    for (int k = 0; k < SHARDS; k++) bytes += shard_bytes(&content->shards[k]);
    return bytes;
}

#endif
