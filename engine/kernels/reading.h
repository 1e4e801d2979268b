/* A text's symbols -> what it says when it is read aloud and by its looks. The same code for every path.
 *
 * A text becomes a row of *sounds*, one for each symbol, but for what is written in a way that nobody chooses by chance: a Latin
 * syllable, a character in its parts, a rare form, a stretched character, an emoji. Each of these is an *element*, one sound for all of
 * its symbols. Where running text would be surprised by a plain character, it is a *suspect*: perhaps it stands for another one. */
#ifndef FAIRPOST_READING_H
#define FAIRPOST_READING_H

#include "chunk.h"
#include "fold.h"
#include "latin.h"
#include "matcher.h"
#include "passages.h"

enum {
    EMOJI_LEAST_SECOND = 0x8C, /* E2 8C is the begin of U+2300: no emoji of the table lies between that and U+10000 but there */
    EMOJI_BLOCK = 64,
    NO_RECORD = -1,
    READING_LEAD = 64 /* boundaries before the first sound and behind the last: more than a word reaches */
};

/* What stands at a sound. Of a half suspect one of the pairs surprises: it may stand for another one of its sound in a long
 * word that is else as it was meant. */
enum { MARK_PLAIN = 0, MARK_SUSPECT = 1, MARK_ELEMENT = 2, MARK_HALF = 3 };

typedef struct {
    uint32_t source;  /* its first symbol in the chunk; of an emoji without symbols the one behind it */
    uint32_t width;   /* how many symbols of the chunk it takes */
    uint32_t offset;  /* byte in the chunk where it begins */
    uint16_t written; /* the symbol that it stands for; 0 for a Latin syllable */
    uint16_t how;     /* WRITING_... */
    uint32_t record;  /* of an emoji: its place in evasion_t.emoji; of a rare form in evasion_t.lookalikes, or NO_RECORD: it stands for nothing else */
} element_t;

typedef struct {
    uint32_t offset; /* byte in the chunk */
    uint32_t record; /* in evasion_t.emoji */
} emoji_t;

COLUMN(element_t, column_element)
COLUMN(emoji_t, column_emoji)

/* One text as it is read: its passages, with the sound of the boundary behind each. Of each sound: what it is, the symbol that is written there (0 for a Latin syllable or an emoji), the mark,
 * and the symbol of the chunk or the number of the element. */
typedef struct {
    column_u16 sounds_, written_;
    column_u8 marks;
    column_u32 sources;
    column_element elements;
    column_emoji emoji;
    column_passage passages;
    size_t count, marked; /* sounds; those that are not plain */
    int is_stretched;     /* characters stand there more often than anybody writes them: then a usual double is one of them, too */
} reading_t;

static inline uint16_t *reading_sounds(const reading_t *reading) { return reading->sounds_.at + READING_LEAD; }

static inline uint16_t *reading_written(const reading_t *reading) { return reading->written_.at + READING_LEAD; }

static inline void reading_free(reading_t *reading) {
    column_u16_free(&reading->sounds_);
    column_u16_free(&reading->written_);
    column_u8_free(&reading->marks);
    column_u32_free(&reading->sources);
    column_element_free(&reading->elements);
    column_emoji_free(&reading->emoji);
    column_passage_free(&reading->passages);
}

/* Room for `count` sounds, and boundaries around them. */
static inline int reading_reserve(reading_t *reading, size_t count) {
    if (column_u16_reserve(&reading->sounds_, count + 2 * READING_LEAD) || column_u16_reserve(&reading->written_, count + 2 * READING_LEAD) ||
        column_u8_reserve(&reading->marks, count + 2 * READING_LEAD) || column_u32_reserve(&reading->sources, count))
        return -1;
    for (size_t k = 0; k < READING_LEAD; k++) reading->sounds_.at[k] = reading->written_.at[k] = SYMBOL_BOUNDARY;
    return 0;
}

/* The place of an emoji in evasion_t.emoji, or NO_RECORD. */
static inline uint32_t emoji_record(const evasion_t *evasion, uint32_t code_point) {
    size_t low = 0, high = evasion->emoji_count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (evasion->emoji[middle].code_point < code_point)
            low = middle + 1;
        else
            high = middle;
    }
    return low < evasion->emoji_count && evasion->emoji[low].code_point == code_point ? (uint32_t)low : (uint32_t)NO_RECORD;
}

