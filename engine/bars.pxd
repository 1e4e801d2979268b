"""Which rules cannot hold, whatever else is so: for what `commerce` is, and for want of a seller."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fairpost.engine.image cimport Image, image_t, instruction_t, rule_t

cdef class Bars:
    cdef size_t words  # of a set of rules, a bit each
    cdef size_t step_count
    cdef float *steps  # numbers with which conditions compare `commerce`, ascending
    cdef size_t answer_words
    cdef size_t comparison_count
    cdef uint8_t *operators  # of the comparisons that conditions make with these numbers
    cdef float *values
    cdef uint64_t *answers  # to the comparisons, a bit each: by place, as by_commerce
    cdef uint64_t *by_commerce  # sets of the rules that may hold: below the first step, at it, up to the next, ...
    cdef uint64_t *without_seller  # the set of those that may hold where no seller is given
    cdef uint64_t *always  # the set of the rules that are evaluated without a trigger
    cdef bint is_idle  # without a hit and a seller no rule may hold
    cdef size_t nothing  # the place of 0.0

    cdef size_t place_at(self, double commerce) noexcept nogil
    cdef int comparison(self, const instruction_t *i) noexcept
    cdef bint may_hold(self, const image_t *image, const rule_t *rule, int place, bint has_seller) noexcept nogil
    cdef int place_of(self, float value) noexcept nogil
