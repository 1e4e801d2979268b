/* Symbols -> hits: anchor filter, perfect hash, bucket, verification. Scalar path.
 *
 * Every pattern is filed under one of its trigrams (its anchor; a pattern of two symbols under its bigram, of one under
 * the symbol alone). Most positions that start no anchor cost one multiplication and one bit test. */
#ifndef FAIRPOST_MATCH_H
#define FAIRPOST_MATCH_H

#include "anchor.h"
#include "columns.h"
#include "fold.h"
#include "image.h"

enum { MATCHES_CAPPED = 1, WORK_CAPPED = 2, EVIDENCE_CAPPED = 4 };
enum { MAX_HITS = 4096, WORK_BASE = 1 << 16, WORK_PER_SYMBOL = 256, FINE_WINDOW = 2048 };

/* One text of a batch, and where its symbols lie in the chunk. symbols[symbol_begin - 1] and
 * symbols[symbol_end] are SYMBOL_BOUNDARY, so a neighbour always exists. */
typedef struct {
    const uint8_t *bytes;
    uint32_t length;
    uint32_t symbol_begin, symbol_end;
    uint32_t delimiter_begin, delimiter_end;
} text_t;

typedef struct {
    const image_t *image;
    const uint16_t *symbols;
    const uint32_t *offsets;
    const text_t *text;
    uint32_t text_index;
    column_hit *hits;
    uint32_t hit_limit; /* hits.count at which this post is full */
    uint64_t work, work_limit;
    uint32_t flags;
    column_u32 *view_code_points, *view_offsets; /* working memory of the recognisers */
} matcher_t;

static inline const slot_t *find_slot(const image_t *image, uint32_t key) {
    const uint32_t displacement = image->displacement[hash_bucket(key, image->displacement_count)];
    const slot_t *slot = &image->slots[hash_slot(key, displacement, image->slot_count)];
    return slot->key == key ? slot : NULL;
}

static inline int is_latin(uint32_t c) { return (c | 32) - 'a' < 26; }
static inline int is_digit(uint32_t c) { return c - '0' < 10; }

/* Whether a neighbour of the same kind touches an edge of the match [begin, end), in symbols. */
static inline int touches(const matcher_t *m, uint32_t flags, uint32_t begin, uint32_t end) {
    const uint16_t *symbols = m->symbols;
    const uint8_t *bytes = m->text->bytes;
    if (flags & (PATTERN_LEFT_LATIN | PATTERN_LEFT_DIGIT)) {
        const uint32_t before = symbols[begin - 1];
        if ((flags & PATTERN_LEFT_LATIN) ? is_latin(before) : is_digit(before)) {
            const uint32_t at = m->offsets[begin - 1], here = m->offsets[begin];
            if (at == here || at + utf8_length(bytes[at]) == here) return 1;
        }
    }
    if (flags & (PATTERN_RIGHT_LATIN | PATTERN_RIGHT_DIGIT)) {
        const uint32_t after = symbols[end];
        if ((flags & PATTERN_RIGHT_LATIN) ? is_latin(after) : is_digit(after)) {
            const uint32_t at = m->offsets[end - 1], next = m->offsets[end];
            if (at == next || at + utf8_length(bytes[at]) == next) return 1;
        }
    }
    return 0;
}

static inline int emit(matcher_t *m, uint32_t pattern_id, uint32_t begin, uint32_t end, uint32_t byte_begin, uint32_t byte_end) {
    const pattern_t *pattern = &m->image->patterns[pattern_id];
    /* Distances count from whole characters, also where a match begins or ends inside an expansion. */
    while (begin > m->text->symbol_begin && m->offsets[begin - 1] == m->offsets[begin]) begin--;
    while (end < m->text->symbol_end && m->offsets[end] == m->offsets[end - 1]) end++;
    for (uint32_t k = 0; k < pattern->list_count; k++) {
        if (m->hits->count >= m->hit_limit) {
            m->flags |= MATCHES_CAPPED;
            return 0;
        }
        if (column_hit_reserve(m->hits, 1)) return -1;
        hit_t *hit = &m->hits->at[m->hits->count++];
        hit->begin = byte_begin;
        hit->end = byte_end;
        hit->symbol_begin = begin;
        hit->symbol_end = end;
        hit->pattern = pattern_id;
        hit->text = m->text_index;
        hit->list = m->image->pattern_lists[pattern->lists + k];
        hit->next = 0;
    }
    return 0;
}

