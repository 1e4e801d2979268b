"""Declarations of engine/kernels/*.h for the Cython modules."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from fairpost.engine.image cimport image_t

cdef extern from "columns.h" nogil:
    ctypedef struct hit_t:
        uint32_t begin, end, symbol_begin, symbol_end, pattern, text, list, next
    ctypedef struct delimiter_t:
        uint32_t symbol, offset, strength

    ctypedef struct column_u8:
        uint8_t *at
        size_t count, capacity
    ctypedef struct column_u16:
        uint16_t *at
        size_t count, capacity
    ctypedef struct column_u32:
        uint32_t *at
        size_t count, capacity
    ctypedef struct column_f32:
        float *at
        size_t count, capacity
    ctypedef struct column_hit:
        hit_t *at
        size_t count, capacity
    ctypedef struct column_delimiter:
        delimiter_t *at
        size_t count, capacity

    int column_u8_reserve(column_u8 *c, size_t extra) noexcept
    int column_u16_reserve(column_u16 *c, size_t extra) noexcept
    int column_u32_reserve(column_u32 *c, size_t extra) noexcept
    int column_f32_reserve(column_f32 *c, size_t extra) noexcept
    int column_hit_reserve(column_hit *c, size_t extra) noexcept
    void column_u8_free(column_u8 *c) noexcept
    void column_u16_free(column_u16 *c) noexcept
    void column_u32_free(column_u32 *c) noexcept
    void column_f32_free(column_f32 *c) noexcept
    void column_hit_free(column_hit *c) noexcept
    void column_delimiter_free(column_delimiter *c) noexcept

cdef extern from "fold.h" nogil:
    enum:
        FOLD_OK
        FOLD_INVALID
        FOLD_NO_MEMORY
    int fold_text(const image_t *image, const uint8_t *text, size_t length, column_u16 *symbols, column_u32 *offsets,
                  column_delimiter *delimiters, size_t *fault) noexcept

cdef extern from "match.h" nogil:
    enum:
        MATCHES_CAPPED
        WORK_CAPPED
        EVIDENCE_CAPPED
        MAX_HITS
        WORK_BASE
        WORK_PER_SYMBOL
    ctypedef struct text_t:
        const uint8_t *bytes
        uint32_t length, symbol_begin, symbol_end, delimiter_begin, delimiter_end
    ctypedef struct matcher_t:
        const image_t *image
        const uint16_t *symbols
        const uint32_t *offsets
        const text_t *text
        uint32_t text_index
        column_hit *hits
        uint32_t hit_limit
        uint64_t work, work_limit
        uint32_t flags
        column_u32 *view_code_points
        column_u32 *view_offsets
    int match_text(matcher_t *m) noexcept

cdef extern from "hits.h" nogil:
    enum:
        NO_HIT
        PAIR_LIMIT
    void sort_hits(hit_t *hits, size_t count) noexcept
    size_t unique_hits(hit_t *hits, size_t count) noexcept
    size_t remove_allowed(
        const image_t *image, const uint8_t *allows, hit_t *hits, size_t count, uint64_t *pairs
    ) noexcept
    void chain_hits(hit_t *hits, size_t count, uint32_t *head, uint32_t *stamps, uint32_t stamp) noexcept
    int delimiter_between(const delimiter_t *delimiters, const text_t *text, uint32_t begin, uint32_t end,
                          uint32_t strength) noexcept
    uint32_t count_units(const uint8_t *text, uint32_t bytes, int utf16) noexcept

cdef extern from "recognise.h" nogil:
    int recognise_text(matcher_t *m) noexcept
    void prepare_recognisers() noexcept
