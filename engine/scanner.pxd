"""Folds and matches texts, a chunk at a time, with one bundle's index."""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from fairpost.engine.image cimport Image, image_t
from fairpost.engine.native cimport chunk_t, column_match, matcher_t, path_t, restorer_t


cdef class Scanner:
    cdef Image image
    cdef const image_t *view
    cdef const path_t *path
    # After run(): the chunk's texts and symbols, and the matches of all its texts, text after text, by position of
    # their anchors inside a text.
    cdef chunk_t chunk
    cdef matcher_t matcher
    cdef column_match matches
    # Those of context patterns, of the post for which find_context() was called last: in its texts as they stand, and
    # as they were meant.
    cdef matcher_t context_matcher
    cdef column_match context
    cdef column_match context_writings
    # The same of the restored texts, where the image has an evasion scan.
    cdef restorer_t restorer
    cdef matcher_t writings_matcher
    cdef column_match writings

    cdef int find_context(self, uint64_t asked, size_t first, size_t count, bint is_limited) noexcept nogil
    cdef int find_writings(self, bint is_limited) noexcept nogil
    cdef int run(self, bint is_limited) noexcept nogil
    cdef int scan(self, const uint8_t *bytes, const int64_t *offsets, size_t first, size_t count,
                  const uint8_t *readable) noexcept nogil

cdef const path_t *path_in_use() noexcept nogil
cdef size_t chunk_of(const int64_t *offsets, size_t first, size_t end) noexcept nogil
