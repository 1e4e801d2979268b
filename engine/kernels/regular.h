/* Regular patterns: the places where one of their anchors stands, then the automaton from there.
 *
 * An anchor is a literal that the index finds like any other. It says where a match that holds it may begin; these
 * places are noted while a text is matched. When its anchors are through, the automaton of each pattern runs from its
 * places in ascending order, takes the longest match from the first one that has one, and goes on behind it. */
#ifndef FAIRPOST_REGULAR_H
#define FAIRPOST_REGULAR_H

#include "matcher.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

enum { MAX_PLACES = 1 << 16, REGULAR_WORDS = 4 };

/* Whether the hash of the symbol is in the set. */
static inline uint64_t may_hold(const symbol_set_t *set, uint16_t symbol) {
    const uint32_t place = (uint32_t)symbol * 0x9E3779B1u >> 24;
    return set->places[place >> 6] >> (place & 63) & 1;
}

/* Whether a match may go on behind the anchor: there, or behind a gap of any symbols, stands one that is in `behind`, and then one that
 * is in `second`.
 * SAFETY: `ahead` is less than SYMBOL_SLACK: so many boundaries stand behind the last text. */
static inline int goes_on(const symbol_set_t *behind, const symbol_set_t *second, uint32_t ahead, const uint16_t *symbols) {
    for (uint32_t k = 0; k < ahead; k++)
        if (may_hold(behind, symbols[k]) & may_hold(second, symbols[k + 1])) return 1;
    return 0;
}

/* Notes where matches of a regular pattern may begin: its anchor number `number` stands from `begin` to `end`. Few anchors have
 * neighbours with which a match goes on; to look at these is cheaper than to begin with the automaton.
 * SAFETY: boundaries stand before the first text and behind the last, so that the neighbours can be read. */
static inline int note_place(matcher_t *m, uint32_t number, uint32_t begin, uint32_t end) {
    const regular_anchor_t *anchor = &m->image->regular_anchors[number];
    const uint16_t *symbols = m->symbols;
    const uint32_t from_text = begin - m->text->symbol_begin;
    if (from_text < anchor->least) return 0;
    const symbol_set_t *sets = m->image->symbol_sets;
    if (!may_hold(&sets[anchor->before], symbols[(int64_t)begin - 1])) return 0;
    if (!goes_on(&sets[anchor->behind], &sets[anchor->second], anchor->ahead, symbols + end)) return 0;
    const uint32_t from = from_text < anchor->most ? m->text->symbol_begin : begin - anchor->most;
    const uint32_t to = begin - anchor->least;
    /* Often the pattern's last place touches this one; then they are one. */
    for (size_t k = m->places.count; k-- > 0 && m->places.count - k <= 4;) {
        place_t *place = &m->places.at[k];
        if (place->regular != anchor->regular || from > place->to + 1 || to + 1 < place->from) continue;
        if (from < place->from) place->from = from;
        if (to > place->to) place->to = to;
        return 0;
    }
    if (m->places.count >= MAX_PLACES) {
        m->text->flags |= WORK_CAPPED;
        return 0;
    }
    if (column_place_reserve(&m->places, 1)) return -1;
    place_t *place = &m->places.at[m->places.count++];
    const regular_t *r = &m->image->regulars[anchor->regular]; /* what the automaton reads first */
    __builtin_prefetch(m->image->regular_starts + r->starts);
    __builtin_prefetch(m->image->regular_starts + r->starts + 32);
    __builtin_prefetch(m->image->regular_masks + r->masks);
    place->regular = anchor->regular;
    place->from = from;
    place->to = to;
    return 0;
}

/* Two letters or two digits of one word: nothing that the fold dropped stands between the symbols `left` and left + 1. */
static inline int is_inside_word(const matcher_t *m, uint32_t left) {
    const uint32_t a = m->symbols[left], b = m->symbols[left + 1];
    if (!(is_latin(a) && is_latin(b)) && !(is_digit(a) && is_digit(b))) return 0;
    return m->offsets[left] == m->offsets[left + 1] || byte_after(m, left) + m->text->byte_begin == m->offsets[left + 1];
}

/* Which piece of the alphabet holds the symbol: starts[0] is 0, the others ascend. Where vectors are at hand the small alphabets, which
 * are nearly all, are counted, eight pieces at a time: that waits for no load. */
static inline uint32_t piece_of(const uint16_t *starts, uint32_t count, uint16_t symbol) {
    uint32_t low = 0;
#if defined(__SSE2__)
    if (count <= 128) {
        const __m128i one = _mm_set1_epi16((short)symbol), zero = _mm_setzero_si128();
        __m128i begun = zero; /* in each lane, at most 16 */
        for (; low + 8 <= count; low += 8) {
            const __m128i eight = _mm_loadu_si128((const __m128i *)(starts + low));
            begun = _mm_sub_epi16(begun, _mm_cmpeq_epi16(_mm_subs_epu16(eight, one), zero));
        }
        begun = _mm_sad_epu8(begun, zero);
        uint32_t found = (uint32_t)_mm_cvtsi128_si32(begun) + (uint32_t)_mm_extract_epi16(begun, 4);
        for (; low < count; low++) found += starts[low] <= symbol;
        return found - (found != 0);
    }
#endif
    while (count > 1) {
        const uint32_t half = count / 2;
        if (starts[low + half] <= symbol) low += half;
        count -= half;
    }
    return low;
}

