/* UTF-8 -> folded symbols with the byte offset of each symbol's source character. Scalar path. */
#ifndef FAIRPOST_FOLD_H
#define FAIRPOST_FOLD_H

#include "columns.h"
#include "image.h"

#define INVALID_CODE_POINT 0xFFFFFFFFu

/* One character of well-formed UTF-8 (Unicode 15, table 3-7: no overlong form, no surrogate, none above
 * U+10FFFF). Moves *at past it; on an ill-formed sequence returns INVALID_CODE_POINT and leaves *at. */
static inline uint32_t decode_utf8(const uint8_t *text, size_t length, size_t *at) {
    size_t i = *at;
    uint32_t b = text[i];
    if (b < 0x80) {
        *at = i + 1;
        return b;
    }
    size_t left = length - i;
    if (b >= 0xE0 && b < 0xF0) {
        if (left < 3) return INVALID_CODE_POINT;
        uint32_t b1 = text[i + 1], b2 = text[i + 2];
        if ((b1 & 0xC0) != 0x80 || (b2 & 0xC0) != 0x80) return INVALID_CODE_POINT;
        uint32_t c = (b & 15) << 12 | (b1 & 63) << 6 | (b2 & 63);
        if (c < 0x800 || (c >= 0xD800 && c < 0xE000)) return INVALID_CODE_POINT;
        *at = i + 3;
        return c;
    }
    if (b >= 0xC2 && b < 0xE0) {
        if (left < 2) return INVALID_CODE_POINT;
        uint32_t b1 = text[i + 1];
        if ((b1 & 0xC0) != 0x80) return INVALID_CODE_POINT;
        *at = i + 2;
        return (b & 31) << 6 | (b1 & 63);
    }
    if (b >= 0xF0 && b < 0xF5) {
        if (left < 4) return INVALID_CODE_POINT;
        uint32_t b1 = text[i + 1], b2 = text[i + 2], b3 = text[i + 3];
        if ((b1 & 0xC0) != 0x80 || (b2 & 0xC0) != 0x80 || (b3 & 0xC0) != 0x80) return INVALID_CODE_POINT;
        uint32_t c = (b & 7) << 18 | (b1 & 63) << 12 | (b2 & 63) << 6 | (b3 & 63);
        if (c < 0x10000 || c > 0x10FFFF) return INVALID_CODE_POINT;
        *at = i + 4;
        return c;
    }
    return INVALID_CODE_POINT;
}

/* Length in bytes of the character that starts with `lead`, in text known to be well-formed. */
static inline uint32_t utf8_length(uint8_t lead) {
    return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

static inline const expansion_t *find_expansion(const image_t *image, uint32_t code_point) {
    size_t low = 0, high = image->expansion_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (image->expansions[middle].code_point < code_point)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < image->expansion_count && image->expansions[low].code_point == code_point) return &image->expansions[low];
    return NULL;
}

enum { FOLD_OK = 0, FOLD_INVALID = 1, FOLD_NO_MEMORY = -1 };

static inline uint16_t fold_symbol(const image_t *image, uint32_t c) {
    /* SAFETY: c <= 0x10FFFF, and every block number is below the number of blocks. */
    return image->fold_symbol[(size_t)image->fold_block[c >> BLOCK_SHIFT] << BLOCK_SHIFT | (c & BLOCK_MASK)];
}

/* Folds the character at *at of well-formed text to the end of the columns, and moves *at past it. There is room
 * for one symbol; afterwards there is room for `slack` more than the bytes that are left. Returns 0 or -1 (memory). */
static inline int fold_character(const image_t *image, const uint8_t *text, size_t length, size_t *at, column_u16 *symbols,
                                 column_u32 *offsets, column_delimiter *delimiters, size_t slack) {
    const uint32_t begin = (uint32_t)*at, c = decode_utf8(text, length, at);
    const uint16_t symbol = fold_symbol(image, c);
    if (symbol == SYMBOL_EXPANDS) {
        const expansion_t *expansion = find_expansion(image, c);
        const size_t extra = expansion ? expansion->length : 1, room = extra + length - *at + slack;
        if (column_u16_reserve(symbols, room) || column_u32_reserve(offsets, room)) return -1;
        for (size_t k = 0; k < extra; k++) {
            symbols->at[symbols->count++] = expansion ? image->expansion_symbols[expansion->start + k] : SYMBOL_OTHER;
            offsets->at[offsets->count++] = begin;
        }
    } else if (symbol > SYMBOL_BOUNDARY) {
        symbols->at[symbols->count++] = symbol;
        offsets->at[offsets->count++] = begin;
    } else if (symbol != SYMBOL_SKIP) {
        if (column_delimiter_reserve(delimiters, 1)) return -1;
        delimiter_t *d = &delimiters->at[delimiters->count++];
        d->symbol = (uint32_t)symbols->count;
        d->offset = begin;
        d->strength = symbol;
    }
    return 0;
}

/* Folds one text to the end of `symbols` and `offsets` (equal counts), and its delimiters to the end of
 * `delimiters`. On FOLD_INVALID, *fault is the byte at fault and the columns are as before.
 * No symbol that it appends is SYMBOL_BOUNDARY or a SKIP: only the batch writes boundaries. */
static inline int fold_text(const image_t *image, const uint8_t *text, size_t length, column_u16 *symbols, column_u32 *offsets,
                     column_delimiter *delimiters, size_t *fault) {
    const size_t symbols_before = symbols->count, delimiters_before = delimiters->count;
    /* A character gives one symbol at most, except by an expansion, which makes its own room. */
    if (column_u16_reserve(symbols, length + 1) || column_u32_reserve(offsets, length + 1)) return FOLD_NO_MEMORY;
    const uint16_t *const flat = image->fold_flat;
    uint16_t *symbol_at = symbols->at + symbols->count;
    uint32_t *offset_at = offsets->at + offsets->count;
    for (size_t i = 0; i < length;) {
        const size_t begin = i;
        const uint32_t c = decode_utf8(text, length, &i);
        if (c == INVALID_CODE_POINT) {
            symbols->count = offsets->count = symbols_before;
            delimiters->count = delimiters_before;
            *fault = begin;
            return FOLD_INVALID;
        }
        const uint16_t symbol = c < 0x10000 ? flat[c] : fold_symbol(image, c);
        /* Stored in any case: a symbol that does not count is written over by the next. */
        *symbol_at = symbol;
        *offset_at = (uint32_t)begin;
        if (symbol > SYMBOL_BOUNDARY && symbol != SYMBOL_EXPANDS) {
            symbol_at++;
            offset_at++;
        } else if (symbol != SYMBOL_SKIP) {
            i = begin;
            symbols->count = offsets->count = (size_t)(symbol_at - symbols->at);
            if (fold_character(image, text, length, &i, symbols, offsets, delimiters, 1)) return FOLD_NO_MEMORY;
            symbol_at = symbols->at + symbols->count;
            offset_at = offsets->at + offsets->count;
        }
    }
    symbols->count = offsets->count = (size_t)(symbol_at - symbols->at);
    return FOLD_OK;
}

#endif
