/* Words that a text may mean where it is written otherwise. The same code for every path.
 *
 * Around every sound that is marked, the sounds beside it are looked up: what stands there itself is left open, it may sound or look
 * like what is meant. A word that is found is then compared place by place. tests/reference/evasion.py says the same in plain Python. */
#ifndef FAIRPOST_VOCABULARY_H
#define FAIRPOST_VOCABULARY_H

#include "reading.h"

enum {
    PINYIN_LETTERS = 5, /* at least, of a word wholly in Latin letters */
    MOST_PROPOSALS = 4096, /* in a text */
    KEY_PAIR = 0,
    KEY_THREE = 1,
    KEY_FOUR = 4
};

/* Sounds [at, at + length) of the text may be a form. natural: how many of them are plain characters that stand for others. */
typedef struct {
    uint32_t at, form;
    uint16_t length, natural;
} proposal_t;

COLUMN(proposal_t, column_proposal)

/* What looking up works on. */
typedef struct {
    const evasion_t *evasion;
    const reading_t *reading;
    const uint16_t *symbols; /* of the chunk */
    column_proposal proposals;
    uint64_t work, work_limit;
} seeker_t;

static inline uint32_t key_hash(uint32_t kind, uint32_t a, uint32_t b, uint32_t c) {
    uint32_t h = kind * 0x27D4EB2Fu + a * 0x9E3779B1u + b * 0x85EBCA77u + c * 0xC2B2AE3Du;
    h ^= h >> 15;
    h *= 0x2C1B3C6Du;
    return h ^ h >> 13;
}

/* What a plain symbol passes for because it looks like it: count of them, in *others. */
static inline size_t passes_for(const evasion_t *evasion, uint16_t symbol, const uint16_t **others) {
    if ((uint16_t)(symbol - HAN_BEGIN) >= HAN_END - HAN_BEGIN) return 0;
    const uint16_t *offsets = evasion->alike_offsets + (symbol - HAN_BEGIN);
    *others = evasion->alike + offsets[0];
    return (size_t)(offsets[1] - offsets[0]);
}

static inline int looks_like(const evasion_t *evasion, uint16_t symbol, uint16_t meant) {
    const uint16_t *others = NULL;
    const size_t count = passes_for(evasion, symbol, &others);
    for (size_t k = 0; k < count; k++)
        if (others[k] == meant) return 1;
    return 0;
}

/* Whether an emoji is used for the syllable beside the word that it stands for. */
static inline int has_sound(const evasion_t *evasion, uint32_t record, uint16_t sound) {
    for (uint32_t k = evasion->emoji_offsets[record]; k < evasion->emoji_offsets[record + 1]; k++)
        if (evasion->emoji_sounds[k] == sound) return 1;
    return 0;
}

/* How one sound stands for symbol `meant` that sounds `want`; WRITING_NONE if it does not. */
#define WRITING_NONE 0xFFFFu
static inline uint32_t writing_of(const seeker_t *s, size_t at, uint16_t want, uint16_t meant, uint32_t classes) {
    const uint16_t sound = reading_sounds(s->reading)[at];
    const uint32_t source = s->reading->sources.at[at];
    if (s->reading->marks.at[at] == MARK_ELEMENT) {
        const element_t *element = &s->reading->elements.at[source];
        if (element->how & WRITING_EMOJI) return sound == want || has_sound(s->evasion, element->record, want) ? WRITING_EMOJI : WRITING_NONE;
        /* What is told without a word is nothing else. */
        return element->how & WRITING_PINYIN ? (sound == want ? WRITING_PINYIN : WRITING_NONE)
                                             : (element->written == meant ? element->how : WRITING_NONE);
    }
    const uint16_t symbol = s->symbols[source];
    if (symbol == meant) return 0;
    if (s->reading->marks.at[at] != MARK_SUSPECT) return WRITING_NONE;
    if (sound == want && classes & TAKES_PHONETIC) return WRITING_HOMOPHONE;
    return looks_like(s->evasion, symbol, meant) ? WRITING_LOOKALIKE : WRITING_NONE;
}

/* Proposes form `number` at sounds [begin, ...) if it may stand there, and what is written there must be read as it to be told.
 * Returns 0, or -1 (memory). */
static inline int propose(seeker_t *s, uint32_t number, int64_t begin) {
    const form_t *form = &s->evasion->forms[number];
    const word_t *word = &s->evasion->words[form->word];
    const uint16_t *want = s->evasion->form_sounds + form->start, *meant = s->evasion->word_symbols + word->start;
    const uint16_t *sounds = reading_sounds(s->reading);
    uint32_t hows = 0, natural = 0, latin = 0, letters = 0, emoji = 0, emoji_begin = 0, is_one = 1, is_needed = 0;
    s->work += word->length;
    for (uint32_t k = 0; k < word->length; k++) {
        /* SAFETY: boundaries stand before the first sound and behind the last, more than a word has symbols. */
        if (sounds[begin + k] == SYMBOL_BOUNDARY) return 0;
        const size_t at = (size_t)(begin + k);
        const uint32_t how = writing_of(s, at, want[k], meant[k], word->classes);
        if (how == WRITING_NONE) return 0;
        if (how == 0) continue;
        hows |= how;
        is_needed |= how & (WRITING_HOMOPHONE | WRITING_PINYIN | WRITING_EMOJI);
        if (s->reading->marks.at[at] == MARK_SUSPECT) {
            natural++;
        } else {
            const element_t *element = &s->reading->elements.at[s->reading->sources.at[at]];
            latin += (how & WRITING_PINYIN) != 0;
            letters += how & WRITING_PINYIN ? element->width : 0;
            if (how & WRITING_EMOJI) {
                if (emoji++ == 0) emoji_begin = element->offset;
                is_one &= element->offset == emoji_begin;
            }
        }
    }
    if (!is_needed && !natural) return 0; /* restored anyway */
    if (classes_for(hows) & ~(uint32_t)word->classes) return 0;
    if (latin == word->length && letters < PINYIN_LETTERS) return 0;
    if (emoji == word->length && !is_one) return 0; /* decoration */
    if (natural == 2 && word->length == 2) return 0; /* names of shops and people sound like any word */
    if (column_proposal_reserve(&s->proposals, 1)) return -1;
    const proposal_t proposal = {(uint32_t)begin, number, word->length, (uint16_t)natural};
    s->proposals.at[s->proposals.count++] = proposal;
    return 0;
}

