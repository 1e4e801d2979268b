/* The hits of one post: sorted, made unique, rid of those that an allow pattern covers, chained by list. */
#ifndef FAIRPOST_HITS_H
#define FAIRPOST_HITS_H

#include "filter.h"
#include "match.h"
#include "units.h"

#define NO_HIT 0xFFFFFFFFu
#define MAY_BE_TWICE 1u /* in hit_t.next, until hits are chained */
enum { UNSORTED_HITS = 64 };
enum { PAIR_LIMIT = 1 << 20 }; /* pairs of hits looked at for one post, in all */

static inline int compare_hits(const void *a, const void *b) {
    const hit_t *x = (const hit_t *)a, *y = (const hit_t *)b;
#define BY(field)                                                 \
    if (x->field != y->field) return x->field < y->field ? -1 : 1
    BY(text);
    BY(begin);
    BY(end);
    BY(pattern);
    BY(list);
    return 0;
#undef BY
}

/* Whether `a` stands before `b` by text and begin, which settles it nearly always; then by the rest. */
static inline int hit_before(const hit_t *a, const hit_t *b) {
    const uint64_t x = (uint64_t)a->text << 32 | a->begin, y = (uint64_t)b->text << 32 | b->begin;
    return x != y ? x < y : compare_hits(a, b) < 0;
}

enum { FEW_HITS = 64 };

/* The same for FEW_HITS at the most: what is moved is a number with text and begin, and each hit once, at the end. */
static inline void sort_few_hits(hit_t *hits, size_t count) {
    uint64_t keys[FEW_HITS];
    uint8_t order[FEW_HITS];
    hit_t sorted[FEW_HITS];
    for (size_t i = 0; i < count; i++) {
        const uint64_t key = (uint64_t)hits[i].text << 32 | hits[i].begin;
        size_t k = i;
        for (; k > 0 && (key != keys[k - 1] ? key < keys[k - 1] : compare_hits(&hits[i], &hits[order[k - 1]]) < 0); k--) {
            keys[k] = keys[k - 1];
            order[k] = order[k - 1];
        }
        keys[k] = key;
        order[k] = (uint8_t)i;
    }
    for (size_t i = 0; i < count; i++) sorted[i] = hits[order[i]];
    memcpy(hits, sorted, count * sizeof *hits);
}

/* Hits come nearly in order, where insertion is quickest; a text made to defeat it costs n log n. */
static inline void sort_hits(hit_t *hits, size_t count) {
    size_t moves = 0;
    if (count < 2) return; /* `hits` may be NULL where there is none */
    if (count <= FEW_HITS) {
        sort_few_hits(hits, count);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        if (!hit_before(&hits[i], &hits[i - 1])) continue;
        const hit_t hit = hits[i];
        size_t k = i;
        for (; k > 0 && hit_before(&hit, &hits[k - 1]); k--) hits[k] = hits[k - 1];
        hits[k] = hit;
        moves += i - k;
        if (moves > 32 * (i + 8)) {
            qsort(hits, count, sizeof *hits, compare_hits);
            return;
        }
    }
}

static inline size_t unique_hits(hit_t *hits, size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || compare_hits(&hits[kept - 1], &hits[i]) != 0) hits[kept++] = hits[i];
    return kept;
}

/* `allows` marks the lists that are an allow list of some list. */
static inline int covered(const image_t *image, const uint8_t *allows, const hit_t *hits, size_t count, const hit_t *hit,
                          uint64_t *pairs) {
    const uint32_t from = image->allow_offsets[hit->list], to = image->allow_offsets[hit->list + 1];
    if (from == to) return 0;
    for (size_t k = 0; k < count && hits[k].begin <= hit->begin; k++) {
        const hit_t *wide = &hits[k];
        if (!allows[wide->list]) continue;
        if (++*pairs > PAIR_LIMIT) return 0;
        if (wide->text != hit->text || wide->end < hit->end || wide->end - wide->begin <= hit->end - hit->begin) continue;
        for (uint32_t a = from; a < to; a++)
            if (image->allow_lists[a] == wide->list) return 1;
    }
    return 0;
}

/* Removes every hit that a longer hit of one of its list's allow lists covers; allow hits themselves stay.
 * `hits` are sorted; those of one text are contiguous. */
static inline size_t remove_allowed(const image_t *image, const uint8_t *allows, hit_t *hits, size_t count, uint64_t *pairs) {
    size_t kept = 0, present = 0;
    for (size_t i = 0; i < count; i++) present += allows[hits[i].list];
    if (!present) return count;
    for (size_t first = 0; first < count;) {
        size_t end = first;
        while (end < count && hits[end].text == hits[first].text) end++;
        /* `next` marks the covered ones first: a removed hit may itself be what covers another. */
        for (size_t i = first; i < end; i++) hits[i].next = covered(image, allows, hits + first, end - first, &hits[i], pairs);
        for (size_t i = first; i < end; i++)
            if (!hits[i].next) hits[kept++] = hits[i];
        first = end;
    }
    return kept;
}

/* The list's first hit; head[list] is valid where the list's bit of `present` is set. */
static inline uint32_t first_hit_of(const uint32_t *head, const uint64_t *present, uint32_t list) {
    return has_bit(present, list) ? head[list] : NO_HIT;
}

/* Chains the hits of each list in order. No bit of `present` is set before. */
static inline void chain_hits(hit_t *hits, size_t count, uint32_t *head, uint64_t *present) {
    for (size_t i = count; i-- > 0;) {
        const uint32_t list = hits[i].list;
        hits[i].next = first_hit_of(head, present, list);
        present[list >> 6] |= (uint64_t)1 << (list & 63);
        head[list] = (uint32_t)i;
    }
}

