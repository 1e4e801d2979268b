/* Growable columns: capacity doubles, nothing shrinks, memory lives from batch to batch. */
#ifndef FAIRPOST_COLUMNS_H
#define FAIRPOST_COLUMNS_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    uint32_t begin, end;             /* bytes in the text */
    uint32_t symbol_begin, symbol_end; /* in the chunk's symbols */
    uint32_t pattern;                /* NO_PATTERN for a recogniser */
    uint32_t text;                   /* index in the chunk */
    uint16_t list;
    uint16_t writing;                /* WRITING_...; 0: as the pattern stands */
    uint32_t next;                   /* next hit of the same list in this post */
} hit_t;

#define COLUMN(T, name)                                                                  \
    typedef struct { T *at; size_t count, capacity; } name;                               \
    static inline int name##_reserve(name *c, size_t extra) {                             \
        if (c->capacity - c->count >= extra) return 0;                                    \
        size_t capacity = c->capacity ? c->capacity : 256;                                \
        while (capacity - c->count < extra) capacity *= 2;                                \
        T *at = (T *)realloc(c->at, capacity * sizeof(T));                                \
        if (at == NULL) return -1;                                                        \
        c->at = at;                                                                       \
        c->capacity = capacity;                                                           \
        return 0;                                                                         \
    }                                                                                     \
    static inline void name##_free(name *c) {                                             \
        free(c->at);                                                                      \
        c->at = NULL;                                                                     \
        c->count = c->capacity = 0;                                                       \
    }

COLUMN(uint8_t, column_u8)
COLUMN(uint16_t, column_u16)
COLUMN(uint32_t, column_u32)
COLUMN(uint64_t, column_u64)
COLUMN(float, column_f32)
COLUMN(hit_t, column_hit)

#endif
