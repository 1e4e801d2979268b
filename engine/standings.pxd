"""Standing of all sellers in memory, found by id (kernels/standings.h)."""

from libc.stdint cimport int32_t, int64_t, uint64_t

from fairpost.engine.image cimport standing_t
from fairpost.engine.native cimport hash_group_t, seller_ids_t, sip_key_t

cdef extern from "standings.h" nogil:
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
        guard_t guard
        content_t *content
        uint64_t version
        bint is_available


cdef class StandingTable:
    cdef standings_t *table

    # Standings of a batch on a day; see standings_look_up(). Any thread, without the GIL: takes the table's lock.
    cdef size_t look_up(self, const seller_ids_t *ids, int32_t day, int32_t *sellers, standing_t *standings,
                        int64_t *sequence) noexcept nogil
