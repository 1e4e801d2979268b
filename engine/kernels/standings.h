/* The standing table: many readers, one writer at a time, and batches of lookups that see one state of the event log.
 *
 * SAFETY, memory order: everything that readers follow (the content, its shards' slots, rows, tallies, sequence) is
 * written only between guard_show() and guard_done(), and read only between guard_read() and guard_done(), so the lock
 * orders every read after the write that made it. What grows without disturbing readers (a new block, a new tally, a new
 * copy of a shard) is reached by them only through something written under guard_show() later. Fields that only writers
 * use are ordered by guard.writing.
 *
 * (Weighed: a sequence lock, where readers take no lock and repeat a batch that a write overlapped. Its plain reads are
 * data races in C; memory could be given back only if readers said that they are inside, which is the atomic operation
 * that it saves; and under steady writes long batches would be repeated until they take a lock after all. Here a batch
 * pays two atomic operations, and what a change needs is prepared before the lock is taken.) */
#ifndef FAIRPOST_STANDINGS_H
#define FAIRPOST_STANDINGS_H

#include "standing_lookup.h"

enum {
    LOOKUP_HOLD = 4096, /* lookups for which a waiting writer waits */
    LOOKUP_TRIES = 3,
    KEEP_SEQUENCE = -1,
};

typedef struct {
    sip_key_t key;
    hash_group_t *hash_group; /* of the kernels' path that was in use when the table was opened */
    find_standings_t *find_standings;
    guard_t guard;
    content_t *content;
    uint64_t version; /* counts changes of the content */
    int is_available;
} standings_t;

static inline int standings_open(standings_t *table, const uint8_t *key, hash_group_t *hash_group,
                                 find_standings_t *find_standings, uint64_t placement) {
    memset(table, 0, sizeof *table);
    table->hash_group = hash_group;
    table->find_standings = find_standings;
    memcpy(&table->key, key, sizeof table->key);
    table->is_available = 1;
    if (guard_open(&table->guard)) return STANDINGS_NO_MEMORY;
    table->content = content_open(placement);
    if (table->content) return STANDINGS_OK;
    guard_close(&table->guard);
    return STANDINGS_NO_MEMORY;
}

static inline void standings_close(standings_t *table) {
    content_close(table->content);
    guard_close(&table->guard);
}

static inline size_t no_answers(const seller_ids_t *ids, int32_t *sellers) {
    for (size_t k = 0; k < ids->count; k++)
        sellers[k] = ids->begins[k] == ids->ends[k] ? SELLER_IS_NONE : SELLER_IS_UNAVAILABLE;
    return 0;
}

/* Standings of a batch on `day`: sellers[k] is a row of `standings` (room for as many as there are ids) or one of
 * SELLER_IS_*; returns the number of rows. All answers are of one state, that of *sequence. A long batch lets writers in
 * between, and begins anew if one came; after a few times it keeps them out. */
static inline size_t standings_look_up(standings_t *table, const seller_ids_t *ids, int32_t day, int32_t *sellers,
                                       standing_t *standings, int64_t *sequence) {
    for (int try = 1;; try++) {
        size_t at = 0, found = 0;
        guard_read(&table->guard);
        uint64_t version = table->version;
        for (;;) {
            *sequence = table->content->sequence;
            if (!table->is_available) {
                found = no_answers(ids, sellers);
                break;
            }
            size_t end = try >= LOOKUP_TRIES || ids->count - at <= LOOKUP_HOLD ? ids->count : at + LOOKUP_HOLD;
            lookup_t lookup = {table->content, table->key, ids, at, end, day, sellers, standings};
            found = table->find_standings(&lookup, found);
            at = end;
            if (at == ids->count) break;
            guard_done(&table->guard);
            guard_read(&table->guard);
            if (table->version != version) break;
        }
        int is_whole = table->version == version;
        guard_done(&table->guard);
        if (is_whole) return found;
    }
}

