/* Rows of the standing table: 32 bytes a seller, dense, in blocks that never move.
 *
 * A row is the keyed hash of the seller's id and the standing in 16 bytes. Two things keep it that small: tenure is
 * kept as the day since which the registration has been active, so that it needs no writing from day to day; and
 * strike counts (32 bytes) are interned, since nearly all sellers have none and the others share few combinations.
 * Rows are dense: removing one moves the last into its place. Blocks are of 128 KB, so that little of the last one lies
 * idle in a small table, and from row 2^21 on they come 16 at a time in huge pages. */
#ifndef FAIRPOST_STANDING_ROWS_H
#define FAIRPOST_STANDING_ROWS_H

#include <stdlib.h>

#include "image.h"
#include "pages.h"
#include "siphash.h"

#define SINCE_NEVER INT32_MIN

enum {
    ROW_SHIFT = 12,
    ROWS_A_BLOCK = 1 << ROW_SHIFT,
    FIRST_HUGE_BLOCK = 512,
    BLOCKS_A_HUGE = 16,
    MAX_ROWS = 1 << 30,
    MAX_BLOCKS = MAX_ROWS >> ROW_SHIFT,
    STRIKE_CATEGORIES = 32,
    TALLIES_A_BLOCK = 256,
    MAX_TALLY_BLOCKS = 1 << 16,
    NO_TALLY = 0,
};

/* What a change may answer. */
enum {
    STANDINGS_OK,
    STANDINGS_NO_MEMORY,
    STANDINGS_TOO_MANY,
    STANDINGS_TOO_MANY_TALLIES,
    STANDINGS_BACKWARDS,
};

/* As the writer gives a standing: SELLER_RECORD_DTYPE in vocabulary.py. */
typedef struct {
    uint32_t licences;
    int32_t since_day;
    uint8_t registration, enforcement, listing, complaints;
    uint8_t strikes[STRIKE_CATEGORIES];
} seller_record_t;

typedef struct {
    hash128_t hash;
    uint32_t licences;
    int32_t since_day;
    uint32_t tally; /* number of the strike counts; NO_TALLY: none */
    uint8_t states; /* registration, and enforcement << 4 */
    uint8_t listing, complaints, reserved;
} seller_row_t;

_Static_assert(sizeof(seller_row_t) == 32, "two rows a cache line, none across two");
_Static_assert(sizeof(seller_record_t) == 44 && sizeof(standing_t) == 48, "as vocabulary.py has them");

/* Strike counts, and how many rows have them; `next` in its chain, or among the free ones. */
typedef struct {
    uint8_t strikes[STRIKE_CATEGORIES];
    uint32_t uses, next;
} tally_t;

/* Both directories are 2 MB and less of address space and are touched only as far as blocks exist, so they never move. */
typedef struct {
    seller_row_t **blocks; /* [MAX_BLOCKS] */
    size_t block_count;    /* behind first_huge a multiple of BLOCKS_A_HUGE, as first_huge is */
    size_t first_huge;     /* blocks from this one on come BLOCKS_A_HUGE at a time */
    size_t count;
    tally_t **tallies; /* [MAX_TALLY_BLOCKS]; number 0 is that of no strikes, and nobody's */
    uint32_t tally_room, tally_end, tally_free;
    uint32_t *tally_heads; /* chains by hash: only writers read them */
    uint32_t tally_mask;
} rows_t;

static inline seller_row_t *row_at(const rows_t *rows, size_t row) {
    /* SAFETY: row < count <= block_count * ROWS_A_BLOCK; rows_reserve() made the block before the row was counted. */
    return rows->blocks[row >> ROW_SHIFT] + (row & (ROWS_A_BLOCK - 1));
}

static inline tally_t *tally_at(const rows_t *rows, uint32_t tally) {
    return rows->tallies[tally / TALLIES_A_BLOCK] + tally % TALLIES_A_BLOCK;
}

static inline void rows_drop_blocks(rows_t *rows, size_t keep) {
    while (rows->block_count > keep) {
        size_t step = rows->block_count > rows->first_huge ? BLOCKS_A_HUGE : 1;
        rows->block_count -= step;
        pages_give_back(rows->blocks[rows->block_count], step * ROWS_A_BLOCK * sizeof(seller_row_t));
    }
}

