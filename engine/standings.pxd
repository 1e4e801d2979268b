"""Standing of all sellers in memory, found by id (kernels/standings.h)."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from fairpost.engine.image cimport standing_t
from fairpost.engine.native cimport find_standings_t, hash128_t, hash_group_t, seller_ids_t, sip_key_t

cdef extern from "standings.h" nogil:
    enum:
        STANDINGS_OK
        STANDINGS_NO_MEMORY
        STANDINGS_TOO_MANY
        STANDINGS_TOO_MANY_TALLIES
        STANDINGS_BACKWARDS
        KEEP_SEQUENCE
        MAX_ROWS
    ctypedef struct guard_t:
        pass
    ctypedef struct rows_t:
        size_t count
    ctypedef struct content_t:
        rows_t rows
        uint64_t placement
        int64_t sequence
        int32_t day
    ctypedef struct standings_t:
        sip_key_t key
        hash_group_t *hash_group
        find_standings_t *find_standings
        guard_t guard
        content_t *content
        uint64_t version
        bint is_available
    ctypedef struct seller_record_t:
        pass
    ctypedef struct seller_row_t:
        pass
    ctypedef struct change_t:
        pass
    void guard_read(guard_t *guard) noexcept
    void guard_show(guard_t *guard) noexcept
    void guard_done(guard_t *guard) noexcept
    void guard_write(guard_t *guard) noexcept
    void guard_written(guard_t *guard) noexcept
    int standings_open(standings_t *table, const uint8_t *key, hash_group_t *hash_group,
                       find_standings_t *find_standings, uint64_t placement) noexcept
    void standings_close(standings_t *table) noexcept
    size_t standings_look_up(standings_t *table, const seller_ids_t *ids, int32_t day, int32_t *sellers,
                             standing_t *standings, int64_t *sequence) noexcept
    bint standings_get(standings_t *table, const seller_ids_t *ids, seller_record_t *record) noexcept
    int standings_apply(standings_t *table, int64_t sequence, const seller_ids_t *ids, const seller_record_t *records,
                        const seller_ids_t *removed, change_t *changes, size_t *removals) noexcept
    content_t *standings_exchange(standings_t *table, content_t *fresh) noexcept
    content_t *content_open(uint64_t placement) noexcept
    void content_close(content_t *content) noexcept
    int content_reserve(content_t *content, size_t count) noexcept
    int content_fill(const standings_t *table, content_t *content, const seller_ids_t *ids,
                     const seller_record_t *records) noexcept
    size_t content_bytes(const content_t *content) noexcept

cdef extern from "standing_file.h" nogil:
    enum:
        LOAD_BAD_STATE
        LOAD_BAD_TALLY
        LOAD_TWICE
    ctypedef struct vocabulary_t:
        uint32_t registration, enforcement, listing
    uint32_t content_tallies(const content_t *content) noexcept
    void export_rows(const content_t *content, size_t first, size_t count, seller_row_t *out) noexcept
    void export_tallies(const content_t *content, size_t first, size_t count, uint8_t *out) noexcept
    int load_begin(content_t *content, size_t rows, uint32_t tallies) noexcept
    void load_rows(content_t *content, size_t first, size_t count, const uint8_t *bytes) noexcept
    void load_tallies(content_t *content, size_t first, size_t count, const uint8_t *bytes) noexcept
    int load_end(content_t *content, size_t count, const vocabulary_t *words, size_t *bad) noexcept


cdef class StandingTable:
    cdef standings_t *table

    # Standings of a batch on a day: sellers[k] is a row of `standings` (room for ids.count) or SELLER_*; returns the
    # number of rows. Id k is ids.bytes[ids.begins[k]:ids.ends[k]], wherever in the buffer; an empty one names nobody.
    # Any thread, without the GIL: takes the table's lock.
    cdef size_t look_up(self, const seller_ids_t *ids, int32_t day, int32_t *sellers, standing_t *standings,
                        int64_t *sequence) noexcept nogil
