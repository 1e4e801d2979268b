/* Matches of the evasion index: patterns that are written otherwise. The same code for every path.
 *
 * A candidate's evasion symbols are all equal to those of one writing of a pattern. Each of them is then compared as it is written:
 * the same character, or another, or a Latin syllable, a character in its parts, an emoji. Innocent text holds homophones and
 * look-alikes by chance, so that these *natural* substitutes count only where running text is surprised by them; what nobody
 * writes by chance counts as it is. tests/reference/evasion.py says the same in plain Python. */
#ifndef FAIRPOST_EVASION_H
#define FAIRPOST_EVASION_H

#include "match.h"
#include "reading.h"
#include "surprise.h"

enum {
    PINYIN_LETTERS = 5, /* at least, of a match wholly in Latin letters */
    WRITINGS = 64       /* candidates that are looked at together, so that their cache misses overlap */
};

static inline int is_rare(const evasion_t *evasion, uint16_t symbol) { return evasion->rare_map[symbol >> 6] >> (symbol & 63) & 1; }

/* The common symbol for which a rare one passes; itself if it is none. */
static inline uint16_t common_of(const evasion_t *evasion, uint16_t symbol) {
    if (!is_rare(evasion, symbol)) return symbol;
    size_t low = 0, high = evasion->lookalike_count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (evasion->lookalikes[middle].rare < symbol)
            low = middle + 1;
        else
            high = middle;
    }
    return low < evasion->lookalike_count && evasion->lookalikes[low].rare == symbol ? evasion->lookalikes[low].common : symbol;
}

/* The symbol of the chunk at which evasion symbol `at` begins; elements[before] is the last one at or before it. */
static inline uint32_t symbol_of(const element_t *element, size_t before, uint32_t at) {
    return before && element->at == at ? element->source : source_of(element, at);
}

/* Goes on to the text that holds symbol `begin`, or ends there (an emoji may stand behind its last symbol). */
static inline void go_on_to(matcher_t *m, uint32_t begin) {
    const text_t *last = m->chunk->texts + m->chunk->text_count - 1;
    const uint32_t group = m->text->group;
    while (m->text < last && begin >= m->text[1].symbol_begin) m->text++;
    if (m->text->group != group) begin_post(m);
}

/* Verifies the writing `entry`, whose evasion symbols stand at `at`. `hint`: an element near there. Returns 0, or -1 (memory). */
static inline int verify_writing(matcher_t *m, const evasion_t *evasion, const reading_t *reading, const entry_t *entry, uint32_t at, size_t *hint) {
    const pattern_t *writing = &evasion->index.patterns[entry->pattern];
    const uint16_t *want = evasion->written + writing->start;
    const uint32_t classes = writing->lists, length = entry->length;
    const element_t *elements = reading->elements.at;
    size_t before = element_before(reading, at, *hint);
    *hint = before;
    uint32_t how = 0, natural = 0, latin = 0, letters = 0, least = 15;
    const uint32_t begin = symbol_of(&elements[before], before, at);
    uint32_t end = 0, byte_begin = 0, byte_end = 0;
    go_on_to(m, begin);
    m->work += length;
    if (m->work > m->work_limit) {
        m->text->flags |= WORK_CAPPED;
        return 0;
    }
    for (uint32_t k = 0; k < length; k++) {
        while (before + 1 < reading->elements.count && elements[before + 1].at <= at + k) before++;
        const element_t *element = &elements[before];
        if (before && element->at == at + k) {
            if (k == writing->list_count) return 0;
            if (element->kind == ELEMENT_LATIN) {
                how |= WRITING_PINYIN;
                latin++;
                letters += element->width;
            } else if (want[k] == 0) {
                return 0;
            } else {
                how |= element->kind == ELEMENT_SPLIT ? WRITING_SPLIT : WRITING_EMOJI;
                if (element->written != want[k] && element->kind == ELEMENT_SPLIT) how |= WRITING_HOMOPHONE;
            }
            if (k == 0) byte_begin = element->offset;
            if (k + 1 == length) {
                end = element->source + element->width;
                byte_end = element->width ? m->offsets[end - 1] : element->offset;
            }
            continue;
        }
        const uint32_t source = source_of(element, at + k);
        const uint16_t written = m->symbols[source];
        if (k == 0) byte_begin = m->offsets[source];
        if (k + 1 == length) {
            end = source + 1;
            byte_end = m->offsets[source];
        }
        if (written == want[k]) {
            if (k != writing->list_count) continue;
            how |= WRITING_LOOKALIKE;
        } else {
            if (want[k] == 0 || k == writing->list_count) return 0;
            const uint16_t common = common_of(evasion, written);
            if (common != written) {
                how |= WRITING_LOOKALIKE | (common != want[k] ? WRITING_HOMOPHONE : 0);
                continue;
            }
            how |= WRITING_HOMOPHONE;
        }
        const uint32_t level = usual_level(evasion, m->symbols, source);
        if (level < least) least = level;
        natural++;
    }
    if (how == 0) return 0; /* the scan has it */
    if (how & (WRITING_HOMOPHONE | WRITING_PINYIN) && !(classes & TAKES_PHONETIC)) return 0;
    if (how & (WRITING_LOOKALIKE | WRITING_SPLIT) && !(classes & TAKES_GLYPH)) return 0;
    if (how & WRITING_EMOJI && !(classes & TAKES_EMOJI)) return 0;
    if (latin == length && letters < PINYIN_LETTERS) return 0;
    if (natural) {
        const uint32_t bound = length > 3 ? SURPRISE_MORE : length == 3 ? SURPRISE_THREE : SURPRISE_ONE_OF_TWO;
        if (least > bound || (length == 2 && natural == 2)) return 0;
    }
    if (writing->flags & PATTERN_BOUNDED && end > begin && touches(m, writing->flags, begin, end)) return 0;
    if (reserve_matches(m, 1)) return -1;
    const size_t count = m->matches->count;
    byte_end -= m->text->byte_begin;
    append(m, writing->fine, begin, end, byte_begin - m->text->byte_begin, byte_end + utf8_length(m->text->bytes[byte_end]));
    if (m->matches->count > count) m->matches->at[count].writing = how;
    return 0;
}

