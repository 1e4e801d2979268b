/* Texts as they were meant: a chunk's texts that hold disguises, with what they stand for in place of them.
 *
 * The restored texts are matched like any other, and what their matches cover is told in symbols and bytes of the original. A match
 * counts only if something was restored inside it: the others were found in the text as it stands. */
#ifndef FAIRPOST_RESTORE_H
#define FAIRPOST_RESTORE_H

#include "match.h"
#include "paths.h"
#include "vocabulary.h"

enum { NEAR_RESTORED = 40 }; /* symbols before and behind what was restored in which matches are looked for */

/* What a symbol of a restored text was made of: symbols [begin, end) of the chunk (an emoji is made of none), and how. */
typedef struct {
    uint32_t begin, end;
    uint32_t how;
} origin_t;

COLUMN(origin_t, column_origin)

typedef struct {
    reading_t reading;
    seeker_t seeker;
    chunk_t chunk;         /* the restored texts: symbols, and the bytes in the original chunk that they come from */
    column_origin origins; /* of each symbol */
    column_u32 texts;      /* which text of the original each of them is */
    column_u16 meant;      /* of each sound: the symbol that an accepted word has there, or 0 */
    column_u16 hows;
} restorer_t;

static inline void restorer_free(restorer_t *r) {
    reading_free(&r->reading);
    column_proposal_free(&r->seeker.proposals);
    memset(&r->chunk.bytes_, 0, sizeof r->chunk.bytes_); /* not its own */
    chunk_free(&r->chunk);
    column_origin_free(&r->origins);
    column_u32_free(&r->texts);
    column_u16_free(&r->meant);
    column_u16_free(&r->hows);
}

/* Longer words first, then those with fewer plain characters that stand for others. */
static inline int compare_proposals(const void *a, const void *b) {
    const proposal_t *x = (const proposal_t *)a, *y = (const proposal_t *)b;
    if (x->length != y->length) return x->length > y->length ? -1 : 1;
    if (x->natural != y->natural) return x->natural < y->natural ? -1 : 1;
    if (x->form != y->form) return x->form < y->form ? -1 : 1; /* the words are in order of the lists that hold them */
    return x->at < y->at ? -1 : x->at > y->at;
}

/* Takes proposals in order, those that no accepted one contradicts. Returns 0, or -1 (memory). */
static inline int accept_words(restorer_t *r, const evasion_t *evasion) {
    column_proposal *proposals = &r->seeker.proposals;
    const size_t count = r->reading.count;
    if (column_u16_reserve(&r->meant, count) || column_u16_reserve(&r->hows, count)) return -1;
    memset(r->meant.at, 0, count * sizeof(uint16_t));
    memset(r->hows.at, 0, count * sizeof(uint16_t));
    if (proposals->count) qsort(proposals->at, proposals->count, sizeof *proposals->at, compare_proposals);
    for (size_t i = 0; i < proposals->count; i++) {
        const proposal_t *proposal = &proposals->at[i];
        const form_t *form = &evasion->forms[proposal->form];
        const word_t *word = &evasion->words[form->word];
        const uint16_t *want = evasion->form_sounds + form->start, *meant = evasion->word_symbols + word->start;
        uint16_t *here = r->meant.at + proposal->at;
        uint32_t k = 0;
        while (k < word->length && (here[k] == 0 || here[k] == meant[k])) k++;
        if (k < word->length) continue;
        for (k = 0; k < word->length; k++) {
            here[k] = meant[k];
            r->hows.at[proposal->at + k] |= (uint16_t)writing_of(&r->seeker, proposal->at + k, want[k], meant[k], word->classes);
        }
    }
    return 0;
}

/* Appends a symbol to the text that is being restored. There is room. */
static inline void put_symbol(restorer_t *r, uint16_t symbol, uint32_t offset, uint32_t begin, uint32_t end, uint32_t how) {
    const size_t at = r->chunk.symbol_count++;
    const origin_t origin = {begin, end, how};
    chunk_symbols(&r->chunk)[at] = symbol;
    chunk_offsets(&r->chunk)[at] = offset;
    r->origins.at[at] = origin;
}

/* Appends symbols [begin, end) of the chunk as they stand. There is room. */
static inline void put_symbols(restorer_t *r, const chunk_t *chunk, uint32_t begin, uint32_t end) {
    for (uint32_t k = begin; k < end; k++) put_symbol(r, chunk_symbols(chunk)[k], chunk_offsets(chunk)[k], k, k + 1, 0);
}

/* Appends what sound `at` was meant to be. There is room. */
static inline void put_sound(restorer_t *r, const chunk_t *chunk, size_t at) {
    const reading_t *reading = &r->reading;
    const uint32_t source = reading->sources.at[at];
    const uint16_t meant = r->meant.at[at];
    if (reading->marks.at[at] != MARK_ELEMENT) {
        put_symbol(r, meant ? meant : reading_written(reading)[at], chunk_offsets(chunk)[source], source, source + 1, r->hows.at[at]);
        return;
    }
    const element_t *e = &reading->elements.at[source];
    if (meant) {
        put_symbol(r, meant, e->offset, e->source, e->source + e->width, r->hows.at[at]);
    } else if (e->how & (WRITING_PINYIN | WRITING_EMOJI)) { /* most emoji have no symbols */
        put_symbols(r, chunk, e->source, e->source + e->width);
    } else {
        put_symbol(r, e->written, e->offset, e->source, e->source + e->width, e->how);
    }
}

