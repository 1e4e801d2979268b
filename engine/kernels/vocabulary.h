/* Words that a text may mean where it is written otherwise. The same code for every path.
 *
 * Around every sound that is marked, the sounds beside it are looked up: what stands there itself is left open, it may sound or look
 * like what is meant. A word that is found is then compared place by place. tests/reference/restoring.py says the same in plain Python. */
#ifndef FAIRPOST_VOCABULARY_H
#define FAIRPOST_VOCABULARY_H

#include "reading.h"

enum {
    LONG_WORD = 4, /* symbols of a word in which a half suspect may stand for another character */
    PINYIN_LETTERS = 5, /* at least, of a word wholly in Latin letters */
    MOST_PROPOSALS = 4096, /* in a text */
    KEY_PAIR_FIRST = 0, /* the first one is left open, the second is as it stands */
    KEY_PAIR_SECOND = 1,
    KEY_PAIR_FIRST_SOUND = 2,
    KEY_PAIR_SECOND_SOUND = 3,
    KEY_THREE = 4, /* for each of the places that may be left open: the first other one as it stands, the second, none */
    KEY_FOUR = 13, /* all others by their sounds */
    KEYS_OF_ONE = 64, /* at most, around one sound */
    MOST_KEYS = 192
};

/* SAFETY: note_keys() notes two pairs for a sound and for each that it passes for, two of each way of three, one of each of four. */
_Static_assert(2 * (1 + MOST_ALIKE) + 3 * 2 + 4 <= KEYS_OF_ONE, "too many keys around one sound");

/* Sounds [at, at + length) of the text may be a form. natural: how many of them are characters that stand for others. */
typedef struct {
    uint32_t at, form;
    uint16_t length, natural;
} proposal_t;

COLUMN(proposal_t, column_proposal)

typedef struct { uint32_t hash, at; } noted_key_t;

/* What looking up works on. */
typedef struct {
    const image_t *image;
    const evasion_t *evasion;
    const chunk_t *chunk;
    const text_t *text;
    const reading_t *reading;
    column_proposal proposals;
    noted_key_t keys[MOST_KEYS];
    size_t key_count;
    uint64_t work, work_limit;
} seeker_t;

static inline uint32_t key_hash(uint32_t kind, uint32_t a, uint32_t b, uint32_t c) {
    uint32_t h = kind * 0x27D4EB2Fu + a * 0x9E3779B1u + b * 0x85EBCA77u + c * 0xC2B2AE3Du;
    h ^= h >> 15;
    h *= 0x2C1B3C6Du;
    return h ^ h >> 13;
}

/* Items [begin, end) of a column. */
typedef struct { uint32_t begin, end; } range_t;

static inline int holds_value(const uint16_t *column, range_t range, uint16_t value) {
    for (uint32_t k = range.begin; k < range.end; k++)
        if (column[k] == value) return 1;
    return 0;
}

/* What a plain symbol passes for because it looks like it: places in evasion_t.alike and alike_sounds. */
static inline range_t passes_for(const evasion_t *evasion, uint16_t symbol) {
    const uint16_t han = (uint16_t)(symbol - HAN_BEGIN);
    const range_t none = {0, 0};
    if (han >= HAN_END - HAN_BEGIN) return none;
    const range_t found = {evasion->alike_offsets[han], evasion->alike_offsets[han + 1]};
    return found;
}

static inline int looks_like(const evasion_t *evasion, uint16_t symbol, uint16_t meant) {
    return holds_value(evasion->alike, passes_for(evasion, symbol), meant);
}

/* Syllables for which an emoji is used beside the word that it stands for: places in evasion_t.emoji_sounds. */
static inline range_t sounds_beside(const evasion_t *evasion, uint32_t record) {
    const range_t found = {evasion->emoji_offsets[record], evasion->emoji_offsets[record + 1]};
    return found;
}

static inline int has_sound(const evasion_t *evasion, uint32_t record, uint16_t sound) {
    return holds_value(evasion->emoji_sounds, sounds_beside(evasion, record), sound);
}

/* How a rare form itself sounds where running text would be surprised by the common one for which it passes; 0 of anything else. */
static inline uint16_t own_sound(const evasion_t *evasion, const element_t *element) {
    return element->how & WRITING_LOOKALIKE && element->record != (uint32_t)NO_RECORD ? evasion->lookalikes[element->record].sound : 0;
}

