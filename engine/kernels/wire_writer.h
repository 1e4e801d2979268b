/* Protobuf messages, written from their end to their begin, as upb does: what a message holds is there before its length
 * is, so nothing is measured first and nothing is moved. */
#ifndef FAIRPOST_WIRE_WRITER_H
#define FAIRPOST_WIRE_WRITER_H

#include "columns.h"

enum { VARINT_ROOM = 10 };

/* [at, end) is written; [begin, at) is room. */
typedef struct { uint8_t *begin, *at, *end; } writer_t;

static inline void writer_free(writer_t *w) {
    free(w->begin);
    w->begin = w->at = w->end = NULL;
}

static inline size_t writer_length(const writer_t *w) { return (size_t)(w->end - w->at); }

/* Room for so many bytes more. Returns 0, or -1 when memory runs out; what was written stays. */
static inline int writer_reserve(writer_t *w, size_t room) {
    if ((size_t)(w->at - w->begin) >= room) return 0;
    const size_t written = writer_length(w);
    size_t capacity = w->begin == NULL ? 4096 : 2 * (size_t)(w->end - w->begin);
    while (capacity < written + room) capacity *= 2;
    uint8_t *begin = (uint8_t *)malloc(capacity);
    if (begin == NULL) return -1;
    if (written) memcpy(begin + capacity - written, w->at, written);
    free(w->begin);
    w->begin = begin;
    w->end = begin + capacity;
    w->at = w->end - written;
    return 0;
}

/* What follows takes room that was reserved. */

static inline void put_byte(writer_t *w, uint8_t byte) { *--w->at = byte; }

static inline void put_bytes(writer_t *w, const uint8_t *bytes, size_t length) {
    w->at -= length;
    memcpy(w->at, bytes, length);
}

static inline void put_varint(writer_t *w, uint64_t number) {
    if (number < 128) {
        put_byte(w, (uint8_t)number);
        return;
    }
    const uint32_t length = (70 - (uint32_t)__builtin_clzll(number)) / 7;
    uint8_t *at = w->at -= length;
    for (; number >= 128; number >>= 7) *at++ = (uint8_t)number | 128;
    *at = (uint8_t)number;
}

/* A number that is left out where it is 0. `tag`: of one byte. */
static inline void put_number(writer_t *w, uint8_t tag, uint64_t number) {
    if (number == 0) return;
    put_varint(w, number);
    put_byte(w, tag);
}

/* A float that is left out where all its bits are 0. */
static inline void put_float(writer_t *w, uint8_t tag, float number) {
    uint32_t bits;
    memcpy(&bits, &number, 4);
    if (bits == 0) return;
    for (int k = 3; k >= 0; k--) put_byte(w, (uint8_t)(bits >> 8 * k));
    put_byte(w, tag);
}

/* Closes a field of WIRE_LENGTH whose content was written since `end`. */
static inline void put_length(writer_t *w, uint8_t tag, const uint8_t *end) {
    put_varint(w, (uint64_t)(end - w->at));
    put_byte(w, tag);
}

/* A string that is left out where it is empty. */
static inline void put_string(writer_t *w, uint8_t tag, const uint8_t *bytes, size_t length) {
    if (length == 0) return;
    put_bytes(w, bytes, length);
    put_varint(w, length);
    put_byte(w, tag);
}

#endif
