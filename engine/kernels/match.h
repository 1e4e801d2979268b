/* Buckets -> matches: verification. The same code for every path.
 *
 * Every pattern is filed under one of its trigrams (its anchor; a pattern of two symbols under its bigram, of one under
 * the symbol alone). Boundaries stand between texts and before the first, further than the longest pattern reaches, so
 * that a comparison needs no bounds. */
#ifndef FAIRPOST_MATCH_H
#define FAIRPOST_MATCH_H

#include "anchor.h"
#include "fold.h"
#include "matcher.h"
#include "regular.h"

enum { FINE_WINDOW = 2048 };

static inline uint32_t code_point_at(const uint8_t *bytes, uint32_t length, uint32_t byte) {
    size_t at = byte;
    return decode_utf8(bytes, length, &at);
}

/* What a fine fold's table has for a code point: FINE_DROP, or FINE_EXPANDS and the number of an expansion, or what the code point
 * and the folded one differ in. */
static inline uint32_t fine_value(const image_t *image, uint32_t fold, uint32_t c) {
    const uint16_t *blocks = image->fine_block + (size_t)fold * CODE_POINT_BLOCKS;
    return image->fine_code_point[(size_t)blocks[c >> BLOCK_SHIFT] << BLOCK_SHIFT | (c & BLOCK_MASK)];
}

/* One code point of a text under a fine fold; expansions are written whole. Returns how many code points
 * it gave (0: dropped). `out` has room for `room`; what does not fit is cut off. */
static inline size_t fold_fine(const image_t *image, uint32_t fold, uint32_t c, uint32_t *out, size_t room) {
    const uint32_t value = fine_value(image, fold, c);
    if (value == FINE_DROP) return 0;
    if (!(value & FINE_EXPANDS)) {
        if (room) out[0] = c ^ value;
        return 1;
    }
    const expansion_t *expansion = &image->fine_expansions[value & ~FINE_EXPANDS];
    for (uint32_t k = 0; k < expansion->length && k < room; k++)
        out[k] = image->fine_expansion_code_points[expansion->start + k];
    return expansion->length;
}

/* A pattern that takes fewer folds than the scan: its own fold of the original text around the scan's
 * match must hold it, with the pattern's first scanned character at the match's first character.
 * (The scan finds a superset: see "closure" in folds.) */
static inline int verify_fine(matcher_t *m, uint32_t pattern_id, uint32_t begin, uint32_t end) {
    const image_t *image = m->image;
    const pattern_t *pattern = &image->patterns[pattern_id];
    const fine_t *fine = &image->fine[pattern->fine];
    const uint32_t *want = image->fine_symbols + fine->start;
    const uint8_t *bytes = m->text->bytes;
    const uint32_t length = m->text->length, origin = m->offsets[begin] - m->text->byte_begin;
    /* Most matches of the scan are of other characters, and the first one tells. */
    const uint32_t folded = fine_value(image, fine->fold, code_point_at(bytes, length, origin));
    if (!(folded & FINE_EXPANDS) && (code_point_at(bytes, length, origin) ^ folded) != want[fine->lead]) return 0;
    uint32_t value[FINE_WINDOW], from[FINE_WINDOW], scratch[32];
    size_t count = 0, first = 0;

    /* Walk back over the characters that may hold the pattern's lead and its left neighbour. */
    uint32_t start = origin;
    for (uint32_t kept = 0, steps = 0; start > 0 && kept < (uint32_t)fine->lead + 1 && steps < FINE_WINDOW / 4; steps++) {
        do start--; while ((bytes[start] & 0xC0) == 0x80);
        size_t at = start;
        if (fold_fine(image, fine->fold, decode_utf8(bytes, length, &at), scratch, 32)) kept++;
        m->work++;
    }
    size_t at = start;
    const size_t enough = (size_t)fine->length - fine->lead + 1;
    size_t after = 0;
    while (at < length && after < enough + 32 && count + 32 < FINE_WINDOW) {
        const uint32_t here = (uint32_t)at;
        const uint32_t c = decode_utf8(bytes, length, &at);
        size_t gave = fold_fine(image, fine->fold, c, value + count, 32);
        if (gave > 32) gave = 32;
        if (here == origin) first = count;
        for (size_t k = 0; k < gave; k++) from[count + k] = here;
        count += gave;
        if (here >= origin) after += gave;
        if (here >= origin && after >= enough && gave) break;
        m->work++;
    }
    /* The pattern's first scanned code point may be any of those that the origin's character gave. */
    for (size_t q = first; q < count && from[q] == origin; q++) {
        if (q < fine->lead || q - fine->lead + fine->length > count) continue;
        const size_t left = q - fine->lead, right = left + fine->length;
        size_t k = 0;
        while (k < fine->length && value[left + k] == want[k]) k++;
        if (k < fine->length) continue;
        const uint32_t last = from[right - 1];
        const uint32_t byte_end = last + utf8_length(bytes[last]);
        if (pattern->flags & PATTERN_BOUNDED) {
            if (left > 0 && (pattern->flags & PATTERN_LEFT_LATIN ? is_latin(value[left - 1]) : (pattern->flags & PATTERN_LEFT_DIGIT) && is_digit(value[left - 1])) &&
                (from[left - 1] == from[left] || from[left - 1] + utf8_length(bytes[from[left - 1]]) == from[left]))
                continue;
            if (right < count && (pattern->flags & PATTERN_RIGHT_LATIN ? is_latin(value[right]) : (pattern->flags & PATTERN_RIGHT_DIGIT) && is_digit(value[right])) &&
                (from[right] == last || byte_end == from[right]))
                continue;
        }
        if (emit(m, pattern_id, begin, end, from[left], byte_end)) return -1;
    }
    return 0;
}

