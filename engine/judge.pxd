"""Judges a chunk of posts: the pipeline fold -> match -> conditions -> scores -> verdict columns, without the GIL."""

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t

from fairpost.engine.answer cimport answer_t
from fairpost.engine.finder cimport Finder, request_t
from fairpost.engine.native cimport text_t


cdef class Judge(Finder):
    cdef uint64_t *candidates  # rules, a bit each
    cdef uint8_t *fired  # by rule
    cdef size_t signal_rules  # rules of COMMERCE, which come first
    cdef uint64_t shadow_pairs  # pairs of hits that shadow rules have looked at; facts.pairs counts the others'
    cdef size_t shadow_rows  # the post's rows of evidence that are shadow rules'

    cdef int run(self, const request_t *request, answer_t *answer) noexcept nogil
    cdef int judge_post(self, const request_t *request, answer_t *answer, size_t post, size_t first_text) noexcept nogil
    cdef int examine(self, const request_t *request, answer_t *answer, size_t post, size_t count) noexcept nogil
    cdef float model_of(self, const text_t *texts, size_t count) noexcept nogil
    cdef int add_context(self, uint32_t rule, int32_t day) noexcept nogil
    cdef int ask(self, uint32_t rule) noexcept nogil
    cdef int fire_rules(self, answer_t *answer, int32_t day) noexcept nogil
    cdef int fire_some(self, answer_t *answer, int32_t day, size_t begin, size_t end) noexcept nogil
    cdef void keep_candidates(self, const uint64_t *rules) noexcept nogil
    cdef void exchange_pairs(self) noexcept nogil
    cdef double commerce_of(self, const answer_t *answer, size_t first) noexcept nogil
    cdef void know_commerce(self, double commerce, size_t place) noexcept nogil
    cdef int add_evidence(self, const request_t *request, answer_t *answer, size_t rule, size_t first) noexcept nogil
