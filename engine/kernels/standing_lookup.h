/* Standings of many sellers at once: lookups go through in groups, and those of four groups are on their way together.
 *
 * A hit reads one line of the index and one row, both anywhere in hundreds of megabytes. Four steps, each a group
 * behind the one before, so that nothing waits for memory that could have been asked for:
 *   place   the hash's bucket is computed (for all of a group) and asked for
 *   probe   the bucket is searched; the row is asked for
 *   check   the row has the whole hash, or (one in thirty: another with the same tag, or a full bucket) the next one is
 *           asked for
 *   settle  the standing is written
 * The steps take turns lookup by lookup: what one asks for is on its way while the others compute. It is asked for into
 * the second cache: the first has few places for lines on their way, and a full set of them stops everything.
 *
 * No branch in place and probe may depend on memory that is still on its way, and none in check and settle may be one
 * that chance decides: a wrong guess throws the loads behind it away. */
#ifndef FAIRPOST_STANDING_LOOKUP_H
#define FAIRPOST_STANDING_LOOKUP_H

#include "standing_content.h"

enum {
    SELLER_IS_NONE = -1, /* as SELLER_NONE ... in vocabulary.py */
    SELLER_IS_UNKNOWN = -2,
    SELLER_IS_UNAVAILABLE = -3,
    LOOKUP_GROUP = 16, /* at most HASH_GROUP; with more, memory waits while a group is hashed */
    LOOKUP_STEPS = 4,
};

/* Ids first .. end of `ids`. The guard is held. */
typedef struct {
    const content_t *content;
    sip_key_t key;
    const seller_ids_t *ids;
    size_t first, end;
    int32_t day;
    int32_t *sellers;      /* [ids->count]: a row of `standings`, or SELLER_IS_* */
    standing_t *standings; /* [ids->count] */
} lookup_t;

/* Look them up, with `found` standings written before; returns how many are written now. */
typedef size_t find_standings_t(const lookup_t *lookup, size_t found);

typedef struct {
    size_t first, count;
    hash128_t hashes[LOOKUP_GROUP];
    const uint32_t *buckets[LOOKUP_GROUP];
    uint32_t tags[LOOKUP_GROUP], tag_masks[LOOKUP_GROUP];
    const seller_row_t *candidates[LOOKUP_GROUP];
    uint8_t is_absent[LOOKUP_GROUP];
} group_t;

static inline void group_hash(hash_group_t *hash_group, sip_key_t key, const seller_ids_t *ids, size_t first,
                              size_t end, group_t *group) {
    group->first = first;
    group->count = end - first < LOOKUP_GROUP ? end - first : LOOKUP_GROUP;
    hash_group(key, ids, first, group->count, group->hashes);
}

static inline void lookup_place(const content_t *content, group_t *group) {
    for (size_t k = 0; k < group->count; k++) {
        uint64_t high = group->hashes[k].high & content->placement;
        const shard_t *shard = &content->shards[shard_of(high)];
        home_t home = home_of(shard, high);
        group->buckets[k] = bucket_at(shard, home.bucket);
        group->tags[k] = home.tag, group->tag_masks[k] = home.tag_mask;
    }
}

/* What a bucket tells: `slot` is the first with the tag, where `is_found`. */
static inline void lookup_found(const rows_t *rows, group_t *group, size_t k, uint32_t slot, int is_found,
                                int has_empty) {
    /* No such tag: row 0, which nobody waits for (and which it may even be). rows_open() made its block. */
    size_t row = slot & ~group->tag_masks[k] & -(uint32_t)is_found;
    group->candidates[k] = row_at(rows, row);
    group->is_absent[k] = (is_found == 0) & has_empty;
    /* A full bucket: check will look into the next one (or, behind the last, ask for memory that nobody reads). */
    const void *row_line = group->candidates[k], *next_bucket_line = group->buckets[k] + SLOTS_A_BUCKET;
    __builtin_prefetch(is_found ? row_line : next_bucket_line, 0, 2);
}

static inline void lookup_probe(const rows_t *rows, group_t *group, size_t k) {
    const uint32_t *bucket = group->buckets[k];
    uint32_t found = slots_equal(bucket, group->tag_masks[k], group->tags[k]);
    uint32_t empty = slots_equal(bucket, ~0u, SLOT_EMPTY);
    uint32_t slot = bucket[__builtin_ctz(found | 1u << (SLOTS_A_BUCKET - 1))];
    lookup_found(rows, group, k, slot, found != 0, empty != 0);
}

static inline int is_settled(const group_t *group, size_t k) {
    const hash128_t *hash = &group->candidates[k]->hash;
    uint64_t differs = (hash->low ^ group->hashes[k].low) | (hash->high ^ group->hashes[k].high);
    return (differs == 0) | group->is_absent[k];
}

/* The second place where a seller may be: the next slot of the bucket that has the tag, or the first of the bucket
 * behind. What is not there either is rare, and left to settle. */
