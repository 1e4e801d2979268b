"""Declarations of engine/kernels/*.h for the Cython modules."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from fairpost.engine.image cimport evasion_t, image_t

cdef extern from *:
    """
    #define trailing_zeros(x) __builtin_ctzll(x)
    #define prefetch(p) __builtin_prefetch(p)
    """
    int trailing_zeros(uint64_t x) noexcept nogil
    void prefetch(const void *p) noexcept nogil

cdef extern from "columns.h" nogil:
    ctypedef struct hit_t:
        uint32_t begin, end, symbol_begin, symbol_end, pattern, text
        uint16_t list, writing
        uint32_t next

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

cdef extern from "chunk.h" nogil:
    enum:
        CHUNK_BYTES
        TEXT_OK
        TEXT_ILL_FORMED
        TEXT_TOO_LONG
    ctypedef struct text_t:
        const uint8_t *bytes
        uint32_t length, byte_begin, symbol_begin, symbol_end, shape_begin, shape_end, group, fault, fault_at, flags
        uint32_t restored
        uint32_t is_examined
        float window
        int64_t weights
    ctypedef struct chunk_t:
        column_u16 shapes_
        text_t *texts
        size_t text_count, byte_count, symbol_count, shape_count
    int chunk_begin(chunk_t *chunk, size_t count, size_t bytes, const uint8_t *readable) noexcept
    void chunk_add(chunk_t *chunk, const uint8_t *bytes, size_t length, uint32_t group) noexcept
    void chunk_add_fault(chunk_t *chunk, uint32_t fault, uint32_t fault_at, uint32_t group) noexcept
    int chunk_end(chunk_t *chunk) noexcept
    void chunk_free(chunk_t *chunk) noexcept
    uint16_t *chunk_symbols(const chunk_t *chunk) noexcept
    uint32_t *chunk_offsets(const chunk_t *chunk) noexcept

cdef extern from "match.h" nogil:
    enum:
        MATCHES_CAPPED
        WORK_CAPPED
        EVIDENCE_CAPPED
        MAX_HITS
    ctypedef struct match_t:
        uint32_t pattern, text, begin, end, byte_begin, byte_end, writing
    ctypedef struct column_match:
        match_t *at
        size_t count, capacity
    void column_match_free(column_match *c) noexcept
    ctypedef struct matcher_t:
        const uint16_t *symbols
        const uint32_t *offsets
    void matcher_begin(matcher_t *m, const image_t *image, chunk_t *chunk, column_match *matches,
                       bint is_limited) noexcept
    int match_chunk(matcher_t *m) noexcept
    void matcher_free(matcher_t *m) noexcept

cdef extern from "restore.h" nogil:
    ctypedef struct origin_t:
        uint32_t begin, end, how
    ctypedef struct column_origin:
        origin_t *at
    ctypedef struct restorer_t:
        chunk_t chunk
        column_origin origins
    void restorer_free(restorer_t *restorer) noexcept
    int restore_chunk(restorer_t *restorer, const image_t *image, chunk_t *chunk) noexcept
    void tell_matches(const restorer_t *restorer, chunk_t *chunk, column_match *matches, size_t first,
                      size_t count) noexcept

cdef extern from "siphash.h" nogil:
    ctypedef struct hash128_t:
        uint64_t low, high
    ctypedef struct sip_key_t:
        uint64_t k0, k1
    ctypedef struct seller_ids_t:
        const uint8_t *bytes
        const int64_t *begins
        const int64_t *ends
        size_t count
    ctypedef void hash_group_t(sip_key_t key, const seller_ids_t *ids, size_t first, size_t count,
                               hash128_t *hashes) noexcept nogil
    enum:
        HASH_GROUP

cdef extern from "standing_lookup.h" nogil:
    ctypedef struct lookup_t:
        pass
    ctypedef size_t find_standings_t(const lookup_t *lookup, size_t found) noexcept nogil

cdef extern from "paths.h" nogil:
    enum:
        PATH_COUNT
    ctypedef struct path_t:
        const char *name
        bint (*runs_here)() noexcept nogil
        int (*fold)(const image_t *, chunk_t *) noexcept nogil
        int (*filter)(const image_t *, chunk_t *, size_t begin, size_t end) noexcept nogil
        int (*lookup)(const image_t *, chunk_t *) noexcept nogil
        int (*shapes)(chunk_t *) noexcept nogil
        int (*model)(const image_t *, chunk_t *) noexcept nogil
        size_t (*encode_ucs2)(const uint16_t *, size_t, uint8_t *) noexcept nogil
        size_t (*encode_ucs4)(const uint32_t *, size_t, uint8_t *) noexcept nogil
        hash_group_t *hash_group
        find_standings_t *find_standings
    const path_t *paths
    int fold_chunk(const path_t *path, const image_t *image, chunk_t *chunk) noexcept

cdef extern from "examine.h" nogil:
    void choose_texts(const image_t *image, chunk_t *chunk) noexcept
    int look_through(const path_t *path, const image_t *image, chunk_t *chunk) noexcept
    int look_near(const path_t *path, const image_t *image, restorer_t *restorer) noexcept
    int match_context(const path_t *path, const image_t *image, uint64_t asked, chunk_t *chunk, size_t first,
                      size_t count, matcher_t *m, column_match *matches, bint is_limited) noexcept

cdef extern from "model.h" nogil:
    float model_logit(const image_t *image, int64_t total, uint64_t shapes) noexcept
    double model_logistic(double logit) noexcept
    uint32_t model_unigram(uint32_t symbol, uint32_t shift) noexcept
    uint32_t model_bigram(uint32_t first, uint32_t second, uint32_t shift) noexcept

cdef extern from "filter.h" nogil:
    uint32_t has_bit(const uint64_t *map, uint32_t bit) noexcept

cdef extern from "hits.h" nogil:
    enum:
        NO_HIT
        PAIR_LIMIT
        UNSORTED_HITS
    void sort_hits(hit_t *hits, size_t count) noexcept
    size_t unique_hits(hit_t *hits, size_t count) noexcept
    size_t remove_allowed(
        const image_t *image, const uint8_t *allows, hit_t *hits, size_t count, uint64_t *pairs
    ) noexcept
    size_t remove_allowed_unsorted(
        const image_t *image, const uint8_t *allows, hit_t *hits, size_t count
    ) noexcept
    size_t chain_unsorted(hit_t *hits, size_t count, uint32_t *head, uint64_t *present) noexcept
    void chain_hits(hit_t *hits, size_t count, uint32_t *head, uint64_t *present) noexcept
    uint32_t first_hit_of(const uint32_t *head, const uint64_t *present, uint32_t list) noexcept
    enum:
        RUN_TWICE
        LISTS_EAGER
        LISTS_CONTEXT
        LISTS_ALL
    ctypedef struct share_t:
        uint16_t eager, all
    ctypedef struct owners_t:
        const uint32_t *runs
        const share_t *shares
        const uint16_t *lists
    int append_hits(const image_t *image, const owners_t *owners, const chunk_t *chunk, const match_t *match,
                    uint32_t text, int which, const uint32_t *wanted, uint32_t mark, column_hit *hits, size_t limit,
                    uint32_t *flags) noexcept
    bint delimiter_between(const image_t *image, const text_t *text, uint32_t begin, uint32_t end, uint32_t strength,
                           uint64_t *pairs) noexcept
    uint32_t count_leads(const uint8_t *text, size_t bytes) noexcept
    uint32_t count_units(const uint8_t *text, uint32_t bytes, bint is_utf16) noexcept

cdef extern from "quotations.h" nogil:
    enum:
        QUOTATIONS_MAX
    ctypedef struct quotation_t:
        uint32_t text
        uint32_t begin
        uint32_t end
    size_t find_quotations(const text_t *text, uint32_t number, quotation_t *found, size_t count) noexcept

cdef extern from "seeds.h" nogil:
    enum:
        ALL_RECOGNISERS
    ctypedef struct reader_t:
        const uint16_t *symbols
        const uint32_t *offsets
        const text_t *text
        uint32_t text_index, wanted
        column_hit *hits
        size_t hit_limit
        uint32_t flags
    int reader_open(reader_t *m, const image_t *image) noexcept
    void reader_close(reader_t *m) noexcept
    uint32_t recognisers_used(const image_t *image) noexcept
    int recognise_text(reader_t *m) noexcept
    void prepare_recognisers() noexcept
    void prepare_seeds() noexcept