/* End of the longest match that begins at `begin`; 0 if none does.
 * SAFETY: whatever the masks say, it reads `words` of them at a time inside the record's, and stops at the text's end. */
static inline __attribute__((always_inline)) uint32_t run_automaton(matcher_t *m, const regular_t *r, uint32_t begin, const uint32_t words) {
    const uint16_t *starts = m->image->regular_starts + r->starts, *branch_of = starts + r->piece_count;
    const uint64_t *first = m->image->regular_masks + r->masks, *last = first + words, *chain = last + words;
    const uint64_t *turning = chain + words, *others = turning + words, *pieces = others + (size_t)words * r->branch_count;
    const uint32_t room = m->text->symbol_end - begin, stop = begin + (room < r->longest ? room : r->longest);
    uint64_t active[REGULAR_WORDS], following[REGULAR_WORDS], work = 0;
    uint32_t end = 0;
    if (r->has_edges && begin > m->text->symbol_begin && is_inside_word(m, begin - 1)) return 0;
    for (uint32_t w = 0; w < words; w++) active[w] = first[w];
    for (uint32_t at = begin; at < stop; at++) {
        const uint64_t *takes = pieces + (size_t)words * piece_of(starts, r->piece_count, m->symbols[at]);
        uint64_t any = 0, final = 0, carry = 0;
        work++;
        for (uint32_t w = 0; w < words; w++) {
            active[w] &= takes[w];
            any |= active[w];
            final |= active[w] & last[w];
        }
        if (!any) break;
        if (final && !(r->has_edges && at + 1 < m->text->symbol_end && is_inside_word(m, at))) end = at + 1;
        for (uint32_t w = 0; w < words; w++) {
            const uint64_t chained = active[w] & chain[w];
            following[w] = chained << 1 | carry;
            carry = chained >> 63;
        }
        for (uint32_t w = 0; w < words; w++) {
            for (uint64_t left = active[w] & turning[w]; left; left &= left - 1) {
                const uint64_t *more = others + (size_t)words * branch_of[64 * w + (uint32_t)__builtin_ctzll(left)];
                work++;
                for (uint32_t k = 0; k < words; k++) following[k] |= more[k];
            }
        }
        for (uint32_t w = 0; w < words; w++) active[w] = following[w];
    }
    m->work += work;
    return end;
}

/* Nearly all patterns have few states: one or two words of them stay in registers. */
static inline uint32_t longest_end(matcher_t *m, const regular_t *r, uint32_t begin) {
    if (r->words == 1) return run_automaton(m, r, begin, 1);
    return r->words == 2 ? run_automaton(m, r, begin, 2) : run_automaton(m, r, begin, r->words);
}

static inline int compare_places(const void *a, const void *b) {
    const place_t *x = (const place_t *)a, *y = (const place_t *)b;
    if (x->regular != y->regular) return x->regular < y->regular ? -1 : 1;
    return x->from < y->from ? -1 : x->from > y->from;
}

/* Places are few as a rule; insertion is quickest then. */
static inline void sort_places(place_t *places, size_t count) {
    if (count > 32) {
        qsort(places, count, sizeof *places, compare_places);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        const place_t place = places[i];
        size_t k = i;
        for (; k > 0 && compare_places(&place, &places[k - 1]) < 0; k--) places[k] = places[k - 1];
        places[k] = place;
    }
}

/* All matches of regular patterns in the text at hand, whose places are noted; they are used up. */
static inline int match_regular(matcher_t *m) {
    place_t *places = m->places.at;
    const size_t count = m->places.count;
    m->places.count = 0;
    sort_places(places, count);
    uint32_t next = 0; /* all places of the pattern at hand are done up to here */
    for (size_t k = 0; k < count; k++) {
        const regular_t *r = &m->image->regulars[places[k].regular];
        if (k == 0 || places[k].regular != places[k - 1].regular) next = 0;
        uint32_t begin = places[k].from > next ? places[k].from : next;
        while (begin <= places[k].to) {
            if (++m->work > m->work_limit) {
                m->text->flags |= WORK_CAPPED;
                return 0;
            }
            const uint32_t end = may_hold(&m->image->symbol_sets[r->opening], m->symbols[begin]) ? longest_end(m, r, begin) : 0;
            if (end && emit_symbols(m, r->pattern, begin, end)) return -1;
            begin = end ? end : begin + 1;
        }
        next = begin;
    }
    return 0;
}

#endif