/* The same for UNSORTED_HITS hits at the most, in any order: conditions may be evaluated on these before they are sorted, since
 * no cap can come into play (what holds does not depend on their order then). */
static inline size_t remove_allowed_unsorted(const image_t *image, const uint8_t *allows, hit_t *hits, size_t count) {
    uint8_t wide[UNSORTED_HITS]; /* the hits of allow lists */
    size_t wides = 0, kept = 0;
    uint64_t removed = 0;
    for (size_t i = 0; i < count; i++) {
        wide[wides] = (uint8_t)i;
        wides += allows[hits[i].list] != 0;
    }
    if (!wides) return count;
    for (size_t i = 0; i < count; i++) {
        const hit_t *hit = &hits[i];
        const uint32_t from = image->allow_offsets[hit->list], to = image->allow_offsets[hit->list + 1];
        for (size_t k = 0; from < to && k < wides; k++) {
            const hit_t *over = &hits[wide[k]];
            if (over->text != hit->text || over->begin > hit->begin || over->end < hit->end || over->end - over->begin <= hit->end - hit->begin) continue;
            for (uint32_t a = from; a < to; a++)
                if (image->allow_lists[a] == over->list) removed |= (uint64_t)1 << i;
        }
    }
    for (size_t i = 0; i < count; i++)
        if (!(removed >> i & 1)) hits[kept++] = hits[i]; /* a removed hit may itself be what covers another */
    return kept;
}

/* Chains the hits of each list, the last first, and drops those that are there twice: only a hit that append_hits() marked can be
 * one that was there before. Returns how many are left. */
static inline size_t chain_unsorted(hit_t *hits, size_t count, uint32_t *head, uint64_t *present) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const hit_t *hit = &hits[i];
        const uint32_t list = hit->list, first = first_hit_of(head, present, list);
        uint32_t same = hit->next == MAY_BE_TWICE ? first : NO_HIT;
        while (same != NO_HIT && (hits[same].begin != hit->begin || hits[same].end != hit->end || hits[same].pattern != hit->pattern ||
                                  hits[same].text != hit->text))
            same = hits[same].next;
        if (same != NO_HIT) continue;
        if (kept != i) hits[kept] = *hit;
        hits[kept].next = first;
        present[list >> 6] |= (uint64_t)1 << (list & 63);
        head[list] = (uint32_t)kept++;
    }
    return kept;
}

/* Which lists the patterns are in, as context.pyx lays it out: close together, since every match reads it.
 * Pattern k is in the lists from lists[runs[k] & ~RUN_TWICE] on, those that are no context first. */
#define RUN_TWICE 0x80000000u /* the pattern may match twice in the same bytes */
typedef struct { uint16_t eager, all; } share_t;
typedef struct {
    const uint32_t *runs;
    const share_t *shares; /* by place in `lists`: how many lists begin there, and how many of them are no context */
    const uint16_t *lists;
} owners_t;

enum { LISTS_EAGER, LISTS_CONTEXT, LISTS_ALL };

/* One hit for each list of the match's pattern that is no context (LISTS_EAGER), that is context and has wanted[list] == mark
 * (LISTS_CONTEXT), or for every one, in the post's text number `text`. Returns whether it is in lists of context too, or -1 (memory). */
static inline int append_hits(const image_t *image, const owners_t *owners, const chunk_t *chunk, const match_t *match, uint32_t text, int which,
                              const uint32_t *wanted, uint32_t mark, column_hit *hits, size_t limit, uint32_t *flags) {
    const uint32_t run = owners->runs[match->pattern], at = run & ~RUN_TWICE;
    const share_t share = owners->shares[at];
    const uint16_t *lists = owners->lists + at + (which == LISTS_CONTEXT ? share.eager : 0);
    const uint32_t room = which == LISTS_EAGER ? share.eager : which == LISTS_ALL ? share.all : (uint32_t)(share.all - share.eager);
    const uint32_t classes = match->writing ? classes_for(match->writing) : 0; /* that a list must take */
    const int is_mixed = share.eager < share.all;
    if (!room) return is_mixed;
    if (column_hit_reserve(hits, room)) return -1;
    hit_t *const first = hits->at + hits->count;
    uint32_t count = 0;
    for (uint32_t k = 0; k < room; k++) {
        first[count].list = lists[k]; /* stored in any case */
        count += (which != LISTS_CONTEXT || wanted[lists[k]] == mark) && !(classes && classes & ~(uint32_t)image->evasion->list_classes[lists[k]]);
    }
    if (!count) return is_mixed;
    if (hits->count + count > limit) {
        count = (uint32_t)(limit - hits->count);
        *flags |= MATCHES_CAPPED;
    }
    const text_t *home = &chunk->texts[match->text];
    const uint32_t *offsets = chunk_offsets(chunk);
    uint32_t begin = match->begin, end = match->end;
    /* Distances count from whole characters, also where a match begins or ends inside an expansion. */
    while (begin > home->symbol_begin && offsets[begin - 1] == offsets[begin]) begin--;
    /* A match of nothing but an emoji takes no symbol; one at the begin of all has none before it. */
    while (end > home->symbol_begin && end < home->symbol_end && offsets[end] == offsets[end - 1]) end++;
    /* A pattern matches twice in the same bytes only from two symbols of one character, or by a way of matching of its own. */
    const uint32_t next = (begin != match->begin) | (run >= RUN_TWICE) | (match->writing != 0) ? MAY_BE_TWICE : 0;
    const uint16_t own = first->list;
    *first = (hit_t){match->byte_begin, match->byte_end, begin, end, match->pattern, text, own, (uint16_t)match->writing, next};
    for (uint32_t k = 1; k < count; k++) {
        const uint16_t list = first[k].list;
        first[k] = *first;
        first[k].list = list;
    }
    hits->count += count;
    return is_mixed;
}

#endif