/* Appends the text that was read, as it was meant. Returns 0, or -1 (memory). */
static inline int restore_text(restorer_t *r, const chunk_t *chunk, size_t number) {
    const reading_t *reading = &r->reading;
    const text_t *original = &chunk->texts[number];
    const size_t room = r->chunk.symbol_count + (original->symbol_end - original->symbol_begin) + EMOJI_MOST * reading->emoji.count + 1;
    if (chunk_reserve_symbols(&r->chunk, room)) return -1;
    r->origins.count = r->chunk.symbol_count;
    if (column_origin_reserve(&r->origins, room - r->chunk.symbol_count) || column_u32_reserve(&r->texts, 1)) return -1;
    r->texts.at[r->texts.count++] = (uint32_t)number;
    text_t *text = &r->chunk.texts[r->chunk.text_count++];
    *text = *original;
    text->symbol_begin = (uint32_t)r->chunk.symbol_count;
    uint32_t source = original->symbol_begin;
    for (size_t k = 0; k < reading->passages.count; k++) {
        const passage_t *passage = &reading->passages.at[k];
        put_symbols(r, chunk, source, passage->begin);
        for (size_t at = passage->sound_begin; at < passage->sound_end; at++) put_sound(r, chunk, at);
        source = passage->end;
    }
    put_symbols(r, chunk, source, original->symbol_end);
    text->symbol_end = (uint32_t)r->chunk.symbol_count;
    put_symbol(r, SYMBOL_BOUNDARY, original->byte_begin + original->length, original->symbol_end, original->symbol_end, 0);
    return 0;
}

/* Looks through what is near something restored, as look_through() does, and blots out the rest: no match there counts. Returns 0, or
 * -1 (memory). */
static inline int look_near(const path_t *path, const image_t *image, restorer_t *r) {
    chunk_t *chunk = &r->chunk;
    uint16_t *symbols = chunk_symbols(chunk);
    chunk->survivor_count = 0;
    for (size_t k = 0; k < chunk->text_count; k++) {
        const text_t *text = &chunk->texts[k];
        uint32_t begin = text->symbol_begin, end = begin; /* what is near what was restored last */
        for (uint32_t at = begin; at < text->symbol_end; at++) {
            if (!r->origins.at[at].how) continue;
            if (end + NEAR_RESTORED < at) {
                if (path->filter(image, chunk, begin, end)) return -1;
                for (begin = at - NEAR_RESTORED; end < begin; end++) symbols[end] = SYMBOL_OTHER;
            }
            end = at + NEAR_RESTORED + 1;
        }
        if (end > text->symbol_end) end = text->symbol_end;
        if (path->filter(image, chunk, begin, end)) return -1;
        for (; end < text->symbol_end; end++) symbols[end] = SYMBOL_OTHER;
    }
    return path->lookup(image, chunk);
}

/* Makes r->chunk of the examined texts that hold disguises. Returns 0, or -1 (memory). */
static inline int restore_chunk(restorer_t *r, const image_t *image, chunk_t *chunk) {
    const evasion_t *evasion = image->evasion;
    chunk_t *restored = &r->chunk;
    restored->text_count = restored->symbol_count = r->texts.count = 0;
    restored->byte_count = chunk->byte_count;
    restored->bytes_ = chunk->bytes_; /* offsets of restored symbols lie in these */
    if (chunk_reserve_texts(restored, chunk->text_count) || chunk_reserve_symbols(restored, 0)) return -1;
    r->seeker.image = image;
    r->seeker.evasion = evasion;
    r->seeker.chunk = chunk;
    r->seeker.reading = &r->reading;
    for (size_t number = 0; number < chunk->text_count; number++) {
        text_t *text = &chunk->texts[number];
        if (!text->is_examined || text->length == 0) continue;
        if (find_passages(image, chunk, text, &r->reading.passages) || read_text(evasion, chunk, text, &r->reading)) return -1;
        if (!r->reading.marked) continue;
        r->seeker.text = text;
        const int capped = seek_words(&r->seeker);
        if (capped < 0) return -1;
        text->flags |= (uint32_t)capped;
        int is_changed = r->seeker.proposals.count != 0;
        for (size_t k = 0; k < r->reading.elements.count; k++)
            is_changed |= (r->reading.elements.at[k].how & (WRITING_SPLIT | WRITING_LOOKALIKE | WRITING_REPEAT)) != 0;
        if (!is_changed) continue;
        if (accept_words(r, evasion) || restore_text(r, chunk, number)) return -1;
        text->restored = (uint32_t)restored->text_count;
    }
    chunk_close_symbols(restored, restored->symbol_count);
    return 0;
}

/* Keeps the matches of restored texts [first_text, first_text + text_count) in which something was restored, and tells them in terms
 * of the original chunk; and what was capped. */
static inline void tell_matches(const restorer_t *r, chunk_t *chunk, column_match *matches, size_t first_text, size_t text_count) {
    const uint32_t *offsets = chunk_offsets(chunk);
    size_t kept = 0;
    for (size_t i = 0; i < matches->count; i++) {
        match_t match = matches->at[i];
        const origin_t *first = &r->origins.at[match.begin], *last = &r->origins.at[match.end - 1];
        for (const origin_t *origin = first; origin <= last; origin++) match.writing |= origin->how;
        if (!match.writing) continue;
        match.text = r->texts.at[match.text];
        match.begin = first->begin;
        match.end = last->end;
        if (last->end > last->begin) {
            const uint32_t at = offsets[last->end - 1];
            match.byte_end = at + utf8_length(chunk_bytes(chunk)[at]) - chunk->texts[match.text].byte_begin;
        }
        matches->at[kept++] = match;
    }
    matches->count = kept;
    for (size_t k = first_text; k < first_text + text_count; k++) chunk->texts[r->texts.at[k]].flags |= r->chunk.texts[k].flags;
}

#endif
