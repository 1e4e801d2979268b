/* Where a post quotes: what stands between an opening and a closing quotation mark of one line. */
#ifndef FAIRPOST_QUOTATIONS_H
#define FAIRPOST_QUOTATIONS_H

#include "chunk.h"

enum {
    QUOTATIONS_MAX = 64,  /* of one post; what it quotes after them counts as its own words */
    QUOTATION_BYTES = 400 /* between the marks, at most */
};

typedef struct { uint32_t text, begin, end; } quotation_t; /* bytes [begin, end) between the marks, of a post's text */

/* Bytes of the quotation mark at `at`, 0 where none is; `closing` is then the mark that ends what it opens (NULL: it opens nothing). */
static inline size_t quotation_mark(const uint8_t *at, size_t left, const uint8_t **closing) {
    *closing = NULL;
    if (left >= 1 && at[0] == '"') return *closing = (const uint8_t *)"\"", 1;
    if (left < 3) return 0;
    if (at[0] == 0xE2 && at[1] == 0x80) {
        if (at[2] == 0x9C) return *closing = (const uint8_t *)"\xE2\x80\x9D", 3; /* “” */
        if (at[2] == 0x98) return *closing = (const uint8_t *)"\xE2\x80\x99", 3; /* ‘’ */
        return at[2] == 0x9D || at[2] == 0x99 ? 3 : 0;
    }
    if (at[0] == 0xE3 && at[1] == 0x80) {
        if (at[2] == 0x8C) return *closing = (const uint8_t *)"\xE3\x80\x8D", 3; /* 「」 */
        if (at[2] == 0x8E) return *closing = (const uint8_t *)"\xE3\x80\x8F", 3; /* 『』 */
        return at[2] == 0x8D || at[2] == 0x8F ? 3 : 0;
    }
    if (at[0] == 0xEF && at[1] == 0xBC && at[2] == 0x82) return *closing = (const uint8_t *)"\xEF\xBC\x82", 3; /* ＂＂ */
    return 0;
}

/* Appends the quotations of one text, in order; they do not overlap. Returns how many there are then. */
static inline size_t find_quotations(const text_t *text, uint32_t number, quotation_t *found, size_t count) {
    const uint8_t *bytes = text->bytes, *closing;
    for (size_t i = 0; i < text->length && count < QUOTATIONS_MAX; i++) {
        const size_t mark = quotation_mark(bytes + i, text->length - i, &closing);
        if (!mark || !closing) continue;
        const size_t begin = i + mark;
        size_t end = begin;
        while (end + mark <= text->length && end - begin <= QUOTATION_BYTES && bytes[end] != '\n' && memcmp(bytes + end, closing, mark) != 0) end++;
        if (end + mark > text->length || end - begin > QUOTATION_BYTES || bytes[end] == '\n') continue; /* it is never closed */
        found[count++] = (quotation_t){number, (uint32_t)begin, (uint32_t)end};
        i = end + mark - 1;
    }
    return count;
}

#endif
