/* Matches of one text -> what is reported: in order, each once, overlapping or leftmost-longest, in the unit asked for. */
#ifndef FAIRPOST_SPANS_H
#define FAIRPOST_SPANS_H

#include "columns.h"

typedef struct {
    uint64_t span; /* begin << 32 | end, so that one comparison orders two of them */
    uint32_t pattern;
} span_t;

COLUMN(span_t, column_span)

static inline uint32_t span_begin(const span_t *s) { return (uint32_t)(s->span >> 32); }
static inline uint32_t span_end(const span_t *s) { return (uint32_t)s->span; }

static inline int span_before(const span_t *a, const span_t *b) {
    return a->span != b->span ? a->span < b->span : a->pattern < b->pattern;
}

static int compare_spans(const void *a, const void *b) {
    return span_before((const span_t *)b, (const span_t *)a) - span_before((const span_t *)a, (const span_t *)b);
}

/* By begin, end, pattern. Matches come nearly in order (by their anchors), where insertion is quickest; a text made
 * to defeat it costs n log n. */
static inline void sort_spans(span_t *spans, size_t count) {
    size_t moves = 0;
    for (size_t k = 1; k < count; k++) {
        const span_t span = spans[k];
        size_t to = k;
        for (; to > 0 && span_before(&span, &spans[to - 1]); to--) spans[to] = spans[to - 1];
        spans[to] = span;
        moves += k - to;
        if (moves > 32 * (k + 8)) {
            qsort(spans, count, sizeof *spans, compare_spans);
            return;
        }
    }
}

/* Of sorted spans each once (a character that folds to several symbols may match in several ways). */
static inline size_t unique_spans(span_t *spans, size_t count) {
    size_t kept = count > 0;
    for (size_t k = 1; k < count; k++) {
        spans[kept] = spans[k];
        kept += spans[k].span != spans[kept - 1].span || spans[k].pattern != spans[kept - 1].pattern;
    }
    return kept;
}

/* Of sorted spans those that do not overlap: from the left, the longest of those that begin first, and of equal ones
 * the lowest pattern; then on from its end. */
static inline size_t leftmost_longest(span_t *spans, size_t count) {
    size_t kept = 0;
    uint32_t from = 0;
    for (size_t k = 0; k < count;) {
        size_t longest = k;
        const uint32_t begin = span_begin(&spans[k]);
        for (; k < count && span_begin(&spans[k]) == begin; k++)
            if (spans[k].span > spans[longest].span) longest = k;
        if (begin < from) continue;
        from = span_end(&spans[longest]);
        spans[kept++] = spans[longest];
    }
    return kept;
}

/* -- units: bytes -> code points or UTF-16 code units ------------------------------------------------------------ */

/* How many units begin before each 64th byte of a text, as far as it was asked for. */
typedef struct {
    column_u32 before; /* its `count` blocks are known */
    const uint8_t *text;
    int is_utf16;
} units_t;

static inline void units_free(units_t *u) { column_u32_free(&u->before); }

#define EACH_BYTE 0x0101010101010101u

/* In each byte of 8 of well-formed UTF-8: what it adds to or takes from the count of bytes, summed up by the callers.
 * A continuation byte is no unit; the lead of a four-byte character is two units of UTF-16. */
static inline uint64_t continuations(uint64_t bytes) { return bytes >> 7 & ~(bytes >> 6) & EACH_BYTE; }
static inline uint64_t four_byte_leads(uint64_t bytes) { return bytes >> 7 & bytes >> 6 & bytes >> 5 & bytes >> 4 & EACH_BYTE; }

/* Units that begin in `count` <= 64 bytes. */
static inline uint32_t units_in(const uint8_t *bytes, uint32_t count, int is_utf16) {
    uint64_t fewer = 0, more = 0;
    uint32_t at = 0;
    for (; at + 8 <= count; at += 8) {
        uint64_t word;
        memcpy(&word, bytes + at, 8);
        fewer += continuations(word);
        more += four_byte_leads(word);
    }
    uint64_t word = 0;
    memcpy(&word, bytes + at, count - at);
    fewer += continuations(word);
    more += four_byte_leads(word);
    /* Every byte of a sum is at most 9, and the sum of the eight at most 64. */
    const uint32_t units = count - (uint32_t)(fewer * EACH_BYTE >> 56);
    return is_utf16 ? units + (uint32_t)(more * EACH_BYTE >> 56) : units;
}

/* Begins a text: nothing of it is known. Returns 0, or -1 when memory runs out. */
static inline int units_begin(units_t *u, const uint8_t *text, uint32_t length, int is_utf16) {
    u->text = text;
    u->is_utf16 = is_utf16;
    u->before.count = 0;
    if (column_u32_reserve(&u->before, length / 64 + 1)) return -1;
    u->before.at[0] = 0;
    u->before.count = 1;
    return 0;
}

/* Units before byte `at` <= length, which begins a character or ends the text. Each 64 bytes are counted once, and at
 * most 63 more for each question. */
static inline uint32_t units_before(units_t *u, uint32_t at) {
    const uint32_t block = at / 64;
    while (u->before.count <= block) {
        const size_t last = u->before.count - 1;
        u->before.at[u->before.count++] = u->before.at[last] + units_in(u->text + last * 64, 64, u->is_utf16);
    }
    return u->before.at[block] + units_in(u->text + (size_t)block * 64, at % 64, u->is_utf16);
}

#endif