/* Verifies candidates in order, their symbols first. Returns 0, or -1 (memory). */
static inline int verify_writings(matcher_t *m, const evasion_t *evasion, const reading_t *reading, const candidate_t *candidates, size_t count,
                                  size_t *hint) {
    static const uint64_t heads[5] = {0, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFFFFFF, UINT64_MAX};
    const uint16_t *symbols = chunk_symbols(&reading->chunk);
    uint8_t kept[WRITINGS];
    size_t keep = 0;
    for (size_t i = 0; i < count; i++) {
        const entry_t *entry = candidates[i].entry;
        uint64_t head;
        /* SAFETY: SYMBOL_LEAD boundaries stand before the first text, more than `anchor` can be. */
        memcpy(&head, symbols + ((int64_t)candidates[i].position - entry->anchor), sizeof head);
        kept[keep] = (uint8_t)i;
        keep += ((head ^ entry->head) & heads[entry->length < 4 ? entry->length : 4]) == 0;
    }
    for (size_t i = 0; i < keep; i++) __builtin_prefetch(&evasion->index.patterns[candidates[kept[i]].entry->pattern]);
    for (size_t i = 0; i < keep; i++) {
        const uint32_t start = evasion->index.patterns[candidates[kept[i]].entry->pattern].start;
        __builtin_prefetch(evasion->written + start);
    }
    for (size_t i = 0; i < keep; i++) {
        const entry_t *entry = candidates[kept[i]].entry;
        const uint32_t at = candidates[kept[i]].position - entry->anchor;
        const uint16_t *want = evasion->index.pattern_symbols + evasion->index.patterns[entry->pattern].start;
        uint32_t k = 4;
        while (k < entry->length && symbols[at + k] == want[k]) k++;
        if (k >= entry->length && verify_writing(m, evasion, reading, entry, at, hint)) return -1;
    }
    return 0;
}

/* Whether two characters stand at evasion symbol `at` that running text has side by side so often that no pattern of two symbols can be
 * meant: most candidates end here, all patterns of a bucket with one look. */
static inline int is_usual_pair(const matcher_t *m, const evasion_t *evasion, const reading_t *reading, uint32_t at, size_t *hint) {
    const element_t *elements = reading->elements.at;
    const size_t before = *hint = element_before(reading, at, *hint);
    if (before && elements[before].at == at) return 0;
    if (before + 1 < reading->elements.count && elements[before + 1].at == at + 1) return 0;
    const uint16_t *pair = m->symbols + source_of(&elements[before], at);
    return surprise_level(evasion, pair[0], pair[1]) > SURPRISE_ONE_OF_TWO && !is_rare(evasion, pair[0]) && !is_rare(evasion, pair[1]);
}

/* All matches of the evasion index in a chunk whose symbols `reading` has read, after filter and look-up, in order of their
 * anchors, appended to m->matches. `m` works on the chunk. Returns 0, or -1 (memory). */
static inline int match_writings(matcher_t *m, const evasion_t *evasion, const reading_t *reading) {
    const chunk_t *chunk = &reading->chunk;
    candidate_t candidates[WRITINGS];
    size_t count = 0, hint = 0, pair_hint = 0;
    for (size_t i = 0; i < chunk->found_count; i++) {
        if (i + AHEAD < chunk->found_count) __builtin_prefetch(&evasion->index.entries[chunk->buckets.at[i + AHEAD]]);
        const entry_t *entry = &evasion->index.entries[chunk->buckets.at[i]];
        int is_usual = -1;
        do {
            if (entry->length == 2) {
                if (is_usual < 0) is_usual = is_usual_pair(m, evasion, reading, chunk->found.at[i], &pair_hint);
                if (is_usual) continue;
            }
            if (count == WRITINGS) {
                if (verify_writings(m, evasion, reading, candidates, count, &hint)) return -1;
                count = 0;
            }
            candidates[count].entry = entry;
            candidates[count++].position = chunk->found.at[i];
        } while (!(entry++->flags & ENTRY_LAST));
    }
    return verify_writings(m, evasion, reading, candidates, count, &hint);
}

#endif
