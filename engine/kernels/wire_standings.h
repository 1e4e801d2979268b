/* Standings as messages, and lookups of RegistryService from bytes to bytes. */
#ifndef FAIRPOST_WIRE_STANDINGS_H
#define FAIRPOST_WIRE_STANDINGS_H

#include "siphash.h"
#include "wire.h"
#include "wire_writer.h"

enum { SELLER_NONE_ = -1, SELLER_NOT_FOUND_ = -2, SELLER_UNAVAILABLE_ = -3 };       /* as in vocabulary.py */
enum { OUTCOME_OK = 1, OUTCOME_NOT_FOUND = 2, OUTCOME_UNAVAILABLE = 3, OUTCOMES = 4 }; /* LookupOutcome */
enum { STANDING_WORDS = 32, STANDING_ROOM = 512 };

/* Bytes that are part of messages. */
typedef struct { uint32_t begin, length; } piece_t;

/* The words of standings as fields: a licence of Standing, a category of CategoryStrikes. Empty ones are no words. */
typedef struct {
    const uint8_t *bytes;
    piece_t licences[STANDING_WORDS], categories[STANDING_WORDS];
    size_t longest; /* bytes of all licences and strikes together, at most */
} standing_words_t;

/* Room for a standing without the seller's id. */
static inline size_t standing_room(const standing_words_t *words) { return words->longest + STANDING_ROOM; }

/* The fields of a Standing. */
static inline void put_standing(writer_t *w, const standing_words_t *words, const standing_t *s, const uint8_t *id, size_t length) {
    put_number(w, 0x40, s->complaints);
    put_number(w, 0x38, s->tenure_days);
    uint64_t strikes[4];
    memcpy(strikes, s->strikes, sizeof strikes);
    if (strikes[0] | strikes[1] | strikes[2] | strikes[3])
        for (int k = STANDING_WORDS - 1; k >= 0; k--) {
            const piece_t word = words->categories[k];
            if (s->strikes[k] == 0 || word.length == 0) continue;
            const uint8_t *end = w->at;
            put_number(w, 0x10, s->strikes[k]);
            put_bytes(w, words->bytes + word.begin, word.length);
            put_length(w, 0x32, end);
        }
    for (uint32_t left = s->licences; left;) { /* the highest first */
        const int k = 31 - __builtin_clz(left);
        left ^= (uint32_t)1 << k;
        put_bytes(w, words->bytes + words->licences[k].begin, words->licences[k].length);
    }
    put_number(w, 0x20, (uint64_t)s->listing + 1);
    put_number(w, 0x18, (uint64_t)s->enforcement + 1);
    put_number(w, 0x10, (uint64_t)s->registration + 1);
    put_string(w, 0x0a, id, length);
}

/* ---- lookups ------------------------------------------------------------------------------------------------ */

enum { FOR_LOOKUP_SELLER = 0, FOR_BATCH_LOOKUP_SELLERS = 1 };
enum { LOOKUP_READ = 0, LOOKUP_REFUSED = 1, LOOKUP_NO_MEMORY = -1 };
enum { LOOKUP_ID = 1, LOOKUP_CONSISTENCY = 2, CONSISTENCY_MINIMISE_LATENCY = 1, MOST_LOOKUP_ID = 128 };

typedef struct {
    size_t count, capacity;
    int64_t *begins, *ends;
    int32_t *rows;
    standing_t *standings;
} lookups_t;

static inline void lookups_free(lookups_t *l) {
    free(l->begins);
    free(l->ends);
    free(l->rows);
    free(l->standings);
    memset(l, 0, sizeof *l);
}

static inline int lookups_reserve(lookups_t *l) {
    if (l->count < l->capacity) return 0;
    const size_t n = l->capacity ? 2 * l->capacity : 64;
    void *larger;
    if ((larger = realloc(l->begins, n * sizeof *l->begins)) == NULL) return -1;
    l->begins = (int64_t *)larger;
    if ((larger = realloc(l->ends, n * sizeof *l->ends)) == NULL) return -1;
    l->ends = (int64_t *)larger;
    if ((larger = realloc(l->rows, n * sizeof *l->rows)) == NULL) return -1;
    l->rows = (int32_t *)larger;
    if ((larger = realloc(l->standings, n * sizeof *l->standings)) == NULL) return -1;
    l->standings = (standing_t *)larger;
    l->capacity = n;
    return 0;
}