/* Whether what stands at sound `at` may be something else; before the first sound there is nothing. */
static inline int is_open(const reading_t *reading, int64_t at) {
    return at >= 0 && (reading->marks.at[at] == MARK_SUSPECT || reading->marks.at[at] == MARK_ELEMENT);
}

/* How one sound stands for symbol `meant` that sounds `want`; WRITING_NONE if it does not. */
#define WRITING_NONE 0xFFFFu
static inline uint32_t writing_of(const seeker_t *s, size_t at, uint16_t want, uint16_t meant, uint32_t classes) {
    const uint16_t sound = reading_sounds(s->reading)[at];
    if (s->reading->marks.at[at] == MARK_ELEMENT) {
        const element_t *element = &s->reading->elements.at[s->reading->sources.at[at]];
        if (element->how & WRITING_EMOJI) return sound == want || has_sound(s->evasion, element->record, want) ? WRITING_EMOJI : WRITING_NONE;
        if (element->how & WRITING_PINYIN) return sound == want ? WRITING_PINYIN : WRITING_NONE;
        /* What is told without a word is nothing else, but a rare character that surprises may be written for its own sound. */
        if (element->written == meant) return element->how;
        return own_sound(s->evasion, element) == want && classes & TAKES_PHONETIC ? (element->how & ~(uint32_t)WRITING_LOOKALIKE) | WRITING_HOMOPHONE : WRITING_NONE;
    }
    const uint16_t symbol = reading_written(s->reading)[at];
    if (symbol == meant) return 0;
    if (s->reading->marks.at[at] == MARK_PLAIN) return WRITING_NONE;
    if (sound == want && classes & TAKES_PHONETIC) return WRITING_HOMOPHONE;
    return s->reading->marks.at[at] == MARK_SUSPECT && looks_like(s->evasion, symbol, meant) ? WRITING_LOOKALIKE : WRITING_NONE;
}

/* Whether a clause ends between sound `at`, which is no emoji, and the next one. */
static inline int ends_clause(seeker_t *s, size_t at) {
    const uint32_t source = s->reading->sources.at[at], *offsets = chunk_offsets(s->chunk);
    const element_t *element = &s->reading->elements.at[source];
    const uint32_t last = s->reading->marks.at[at] == MARK_ELEMENT ? element->source + element->width - 1 : source;
    if (adjoins(s->chunk, last)) return 0;
    const uint32_t end = offsets[last] + utf8_length(chunk_bytes(s->chunk)[offsets[last]]);
    return delimiter_between(s->image, s->text, end - s->text->byte_begin, offsets[last + 1] - s->text->byte_begin, SYMBOL_SKIP_CLAUSE, &s->work);
}

/* Whether a clause ends somewhere inside `length` sounds from `at` on, none of them an emoji. */
static inline int ends_clause_inside(seeker_t *s, size_t at, size_t length) {
    for (size_t k = 0; k + 1 < length; k++)
        if (ends_clause(s, at + k)) return 1;
    return 0;
}

/* Proposes form `number` at sounds [begin, ...) if it may stand there, and what is written there must be read as it to be told.
 * Returns 0, or -1 (memory). */