/* What the table was told of the first of `ids`; 0: it does not know it. */
static inline int standings_get(standings_t *table, const seller_ids_t *ids, seller_record_t *record) {
    hash128_t hash = hash_of(table->key, ids, 0);
    guard_read(&table->guard);
    content_t *content = table->content;
    size_t row = content_row(content, hash);
    if (row != NO_ROW) row_read(&content->rows, row_at(&content->rows, row), record);
    guard_done(&table->guard);
    return row != NO_ROW;
}

/* ---- writers: each holds guard.writing -------------------------------------------------------------------- */

/* Hashes and rows of ids first .. end, at most LOOKUP_GROUP; NO_ROW for sellers that are not there. */
static inline void find_changes(const standings_t *table, content_t *content, const seller_ids_t *ids, size_t first,
                                size_t end, change_t *changes) {
    group_t group;
    group_hash(table->hash_group, table->key, ids, first, end, &group);
    lookup_place(content, &group);
    for (size_t k = 0; k < group.count; k++) __builtin_prefetch(group.buckets[k]);
    for (size_t k = 0; k < group.count; k++) lookup_probe(&content->rows, &group, k);
    for (size_t k = 0; k < group.count; k++) {
        changes[k].hash = group.hashes[k];
        changes[k].row = content_row(content, group.hashes[k]);
    }
}

/* Change the table from one state to the next: `records` of `ids`, then `removed`; *removals: how many there were.
 * Either all of it happens or, with a fault, nothing. changes: room for ids->count. sequence: KEEP_SEQUENCE, or
 * none before the present one. */
static inline int standings_apply(standings_t *table, int64_t sequence, const seller_ids_t *ids,
                                  const seller_record_t *records, const seller_ids_t *removed, change_t *changes,
                                  size_t *removals) {
    content_t *content = table->content;
    if (sequence == KEEP_SEQUENCE) sequence = content->sequence;
    if (sequence < content->sequence) return STANDINGS_BACKWARDS;
    for (size_t at = 0; at < ids->count; at += LOOKUP_GROUP)
        find_changes(table, content, ids, at, ids->count, changes + at);
    int fault = content_prepare(content, changes, records, ids->count, &table->guard);
    if (fault) return fault;
    *removals = 0;
    guard_show(&table->guard);
    for (size_t k = 0; k < ids->count; k++) content_put(content, &changes[k], &records[k]);
    for (size_t k = 0; k < removed->count; k++)
        *removals += (size_t)content_remove(content, hash_of(table->key, removed, k));
    content->sequence = sequence;
    table->version++;
    guard_done(&table->guard);
    if (*removals) content_trim(content, &table->guard);
    return STANDINGS_OK;
}

/* Room for `count` sellers in a fresh content, by what a shard most probably gets. */
static inline int content_reserve(content_t *content, size_t count) {
    size_t each = count / SHARDS, slack = 1;
    while (slack * slack < each) slack += 1 + slack / 8;
    int fault = rows_begin(&content->rows, count);
    for (unsigned k = 0; k < SHARDS && !fault; k++)
        fault = content_reserve_shard(content, k, each + slack, count, NULL);
    return fault;
}

/* Add ids to a fresh content; of several records for one id the last counts. */
static inline int content_fill(const standings_t *table, content_t *content, const seller_ids_t *ids,
                               const seller_record_t *records) {
    change_t changes[LOOKUP_GROUP];
    for (size_t at = 0; at < ids->count; at += LOOKUP_GROUP) {
        size_t count = ids->count - at < LOOKUP_GROUP ? ids->count - at : LOOKUP_GROUP;
        find_changes(table, content, ids, at, ids->count, changes);
        int fault = content_prepare(content, changes, records + at, count, NULL);
        if (fault) return fault;
        for (size_t k = 0; k < count; k++) content_put(content, &changes[k], &records[at + k]);
    }
    return STANDINGS_OK;
}

/* Exchange the content; gives the old one, which no reader sees any more, to be closed. */
static inline content_t *standings_exchange(standings_t *table, content_t *fresh) {
    guard_show(&table->guard);
    content_t *old = table->content;
    table->content = fresh;
    table->version++;
    guard_done(&table->guard);
    return old;
}

#endif
