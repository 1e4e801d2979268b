/* What the text model reads: a text's symbols with each number and each Latin word as one symbol of its own.
 *
 * A number is a run of digits and of masked digits: a word that is all x (138xxxx5678). Separators are gone, so 1,280.5
 * is one number. It becomes the symbol of its length; which number it is says less. A word is a run of letters that
 * touch each other in the source: a single letter stays, more become one of SHAPE_WORDS symbols by a hash. A bundle's own
 * symbols, those of the surrogates' range, become SYMBOL_OTHER: which characters have one depends on the bundle's
 * patterns, and a model must give the same answer whatever they are; so their range is free for ours. Scalar path.
 *
 * engine/model.py defines the same in Python; `shapes_of` there and the functions here must agree for every text. */
#ifndef FAIRPOST_SHAPES_H
#define FAIRPOST_SHAPES_H

#include "chunk.h"

enum {
    SHAPE_NUMBERS = 0xD800, /* the first symbol of numbers */
    SHAPE_WORD = 0xD810,    /* and of words; no character folds to one of these: surrogates and private use */
    SHAPE_WORDS = 1 << 13
};

static inline int shape_is_digit(uint16_t s) { return (uint16_t)(s - '0') <= 9; }
static inline int shape_is_letter(uint16_t s) { return (uint16_t)(s - 'a') <= 25; }

/* Symbols that are not taken as they are, and the boundary behind a text. */
static inline int shape_is_special(uint16_t s) {
    return shape_is_digit(s) || shape_is_letter(s) || s == SYMBOL_BOUNDARY || (s & 0xF800) == 0xD800;
}

/* The symbol of a number of `length` digits. */
static inline uint16_t shape_number(uint32_t length) {
    static const uint8_t by_length[16] = {0, 0, 1, 2, 3, 4, 4, 5, 5, 6, 6, 7, 8, 8, 8, 9};
    return (uint16_t)(SHAPE_NUMBERS + by_length[length < 15 ? length : 15]);
}

/* The end of the word that begins at symbol i: letters, each begun where the one before it ends in the source. */
static inline uint32_t shape_word_end(const chunk_t *chunk, uint32_t i, uint32_t end) {
    const uint16_t *symbols = chunk_symbols(chunk);
    const uint32_t *offsets = chunk_offsets(chunk);
    const uint8_t *bytes = chunk_bytes(chunk);
    for (i++; i < end && shape_is_letter(symbols[i]); i++) {
        const uint8_t lead = bytes[offsets[i - 1]];
        const uint32_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
        if (offsets[i] > offsets[i - 1] + length) break; /* an expansion's symbols share an offset */
    }
    return i;
}

static inline int shape_is_mask(const uint16_t *symbols, uint32_t begin, uint32_t end) {
    while (begin < end && symbols[begin] == 'x') begin++;
    return begin == end;
}

/* Writes the shape of what begins at the special symbol i, before `end`, to *shape; returns where it ends. */
static uint32_t shape_token(const chunk_t *chunk, uint32_t i, uint32_t end, uint16_t *shape) {
    const uint16_t *symbols = chunk_symbols(chunk);
    uint32_t at = i;
    while (at < end) { /* a number */
        if (shape_is_digit(symbols[at])) {
            at++;
        } else if (symbols[at] == 'x') {
            const uint32_t word = shape_word_end(chunk, at, end);
            if (!shape_is_mask(symbols, at, word)) break;
            at = word;
        } else {
            break;
        }
    }
    if (at > i) {
        *shape = shape_number(at - i);
        return at;
    }
    if (!shape_is_letter(symbols[i])) {
        *shape = SYMBOL_OTHER;
        return i + 1;
    }
    at = shape_word_end(chunk, i, end);
    if (at == i + 1) {
        *shape = symbols[i];
        return at;
    }
    uint32_t hash = 0x811C9DC5u; /* FNV-1a of the letters */
    for (uint32_t k = i; k < at; k++) hash = (hash ^ symbols[k]) * 0x01000193u;
    *shape = (uint16_t)(SHAPE_WORD + ((hash * 0x9E3779B1u) >> 19));
    return at;
}

/* Copies symbols up to the first special one, and maybe some behind it; returns how many stand before it. */
static inline uint32_t shape_copy(const uint16_t *symbols, uint16_t *to) {
    uint32_t k = 0;
    for (; !shape_is_special(symbols[k]); k++) to[k] = symbols[k];
    return k;
}

/* Room for the shapes: never more than symbols, and one boundary a text as there. */
static inline int shape_begin(chunk_t *chunk) {
    return column_u16_reserve(&chunk->shapes_, chunk->symbol_count + 2 * SYMBOL_SLACK);
}

/* Defines `name`: writes the shapes of all texts of the folded chunk to chunk->shapes_, each text's followed by the
 * boundary, and boundaries behind the last. `copy` is shape_copy or does the same. Returns 0, or -1 (memory). */
#define DEFINE_SHAPES(attributes, name, copy)                                                                      \
    attributes static int name(chunk_t *chunk) {                                                                   \
        if (shape_begin(chunk)) return -1;                                                                         \
        const uint16_t *symbols = chunk_symbols(chunk);                                                            \
        uint16_t *shapes = chunk->shapes_.at;                                                                      \
        uint32_t to = 0;                                                                                           \
        for (size_t k = 0; k < chunk->text_count; k++) {                                                           \
            text_t *text = &chunk->texts[k];                                                                       \
            const uint32_t end = text->symbol_end;                                                                 \
            uint32_t i = text->symbol_begin;                                                                       \
            text->shape_begin = to;                                                                                \
            /* SAFETY: symbols[end] is a boundary, which is special: `copy` stops there at the latest. It writes */ \
            /* less than SYMBOL_SLACK symbols too many, and to <= i.                                             */ \
            while (i < end) {                                                                                      \
                const uint32_t plain = copy(symbols + i, shapes + to);                                             \
                i += plain;                                                                                        \
                to += plain;                                                                                       \
                if (i < end) i = shape_token(chunk, i, end, shapes + to++);                                        \
            }                                                                                                      \
            text->shape_end = to;                                                                                  \
            shapes[to++] = SYMBOL_BOUNDARY;                                                                        \
        }                                                                                                          \
        chunk->shape_count = to;                                                                                   \
        for (size_t k = 0; k < SYMBOL_SLACK; k++) shapes[to + k] = SYMBOL_BOUNDARY;                                \
        return 0;                                                                                                  \
    }

DEFINE_SHAPES(, shapes_scalar, shape_copy)

#endif
