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

#include "standing_content.h"

enum {
    SELLER_IS_NONE = -1, /* as SELLER_NONE ... in vocabulary.py */
    SELLER_IS_UNKNOWN = -2,
    SELLER_IS_UNAVAILABLE = -3,
    LOOKUP_GROUP = HASH_GROUP, /* lookups whose memory is fetched at the same time */
    LOOKUP_HOLD = 4096, /* lookups for which a waiting writer waits */
    LOOKUP_TRIES = 3,
    KEEP_SEQUENCE = -1,
};

typedef struct {
    sip_key_t key;
    hash_group_t *hash_group; /* of the kernels' path that was in use when the table was opened */
    guard_t guard;
    content_t *content;
    uint64_t version; /* counts changes of the content */
    int is_available;
} standings_t;

static inline int standings_open(standings_t *table, const uint8_t *key, hash_group_t *hash_group,
                                 uint64_t placement) {
    memset(table, 0, sizeof *table);
    table->hash_group = hash_group;
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

/* A group of lookups on its way: hashed, its buckets on the way to the cache; probed, its rows on the way; settled. */
typedef struct {
    size_t first, count;
    hash128_t hashes[LOOKUP_GROUP];
    const uint32_t *buckets[LOOKUP_GROUP];
    const seller_row_t *candidates[LOOKUP_GROUP];
    size_t rows[LOOKUP_GROUP];
    uint8_t is_absent[LOOKUP_GROUP];
} group_t;

static inline void group_hash(const standings_t *table, const content_t *content, const seller_ids_t *ids, size_t first,
                              size_t end, group_t *group) {
    group->first = first;
    group->count = end - first < LOOKUP_GROUP ? end - first : LOOKUP_GROUP;
    table->hash_group(table->key, ids, first, group->count, group->hashes);
    for (size_t k = 0; k < group->count; k++) {
        uint64_t high = group->hashes[k].high & content->placement;
        const shard_t *shard = &content->shards[shard_of(high)];
        group->buckets[k] = bucket_at(shard, home_of(shard, high).bucket);
        __builtin_prefetch(group->buckets[k]);
    }
}

/* No branch here or in the first half of group_settle() may depend on memory that is still on its way: a wrong guess
 * would throw away the loads behind it, which is what the group is for. */
static inline void group_probe(const content_t *content, group_t *group) {
    for (size_t k = 0; k < group->count; k++) {
        uint64_t high = group->hashes[k].high & content->placement;
        const shard_t *shard = &content->shards[shard_of(high)];
        home_t home = home_of(shard, high);
        uint32_t found = slots_equal(group->buckets[k], home.tag_mask, home.tag);
        uint32_t empty = slots_equal(group->buckets[k], ~0u, SLOT_EMPTY);
        uint32_t slot = group->buckets[k][__builtin_ctz(found | 1u << (SLOTS_A_BUCKET - 1))];
        /* No such tag: row 0, which nobody waits for (and which it may even be). rows_open() made its block. */
        group->rows[k] = slot & ~home.tag_mask & -(uint32_t)(found != 0);
        group->candidates[k] = row_at(&content->rows, group->rows[k]);
        group->is_absent[k] = !found & (empty != 0); /* otherwise the buckets behind it may tell */
        __builtin_prefetch(group->candidates[k]);
    }
}

/* Rows of the group; NO_ROW for sellers that are not there, and for an empty id, which names nobody. Nearly all are the
 * first row that has their tag. */
static inline void group_settle(content_t *content, const seller_ids_t *ids, group_t *group) {
    uint64_t differs[LOOKUP_GROUP];
    for (size_t k = 0; k < group->count; k++) {
        const hash128_t *hash = &group->candidates[k]->hash;
        differs[k] = (hash->low ^ group->hashes[k].low) | (hash->high ^ group->hashes[k].high);
    }
    for (size_t k = 0; k < group->count; k++) {
        if (!differs[k]) continue;
        size_t id = group->first + k;
        int is_absent = group->is_absent[k] || ids->begins[id] == ids->ends[id];
        group->rows[k] = is_absent ? NO_ROW : content_row(content, group->hashes[k]);
    }
}

/* Hashes and rows of ids first .. end, at most LOOKUP_GROUP. */
static inline void find_group(const standings_t *table, content_t *content, const seller_ids_t *ids, size_t first,
                              size_t end, group_t *group) {
    group_hash(table, content, ids, first, end, group);
    group_probe(content, group);
    group_settle(content, ids, group);
}

static inline void group_changes(const group_t *group, change_t *changes) {
    for (size_t k = 0; k < group->count; k++) {
        changes[k].hash = group->hashes[k];
        changes[k].row = group->rows[k];
    }
}

/* Look ids first .. end up. The guard is held. Returns the number of standings written so far. Three groups are on their
 * way at a time, so that nothing waits for memory which could have been asked for before. */
static inline size_t look_up_held(const standings_t *table, const seller_ids_t *ids, size_t first, size_t end,
                                  int32_t day, int32_t *sellers, standing_t *standings, size_t found) {
    content_t *content = table->content;
    group_t ring[3];
    size_t steps = (end - first + LOOKUP_GROUP - 1) / LOOKUP_GROUP;
    for (size_t step = 0; step < steps + 2; step++) {
        if (step < steps) group_hash(table, content, ids, first + step * LOOKUP_GROUP, end, &ring[step % 3]);
        if (step >= 1 && step <= steps) group_probe(content, &ring[(step - 1) % 3]);
        if (step < 2) continue;
        group_t *group = &ring[(step - 2) % 3];
        group_settle(content, ids, group);
        for (size_t k = 0; k < group->count; k++) {
            size_t id = group->first + k;
            if (group->rows[k] == NO_ROW) {
                sellers[id] = ids->begins[id] == ids->ends[id] ? SELLER_IS_NONE : SELLER_IS_UNKNOWN;
                continue;
            }
            row_stand(&content->rows, row_at(&content->rows, group->rows[k]), day, &standings[found]);
            sellers[id] = (int32_t)found++;
        }
    }
    return found;
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
            found = look_up_held(table, ids, at, end, day, sellers, standings, found);
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

/* Change the table from one state to the next: `records` of `ids`, then `removed`; *removals: how many there were.
 * Either all of it happens or, with a fault, nothing. changes: room for ids->count. sequence: KEEP_SEQUENCE, or
 * none before the present one. */
static inline int standings_apply(standings_t *table, int64_t sequence, const seller_ids_t *ids,
                                  const seller_record_t *records, const seller_ids_t *removed, change_t *changes,
                                  size_t *removals) {
    content_t *content = table->content;
    if (sequence == KEEP_SEQUENCE) sequence = content->sequence;
    if (sequence < content->sequence) return STANDINGS_BACKWARDS;
    group_t group;
    for (size_t at = 0; at < ids->count; at += LOOKUP_GROUP) {
        find_group(table, content, ids, at, ids->count, &group);
        group_changes(&group, changes + at);
    }
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
    group_t group;
    change_t changes[LOOKUP_GROUP];
    for (size_t at = 0; at < ids->count; at += LOOKUP_GROUP) {
        find_group(table, content, ids, at, ids->count, &group);
        group_changes(&group, changes);
        int fault = content_prepare(content, changes, records + at, group.count, NULL);
        if (fault) return fault;
        for (size_t k = 0; k < group.count; k++) content_put(content, &changes[k], &records[at + k]);
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