/* Give back blocks behind the last row; one stays in hand, so that adding and removing at a border costs nothing. */
static inline void rows_trim(rows_t *rows) {
    size_t keep = (rows->count + ROWS_A_BLOCK - 1) / ROWS_A_BLOCK + 1;
    if (keep > rows->first_huge) keep = (keep + BLOCKS_A_HUGE - 1) / BLOCKS_A_HUGE * BLOCKS_A_HUGE;
    rows_drop_blocks(rows, keep);
}

/* Blocks for `more` rows. Readers are not disturbed: no pointer that they follow changes. */
static inline int rows_reserve(rows_t *rows, size_t more) {
    size_t wanted = rows->count + more;
    if (wanted > MAX_ROWS) return STANDINGS_TOO_MANY;
    while (rows->block_count * ROWS_A_BLOCK < wanted) {
        size_t step = rows->block_count >= rows->first_huge ? BLOCKS_A_HUGE : 1;
        seller_row_t *block = pages_take(step * ROWS_A_BLOCK * sizeof(seller_row_t), step > 1);
        if (block == NULL) return STANDINGS_NO_MEMORY;
        for (size_t k = 0; k < step; k++) rows->blocks[rows->block_count + k] = block + k * ROWS_A_BLOCK;
        rows->block_count += step;
    }
    return STANDINGS_OK;
}

/* The same for rows that nobody reads yet: a large table is in huge pages from the first row on. */
static inline int rows_begin(rows_t *rows, size_t count) {
    if (count > FIRST_HUGE_BLOCK * ROWS_A_BLOCK) {
        rows_drop_blocks(rows, 0);
        rows->first_huge = 0;
    }
    return rows_reserve(rows, count);
}

static inline uint32_t tally_hash(const uint8_t *strikes) {
    sip_key_t key = {0, 0}; /* counts are the writer's own: nobody crafts them */
    return (uint32_t)sip_hash128(key, strikes, STRIKE_CATEGORIES).low;
}

static inline int has_strikes(const uint8_t *strikes) {
    static const uint8_t none[STRIKE_CATEGORIES];
    return memcmp(strikes, none, STRIKE_CATEGORIES) != 0;
}

static inline void tally_chain(rows_t *rows, uint32_t number) {
    tally_t *tally = tally_at(rows, number);
    uint32_t *head = &rows->tally_heads[tally_hash(tally->strikes) & rows->tally_mask];
    tally->next = *head, *head = number;
}

/* A number that is in no use, with room in the chains for it. Blocks and chains grow by doubling at most. */
static inline int tally_reserve(rows_t *rows) {
    if (rows->tally_free) return STANDINGS_OK;
    if (rows->tally_end == (uint32_t)MAX_TALLY_BLOCKS * TALLIES_A_BLOCK) return STANDINGS_TOO_MANY_TALLIES;
    if (rows->tally_end >= rows->tally_room) {
        tally_t *block = calloc(TALLIES_A_BLOCK, sizeof(tally_t));
        if (block == NULL) return STANDINGS_NO_MEMORY;
        rows->tallies[rows->tally_room / TALLIES_A_BLOCK] = block;
        rows->tally_room += TALLIES_A_BLOCK;
    }
    if (rows->tally_heads != NULL && rows->tally_mask >= rows->tally_end) return STANDINGS_OK;
    size_t heads = rows->tally_heads == NULL ? TALLIES_A_BLOCK : 2 * ((size_t)rows->tally_mask + 1);
    uint32_t *larger = calloc(heads, sizeof *larger);
    if (larger == NULL) return STANDINGS_NO_MEMORY;
    free(rows->tally_heads);
    rows->tally_heads = larger, rows->tally_mask = (uint32_t)heads - 1;
    for (uint32_t number = 1; number < rows->tally_end; number++)
        if (tally_at(rows, number)->uses) tally_chain(rows, number);
    return STANDINGS_OK;
}

/* The number of these counts, used once more. Readers are not disturbed: they know of no number that is in no row. */
static inline int tally_take(rows_t *rows, const uint8_t *strikes, uint32_t *number) {
    *number = NO_TALLY;
    if (!has_strikes(strikes)) return STANDINGS_OK;
    int fault = tally_reserve(rows);
    if (fault) return fault;
    for (uint32_t at = rows->tally_heads[tally_hash(strikes) & rows->tally_mask]; at; at = tally_at(rows, at)->next)
        if (memcmp(tally_at(rows, at)->strikes, strikes, STRIKE_CATEGORIES) == 0) {
            tally_at(rows, at)->uses++;
            *number = at;
            return STANDINGS_OK;
        }
    *number = rows->tally_free;
    if (*number)
        rows->tally_free = tally_at(rows, *number)->next;
    else
        *number = rows->tally_end++;
    tally_t *tally = tally_at(rows, *number);
    memcpy(tally->strikes, strikes, STRIKE_CATEGORIES);
    tally->uses = 1;
    tally_chain(rows, *number);
    return STANDINGS_OK;
}