static inline int propose(seeker_t *s, uint32_t number, int64_t begin) {
    const form_t *form = &s->evasion->forms[number];
    const word_t *word = &s->evasion->words[form->word];
    const uint16_t *want = s->evasion->form_sounds + form->start, *meant = s->evasion->word_symbols + word->start;
    const uint16_t *sounds = reading_sounds(s->reading);
    uint32_t hows = 0, natural = 0, latin = 0, letters = 0, emoji = 0, emoji_begin = 0, is_one = 1, half = 0, changed = 0;
    s->work += word->length;
    for (uint32_t k = 0; k < word->length; k++) {
        /* SAFETY: boundaries stand before the first sound and behind the last, more than a word has symbols. */
        if (sounds[begin + k] == SYMBOL_BOUNDARY) return 0;
        const size_t at = (size_t)(begin + k);
        const uint32_t how = writing_of(s, at, want[k], meant[k], word->classes);
        if (how == WRITING_NONE) return 0;
        if (how == 0) continue;
        hows |= how;
        const uint32_t mark = s->reading->marks.at[at];
        changed++;
        half += mark == MARK_HALF;
        natural += mark == MARK_SUSPECT || mark == MARK_HALF || (how & WRITING_HOMOPHONE);
        if (s->reading->marks.at[at] == MARK_ELEMENT) {
            const element_t *element = &s->reading->elements.at[s->reading->sources.at[at]];
            latin += (how & WRITING_PINYIN) != 0;
            letters += how & WRITING_PINYIN ? element->width : 0;
            if (how & WRITING_EMOJI) {
                if (emoji++ == 0) emoji_begin = element->offset;
                is_one &= element->offset == emoji_begin;
            }
        }
    }
    if (half && (word->length < LONG_WORD || changed > 1 || ends_clause_inside(s, (size_t)begin, word->length))) return 0;
    if (!natural && !(hows & (WRITING_PINYIN | WRITING_EMOJI))) return 0; /* restored anyway */
    if (classes_for(hows) & ~(uint32_t)word->classes) return 0;
    if (latin == word->length && letters < PINYIN_LETTERS) return 0;
    if (emoji == word->length && !is_one) return 0; /* decoration */
    if (word->length == 2 && natural == 2) return 0; /* names of shops and people sound like any word */
    if (word->length == 2 && natural && !emoji && ends_clause(s, (size_t)begin)) return 0; /* and so does what lies around a comma */
    if (column_proposal_reserve(&s->proposals, 1)) return -1;
    const proposal_t proposal = {(uint32_t)begin, number, word->length, (uint16_t)natural};
    s->proposals.at[s->proposals.count++] = proposal;
    return 0;
}

/* Notes a key around sound `at`, if any form is filed under it. There is room. */
static inline void note_key(seeker_t *s, uint32_t kind, uint32_t a, uint32_t b, uint32_t c, size_t at) {
    const uint32_t hash = key_hash(kind, a, b, c), bit = hash >> s->evasion->key_map_shift;
    s->keys[s->key_count].hash = hash; /* stored in any case: written over by the next */
    s->keys[s->key_count].at = (uint32_t)at;
    s->key_count += s->evasion->key_map[bit >> 6] >> (bit & 63) & 1;
}

/* Whether a map of pairs of sounds holds these two. */
static inline int holds_pair(const uint64_t *map, uint32_t first, uint32_t second) {
    const uint32_t bit = (first & PAIR_MASK) << PAIR_BITS | (second & PAIR_MASK);
    return map[bit >> 6] >> (bit & 63) & 1;
}

/* Words of two symbols around sound `at`, read as `sound`. The other one is as it stands, unless it is in letters or an emoji. */
static inline void note_pairs(seeker_t *s, size_t at, uint32_t sound) {
    const uint16_t *sounds = reading_sounds(s->reading) + at, *written = reading_written(s->reading) + at;
    if (holds_pair(s->evasion->pair_map, sound, sounds[1]))
        note_key(s, written[1] ? KEY_PAIR_FIRST : KEY_PAIR_FIRST_SOUND, sound, written[1] ? written[1] : sounds[1], 0, at);
    if (holds_pair(s->evasion->pair_map, sounds[-1], sound))
        note_key(s, written[-1] ? KEY_PAIR_SECOND : KEY_PAIR_SECOND_SOUND, written[-1] ? written[-1] : sounds[-1], sound, 0, at);
}

/* Words of three symbols, the one left out at `at`, the others `a` and `b` behind it (or before: negative). One of these is as it
 * stands, unless both are in letters or emoji. */
static inline void note_three(seeker_t *s, uint32_t kind, size_t at, int a, int b) {
    const uint16_t *sounds = reading_sounds(s->reading) + at, *written = reading_written(s->reading) + at;
    const int is_open_a = is_open(s->reading, (int64_t)at + a), is_open_b = is_open(s->reading, (int64_t)at + b);
    if (written[a] && (is_open_b || !is_open_a)) note_key(s, kind, written[a], sounds[b], 0, at);
    if (written[b] && is_open_a) note_key(s, kind + 1, sounds[a], written[b], 0, at);
    if (!written[a] && !written[b]) note_key(s, kind + 2, sounds[a], sounds[b], 0, at);
}