/* Verifies a pattern whose anchor stands at `position`, with runs of equal symbols counted as one. */
static inline int verify_repeat(matcher_t *m, const entry_t *entry, const pattern_t *pattern, uint32_t position) {
    const uint16_t *symbols = m->symbols, *want = m->image->pattern_symbols + pattern->start;
    int64_t begin = position; /* the anchor's first symbol is the last of its run */
    uint32_t end = position + 1;
    for (uint32_t k = entry->anchor;; k--) {
        if (symbols[begin] != want[k]) return 0;
        /* SAFETY: a boundary stands before the first symbol of a text, at the latest at index -1. */
        while (symbols[begin - 1] == want[k]) begin--, m->work++;
        if (k == 0) break;
        begin--;
    }
    for (uint32_t k = entry->anchor + 1u; k < pattern->length; k++) {
        if (symbols[end] != want[k]) return 0;
        while (symbols[end + 1] == want[k]) end++, m->work++;
        end++;
    }
    if (pattern->length == 1 && symbols[end] == want[0]) return 0; /* once a run, at its last symbol */
    if ((pattern->flags & PATTERN_BOUNDED) && touches(m, pattern->flags, (uint32_t)begin, end)) return 0;
    return emit_symbols(m, entry->pattern, (uint32_t)begin, end);
}

/* Whether the symbols after the first four are the pattern's. */
static inline int same_rest(const matcher_t *m, const entry_t *entry, uint32_t begin) {
    const uint16_t *want = m->image->pattern_symbols + m->image->patterns[entry->pattern].start, *have = m->symbols + begin;
    uint32_t k = 4;
    for (; k + 4 <= entry->length; k += 4)
        if (memcmp(want + k, have + k, 8) != 0) return 0;
    for (; k < entry->length; k++)
        if (want[k] != have[k]) return 0;
    return 1;
}

/* Verifies what is left to verify of a candidate: its first symbols stand in the text (or it is a `repeat` pattern). There is
 * room for a match. */
static inline int verify(matcher_t *m, const entry_t *entry, uint32_t position) {
    if (++m->work > m->work_limit) {
        m->text->flags |= WORK_CAPPED;
        return 0;
    }
    const uint32_t begin = position - entry->anchor, end = begin + entry->length;
    if (entry->flags & PATTERN_REPEAT) return verify_repeat(m, entry, &m->image->patterns[entry->pattern], position);
    if (entry->length > 4 && !same_rest(m, entry, begin)) return 0;
    if (entry->flags & PATTERN_REGULAR) return note_place(m, m->image->patterns[entry->pattern].fine, begin, end);
    if (entry->flags & PATTERN_FINE) return verify_fine(m, entry->pattern, begin, end);
    if ((entry->flags & PATTERN_BOUNDED) && touches(m, entry->flags, begin, end)) return 0;
    append(m, entry->pattern, begin, end, m->offsets[begin] - m->text->byte_begin, byte_after(m, end - 1));
    return 0;
}

/* Begins the budget of the post whose first text is at hand: MAX_HITS matches, and work in proportion to its symbols. */
static inline void begin_post(matcher_t *m) {
    const text_t *last = m->chunk->texts + m->chunk->text_count;
    uint64_t symbols = 0;
    if (!m->is_limited) return;
    for (const text_t *text = m->text; text < last && text->group == m->text->group; text++)
        symbols += text->symbol_end - text->symbol_begin;
    m->work = 0;
    m->work_limit = WORK_BASE + WORK_PER_SYMBOL * symbols;
    m->match_limit = m->matches->count + MAX_HITS;
}