/* Proposes the forms that are filed under a key around sound `at`. Returns 0, or -1 (memory). */
static inline int seek(seeker_t *s, uint32_t kind, uint32_t a, uint32_t b, uint32_t c, int64_t at) {
    const evasion_t *evasion = s->evasion;
    const uint32_t hash = key_hash(kind, a, b, c), bit = hash >> evasion->key_map_shift;
    if (!(evasion->key_map[bit >> 6] >> (bit & 63) & 1)) return 0;
    const uint32_t bucket = hash & evasion->bucket_mask, end = evasion->bucket_offsets[bucket + 1];
    for (uint32_t i = evasion->bucket_offsets[bucket]; i < end; i++) {
        s->work++;
        if (evasion->places[i].tag == hash >> 16 && propose(s, evasion->places[i].form, at - evasion->places[i].place)) return -1;
    }
    return 0;
}

static inline int may_be_pair(const evasion_t *evasion, uint32_t first, uint32_t second) {
    const uint32_t bit = (first & PAIR_MASK) << PAIR_BITS | (second & PAIR_MASK);
    return evasion->pair_map[bit >> 6] >> (bit & 63) & 1;
}

/* Words of two symbols around sound `at`, read as `sound`; is_new: the one before is no start of them yet. */
static inline int seek_pairs(seeker_t *s, int64_t at, uint32_t sound, int is_new) {
    const uint16_t *sounds = reading_sounds(s->reading) + at;
    if (may_be_pair(s->evasion, sound, sounds[1]) && seek(s, KEY_PAIR, sound, sounds[1], 0, at)) return -1;
    return is_new && may_be_pair(s->evasion, sounds[-1], sound) ? seek(s, KEY_PAIR, sounds[-1], sound, 0, at - 1) : 0;
}

/* All words around sound `at`, which is marked. Returns 0, or -1 (memory). */
static inline int seek_around(seeker_t *s, int64_t at) {
    const uint16_t *sounds = reading_sounds(s->reading) + at, *others = NULL;
    const int is_new = at == 0 || s->reading->marks.at[at - 1] == MARK_PLAIN;
    if (seek_pairs(s, at, sounds[0], is_new)) return -1;
    if (s->reading->marks.at[at] == MARK_SUSPECT) {
        const size_t count = passes_for(s->evasion, s->symbols[s->reading->sources.at[at]], &others);
        for (size_t k = 0; k < count; k++) {
            const uint32_t sound = s->evasion->symbol_of[others[k]] & EVASION_VALUE;
            if (sound != sounds[0] && seek_pairs(s, at, sound, 1)) return -1;
        }
    }
    if (s->reading->marks.at[at] == MARK_ELEMENT) {
        const element_t *element = &s->reading->elements.at[s->reading->sources.at[at]];
        const evasion_t *e = s->evasion;
        for (uint32_t k = e->emoji_offsets[element->record]; element->how & WRITING_EMOJI && k < e->emoji_offsets[element->record + 1]; k++)
            if (seek_pairs(s, at, e->emoji_sounds[k], 1)) return -1;
    }
    if (seek(s, KEY_THREE, sounds[1], sounds[2], 0, at) || seek(s, KEY_THREE + 1, sounds[-1], sounds[1], 0, at) ||
        seek(s, KEY_THREE + 2, sounds[-2], sounds[-1], 0, at))
        return -1;
    return seek(s, KEY_FOUR, sounds[1], sounds[2], sounds[3], at) || seek(s, KEY_FOUR + 1, sounds[-1], sounds[1], sounds[2], at) ||
                   seek(s, KEY_FOUR + 2, sounds[-2], sounds[-1], sounds[1], at) ||
                   seek(s, KEY_FOUR + 3, sounds[-3], sounds[-2], sounds[-1], at)
               ? -1
               : 0;
}

/* Proposes the words of the text that was read. Returns what was capped (MATCHES_CAPPED, WORK_CAPPED), or -1 (memory). */
static inline int seek_words(seeker_t *s) {
    const reading_t *reading = s->reading;
    s->proposals.count = 0;
    s->work = 0;
    s->work_limit = WORK_BASE + (uint64_t)WORK_PER_SYMBOL * reading->count;
    for (size_t at = 0; at < reading->count; at++) {
        if (reading->marks.at[at] == MARK_PLAIN) continue;
        if (s->work > s->work_limit) return WORK_CAPPED;
        if (s->proposals.count > MOST_PROPOSALS) return MATCHES_CAPPED;
        if (seek_around(s, (int64_t)at)) return -1;
    }
    return 0;
}

#endif