/* Words of four symbols and more around sound `at`. */
static inline void note_fours(seeker_t *s, size_t at) {
    const uint64_t *map = s->evasion->neighbour_map;
    const uint16_t *sounds = reading_sounds(s->reading) + at;
    if (holds_pair(map, sounds[1], sounds[2])) {
        if (holds_pair(map, sounds[2], sounds[3])) note_key(s, KEY_FOUR, sounds[1], sounds[2], sounds[3], at);
        note_key(s, KEY_FOUR + 1, sounds[-1], sounds[1], sounds[2], at);
    }
    if (holds_pair(map, sounds[-2], sounds[-1])) {
        note_key(s, KEY_FOUR + 2, sounds[-2], sounds[-1], sounds[1], at);
        if (holds_pair(map, sounds[-3], sounds[-2])) note_key(s, KEY_FOUR + 3, sounds[-3], sounds[-2], sounds[-1], at);
    }
}

/* The same around a half suspect, which is what is meant when it is read aloud: all pairs of sounds beside it are in words, too. */
static inline void note_half(seeker_t *s, size_t at) {
    const uint64_t *map = s->evasion->neighbour_map;
    const uint16_t *sounds = reading_sounds(s->reading) + at;
    const int before = holds_pair(map, sounds[-1], sounds[0]), behind = holds_pair(map, sounds[0], sounds[1]);
    if (behind && holds_pair(map, sounds[1], sounds[2])) {
        if (holds_pair(map, sounds[2], sounds[3])) note_key(s, KEY_FOUR, sounds[1], sounds[2], sounds[3], at);
        if (before) note_key(s, KEY_FOUR + 1, sounds[-1], sounds[1], sounds[2], at);
    }
    if (before && holds_pair(map, sounds[-2], sounds[-1])) {
        if (behind) note_key(s, KEY_FOUR + 2, sounds[-2], sounds[-1], sounds[1], at);
        if (holds_pair(map, sounds[-3], sounds[-2])) note_key(s, KEY_FOUR + 3, sounds[-3], sounds[-2], sounds[-1], at);
    }
}

/* Notes the keys of all words around sound `at`, which is marked. */
static inline void note_keys(seeker_t *s, size_t at) {
    const evasion_t *e = s->evasion;
    const uint16_t *sounds = reading_sounds(s->reading) + at;
    if (s->reading->marks.at[at] == MARK_HALF) {
        note_half(s, at);
        return;
    }
    note_pairs(s, at, sounds[0]);
    if (s->reading->marks.at[at] == MARK_SUSPECT) {
        const range_t alike = passes_for(e, reading_written(s->reading)[at]);
        for (uint32_t k = alike.begin; k < alike.end; k++)
            if (e->alike_sounds[k] != sounds[0]) note_pairs(s, at, e->alike_sounds[k]);
    } else {
        const element_t *element = &s->reading->elements.at[s->reading->sources.at[at]];
        if (element->how & WRITING_EMOJI) {
            const range_t beside = sounds_beside(e, element->record);
            for (uint32_t k = beside.begin; k < beside.end; k++) note_pairs(s, at, e->emoji_sounds[k]);
        } else if (own_sound(e, element)) {
            note_pairs(s, at, own_sound(e, element));
        }
    }
    note_three(s, KEY_THREE + 3, at, -1, 1);
    /* What stands side by side there stands side by side in no word, mostly: a look at a small map spares those at a large one. */
    const int before = holds_pair(e->neighbour_map, sounds[-2], sounds[-1]), behind = holds_pair(e->neighbour_map, sounds[1], sounds[2]);
    if (behind) note_three(s, KEY_THREE, at, 1, 2);
    if (before) note_three(s, KEY_THREE + 6, at, -2, -1);
    if (before | behind) note_fours(s, at);
}

/* Whether what stands at sound `at` may be the symbol that a form filed there has in its place. Where the symbol itself stands
 * there, the form is found around another sound, if at all. */
static inline int may_stand(const seeker_t *s, const placed_t *placed, size_t at) {
    const uint16_t written = reading_written(s->reading)[at];
    if (s->reading->marks.at[at] == MARK_ELEMENT)
        return written == 0 || written == placed->meant ||
               own_sound(s->evasion, &s->reading->elements.at[s->reading->sources.at[at]]) == (placed->sound & EVASION_VALUE);
    if (written == placed->meant) return 0;
    return (placed->sound & EVASION_VALUE) == reading_sounds(s->reading)[at] || looks_like(s->evasion, written, placed->meant);
}

