"""Which lists give context to rules, and to which."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from fairpost.engine.image cimport Image

cdef class Context:
    cdef uint8_t *is_context  # by list
    cdef uint64_t *indexes  # by list: bits of the indexes (image_t.contexts) that may hold its patterns
    cdef uint32_t *first  # by rule, one more than rules: its context lists in `lists`
    cdef uint16_t *lists