static inline void lookup_turn(const content_t *content, const seller_ids_t *ids, group_t *group, size_t k) {
    const shard_t *shard = &content->shards[shard_of(group->hashes[k].high & content->placement)];
    const uint32_t *bucket = group->buckets[k], tag = group->tags[k], tag_mask = group->tag_masks[k];
    uint32_t found = slots_equal(bucket, tag_mask, tag);
    found &= found - 1;
    group->is_absent[k] = ids->begins[group->first + k] == ids->ends[group->first + k]; /* names nobody */
    if (group->is_absent[k]) return;
    if (!found && !slots_equal(bucket, ~0u, SLOT_EMPTY)) {
        uint32_t number = (uint32_t)((size_t)(bucket - shard->slots) / SLOTS_A_BUCKET);
        bucket = bucket_at(shard, next_bucket(shard, number));
        found = slots_equal(bucket, tag_mask, tag);
    }
    if (found) {
        group->candidates[k] = row_at(&content->rows, slot_row(shard, bucket[__builtin_ctz(found)]));
        __builtin_prefetch(group->candidates[k], 0, 2);
    } else {
        group->is_absent[k] = slots_equal(bucket, ~0u, SLOT_EMPTY) != 0;
    }
}

static inline void lookup_check(const content_t *content, const seller_ids_t *ids, group_t *group, size_t k) {
    if (__builtin_expect(!is_settled(group, k), 0)) lookup_turn(content, ids, group, k);
}

typedef void stand_t(const rows_t *rows, const seller_row_t *row, int32_t day, standing_t *standing);

static inline __attribute__((always_inline)) size_t lookup_settle(const lookup_t *lookup, const rows_t *rows,
                                                                  stand_t *stand, group_t *group, size_t k,
                                                                  size_t found) {
    size_t id = group->first + k;
    const seller_row_t *row = group->candidates[k];
    int is_absent = group->is_absent[k];
    if (__builtin_expect(!is_settled(group, k), 0)) {
        size_t number = content_row(lookup->content, group->hashes[k]);
        is_absent = number == NO_ROW;
        if (!is_absent) row = row_at(rows, number);
    }
    if (is_absent) {
        lookup->sellers[id] = lookup->ids->begins[id] == lookup->ids->ends[id] ? SELLER_IS_NONE : SELLER_IS_UNKNOWN;
        return found;
    }
    stand(rows, row, lookup->day, &lookup->standings[found]);
    lookup->sellers[id] = (int32_t)found;
    return found + 1;
}

/* The steps that paths have of their own. */
typedef struct {
    hash_group_t *hash_group;
    void (*place)(const content_t *content, group_t *group);
    void (*probe)(const rows_t *rows, group_t *group, size_t k);
    stand_t *stand;
} lookup_path_t;

/* find_standings_t of a path: inlined into each, and its steps into it. */
static inline __attribute__((always_inline)) size_t find_standings_by(const lookup_path_t *path, const lookup_t *lookup,
                                                                      size_t found) {
    const lookup_t here = *lookup; /* what is written may be anywhere, for all the compiler knows, but not here */
    const content_t *content = here.content;
    const seller_ids_t *ids = here.ids;
    const rows_t rows = content->rows;
    group_t ring[LOOKUP_STEPS];
    size_t groups = (here.end - here.first + LOOKUP_GROUP - 1) / LOOKUP_GROUP, k;
    for (int each = 0; each < LOOKUP_STEPS; each++) ring[each].count = 0;
    for (size_t turn = 0; turn < groups + LOOKUP_STEPS - 1; turn++) {
        group_t *placed = &ring[turn % 4], *probed = &ring[(turn + 3) % 4];
        group_t *checked = &ring[(turn + 2) % 4], *settled = &ring[(turn + 1) % 4];
        placed->count = 0;
        if (turn < groups) {
            size_t first = here.first + turn * LOOKUP_GROUP;
            group_hash(path->hash_group, here.key, ids, first, here.end, placed);
            path->place(content, placed);
        }
        /* Only the last group may be smaller than the others; before it there are none, behind it are empty ones. */
        size_t all = placed->count < settled->count ? placed->count : settled->count;
        for (k = 0; k < all; k++) {
            __builtin_prefetch(placed->buckets[k], 0, 2);
            path->probe(&rows, probed, k);
            lookup_check(content, ids, checked, k);
            found = lookup_settle(&here, &rows, path->stand, settled, k, found);
        }
        for (k = all; k < placed->count; k++) __builtin_prefetch(placed->buckets[k], 0, 2);
        for (k = all; k < probed->count; k++) path->probe(&rows, probed, k);
        for (k = all; k < checked->count; k++) lookup_check(content, ids, checked, k);
        for (k = all; k < settled->count; k++) found = lookup_settle(&here, &rows, path->stand, settled, k, found);
    }
    return found;
}

static inline size_t find_standings_scalar(const lookup_t *lookup, size_t found) {
    static const lookup_path_t path = {hash_group_scalar, lookup_place, lookup_probe, row_stand};
    return find_standings_by(&path, lookup, found);
}

#endif
