/* UTF-8 -> folded symbols with the byte offset of each symbol's source character. Scalar path, and what every path shares. */
#ifndef FAIRPOST_FOLD_H
#define FAIRPOST_FOLD_H

#include "chunk.h"

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
    static const uint8_t lengths[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4};
    return lengths[lead >> 4];
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

/* Folds the character at byte `at` of the chunk's well-formed bytes to the end of the symbols, whatever it folds to, one
 * symbol or several. `left` more symbols than these may follow: room is kept for them. Returns 0 or -1 (memory). */
static inline int fold_character(const image_t *image, chunk_t *chunk, size_t *count, size_t at, size_t left) {
    size_t next = at;
    const uint32_t c = decode_utf8(chunk_bytes(chunk), chunk->byte_count, &next);
    const uint16_t symbol = fold_symbol(image, c);
    if (symbol <= SYMBOL_SKIP_SENTENCE) return 0;
    const expansion_t *expansion = symbol == SYMBOL_EXPANDS ? find_expansion(image, c) : NULL;
    const size_t extra = expansion ? expansion->length : 1;
    if (chunk_reserve_symbols(chunk, *count + extra + left)) return -1;
    for (size_t k = 0; k < extra; k++) {
        chunk_symbols(chunk)[*count] = expansion ? image->expansion_symbols[expansion->start + k] : symbol == SYMBOL_EXPANDS ? (uint16_t)SYMBOL_OTHER : symbol;
        chunk_offsets(chunk)[*count] = (uint32_t)at;
        ++*count;
    }
    return 0;
}

/* Notes the fault of every ill-formed text; returns how many there are. */
static inline size_t find_faults(chunk_t *chunk) {
    size_t faults = 0;
    for (size_t k = 0; k < chunk->text_count; k++) {
        text_t *text = &chunk->texts[k];
        for (size_t i = 0; i < text->length;) {
            if (decode_utf8(text->bytes, text->length, &i) != INVALID_CODE_POINT) continue;
            text->fault = TEXT_ILL_FORMED;
            text->fault_at = (uint32_t)i;
            faults++;
            break;
        }
    }
    return faults;
}

/* Folds one text of the chunk to the end of the symbols (*count of them). FOLD_INVALID: it is ill-formed. */
static inline int fold_text(const image_t *image, chunk_t *chunk, text_t *text, size_t *count) {
    const uint16_t *const flat = image->fold_flat;
    const uint8_t *const bytes = chunk_bytes(chunk);
    const size_t end = (size_t)text->byte_begin + text->length;
    uint16_t *symbols = chunk_symbols(chunk);
    uint32_t *offsets = chunk_offsets(chunk);
    size_t at = *count;
    for (size_t i = text->byte_begin; i < end;) {
        const size_t begin = i;
        uint32_t four, c;
        memcpy(&four, bytes + i, 4); /* SAFETY: slack stands behind the texts */
        if ((four & 0xC0C0F0u) == 0x8080E0u) {
            c = (four & 15) << 12 | (four >> 2 & 0xFC0) | (four >> 16 & 63);
            if (c < 0x800 || c >> 11 == 27) return FOLD_INVALID;
            i += 3;
        } else if ((four & 0x80) == 0) {
            c = four & 0x7F;
            i++;
        } else {
            c = decode_utf8(bytes, end, &i);
            if (c == INVALID_CODE_POINT) return FOLD_INVALID;
        }
        const uint16_t symbol = c < 0x10000 ? flat[c] : (uint16_t)SYMBOL_EXPANDS;
        if (symbol == SYMBOL_EXPANDS) {
            if (fold_character(image, chunk, &at, begin, chunk->byte_count - i)) return FOLD_NO_MEMORY;
            symbols = chunk_symbols(chunk);
            offsets = chunk_offsets(chunk);
            continue;
        }
        /* Stored in any case: a symbol that does not count is written over by the next. */
        symbols[at] = symbol;
        offsets[at] = (uint32_t)begin;
        at += symbol > SYMBOL_SKIP_SENTENCE;
    }
    *count = at;
    return FOLD_OK;
}

/* Code points of 16 bits (see utf8_tables.h) -> symbols, in place, for the vector paths: plain loads, which are quicker than
 * gathers. Up to seven of what lies behind the last are looked up too: the table has an entry for any 16 bits. */
static inline void look_up(const image_t *image, uint16_t *raw, size_t count) {
    const uint16_t *const flat = image->fold_flat;
    for (size_t i = 0; i < count; i += 8) {
        uint64_t four[2];
        memcpy(four, raw + i, 16);
        for (int k = 0; k < 2; k++)
            four[k] = (uint64_t)flat[four[k] & 0xFFFF] | (uint64_t)flat[four[k] >> 16 & 0xFFFF] << 16 |
                      (uint64_t)flat[four[k] >> 32 & 0xFFFF] << 32 | (uint64_t)flat[four[k] >> 48] << 48;
        memcpy(raw + i, four, 16);
    }
}

static int fold_scalar(const image_t *image, chunk_t *chunk) {
    size_t count = 0;
    for (size_t k = 0; k < chunk->text_count; k++) {
        text_t *text = &chunk->texts[k];
        text->symbol_begin = (uint32_t)count;
        const int outcome = fold_text(image, chunk, text, &count);
        if (outcome != FOLD_OK) return outcome;
        text->symbol_end = (uint32_t)count;
        chunk_symbols(chunk)[count] = SYMBOL_BOUNDARY;
        chunk_offsets(chunk)[count++] = text->byte_begin + text->length;
    }
    chunk_close_symbols(chunk, count);
    return FOLD_OK;
}

/* Whether a delimiter of at least `strength` was dropped in bytes [from, to) of the text. Every 16 bytes read count as a pair
 * of hits: reading is bounded with them. */
static inline int delimiter_between(const image_t *image, const text_t *text, uint32_t from, uint32_t to, uint32_t strength, uint64_t *pairs) {
    for (size_t i = from; i < to;) {
        const uint32_t c = decode_utf8(text->bytes, text->length, &i);
        const uint16_t symbol = c < 0x10000 ? image->fold_flat[c] : fold_symbol(image, c);
        if (symbol < SYMBOL_BOUNDARY && symbol >= strength) return 1;
    }
    *pairs += to > from ? (to - from) / 16 : 0;
    return 0;
}

#endif
