/* A chunk: a run of a batch's texts, small enough for the cache, on which the kernels work column by column.
 *
 * The texts are copied one behind the other, each followed by one zero byte, the separator; `ends` has a bit for
 * every byte and is set at separators, so that a text may hold zero bytes itself. Every separator becomes
 * SYMBOL_BOUNDARY, which no pattern contains: nothing matches across two texts, and the stages need no loop over
 * texts. */
#ifndef FAIRPOST_CHUNK_H
#define FAIRPOST_CHUNK_H

#include "columns.h"
#include "image.h"

enum {
    CHUNK_BYTES = 16384, /* a longer text is a chunk of its own */
    BYTE_LEAD = 64,      /* zero bytes before the texts: validation looks back */
    BYTE_SLACK = 320,    /* and behind them: vectors read on, and copies write on */
    COPY = 256,          /* bytes copied at once where they can be read: most texts are shorter, so nothing is to be predicted */
    SYMBOL_LEAD = 256,   /* boundary symbols before the first text: more than the longest pattern */
    SYMBOL_SLACK = 64    /* room for a whole vector, and boundary symbols behind the last text */
};

/* Why a text has no symbols. */
enum { TEXT_OK = 0, TEXT_ILL_FORMED = 1, TEXT_TOO_LONG = 3 };

typedef struct {
    const uint8_t *bytes; /* in the chunk's copy */
    uint32_t length;      /* bytes; 0 for a text with a fault */
    uint32_t byte_begin;  /* where `bytes` lies in the chunk */
    uint32_t symbol_begin, symbol_end; /* symbols[symbol_begin - 1] and symbols[symbol_end] are boundaries */
    uint32_t shape_begin, shape_end;   /* of the text model; shapes[shape_end] is a boundary */
    uint32_t group;       /* texts of one post share it; ascending */
    uint32_t fault;       /* TEXT_... */
    uint32_t fault_at;    /* byte in the text; for TEXT_TOO_LONG its length */
    uint32_t flags;       /* what was capped: MATCHES_CAPPED, WORK_CAPPED */
    uint32_t is_examined; /* its post is: else nothing is looked for in it */
    uint32_t restored;    /* 1 + the number of the text as it was meant among the restored ones; 0: it stands as it was meant */
    float window;         /* greatest logit of the text model of one of its windows */
    int64_t weights;      /* of the text model, of all features */
} text_t;

typedef struct {
    const uint8_t *readable; /* the end of the memory that holds the texts */
    column_u8 bytes_;
    column_u64 ends; /* bit i: byte i is a separator */
    column_u16 raw;  /* code points before the fold, by the vector paths */
    column_u32 raw_offsets;
    column_u16 symbols_;
    column_u32 offsets_;
    column_u32 survivors; /* positions that may hold an anchor, ascending */
    column_u32 found, buckets; /* those that do, and the first entry of its bucket */
    column_u16 shapes_;   /* of the text model: what it reads, see shapes.h */
    column_u32 bigrams;   /* the bucket of the bigram at each of them, by the vector paths */
    column_u32 sums;      /* of the weights of all shapes before each of them, modulo 2^32 */
    text_t *texts;
    size_t text_count, text_capacity;
    size_t byte_count, symbol_count, survivor_count, found_count, shape_count;
} chunk_t;

static inline uint8_t *chunk_bytes(const chunk_t *chunk) { return chunk->bytes_.at + BYTE_LEAD; }
static inline uint16_t *chunk_symbols(const chunk_t *chunk) { return chunk->symbols_.at + SYMBOL_LEAD; }
static inline uint32_t *chunk_offsets(const chunk_t *chunk) { return chunk->offsets_.at + SYMBOL_LEAD; }

static inline void chunk_free(chunk_t *chunk) {
    column_u8_free(&chunk->bytes_);
    column_u64_free(&chunk->ends);
    column_u16_free(&chunk->raw);
    column_u32_free(&chunk->raw_offsets);
    column_u16_free(&chunk->symbols_);
    column_u32_free(&chunk->offsets_);
    column_u32_free(&chunk->survivors);
    column_u32_free(&chunk->found);
    column_u16_free(&chunk->shapes_);
    column_u32_free(&chunk->bigrams);
    column_u32_free(&chunk->sums);
    column_u32_free(&chunk->buckets);
    free(chunk->texts);
    chunk->texts = NULL;
    chunk->text_capacity = 0;
}