/* Whether sound `at` may be read as `want`. */
static inline int may_sound(const seeker_t *s, size_t at, uint16_t want) {
    const evasion_t *e = s->evasion;
    if (reading_sounds(s->reading)[at] == want) return 1;
    if (s->reading->marks.at[at] == MARK_SUSPECT) return holds_value(e->alike_sounds, passes_for(e, reading_written(s->reading)[at]), want);
    const element_t *element = &s->reading->elements.at[s->reading->sources.at[at]];
    return element->how & WRITING_EMOJI ? has_sound(e, element->record, want) : own_sound(e, element) == want;
}

/* Whether what stands beside sound `at`, the form's place `place`, is what a key of the form says: a hash may be another key's. */
static inline int is_filed(const seeker_t *s, uint32_t number, uint32_t place, size_t at) {
    const form_t *form = &s->evasion->forms[number];
    const word_t *word = &s->evasion->words[form->word];
    const uint16_t *want = s->evasion->form_sounds + form->start, *meant = s->evasion->word_symbols + word->start;
    /* SAFETY: boundaries stand before the first sound and behind the last, more than a word has symbols. */
    const int64_t begin = (int64_t)at - place;
    const uint16_t *sounds = reading_sounds(s->reading) + begin, *written = reading_written(s->reading) + begin;
    if (word->length == 2) {
        const uint32_t other = 1 - place;
        return sounds[other] == want[other] && (!written[other] || written[other] == meant[other]) && may_sound(s, at, want[place]);
    }
    if (word->length == 3) {
        const uint32_t a = place == 0, b = place == 2 ? 1 : 2;
        const int alike_a = sounds[a] == want[a], alike_b = sounds[b] == want[b];
        const int is_open_a = is_open(s->reading, begin + a), is_open_b = is_open(s->reading, begin + b);
        if (!written[a] && !written[b]) return alike_a && alike_b;
        return (written[a] == meant[a] && alike_b && (is_open_b || !is_open_a)) || (written[b] == meant[b] && alike_a && is_open_a);
    }
    const uint32_t last = word->length - 4u, before = place ? place - 1 : 0, start = before < last ? before : last;
    for (uint32_t k = start; k < start + 4; k++)
        if (k != place && sounds[k] != want[k]) return 0;
    return 1;
}

/* Proposes the forms that are filed under the noted keys. Their cache misses overlap. Returns 0, or -1 (memory). */
static inline int seek_keys(seeker_t *s) {
    const evasion_t *evasion = s->evasion;
    const uint32_t mask = evasion->bucket_mask;
    for (size_t i = 0; i < s->key_count; i++) __builtin_prefetch(&evasion->bucket_offsets[s->keys[i].hash & mask]);
    for (size_t i = 0; i < s->key_count; i++) __builtin_prefetch(&evasion->places[evasion->bucket_offsets[s->keys[i].hash & mask]]);
    for (size_t i = 0; i < s->key_count; i++) {
        const uint32_t hash = s->keys[i].hash, at = s->keys[i].at, end = evasion->bucket_offsets[(hash & mask) + 1];
        for (uint32_t k = evasion->bucket_offsets[hash & mask]; k < end; k++) {
            const placed_t *placed = &evasion->places[k];
            s->work++;
            if (placed->sound >> 12 == hash >> 28 && may_stand(s, placed, at) && is_filed(s, placed->form >> 8, placed->form & 0xFF, at) &&
                propose(s, placed->form >> 8, (int64_t)at - (placed->form & 0xFF)))
                return -1;
        }
    }
    s->key_count = 0;
    return 0;
}

/* Proposes the words of the text that was read. Returns what was capped (MATCHES_CAPPED, WORK_CAPPED), or -1 (memory). */
static inline int seek_words(seeker_t *s) {
    const reading_t *reading = s->reading;
    s->proposals.count = s->key_count = 0;
    s->work = 0;
    s->work_limit = WORK_BASE + (uint64_t)WORK_PER_SYMBOL * reading->count;
    for (size_t at = 0; at < reading->count; at++) {
        if (reading->marks.at[at] == MARK_PLAIN) continue;
        if (s->work > s->work_limit) return WORK_CAPPED;
        if (s->proposals.count > MOST_PROPOSALS) return MATCHES_CAPPED;
        note_keys(s, at);
        if (s->key_count > MOST_KEYS - KEYS_OF_ONE && seek_keys(s)) return -1;
    }
    return seek_keys(s) ? -1 : 0;
}

#endif