/* Notes the emoji of bytes [begin, end) of the chunk that stand for words, in order. The texts are well-formed by now. Returns 0,
 * or -1 (memory). */
static inline int find_emoji(const evasion_t *evasion, const chunk_t *chunk, size_t begin, size_t end, reading_t *reading) {
    const uint8_t *bytes = chunk_bytes(chunk);
    for (size_t from = begin; from < end; from += EMOJI_BLOCK) {
        uint8_t any = 0;
        /* SAFETY: slack stands behind the texts, zero bytes. */
        for (size_t i = from; i < from + EMOJI_BLOCK; i++)
            any |= (uint8_t)((bytes[i] == 0xF0) | ((bytes[i] == 0xE2) & (bytes[i + 1] >= EMOJI_LEAST_SECOND)));
        if (!any) continue;
        for (size_t i = from; i < from + EMOJI_BLOCK && i < end; i++) {
            if (!(bytes[i] == 0xF0 || (bytes[i] == 0xE2 && bytes[i + 1] >= EMOJI_LEAST_SECOND))) continue;
            size_t after = i;
            const uint32_t record = emoji_record(evasion, decode_utf8(bytes, chunk->byte_count, &after));
            if (record == (uint32_t)NO_RECORD) continue;
            if (column_emoji_reserve(&reading->emoji, 1)) return -1;
            reading->emoji.at[reading->emoji.count].offset = (uint32_t)i;
            reading->emoji.at[reading->emoji.count++].record = record;
        }
    }
    return 0;
}

/* The first symbol of the text, from `from` on, whose character stands behind byte `offset`. */
static inline size_t symbol_behind(const chunk_t *chunk, size_t from, size_t end, uint32_t offset) {
    const uint32_t *offsets = chunk_offsets(chunk);
    while (from < end) {
        const size_t middle = (from + end) / 2;
        if (offsets[middle] <= offset)
            from = middle + 1;
        else
            end = middle;
    }
    return from;
}

/* The bit of two parts in the map of splits: most pairs of symbols that could begin one have none. */
static inline uint32_t split_bit(uint32_t first, uint32_t second) { return (first << 16 | second) * 0x9E3779B1u >> 15; }

/* The split character whose parts begin at `symbols`, the longest; at most `room` of them may be taken. NULL if there is none. */
static inline const split_t *find_split(const evasion_t *evasion, const uint16_t *symbols, size_t room) {
    for (size_t parts = room < 3 ? room : 3; parts >= 2; parts--) {
        const uint64_t want = (uint64_t)symbols[0] << 32 | (uint64_t)symbols[1] << 16 | (parts == 3 ? symbols[2] : 0);
        size_t low = 0, high = evasion->split_count;
        while (low < high) {
            const size_t middle = (low + high) / 2;
            const split_t *split = &evasion->splits[middle];
            const uint64_t have = (uint64_t)split->parts[0] << 32 | (uint64_t)split->parts[1] << 16 | split->parts[2];
            if (have == want) return split;
            if (have < want)
                low = middle + 1;
            else
                high = middle;
        }
    }
    return NULL;
}

/* Whether two symbols may be the first parts of a split character. */
static inline uint32_t may_be_split(const evasion_t *evasion, uint32_t first, uint32_t second) {
    const uint32_t bit = split_bit(first, second);
    return evasion->split_map[bit >> 6] >> (bit & 63) & 1;
}

/* The same as find_split, of which most pairs of symbols are done with one look. */
static inline const split_t *split_at(const evasion_t *evasion, const uint16_t *symbols, size_t room) {
    return room >= 2 && may_be_split(evasion, symbols[0], symbols[1]) ? find_split(evasion, symbols, room) : NULL;
}

/* The place in evasion_t.lookalikes of a symbol that is marked as rare. */
static inline uint32_t find_rare(const evasion_t *evasion, uint16_t symbol) {
    size_t low = 0, high = evasion->lookalike_count;
    while (low + 1 < high) {
        const size_t middle = (low + high) / 2;
        if (evasion->lookalikes[middle].rare <= symbol)
            low = middle;
        else
            high = middle;
    }
    return (uint32_t)low;
}