/* One code point of a text under a fine fold; expansions are written whole. Returns how many code points
 * it gave (0: dropped). `out` has room for `room`; what does not fit is cut off. */
static inline size_t fold_fine(const image_t *image, uint32_t fold, uint32_t c, uint32_t *out, size_t room) {
    const uint16_t *blocks = image->fine_block + (size_t)fold * CODE_POINT_BLOCKS;
    const uint32_t value = image->fine_code_point[(size_t)blocks[c >> BLOCK_SHIFT] << BLOCK_SHIFT | (c & BLOCK_MASK)];
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
    const uint32_t length = m->text->length, origin = m->offsets[begin];
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
    uint32_t begin = position, end = position + 1; /* the anchor's first symbol is the last of its run */
    for (uint32_t k = entry->anchor;; k--) {
        if (symbols[begin] != want[k]) return 0;
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
    if ((pattern->flags & PATTERN_BOUNDED) && touches(m, pattern->flags, begin, end)) return 0;
    const uint32_t last = m->offsets[end - 1];
    return emit(m, entry->pattern, begin, end, m->offsets[begin], last + utf8_length(m->text->bytes[last]));
}

static inline int verify(matcher_t *m, const entry_t *entry, uint32_t position) {
    const pattern_t *pattern = &m->image->patterns[entry->pattern];
    if (pattern->flags & PATTERN_REPEAT) return verify_repeat(m, entry, pattern, position);
    const text_t *text = m->text;
    if (position < text->symbol_begin + entry->anchor) return 0;
    const uint32_t begin = position - entry->anchor, end = begin + entry->length;
    if (end > text->symbol_end) return 0;
    if (memcmp(m->symbols + begin, m->image->pattern_symbols + pattern->start, (size_t)entry->length * 2) != 0) return 0;
    if (pattern->flags & PATTERN_FINE) return verify_fine(m, entry->pattern, begin, end);
    if ((pattern->flags & PATTERN_BOUNDED) && touches(m, pattern->flags, begin, end)) return 0;
    const uint32_t last = m->offsets[end - 1];
    return emit(m, entry->pattern, begin, end, m->offsets[begin], last + utf8_length(text->bytes[last]));
}

static inline int match_anchor(matcher_t *m, uint32_t key, uint32_t position) {
    const slot_t *slot = find_slot(m->image, key);
    if (slot == NULL) return 0;
    for (const entry_t *entry = &m->image->entries[slot->start];; entry++) {
        if (++m->work > m->work_limit) {
            m->flags |= WORK_CAPPED;
            return 0;
        }
        if (verify(m, entry, position)) return -1;
        if (entry->flags & ENTRY_LAST) return 0;
    }
}

/* All hits of one text, appended to m->hits (not sorted: anchors come in order, matches may not). */
static inline int match_text(matcher_t *m) {
    const image_t *image = m->image;
    const uint16_t *symbols = m->symbols;
    const uint32_t begin = m->text->symbol_begin, end = m->text->symbol_end;
    if (image->has_unigrams) {
        for (uint32_t i = begin; i < end; i++) {
            const uint32_t s = symbols[i];
            if ((image->unigram_map[s >> 6] >> (s & 63)) & 1)
                if (match_anchor(m, anchor_key(s, 0, 0), i)) return -1;
        }
    }
    for (uint32_t i = begin; i + 1 < end; i++) {
        const uint32_t s0 = symbols[i], s1 = symbols[i + 1], s2 = symbols[i + 2];
        const uint32_t bit = filter_bit(s0, s1, s2, image->filter_shift);
        if (!((image->filter_map[bit >> 6] >> (bit & 63)) & 1)) continue;
        if (match_anchor(m, anchor_key(s0, s1, 0), i)) return -1;
        if (i + 2 < end && match_anchor(m, anchor_key(s0, s1, s2), i)) return -1;
    }
    return 0;
}

#endif