/* Leaves the text at hand for the one that holds `position`. */
static inline int go_to(matcher_t *m, uint32_t position) {
    const uint32_t group = m->text->group;
    if (m->places.count && match_regular(m)) return -1;
    while (position >= m->text->symbol_end) m->text++;
    if (m->text->group != group) begin_post(m);
    return 0;
}

enum { CANDIDATES = 256, AHEAD = 16 };

/* Pattern `entry` may stand around `position`. */
typedef struct {
    const entry_t *entry;
    uint32_t position;
} candidate_t;

/* Whether the first symbols of the entry's pattern, four at the most, stand in the text; or it is a `repeat` pattern. */
static inline size_t begins_alike(const matcher_t *m, const entry_t *entry, uint32_t position) {
    static const uint64_t heads[5] = {0, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFFFFFF, UINT64_MAX};
    uint64_t head;
    /* SAFETY: SYMBOL_LEAD boundaries stand before the first text, more than `anchor` can be. */
    memcpy(&head, m->symbols + ((int64_t)position - entry->anchor), sizeof head);
    return (((head ^ entry->head) & heads[entry->length < 4 ? entry->length : 4]) == 0) | (entry->flags & PATTERN_REPEAT);
}

/* Verifies candidates in order. */
static inline int verify_candidates(matcher_t *m, const candidate_t *candidates, size_t count) {
    for (size_t i = 0; i < count; i++) __builtin_prefetch(&m->image->patterns[candidates[i].entry->pattern]);
    for (size_t i = 0; i < count; i++) { /* what verify() reads of these */
        const entry_t *entry = candidates[i].entry;
        const pattern_t *pattern = &m->image->patterns[entry->pattern];
        if (entry->length > 4) __builtin_prefetch(m->image->pattern_symbols + pattern->start);
        if (entry->flags & PATTERN_REGULAR) __builtin_prefetch(&m->image->regular_anchors[pattern->fine]);
    }
    for (size_t i = 0; i < count; i++) {
        const candidate_t *candidate = &candidates[i];
        if (candidate->position >= m->text->symbol_end && go_to(m, candidate->position)) return -1;
        if (reserve_matches(m, 1)) return -1;
        if (verify(m, candidate->entry, candidate->position)) return -1;
    }
    return 0;
}

/* All matches of the chunk's buckets, in order of their anchors' positions, appended to m->matches. Returns 0, or -1 (memory). */
static inline int match_chunk(matcher_t *m) {
    const chunk_t *chunk = m->chunk;
    candidate_t candidates[CANDIDATES];
    size_t count = 0;
    for (size_t i = 0; i < chunk->found_count; i++) {
        if (i + AHEAD < chunk->found_count) __builtin_prefetch(&m->image->entries[chunk->buckets.at[i + AHEAD]]);
        const entry_t *entry = &m->image->entries[chunk->buckets.at[i]];
        do {
            if (count == CANDIDATES) {
                if (verify_candidates(m, candidates, count)) return -1;
                count = 0;
            }
            /* Stored in any case: most are done with their first symbols, which are compared without a branch. */
            candidates[count].entry = entry;
            candidates[count].position = chunk->found.at[i];
            count += begins_alike(m, entry, chunk->found.at[i]) & (m->asked >> (entry->flags >> ENTRY_CONTEXT & 63) & 1);
        } while (!(entry++->flags & ENTRY_LAST));
    }
    if (verify_candidates(m, candidates, count)) return -1;
    return m->places.count ? match_regular(m) : 0;
}

/* Makes ready for match_chunk(); a limited matcher caps matches and work of every post and flags its text. */
static inline void matcher_begin(matcher_t *m, const image_t *image, chunk_t *chunk, column_match *matches, int is_limited) {
    m->image = image;
    m->chunk = chunk;
    m->symbols = chunk_symbols(chunk);
    m->offsets = chunk_offsets(chunk);
    m->matches = matches;
    m->matches->count = 0;
    m->match_limit = SIZE_MAX;
    m->work = 0;
    m->work_limit = NO_LIMIT;
    m->is_limited = is_limited;
    m->asked = ~(uint64_t)0;
    m->places.count = 0;
    m->text = chunk->texts;
    begin_post(m);
}

static inline void matcher_free(matcher_t *m) { column_place_free(&m->places); }

#endif