/* Whether running text seldom has the pair. */
static inline int is_unusual(const evasion_t *evasion, uint32_t first, uint32_t second) {
    const uint32_t hash = first * 0x9E3779B1u + second * 0xC2B2AE35u;
    const uint64_t word = evasion->usual[hash >> (32 - USUAL_BITS + 6)];
    return !(word >> (hash >> (32 - USUAL_BITS) & 63) & word >> (hash >> (32 - USUAL_BITS - 6) & 63) & 1);
}

/* How many usual pairs the character makes with what stands beside its parts, which begin at `symbols`. */
static inline int split_fit(const evasion_t *evasion, const split_t *split, const uint16_t *symbols) {
    const size_t width = split->parts[2] ? 3 : 2;
    return !is_unusual(evasion, symbols[-1], split->whole) + !is_unusual(evasion, split->whole, symbols[width]);
}

/* Appends an element. There is room for its sound. Returns 0, or -1 (memory). */
static inline int read_element(reading_t *reading, uint16_t sound, element_t element) {
    if (column_element_reserve(&reading->elements, 1)) return -1;
    reading_sounds(reading)[reading->count] = sound;
    reading_written(reading)[reading->count] = element.how & WRITING_EMOJI ? 0 : element.written;
    reading->marks.at[reading->count] = MARK_ELEMENT;
    reading->sources.at[reading->count++] = (uint32_t)reading->elements.count;
    reading->elements.at[reading->elements.count++] = element;
    reading->marked++;
    return 0;
}

/* Appends a character that stands for itself, or for one that the reader is to guess. There is room. */
static inline void read_plain(reading_t *reading, uint32_t sound, uint16_t symbol, size_t at, uint32_t mark) {
    reading_sounds(reading)[reading->count] = (uint16_t)sound;
    reading_written(reading)[reading->count] = symbol;
    reading->marks.at[reading->count] = (uint8_t)mark;
    reading->sources.at[reading->count++] = (uint32_t)at;
    reading->marked += mark != MARK_PLAIN;
}

/* The syllable for which the letter at symbol `at` stands, a word of its own; 0 if for none. V and W do before what sounds like 信, X
 * behind what sounds like 微: elsewhere these are words of their own, which lists hold, or digits that are not told. */
static inline uint16_t stands_for(const evasion_t *evasion, const uint16_t *symbols, size_t at, const reading_t *reading) {
    const uint16_t sound = initial_of(evasion, symbols[at]);
    if (!sound || symbols[at] == 'q') return sound;
    /* SAFETY: a boundary stands before the first sound, and behind the last symbol of a text. */
    if (symbols[at] == 'x') return reading_sounds(reading)[(int64_t)reading->count - 1] == initial_of(evasion, 'v') ? sound : 0;
    return (evasion->symbol_of[symbols[at + 1]] & EVASION_VALUE) == initial_of(evasion, 'x') ? sound : 0;
}

/* Reads the Latin word at symbol `at`. Returns its end, or 0 (memory). */
static inline size_t read_latin(const evasion_t *evasion, const chunk_t *chunk, size_t at, size_t stop, reading_t *reading) {
    const uint16_t *symbols = chunk_symbols(chunk);
    const size_t begin = at, end = latin_end(evasion, chunk, at, stop);
    uint8_t lengths[LONGEST_LATIN];
    uint16_t syllables[LONGEST_LATIN];
    const size_t made = cut_word(evasion, symbols + at, end - at, lengths, syllables);
    for (size_t k = 0; k < made; k++) {
        const element_t element = {(uint32_t)at, lengths[k], chunk_offsets(chunk)[at], 0, WRITING_PINYIN, 0};
        if (read_element(reading, syllables[k], element)) return 0;
        at += lengths[k];
    }
    const uint16_t sound = end == begin + 1 ? stands_for(evasion, symbols, at, reading) : 0;
    if (sound) {
        const element_t element = {(uint32_t)at, 1, chunk_offsets(chunk)[at], 0, WRITING_PINYIN, 0};
        if (read_element(reading, sound, element)) return 0;
        at = end;
    }
    for (; at < end; at++) read_plain(reading, evasion->symbol_of[symbols[at]] & EVASION_VALUE, symbols[at], at, MARK_PLAIN);
    return end;
}

