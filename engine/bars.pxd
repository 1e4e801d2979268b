"""Which rules cannot hold, whatever else is so: for what `commerce` is, and for want of a seller."""

from libc.stdint cimport uint64_t

from fairpost.engine.image cimport Image, image_t, rule_t

cdef class Bars:
    cdef size_t words  # of a set of rules, a bit each
    cdef size_t step_count
    cdef float *steps  # numbers with which conditions compare `commerce`, ascending
    cdef uint64_t *by_commerce  # sets of the rules that may hold: below the first step, at it, up to the next, ...
    cdef uint64_t *without_seller  # the set of those that may hold where no seller is given
    cdef uint64_t *always  # the set of the rules that are evaluated without a trigger

    cdef const uint64_t *admitted(self, double commerce) noexcept nogil
    cdef bint may_hold(self, const image_t *image, const rule_t *rule, int place, bint has_seller) noexcept
    cdef int place_of(self, float value) noexcept
