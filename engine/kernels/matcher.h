/* What the verification of a chunk's matches works on, and how a match is told. */
#ifndef FAIRPOST_MATCHER_H
#define FAIRPOST_MATCHER_H

#include "chunk.h"
#include "columns.h"
#include "fold.h"
#include "image.h"

enum { MATCHES_CAPPED = 1, WORK_CAPPED = 2, EVIDENCE_CAPPED = 4 };
enum { MAX_HITS = 4096, WORK_BASE = 1 << 16, WORK_PER_SYMBOL = 256 };
#define NO_LIMIT UINT64_MAX

/* One match of a pattern. */
typedef struct {
    uint32_t pattern;
    uint32_t text;                 /* index in the chunk */
    uint32_t begin, end;           /* in the chunk's symbols */
    uint32_t byte_begin, byte_end; /* in the text */
    uint32_t writing;              /* WRITING_...; 0: as the pattern stands */
} match_t;

/* Symbols [from, to] of the chunk, at which a match of a regular pattern may begin. */
typedef struct {
    uint32_t regular; /* index in image_t.regulars */
    uint32_t from, to;
} place_t;

COLUMN(match_t, column_match)
COLUMN(place_t, column_place)

typedef struct {
    const image_t *image;
    chunk_t *chunk;
    const uint16_t *symbols;
    const uint32_t *offsets; /* in the chunk's bytes */
    text_t *text;            /* the one at hand */
    column_match *matches;
    size_t match_limit;      /* matches->count at which this post is full */
    uint64_t work, work_limit;
    int is_limited;
    uint64_t asked;          /* by whom patterns must be asked for, a bit each: ENTRY_CONTEXT */
    column_place places;     /* in the text at hand */
} matcher_t;

/* The fold classes that a list must take for a word that is written so. */
static inline uint32_t classes_for(uint32_t how) {
    return (how & (WRITING_HOMOPHONE | WRITING_PINYIN) ? TAKES_PHONETIC : 0) | (how & (WRITING_LOOKALIKE | WRITING_SPLIT) ? TAKES_GLYPH : 0) |
           (how & WRITING_EMOJI ? TAKES_EMOJI : 0) | (how & WRITING_REPEAT ? TAKES_REPEAT : 0);
}

static inline int is_latin(uint32_t c) { return (c | 32) - 'a' < 26; }
static inline int is_digit(uint32_t c) { return c - '0' < 10; }

/* Byte in the text where the source character of a symbol ends. */
static inline uint32_t byte_after(const matcher_t *m, uint32_t symbol) {
    const uint32_t at = m->offsets[symbol] - m->text->byte_begin;
    return at + utf8_length(m->text->bytes[at]);
}

/* Whether a neighbour of the same kind touches an edge of the match [begin, end), in symbols. */
static inline int touches(const matcher_t *m, uint32_t flags, uint32_t begin, uint32_t end) {
    const uint16_t *symbols = m->symbols;
    if (flags & (PATTERN_LEFT_LATIN | PATTERN_LEFT_DIGIT) && begin > m->text->symbol_begin) {
        const uint32_t before = symbols[begin - 1];
        if ((flags & PATTERN_LEFT_LATIN) ? is_latin(before) : is_digit(before)) {
            const uint32_t at = m->offsets[begin - 1], here = m->offsets[begin];
            if (at == here || byte_after(m, begin - 1) + m->text->byte_begin == here) return 1;
        }
    }
    if (flags & (PATTERN_RIGHT_LATIN | PATTERN_RIGHT_DIGIT) && end < m->text->symbol_end) {
        const uint32_t after = symbols[end];
        if ((flags & PATTERN_RIGHT_LATIN) ? is_latin(after) : is_digit(after)) {
            const uint32_t at = m->offsets[end - 1], next = m->offsets[end];
            if (at == next || byte_after(m, end - 1) + m->text->byte_begin == next) return 1;
        }
    }
    return 0;
}

/* Room for `count` more matches without another look. */
static inline int reserve_matches(matcher_t *m, size_t count) { return column_match_reserve(m->matches, count); }

/* Appends a match; there is room, by reserve_matches(). */
static inline void append(matcher_t *m, uint32_t pattern, uint32_t begin, uint32_t end, uint32_t byte_begin, uint32_t byte_end) {
    if (m->matches->count >= m->match_limit) {
        m->text->flags |= MATCHES_CAPPED;
        return;
    }
    match_t *match = &m->matches->at[m->matches->count++];
    match->pattern = pattern;
    match->text = (uint32_t)(m->text - m->chunk->texts);
    match->begin = begin;
    match->end = end;
    match->byte_begin = byte_begin;
    match->byte_end = byte_end;
    match->writing = 0;
}

static inline int emit(matcher_t *m, uint32_t pattern, uint32_t begin, uint32_t end, uint32_t byte_begin, uint32_t byte_end) {
    if (reserve_matches(m, 1)) return -1;
    append(m, pattern, begin, end, byte_begin, byte_end);
    return 0;
}

static inline int emit_symbols(matcher_t *m, uint32_t pattern, uint32_t begin, uint32_t end) {
    return emit(m, pattern, begin, end, m->offsets[begin] - m->text->byte_begin, byte_after(m, end - 1));
}

#endif
