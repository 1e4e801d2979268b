/* Symbols -> evasion symbols: what a chunk says when it is read aloud and by its looks. The same code for every path.
 *
 * Most symbols become one evasion symbol, by a table. The others are *elements*: a Latin syllable, a character in its parts, an
 * emoji. They are kept in order beside the column; between them both columns run side by side. Boundaries stay boundaries.
 * Cost: one look-up a symbol; a text without letters, bare radicals and emoji has no elements. */
#ifndef FAIRPOST_READING_H
#define FAIRPOST_READING_H

#include "chunk.h"
#include "fold.h"
#include "matcher.h"

enum {
    LONGEST_WORD = 64, /* letters; a longer word is not read as pinyin */
    LONGEST_SYLLABLE = 6,
    EMOJI_LEAST_SECOND = 0x8C, /* E2 8C is the begin of U+2300: no emoji of the table lies between that and U+10000 but there */
    EMOJI_BLOCK = 64
};

enum { ELEMENT_NONE = 0, ELEMENT_LATIN, ELEMENT_SPLIT, ELEMENT_EMOJI };

typedef struct {
    uint32_t at;      /* in the evasion symbols */
    uint32_t source;  /* its first symbol in the chunk; of an emoji the symbol behind it */
    uint32_t offset;  /* byte in the chunk where it begins */
    uint16_t written; /* the symbol that it stands for; 0 for a Latin syllable */
    uint8_t kind, width; /* ELEMENT_..., and how many symbols of the chunk it takes */
} element_t;

typedef struct {
    uint32_t offset; /* byte in the chunk */
    uint32_t record; /* in evasion_t.emoji */
} emoji_t;

COLUMN(element_t, column_element)
COLUMN(emoji_t, column_emoji)

typedef struct {
    chunk_t chunk;           /* only its symbols, and what filter and look-up make of them */
    column_element elements; /* elements.at[0] stands before all symbols */
    column_emoji emoji;
} reading_t;

static inline void reading_free(reading_t *reading) {
    chunk_free(&reading->chunk);
    column_element_free(&reading->elements);
    column_emoji_free(&reading->emoji);
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
            size_t after = i, low = 0, high = evasion->emoji_count;
            const uint32_t c = decode_utf8(bytes, chunk->byte_count, &after);
            while (low < high) {
                const size_t middle = (low + high) / 2;
                if (evasion->emoji[middle].code_point < c)
                    low = middle + 1;
                else
                    high = middle;
            }
            if (low == evasion->emoji_count || evasion->emoji[low].code_point != c) continue;
            if (column_emoji_reserve(&reading->emoji, 1)) return -1;
            reading->emoji.at[reading->emoji.count].offset = (uint32_t)i;
            reading->emoji.at[reading->emoji.count++].record = (uint32_t)low;
        }
    }
    return 0;
}

