/* Contents of the standing table to and from a snapshot file (snapshot.py has its layout). Nothing that was read is
 * trusted before load_end() has looked at every row. */
#ifndef FAIRPOST_STANDING_FILE_H
#define FAIRPOST_STANDING_FILE_H

#include "standing_content.h"

/* What load_end() may find beside the faults of standing_rows.h. */
enum { LOAD_BAD_STATE = 100, LOAD_BAD_TALLY, LOAD_TWICE };

/* How many words each vocabulary has. */
typedef struct {
    uint32_t registration, enforcement, listing;
} vocabulary_t;

static inline uint32_t content_tallies(const content_t *content) { return content->rows.tally_end - 1; }

static inline void export_rows(const content_t *content, size_t first, size_t count, seller_row_t *out) {
    for (size_t k = 0; k < count; k++) out[k] = *row_at(&content->rows, first + k);
}

/* Strike counts number first + 1 .. first + count; zeros for numbers in no use. */
static inline void export_tallies(const content_t *content, size_t first, size_t count, uint8_t *out) {
    for (size_t k = 0; k < count; k++)
        memcpy(out + k * STRIKE_CATEGORIES, tally_at(&content->rows, (uint32_t)(first + k + 1))->strikes,
               STRIKE_CATEGORIES);
}

/* Room for so many rows and strike counts in a fresh content. */
static inline int load_begin(content_t *content, size_t rows, uint32_t tallies) {
    int fault = rows_begin(&content->rows, rows);
    while (!fault && content->rows.tally_end <= tallies) {
        fault = tally_reserve(&content->rows);
        content->rows.tally_end += !fault;
    }
    return fault;
}

static inline void load_rows(content_t *content, size_t first, size_t count, const uint8_t *bytes) {
    for (size_t k = 0; k < count; k++)
        memcpy(row_at(&content->rows, first + k), bytes + k * sizeof(seller_row_t), sizeof(seller_row_t));
}

static inline void load_tallies(content_t *content, size_t first, size_t count, const uint8_t *bytes) {
    for (size_t k = 0; k < count; k++)
        memcpy(tally_at(&content->rows, (uint32_t)(first + k + 1))->strikes, bytes + k * STRIKE_CATEGORIES,
               STRIKE_CATEGORIES);
}

static inline int row_fault(const seller_row_t *row, const vocabulary_t *words, uint32_t tallies) {
    if ((row->states & 15u) >= words->registration || (uint32_t)(row->states >> 4) >= words->enforcement) return LOAD_BAD_STATE;
    if (row->listing >= words->listing || row->reserved) return LOAD_BAD_STATE;
    return row->tally > tallies ? LOAD_BAD_TALLY : STANDINGS_OK;
}

static inline void tallies_load_end(rows_t *rows) {
    for (uint32_t number = rows->tally_end - 1; number > 0; number--) {
        tally_t *tally = tally_at(rows, number);
        if (tally->uses) {
            tally_chain(rows, number);
        } else {
            memset(tally->strikes, 0, STRIKE_CATEGORIES);
            tally->next = rows->tally_free, rows->tally_free = number;
        }
    }
}

/* Check `count` loaded rows and enter them into the index; *bad: the row with the fault. After a fault the content is
 * only good for content_close(). */
static inline int load_end(content_t *content, size_t count, const vocabulary_t *words, size_t *bad) {
    enum { AHEAD = 16 };
    rows_t *rows = &content->rows;
    size_t of[SHARDS] = {0};
    for (size_t k = 0; k < count; k++) {
        const seller_row_t *row = row_at(rows, k);
        int fault = row_fault(row, words, content_tallies(content));
        *bad = k;
        if (fault) return fault;
        if (row->tally) tally_at(rows, row->tally)->uses++;
        of[shard_of(row->hash.high & content->placement)]++;
    }
    for (unsigned k = 0; k < SHARDS; k++) {
        int fault = content_reserve_shard(content, k, of[k], count, NULL);
        if (fault) return fault;
    }
    for (size_t k = 0; k < count; k++) {
        if (k + AHEAD < count) {
            uint64_t high = row_at(rows, k + AHEAD)->hash.high & content->placement;
            const shard_t *ahead = &content->shards[shard_of(high)];
            __builtin_prefetch(bucket_at(ahead, home_of(ahead, high).bucket), 1);
        }
        hash128_t hash = row_at(rows, k)->hash;
        uint64_t high = hash.high & content->placement;
        shard_t *shard = &content->shards[shard_of(high)];
        *bad = k;
        if (slot_of(shard, rows, hash, high)) return LOAD_TWICE;
        shard_enter(shard, high, (uint32_t)k);
    }
    rows->count = count;
    tallies_load_end(rows);
    return STANDINGS_OK;
}

#endif