static inline void tally_drop(rows_t *rows, uint32_t number) {
    if (number == NO_TALLY || --tally_at(rows, number)->uses) return;
    tally_t *tally = tally_at(rows, number);
    uint32_t *link = &rows->tally_heads[tally_hash(tally->strikes) & rows->tally_mask];
    while (*link != number) link = &tally_at(rows, *link)->next;
    *link = tally->next;
    memset(tally->strikes, 0, STRIKE_CATEGORIES);
    tally->next = rows->tally_free, rows->tally_free = number;
}

/* Let a row that is in use stand as `record`, whose strikes were taken as `tally`. */
static inline void row_write(rows_t *rows, seller_row_t *row, const seller_record_t *record, uint32_t tally) {
    tally_drop(rows, row->tally);
    row->tally = tally;
    row->licences = record->licences;
    row->since_day = record->since_day;
    row->states = (uint8_t)(record->registration | record->enforcement << 4);
    row->listing = record->listing;
    row->complaints = record->complaints;
}

static inline void row_read(const rows_t *rows, const seller_row_t *row, seller_record_t *record) {
    record->licences = row->licences;
    record->since_day = row->since_day;
    record->registration = row->states & 15;
    record->enforcement = row->states >> 4;
    record->listing = row->listing;
    record->complaints = row->complaints;
    if (row->tally)
        memcpy(record->strikes, tally_at(rows, row->tally)->strikes, STRIKE_CATEGORIES);
    else
        memset(record->strikes, 0, STRIKE_CATEGORIES);
}

/* Days from `since` to `day`. */
static inline uint32_t tenure_on(int32_t day, int32_t since) {
    return ((since == SINCE_NEVER) | (day < since)) ? 0 : (uint32_t)day - (uint32_t)since;
}

/* As the engine reads it on `day`. Sellers with strikes and without come as chance has it, so nothing branches on it:
 * number 0 has a tally too, of zeros. */
static inline void row_stand(const rows_t *rows, const seller_row_t *row, int32_t day, standing_t *standing) {
    standing->licences = row->licences;
    standing->tenure_days = tenure_on(day, row->since_day);
    standing->registration = row->states & 15;
    standing->enforcement = row->states >> 4;
    standing->listing = row->listing;
    standing->complaints = row->complaints;
    standing->reserved = 0;
    memcpy(standing->strikes, tally_at(rows, row->tally)->strikes, STRIKE_CATEGORIES);
}

static inline int rows_open(rows_t *rows) {
    memset(rows, 0, sizeof *rows);
    rows->tally_end = 1;
    rows->first_huge = FIRST_HUGE_BLOCK;
    rows->blocks = pages_take(MAX_BLOCKS * sizeof *rows->blocks, 0);
    rows->tallies = pages_take(MAX_TALLY_BLOCKS * sizeof *rows->tallies, 0);
    if (rows->blocks == NULL || rows->tallies == NULL) return STANDINGS_NO_MEMORY;
    int fault = rows_reserve(rows, 1); /* lookups may touch row 0 before anyone has it */
    return fault ? fault : tally_reserve(rows);
}

static inline void rows_close(rows_t *rows) {
    if (rows->blocks) rows_drop_blocks(rows, 0);
    pages_give_back(rows->blocks, MAX_BLOCKS * sizeof *rows->blocks);
    for (uint32_t at = 0; at < rows->tally_room; at += TALLIES_A_BLOCK) free(rows->tallies[at / TALLIES_A_BLOCK]);
    pages_give_back(rows->tallies, MAX_TALLY_BLOCKS * sizeof *rows->tallies);
    free(rows->tally_heads);
}

/* Bytes that the rows hold, with what lies idle. */
static inline size_t rows_bytes(const rows_t *rows) {
    size_t tallies = rows->tally_room * sizeof(tally_t) + ((size_t)rows->tally_mask + 1) * sizeof(uint32_t);
    return rows->block_count * (ROWS_A_BLOCK * sizeof(seller_row_t) + sizeof(void *)) + tallies;
}

#endif
