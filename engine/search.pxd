"""Searches texts for the patterns of a set: scanner -> matches in order -> columns, without the GIL."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from fairpost.engine.native cimport column_u32, text_t
from fairpost.engine.scanner cimport Scanner

cdef extern from "spans.h" nogil:
    ctypedef struct span_t:
        uint64_t span
        uint32_t pattern
    ctypedef struct column_span:
        span_t *at
        size_t count, capacity
    ctypedef struct units_t:
        pass

cdef enum unit_t:  # positions in vocabulary.UNITS
    UTF8
    UTF16
    CODE_POINTS

cdef enum:
    LONGEST_TEXT = 1 << 30  # bytes

cdef enum outcome_t:
    DONE = 0
    NO_MEMORY = -1
    TOO_LONG = -2
    ILL_FORMED = -3

# What to look for in texts first .. end of a column, which ends before `readable`. Texts are reported as base + k.
ctypedef struct task_t:
    const uint8_t *bytes
    const int64_t *offsets
    const uint8_t *readable
    size_t first, end, base
    unit_t unit
    bint is_longest  # leftmost-longest, not overlapping
    bint is_strict  # stop at an ill-formed text
    uint32_t *counts  # NULL: report the matches; else add up how many there are, by text


cdef class Search:
    cdef Scanner scanner
    cdef column_span spans
    cdef units_t units
    # The answer: matches as columns, and the ill-formed texts with the byte at fault.
    cdef column_u32 post, pattern, begin, end
    cdef column_u32 bad_post, bad_byte
    cdef size_t fault  # the text at which run() stopped

    cdef outcome_t run(self, const task_t *task) noexcept nogil
    cdef outcome_t note_faults(self, const task_t *task, size_t first) noexcept nogil
    cdef int collect(self, const task_t *task, size_t first) noexcept nogil
    cdef void report(self, uint32_t post, size_t count) noexcept nogil
    cdef int report_units(self, const task_t *task, const text_t *text, uint32_t post, size_t count) noexcept nogil
    cdef void columns(self, column_u32 **have) noexcept nogil
    cdef void forget(self) noexcept nogil