/* Room for `count` symbols in all, and slack. What was written so far stays. */
static inline int chunk_reserve_symbols(chunk_t *chunk, size_t count) {
    /* The columns' own counts stay 0, so that what is asked for is the capacity. */
    const size_t room = SYMBOL_LEAD + count + SYMBOL_SLACK;
    const int fresh = chunk->symbols_.at == NULL;
    if (column_u16_reserve(&chunk->symbols_, room) || column_u32_reserve(&chunk->offsets_, room)) return -1;
    if (fresh) {
        for (size_t k = 0; k < SYMBOL_LEAD; k++) chunk->symbols_.at[k] = SYMBOL_BOUNDARY;
        memset(chunk->offsets_.at, 0, SYMBOL_LEAD * sizeof(uint32_t));
    }
    return 0;
}

/* Room for `count` texts in all. */
static inline int chunk_reserve_texts(chunk_t *chunk, size_t count) {
    if (count <= chunk->text_capacity) return 0;
    text_t *texts = (text_t *)realloc(chunk->texts, count * sizeof *texts);
    if (texts == NULL) return -1;
    chunk->texts = texts;
    chunk->text_capacity = count;
    return 0;
}

/* Begins a chunk with room for `count` texts of `bytes` bytes in all, which end before `readable`. */
static inline int chunk_begin(chunk_t *chunk, size_t count, size_t bytes, const uint8_t *readable) {
    const size_t room = BYTE_LEAD + bytes + count + BYTE_SLACK;
    if (chunk_reserve_texts(chunk, count + 1)) return -1; /* one more: a text's end is written together with the next one's begin */
    if (column_u8_reserve(&chunk->bytes_, room) || column_u64_reserve(&chunk->ends, room / 64 + 2)) return -1;
    memset(chunk->bytes_.at, 0, BYTE_LEAD);
    memset(chunk->ends.at, 0, (room / 64 + 2) * sizeof(uint64_t));
    chunk->readable = readable;
    chunk->text_count = chunk->byte_count = chunk->symbol_count = chunk->survivor_count = 0;
    return 0;
}

/* Adds a text of the post `group`. There is room, by chunk_begin(). */
static inline void chunk_add(chunk_t *chunk, const uint8_t *bytes, size_t length, uint32_t group) {
    text_t *text = &chunk->texts[chunk->text_count++];
    uint8_t *copy = chunk_bytes(chunk) + chunk->byte_count;
    text->bytes = copy;
    text->length = (uint32_t)length;
    text->byte_begin = (uint32_t)chunk->byte_count;
    text->group = group;
    text->fault = TEXT_OK;
    text->fault_at = text->flags = text->restored = 0;
    size_t done = 0;
    for (; done < length && (size_t)(chunk->readable - bytes) - done >= COPY; done += COPY) memcpy(copy + done, bytes + done, COPY);
    if (done < length) memcpy(copy + done, bytes + done, length - done);
    copy[length] = 0;
    chunk->byte_count += length + 1;
    chunk->ends.at[(chunk->byte_count - 1) >> 6] |= (uint64_t)1 << ((chunk->byte_count - 1) & 63);
}

/* Adds in place of a text that it is too long to be read. */
static inline void chunk_add_fault(chunk_t *chunk, uint32_t fault, uint32_t fault_at, uint32_t group) {
    chunk_add(chunk, chunk->readable, 0, group);
    chunk->texts[chunk->text_count - 1].fault = fault;
    chunk->texts[chunk->text_count - 1].fault_at = fault_at;
}

/* Closes the bytes, and makes room for the symbols: at most one a byte, but for expansions. */
static inline int chunk_end(chunk_t *chunk) {
    memset(chunk_bytes(chunk) + chunk->byte_count, 0, BYTE_SLACK);
    return chunk_reserve_symbols(chunk, chunk->byte_count);
}

/* Closes the symbols: boundaries behind the last text. */
static inline void chunk_close_symbols(chunk_t *chunk, size_t count) {
    uint16_t *behind = chunk_symbols(chunk) + count;
    chunk->symbol_count = count;
    for (size_t k = 0; k < SYMBOL_SLACK; k++) behind[k] = SYMBOL_BOUNDARY;
    chunk_offsets(chunk)[count] = (uint32_t)chunk->byte_count;
}

/* Empties the texts that have a fault, so that the others can be folded. */
static inline void chunk_drop_faults(chunk_t *chunk) {
    size_t to = 0, words = (chunk->byte_count + 63) / 64;
    memset(chunk->ends.at, 0, words * sizeof(uint64_t));
    for (size_t k = 0; k < chunk->text_count; k++) {
        text_t *text = &chunk->texts[k];
        if (text->fault) text->length = 0;
        memmove(chunk_bytes(chunk) + to, text->bytes, text->length);
        text->byte_begin = (uint32_t)to;
        text->bytes = chunk_bytes(chunk) + to;
        to += text->length;
        chunk_bytes(chunk)[to] = 0;
        chunk->ends.at[to >> 6] |= (uint64_t)1 << (to & 63);
        to++;
    }
    chunk->byte_count = to;
    memset(chunk_bytes(chunk) + to, 0, BYTE_SLACK);
}

#endif