/* The first symbol of the chunk, from `from` on, whose character stands behind byte `offset`. */
static inline size_t symbol_behind(const chunk_t *chunk, size_t from, uint32_t offset) {
    const uint32_t *offsets = chunk_offsets(chunk);
    size_t low = from, high = chunk->symbol_count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (offsets[middle] <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Whether nothing was dropped between symbol `at` and the next one. */
static inline int adjoins(const chunk_t *chunk, size_t at) {
    const uint32_t *offsets = chunk_offsets(chunk);
    return offsets[at] == offsets[at + 1] || offsets[at] + utf8_length(chunk_bytes(chunk)[offsets[at]]) == offsets[at + 1];
}

static inline int is_letter(const evasion_t *evasion, uint16_t symbol) { return evasion->symbol_of[symbol] & EVASION_LETTER; }

/* The end of the Latin word that begins at symbol `at`: letters side by side; or letters that each stand alone. */
static inline size_t word_end(const evasion_t *evasion, const chunk_t *chunk, size_t at, size_t stop) {
    const uint16_t *symbols = chunk_symbols(chunk);
    size_t end = at + 1;
    if (end < stop && is_letter(evasion, symbols[end]) && adjoins(chunk, at)) {
        while (end < stop && is_letter(evasion, symbols[end]) && adjoins(chunk, end - 1)) end++;
        return end;
    }
    while (end < stop && is_letter(evasion, symbols[end]) && !adjoins(chunk, end - 1) &&
           !(end + 1 < stop && is_letter(evasion, symbols[end + 1]) && adjoins(chunk, end)))
        end++;
    return end;
}

/* Cuts a word of `count` letters into syllables, the longest first that leave a rest which can be cut. Writes the lengths and the
 * evasion symbols; returns how many syllables there are, 0 if it is none. */
static inline size_t cut_word(const evasion_t *evasion, const uint16_t *letters, size_t count, uint8_t *lengths, uint16_t *syllables) {
    uint8_t best[LONGEST_WORD + 1] = {0}; /* length of the syllable that begins here; 0: what follows cannot be cut */
    uint16_t sound[LONGEST_WORD];
    if (count < 2 || count > LONGEST_WORD) return 0;
    for (size_t at = count; at-- > 0;) {
        const letter_t *node = evasion->letters;
        for (size_t k = at; k < count && k < at + LONGEST_SYLLABLE; k++) {
            const uint32_t letter = (uint32_t)letters[k] - 'a';
            if (letter > 25 || !(node->children >> letter & 1)) break;
            node = evasion->letters + node->first + (uint32_t)__builtin_popcount(node->children & ((1u << letter) - 1));
            if (node->syllable && (k + 1 == count || best[k + 1])) {
                best[at] = (uint8_t)(k + 1 - at);
                sound[at] = node->syllable;
            }
        }
    }
    size_t made = 0;
    for (size_t at = 0; at < count; at += best[at]) {
        if (!best[at]) return 0;
        lengths[made] = best[at];
        syllables[made++] = sound[at];
    }
    return made;
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

/* Makes reading->chunk's symbols of the chunk's, those of texts that are examined; of the others a boundary is left. Returns 0, or -1
 * (memory). */
static inline int read_chunk(const evasion_t *evasion, const chunk_t *chunk, reading_t *reading) {
    const uint16_t *const of = evasion->symbol_of, *const symbols = chunk_symbols(chunk);
    const uint32_t *const offsets = chunk_offsets(chunk);
    const text_t *closed = chunk->texts, *const last = chunk->texts + chunk->text_count; /* the next text that is not examined */
    reading->emoji.count = 0;
    size_t gaps = 0;
    for (const text_t *text = chunk->texts; text < last; text++) {
        gaps += !text->is_examined;
        if (text->is_examined && find_emoji(evasion, chunk, text->byte_begin, (size_t)text->byte_begin + text->length, reading)) return -1;
    }
    const emoji_t *emoji = reading->emoji.at;
    size_t left = reading->emoji.count, count = 0, i = 0, stop;
    if (chunk_reserve_symbols(&reading->chunk, chunk->symbol_count + EMOJI_MOST * left)) return -1;
    uint16_t *const out = chunk_symbols(&reading->chunk);
    column_element *const elements = &reading->elements;
    elements->count = 0;
    if (column_element_reserve(elements, 1 + gaps + EMOJI_MOST * left)) return -1;
    const element_t before = {UINT32_MAX, 0, 0, 0, ELEMENT_NONE, 0};
    elements->at[elements->count++] = before;
    for (;;) {
        stop = left ? symbol_behind(chunk, i, emoji->offset) : chunk->symbol_count;
        while (closed < last && (closed->is_examined || closed->symbol_begin == closed->symbol_end)) closed++;
        const int is_gap = closed < last && closed->symbol_begin < stop;
        if (is_gap) stop = closed->symbol_begin;
        while (i < stop) {
            const uint16_t symbol = of[symbols[i]];
            out[count] = symbol & EVASION_VALUE;
            if (__builtin_expect(!(symbol & EVASION_SPECIAL), 1)) {
                count++;
                i++;
                continue;
            }
            if (symbol & EVASION_LETTER) {
                uint8_t lengths[LONGEST_WORD];
                uint16_t syllables[LONGEST_WORD];
                const size_t end = word_end(evasion, chunk, i, stop);
                const size_t made = cut_word(evasion, symbols + i, end - i, lengths, syllables);
                if (!made)
                    while (i < end) out[count++] = of[symbols[i++]] & EVASION_VALUE;
                if (column_element_reserve(elements, made + EMOJI_MOST * left)) return -1;
                for (size_t k = 0; k < made; k++) {
                    const element_t element = {(uint32_t)count, (uint32_t)i, offsets[i], 0, ELEMENT_LATIN, lengths[k]};
                    elements->at[elements->count++] = element;
                    out[count++] = syllables[k];
                    i += lengths[k];
                }
                continue;
            }
            const uint32_t bit = split_bit(symbols[i], symbols[i + 1]);
            const split_t *split = i + 1 < stop && (evasion->split_map[bit >> 6] >> (bit & 63) & 1) ? find_split(evasion, symbols + i, stop - i) : NULL;
            if (split == NULL) {
                count++;
                i++;
                continue;
            }
            if (column_element_reserve(elements, 1 + EMOJI_MOST * left)) return -1;
            const uint8_t width = split->parts[2] ? 3 : 2;
            const element_t element = {(uint32_t)count, (uint32_t)i, offsets[i], split->whole, ELEMENT_SPLIT, width};
            elements->at[elements->count++] = element;
            out[count++] = of[split->whole] & EVASION_VALUE;
            i += width;
        }
        if (is_gap) {
            /* Behind it the columns run on side by side from the boundary that ends the text. */
            const element_t gap = {(uint32_t)count, closed->symbol_end - 1, offsets[closed->symbol_begin], 0, ELEMENT_NONE, 1};
            if (column_element_reserve(elements, 1 + EMOJI_MOST * left)) return -1;
            elements->at[elements->count++] = gap;
            out[count++] = SYMBOL_BOUNDARY;
            i = closed++->symbol_end;
            continue;
        }
        if (!left) break;
        const expansion_t *word = &evasion->emoji[emoji->record];
        for (uint32_t k = 0; k < word->length; k++) {
            const uint16_t written = evasion->emoji_symbols[word->start + k];
            const element_t element = {(uint32_t)count, (uint32_t)i, emoji->offset, written, ELEMENT_EMOJI, 0};
            elements->at[elements->count++] = element;
            out[count++] = of[written] & EVASION_VALUE;
        }
        emoji++;
        left--;
    }
    reading->chunk.symbol_count = count;
    for (size_t k = 0; k < SYMBOL_SLACK; k++) out[count + k] = SYMBOL_BOUNDARY;
    return 0;
}

/* The last element at or before evasion symbol `at`, looked for from element `near` on. */
static inline size_t element_before(const reading_t *reading, uint32_t at, size_t near) {
    const element_t *elements = reading->elements.at;
    while (near + 1 < reading->elements.count && elements[near + 1].at <= at) near++;
    while (near > 0 && elements[near].at > at) near--;
    return near;
}

/* The symbol of the chunk that evasion symbol `at` is made of, which lies behind `element` and before the next one. */
static inline uint32_t source_of(const element_t *element, uint32_t at) {
    return element->source + element->width + (at - element->at - 1);
}

#endif
