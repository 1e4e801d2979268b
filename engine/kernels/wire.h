/* Protobuf's wire format, read as the official runtime (upb) reads it. What it takes is taken here, what it refuses is
 * refused: tags and lengths of up to five bytes, numbers of up to ten of which the lowest 64 bits count, groups nested up to
 * a depth of 100 (messages count), no field number 0 but inside of unknown groups. tests/native/test_wire.py and
 * tests/server/test_wire_codec.py hold this equal to it. */
#ifndef FAIRPOST_WIRE_H
#define FAIRPOST_WIRE_H

#include "fold.h"

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_LENGTH = 2, WIRE_GROUP = 3, WIRE_GROUP_END = 4, WIRE_FIXED32 = 5 };
enum { WIRE_DEPTH = 100, WIRE_MOST = 0x7FFFFFFF }; /* nesting; the bytes of a message */

#define WIRE_TAG(field, kind) ((uint32_t)(field) << 3 | (kind))

/* What is still to be read: [at, end). */
typedef struct { const uint8_t *at, *end; } wire_t;

/* A number whose first byte has more behind it, of at most `most` bytes. Returns 0, or -1: it is cut off or too long. */
static inline int wire_long_number(wire_t *w, uint64_t *number, uint32_t most) {
    uint64_t sum = 0;
    const size_t left = (size_t)(w->end - w->at);
    if (left < most) most = (uint32_t)left;
    for (uint32_t k = 0; k < most; k++) {
        sum |= (uint64_t)(w->at[k] & 127) << (7 * k);
        if (w->at[k] < 128) {
            w->at += k + 1;
            *number = sum;
            return 0;
        }
    }
    return -1;
}

static inline int wire_varint(wire_t *w, uint64_t *number) {
    if (w->at < w->end && *w->at < 128) {
        *number = *w->at++;
        return 0;
    }
    return wire_long_number(w, number, 10);
}

static inline int wire_tag(wire_t *w, uint32_t *tag) {
    uint64_t number;
    if (w->at < w->end && *w->at < 128) {
        *tag = *w->at++;
        return 0;
    }
    if (wire_long_number(w, &number, 5) || number > UINT32_MAX) return -1;
    *tag = (uint32_t)number;
    return 0;
}

/* The content of a field of WIRE_LENGTH, as a message of its own. Returns 0, or -1: its length lies. */
static inline int wire_content(wire_t *w, wire_t *content) {
    uint64_t length;
    if (w->at < w->end && *w->at < 128)
        length = *w->at++;
    else if (wire_long_number(w, &length, 5) || length > WIRE_MOST)
        return -1;
    if (length > (size_t)(w->end - w->at)) return -1;
    content->at = w->at;
    content->end = w->at += length;
    return 0;
}

/* Passes the value of an unknown field, whose tag was read. `depth`: how much deeper it may go. Returns 0 or -1. */
static inline int wire_skip(wire_t *w, uint32_t tag, int depth) {
    uint32_t open[WIRE_DEPTH]; /* the groups that are not closed yet, by field */
    int count = 0;
    uint64_t number;
    wire_t content;
    if (tag >> 3 == 0) return -1; /* inside of groups upb does not mind */
    for (;;) {
        switch (tag & 7) {
        case WIRE_VARINT:
            if (wire_varint(w, &number)) return -1;
            break;
        case WIRE_FIXED64:
            if (w->end - w->at < 8) return -1;
            w->at += 8;
            break;
        case WIRE_LENGTH:
            if (wire_content(w, &content)) return -1;
            break;
        case WIRE_GROUP:
            if (count == depth) return -1;
            open[count++] = tag >> 3;
            break;
        case WIRE_GROUP_END:
            if (count == 0 || open[--count] != tag >> 3) return -1;
            break;
        case WIRE_FIXED32:
            if (w->end - w->at < 4) return -1;
            w->at += 4;
            break;
        default: return -1;
        }
        if (count == 0) return 0;
        if (wire_tag(w, &tag)) return -1;
    }
}

static inline int is_ascii(const uint8_t *text, size_t length) {
    uint64_t word, all = 0;
    uint32_t first, last;
    if (length >= 8) { /* the last eight bytes may have been looked at before */
        for (size_t at = 0; at < length - 8; at += 8) {
            memcpy(&word, text + at, 8);
            all |= word;
        }
        memcpy(&word, text + length - 8, 8);
        return ((all | word) & 0x8080808080808080u) == 0;
    }
    if (length >= 4) {
        memcpy(&first, text, 4);
        memcpy(&last, text + length - 4, 4);
        return ((first | last) & 0x80808080u) == 0;
    }
    return length == 0 || (text[0] | text[length / 2] | text[length - 1]) < 128;
}

/* Whether bytes are well-formed UTF-8. Most of what is asked about is short and ASCII. */
static inline int wire_is_utf8(wire_t text) {
    const size_t length = (size_t)(text.end - text.at);
    if (is_ascii(text.at, length)) return 1;
    for (size_t at = 0; at < length;)
        if (decode_utf8(text.at, length, &at) == INVALID_CODE_POINT) return 0;
    return 1;
}

#endif