/* The symbol that the last sound stands for without a word, if it ends where symbol `at` begins; 0 if it stands for itself. */
static inline uint16_t restored_before(const reading_t *reading, size_t at) {
    if (reading->count == 0 || reading->marks.at[reading->count - 1] != MARK_ELEMENT) return 0;
    const element_t *element = &reading->elements.at[reading->sources.at[reading->count - 1]];
    return element->how & (WRITING_SPLIT | WRITING_LOOKALIKE) && element->source + element->width == at ? element->written : 0;
}

/* Whether running text would be surprised by `symbol` at `at`, behind what was read last: as it stands, and as it was meant. */
static inline uint32_t is_unusual_behind(const evasion_t *evasion, const uint16_t *symbols, size_t at, uint16_t symbol, const reading_t *reading) {
    const uint16_t meant = restored_before(reading, at);
    return (uint32_t)is_unusual(evasion, symbols[(int64_t)at - 1], symbol) & (uint32_t)(!meant || is_unusual(evasion, meant, symbol));
}

/* The last sound surprises less if running text often has it before `meant`, for which what begins at symbol `at` stands. */
static inline void clear_suspect(const evasion_t *evasion, const uint16_t *symbols, size_t at, uint16_t meant, reading_t *reading) {
    const size_t last = reading->count - 1;
    if (reading->count == 0) return;
    if (reading->marks.at[last] == MARK_SUSPECT || reading->marks.at[last] == MARK_HALF) {
        if (reading->sources.at[last] + 1 != at || !is_unusual(evasion, symbols[at - 1], symbols[at]) || is_unusual(evasion, symbols[at - 1], meant)) return;
        /* What follows surprises no more: that was one of both, or the only one. */
        reading->marks.at[last] = reading->marks.at[last] == MARK_SUSPECT ? MARK_HALF : MARK_PLAIN;
        reading->marked -= reading->marks.at[last] == MARK_PLAIN;
    } else if (reading->marks.at[last] == MARK_ELEMENT) {
        element_t *element = &reading->elements.at[reading->sources.at[last]];
        if (!(element->how & WRITING_LOOKALIKE) || element->source + element->width != at || is_unusual(evasion, element->written, meant)) return;
        element->record = (uint32_t)NO_RECORD;
    }
}

/* Reads symbols [at, stop) of the text, as far as each stands for one sound and is nothing but itself or a suspect. Returns where it
 * stopped. The loop that most of a text goes through: nothing in it is read again from memory. */
static inline size_t read_plain_run(const evasion_t *evasion, const uint16_t *symbols, size_t at, size_t stop, reading_t *reading) {
    const uint16_t *const of = evasion->symbol_of;
    uint16_t *restrict const sounds = reading_sounds(reading) + reading->count, *restrict const written = reading_written(reading) + reading->count;
    uint8_t *restrict const marks = reading->marks.at + reading->count;
    uint32_t *restrict const sources = reading->sources.at + reading->count;
    const size_t begin = at;
    /* SAFETY: a boundary stands before the first symbol of a text, and behind the last. */
    uint32_t before = is_unusual_behind(evasion, symbols, at, symbols[at], reading), marked = 0;
    for (; at < stop; at++) {
        const uint32_t symbol = symbols[at], next = symbols[at + 1], kind = of[symbol], sound = kind & EVASION_VALUE;
        const uint32_t is_syllable = sound >= SYLLABLE_BEGIN, begins_split = (uint32_t)((kind & EVASION_SPLIT) != 0) & may_be_split(evasion, symbol, next);
        if ((kind & (EVASION_LETTER | EVASION_RARE)) | begins_split | (is_syllable & (symbol == next))) break;
        const uint32_t behind = (uint32_t)is_unusual(evasion, symbol, next), suspect = is_syllable & before & behind;
        sounds[at - begin] = (uint16_t)sound;
        written[at - begin] = (uint16_t)symbol;
        const uint32_t half = is_syllable & (before ^ behind);
        marks[at - begin] = (uint8_t)(MARK_SUSPECT * suspect + MARK_HALF * half);
        sources[at - begin] = (uint32_t)at;
        marked += suspect | half;
        before = behind;
    }
    reading->count += at - begin;
    reading->marked += marked;
    return at;
}

