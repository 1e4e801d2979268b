"""Memory and work of one call that goes from bytes to bytes, without the GIL."""

from libc.stdint cimport int32_t, uint8_t, uint32_t

from fairpost.engine.answer cimport answer_t
from fairpost.engine.decision_ids cimport DecisionIds
from fairpost.engine.image cimport standing_t
from fairpost.engine.judge cimport Judge
from fairpost.engine.standings cimport StandingTable
from fairpost.engine.wire cimport pen_t, requests_t, style_t, terms_t, verdicts_t


cdef class WireTerms:
    cdef DecisionIds decisions
    cdef uint32_t policy
    cdef bint is_unregistered
    cdef size_t max_posts
    cdef uint32_t max_characters
    cdef uint32_t held  # bit a: posts with action a are handed over


cdef class Desk:
    cdef Judge judge
    cdef requests_t requests
    cdef answer_t answer
    cdef verdicts_t verdicts
    cdef pen_t pen
    cdef style_t style
    cdef size_t capacity  # posts that there is room for
    cdef int32_t *sellers
    cdef int32_t *judged_sellers
    cdef standing_t *standings

    cdef void free_ragged(self) noexcept nogil
    cdef void trim(self) noexcept nogil
    cdef int reserve(self, size_t posts) noexcept nogil
    cdef int work(self, int kind, const uint8_t *bytes, size_t length, const terms_t *reading, WireTerms terms,
                  StandingTable table, int32_t day, int *refused) noexcept nogil
    cdef int judge_request(self, const uint8_t *bytes, size_t length, WireTerms terms, StandingTable table,
                           int32_t day) noexcept nogil
    cdef int write(self, int kind, size_t refused) noexcept nogil
    cdef bint has_offending(self) noexcept nogil
    cdef bint is_offending(self, size_t k) noexcept nogil
    cdef bint has_held(self, uint32_t actions) noexcept nogil
    cdef bint is_held(self, size_t k, uint32_t actions) noexcept nogil
    cdef list held(self, const uint8_t *bytes, uint32_t actions)
    cdef str decision_id(self, size_t k)
    cdef list offending(self, const uint8_t *bytes)