/* 1 to 128 visible ASCII characters, as server/faults.py wants a seller's id. */
static inline int is_sound_id(wire_t id) {
    const size_t length = (size_t)(id.end - id.at);
    uint32_t bad = 0;
    if (length == 0 || length > MOST_LOOKUP_ID) return 0;
    for (size_t k = 0; k < length; k++) bad |= (uint8_t)(id.at[k] - '!') > '~' - '!';
    return !bad;
}

/* Whether a Consistency asks for nothing but speed. */
static inline int asks_for_speed(wire_t w) {
    uint32_t tag;
    uint64_t number;
    while (w.at < w.end) {
        if (wire_tag(&w, &tag) || tag != WIRE_TAG(CONSISTENCY_MINIMISE_LATENCY, WIRE_VARINT) || wire_varint(&w, &number)) return 0;
    }
    return 1;
}

/* Reads a request. LOOKUP_REFUSED: something in it is at fault, or it asks for more than speed and it is not known that the
 * table `is_fresh`. */
static inline int read_lookups(lookups_t *l, int kind, size_t most, int is_fresh, const uint8_t *bytes, size_t length) {
    wire_t w = {bytes, bytes + length}, content;
    uint32_t tag;
    l->count = 0;
    if (length > WIRE_MOST) return LOOKUP_REFUSED;
    while (w.at < w.end) {
        if (wire_tag(&w, &tag)) return LOOKUP_REFUSED;
        if (tag == WIRE_TAG(LOOKUP_ID, WIRE_LENGTH)) {
            if (wire_content(&w, &content) || !is_sound_id(content)) return LOOKUP_REFUSED;
            if (kind == FOR_LOOKUP_SELLER)
                l->count = 0; /* the last one counts */
            else if (l->count == most)
                return LOOKUP_REFUSED;
            if (lookups_reserve(l)) return LOOKUP_NO_MEMORY;
            l->begins[l->count] = content.at - bytes;
            l->ends[l->count++] = content.end - bytes;
        } else if (tag == WIRE_TAG(LOOKUP_CONSISTENCY, WIRE_LENGTH)) {
            /* Whoever says that the table is fresh enough has read the request. */
            if (wire_content(&w, &content) || !(is_fresh || asks_for_speed(content))) return LOOKUP_REFUSED;
        } else if (wire_skip(&w, tag, WIRE_DEPTH))
            return LOOKUP_REFUSED;
    }
    return kind == FOR_LOOKUP_SELLER && l->count == 0 ? LOOKUP_REFUSED : LOOKUP_READ;
}

/* Writes the answer: of BatchLookupSellers, or of LookupSeller, which differ in nothing that is written.
 *
 * ttls: seconds, by LookupOutcome. Returns 0, or -1 when memory runs out. */
static inline int write_lookups(writer_t *w, const lookups_t *l, const standing_words_t *words, const uint8_t *bytes,
                                const int64_t ttls[OUTCOMES], const uint8_t *token, size_t token_length) {
    w->at = w->end;
    if (writer_reserve(w, token_length + VARINT_ROOM)) return -1;
    put_string(w, 0x12, token, token_length);
    for (size_t k = l->count; k-- > 0;) {
        const uint8_t *id = bytes + l->begins[k];
        const size_t length = (size_t)(l->ends[k] - l->begins[k]);
        const int32_t row = l->rows[k];
        const int outcome = row >= 0 ? OUTCOME_OK : row == SELLER_NOT_FOUND_ ? OUTCOME_NOT_FOUND : OUTCOME_UNAVAILABLE;
        if (writer_reserve(w, 2 * length + standing_room(words))) return -1;
        const uint8_t *end = w->at;
        put_number(w, 0x08, (uint64_t)ttls[outcome]);
        put_length(w, 0x22, end);
        if (row >= 0) {
            const uint8_t *standing_end = w->at;
            put_standing(w, words, &l->standings[row], id, length);
            put_length(w, 0x1a, standing_end);
        }
        put_number(w, 0x10, (uint64_t)outcome);
        put_string(w, 0x0a, id, length);
        put_length(w, 0x0a, end);
    }
    return 0;
}

#endif
