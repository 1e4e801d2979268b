"""Which lists give context to rules, and to which; and which lists patterns are in."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from fairpost.engine.image cimport Image
from fairpost.engine.native cimport owners_t

cdef class Context:
    cdef uint8_t *is_context  # by list
    cdef uint64_t *indexes  # by list: who asks for its patterns, a bit for each item of CTXI
    cdef uint32_t *first  # by rule, one more than rules: its context lists in `lists`
    cdef uint16_t *lists
    cdef owners_t owners
    cdef object columns  # what `owners` points to
