/* Latin words of a text, and how they are cut into syllables of pinyin. */
#ifndef FAIRPOST_LATIN_H
#define FAIRPOST_LATIN_H

#include "chunk.h"
#include "fold.h"
#include "image.h"

enum {
    LONGEST_LATIN = 64, /* letters; a longer word is not read as pinyin */
    LONGEST_SYLLABLE = 6
};

/* Whether nothing was dropped between symbol `at` and the next one. */
static inline int adjoins(const chunk_t *chunk, size_t at) {
    const uint32_t *offsets = chunk_offsets(chunk);
    return offsets[at] == offsets[at + 1] || offsets[at] + utf8_length(chunk_bytes(chunk)[offsets[at]]) == offsets[at + 1];
}

static inline int is_letter(const evasion_t *evasion, uint16_t symbol) { return evasion->symbol_of[symbol] & EVASION_LETTER; }

/* The end of the Latin word that begins at symbol `at`: letters side by side; or letters that each stand alone. */
static inline size_t latin_end(const evasion_t *evasion, const chunk_t *chunk, size_t at, size_t stop) {
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

/* The node of the tree of spellings behind `node` by a letter; NULL if none goes on so. */
static inline const letter_t *next_letter(const evasion_t *evasion, const letter_t *node, uint16_t symbol) {
    const uint32_t letter = (uint32_t)symbol - 'a';
    if (letter > 25 || !(node->children >> letter & 1)) return NULL;
    return evasion->letters + node->first + (uint32_t)__builtin_popcount(node->children & ((1u << letter) - 1));
}

/* The syllable for which a letter stands alone; 0 if for none. */
static inline uint16_t initial_of(const evasion_t *evasion, uint16_t symbol) {
    const letter_t *node = next_letter(evasion, evasion->letters, symbol);
    return node != NULL && node->syllable & LETTER_ALONE ? (uint16_t)(node->syllable & ~LETTER_ALONE) : 0;
}

/* Whether a word of `count` <= LONGEST_LATIN letters is syllables side by side. Most words are none, which their first letters tell. */
static inline int is_cut(const evasion_t *evasion, const uint16_t *letters, size_t count) {
    uint64_t begins = 1; /* where a syllable may begin */
    for (size_t at = 0; at < count && begins >> at; at++) {
        if (!(begins >> at & 1)) continue;
        const letter_t *node = evasion->letters;
        for (size_t k = at; k < count && k < at + LONGEST_SYLLABLE && (node = next_letter(evasion, node, letters[k])) != NULL; k++) {
            if (!node->syllable || node->syllable & LETTER_ALONE) continue;
            if (k + 1 == count) return 1;
            begins |= (uint64_t)1 << (k + 1);
        }
    }
    return 0;
}

/* Cuts a word of `count` letters into syllables, the longest first that leave a rest which can be cut. Writes the lengths and the
 * sounds; returns how many syllables there are, 0 if it is none. */
static inline size_t cut_word(const evasion_t *evasion, const uint16_t *letters, size_t count, uint8_t *lengths, uint16_t *syllables) {
    uint8_t best[LONGEST_LATIN + 1] = {0}; /* length of the syllable that begins here; 0: what follows cannot be cut */
    uint16_t sound[LONGEST_LATIN];
    if (count < 2 || count > LONGEST_LATIN || !is_cut(evasion, letters, count)) return 0;
    for (size_t at = count; at-- > 0;) {
        const letter_t *node = evasion->letters;
        for (size_t k = at; k < count && k < at + LONGEST_SYLLABLE; k++) {
            node = next_letter(evasion, node, letters[k]);
            if (node == NULL) break;
            if (node->syllable && !(node->syllable & LETTER_ALONE) && (k + 1 == count || best[k + 1])) {
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

#endif
