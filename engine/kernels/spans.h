/* Matches of one text -> what is reported: in order, each once, overlapping or leftmost-longest, in the unit asked for (units.h). */
#ifndef FAIRPOST_SPANS_H
#define FAIRPOST_SPANS_H

#include "columns.h"
#include "units.h"

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

#endif