/* Reads an emoji that the fold takes for letters (🆓 is free) at symbol `at`, if they are all of it. Returns its end, `at` if there is
 * none, or 0 (memory). */
static inline size_t read_letter_emoji(const evasion_t *evasion, const chunk_t *chunk, size_t at, size_t stop, reading_t *reading) {
    const uint32_t *offsets = chunk_offsets(chunk);
    const uint8_t *bytes = chunk_bytes(chunk);
    size_t after = offsets[at], end = at + 1;
    if (bytes[after] != 0xF0) return at;
    const uint32_t record = emoji_record(evasion, decode_utf8(bytes, chunk->byte_count, &after));
    if (record == (uint32_t)NO_RECORD) return at;
    while (end < stop && offsets[end] == offsets[at]) end++;
    const uint16_t written = evasion->emoji_symbols[evasion->emoji[record].start];
    const element_t element = {(uint32_t)at, (uint32_t)(end - at), offsets[at], written, WRITING_EMOJI, record};
    return read_element(reading, evasion->symbol_of[written] & EVASION_VALUE, element) ? 0 : end;
}

/* Reads what begins at symbol `at`: a Latin word, a character in its parts, a rare form, a stretched character, or after all a plain
 * one. Returns its end, or 0 (memory). */
static inline size_t read_special(const evasion_t *evasion, const chunk_t *chunk, size_t at, size_t stop, reading_t *reading) {
    const uint16_t *const symbols = chunk_symbols(chunk);
    const uint32_t sound = evasion->symbol_of[symbols[at]], is_syllable = (sound & EVASION_VALUE) >= SYLLABLE_BEGIN;
    if (sound & EVASION_LETTER) {
        const size_t behind_emoji = read_letter_emoji(evasion, chunk, at, stop, reading);
        return behind_emoji != at ? behind_emoji : read_latin(evasion, chunk, at, stop, reading);
    }
    const split_t *split = sound & EVASION_SPLIT ? split_at(evasion, symbols + at, stop - at) : NULL;
    if (split != NULL) {
        /* 羊女乃 is 羊奶, not 姜乃: of two that overlap the one that fits its neighbours better. */
        const split_t *next = split_at(evasion, symbols + at + 1, stop - at - 1);
        if (next != NULL && split_fit(evasion, next, symbols + at + 1) > split_fit(evasion, split, symbols + at)) split = NULL;
    }
    const uint32_t behind = (uint32_t)is_unusual(evasion, symbols[at], symbols[at + 1]);
    size_t end = at + 1;
    uint32_t record = 0;
    uint16_t written = symbols[at], how = 0;
    if (split != NULL) {
        end = at + (split->parts[2] ? 3 : 2);
        written = split->whole;
        how = WRITING_SPLIT;
    } else {
        while (is_syllable && end < stop && symbols[end] == symbols[at]) end++;
        if (end > at + 2 || (end == at + 2 && (behind || reading->is_stretched)))
            how = WRITING_REPEAT;
        else
            end = at + 1;
        if (sound & EVASION_RARE) {
            record = find_rare(evasion, written);
            written = evasion->lookalikes[record].common;
            how |= WRITING_LOOKALIKE;
            if (!is_unusual_behind(evasion, symbols, at, written, reading) || !is_unusual(evasion, written, symbols[end])) record = (uint32_t)NO_RECORD;
        }
    }
    if (how) {
        if (how & (WRITING_SPLIT | WRITING_LOOKALIKE)) clear_suspect(evasion, symbols, at, written, reading);
        const element_t element = {(uint32_t)at, (uint32_t)(end - at), chunk_offsets(chunk)[at], written, how, record};
        return read_element(reading, evasion->symbol_of[written] & EVASION_VALUE, element) ? 0 : end;
    }
    const uint32_t before = is_unusual_behind(evasion, symbols, at, symbols[at], reading);
    read_plain(reading, sound & EVASION_VALUE, written, at, !is_syllable ? MARK_PLAIN : before & behind ? MARK_SUSPECT : before ^ behind ? MARK_HALF : MARK_PLAIN);
    return end;
}

/* Reads symbols [at, stop) of the text. Returns 0, or -1 (memory). */
static inline int read_symbols(const evasion_t *evasion, const chunk_t *chunk, size_t at, size_t stop, reading_t *reading) {
    while (at < stop && (at = read_plain_run(evasion, chunk_symbols(chunk), at, stop, reading)) < stop) {
        at = read_special(evasion, chunk, at, stop, reading);
        if (at == 0) return -1;
    }
    return 0;
}

/* Reads a passage whose emoji were found. Returns 0, or -1 (memory). */
static inline int read_passage(const evasion_t *evasion, const chunk_t *chunk, passage_t *passage, reading_t *reading) {
    size_t at = passage->begin;
    passage->sound_begin = (uint32_t)reading->count;
    for (size_t k = passage->emoji_begin; k < passage->emoji_end; k++) {
        const emoji_t *emoji = &reading->emoji.at[k];
        const expansion_t *word = &evasion->emoji[emoji->record];
        const size_t stop = symbol_behind(chunk, at, passage->end, emoji->offset);
        if (stop > passage->begin && chunk_offsets(chunk)[stop - 1] == emoji->offset) continue; /* its letters are read in their place */
        if (read_symbols(evasion, chunk, at, stop, reading)) return -1;
        at = stop;
        for (uint32_t j = 0; j < word->length; j++) {
            const uint16_t written = evasion->emoji_symbols[word->start + j];
            const element_t element = {(uint32_t)at, 0, emoji->offset, written, WRITING_EMOJI, emoji->record};
            if (read_element(reading, evasion->symbol_of[written] & EVASION_VALUE, element)) return -1;
        }
    }
    if (read_symbols(evasion, chunk, at, passage->end, reading)) return -1;
    passage->sound_end = (uint32_t)reading->count;
    read_plain(reading, SYMBOL_BOUNDARY, SYMBOL_BOUNDARY, passage->end, MARK_PLAIN);
    return 0;
}

/* Reads the passages, whose emoji were found. Returns 0, or -1 (memory). */
static inline int read_passages(const evasion_t *evasion, const chunk_t *chunk, reading_t *reading) {
    size_t room = EMOJI_MOST * reading->emoji.count;
    for (size_t k = 0; k < reading->passages.count; k++) room += reading->passages.at[k].end - reading->passages.at[k].begin + 1;
    reading->elements.count = reading->count = reading->marked = 0;
    if (reading_reserve(reading, room)) return -1;
    for (size_t k = 0; k < reading->passages.count; k++)
        if (read_passage(evasion, chunk, &reading->passages.at[k], reading)) return -1;
    for (size_t k = 0; k < READING_LEAD; k++)
        reading_sounds(reading)[reading->count + k] = reading_written(reading)[reading->count + k] = SYMBOL_BOUNDARY;
    memset(reading->marks.at + reading->count, MARK_PLAIN, READING_LEAD);
    return 0;
}

/* Reads the passages of a text of the chunk. Returns 0, or -1 (memory). */
static inline int read_text(const evasion_t *evasion, const chunk_t *chunk, const text_t *text, reading_t *reading) {
    const uint32_t *offsets = chunk_offsets(chunk);
    reading->is_stretched = 0;
    reading->emoji.count = 0;
    for (size_t k = 0; k < reading->passages.count; k++) {
        passage_t *passage = &reading->passages.at[k];
        const size_t begin = passage->begin == text->symbol_begin ? text->byte_begin : offsets[passage->begin];
        const size_t end = passage->end == text->symbol_end ? (size_t)text->byte_begin + text->length : offsets[passage->end];
        passage->emoji_begin = (uint32_t)reading->emoji.count;
        if (find_emoji(evasion, chunk, begin, end, reading)) return -1;
        passage->emoji_end = (uint32_t)reading->emoji.count;
    }
    if (read_passages(evasion, chunk, reading)) return -1;
    for (size_t k = 0; k < reading->elements.count; k++) reading->is_stretched |= reading->elements.at[k].how & WRITING_REPEAT;
    return reading->is_stretched ? read_passages(evasion, chunk, reading) : 0;
}

#endif
