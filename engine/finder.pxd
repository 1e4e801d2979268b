"""Finds the hits of posts."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from fairpost.engine.bars cimport Bars
from fairpost.engine.conditions cimport facts_t
from fairpost.engine.context cimport Context
from fairpost.engine.image cimport Image, image_t, standing_t
from fairpost.engine.native cimport column_hit, column_match, column_u32, match_t, reader_t, text_t
from fairpost.engine.program cimport Program
from fairpost.engine.scanner cimport Scanner

# Columns of the request. Post i owns texts segments[i] .. segments[i + 1] (or text i where segments is NULL);
# text k is bytes begins[k] .. ends[k], wherever in the memory before `readable`; where texts lie behind each other,
# ends = begins + 1. sellers, channels, languages: NULL = none for every post.
ctypedef struct request_t:
    const uint8_t *bytes
    const int64_t *begins
    const int64_t *ends
    const uint8_t *readable
    const int64_t *segments
    size_t posts
    const int32_t *sellers
    const standing_t *standings
    const uint16_t *channels
    const uint16_t *languages
    const int32_t *days
    uint16_t channel, language  # where the columns are NULL
    int32_t day
    uint32_t max_characters
    int unit  # position in vocabulary.UNITS


cdef inline int64_t first_text(const request_t *request, size_t post) noexcept nogil:
    return request.segments[post] if request.segments != NULL else <int64_t>post


cdef inline size_t text_count(const request_t *request, size_t post) noexcept nogil:
    return <size_t>(first_text(request, post + 1) - first_text(request, post))


cdef class Finder:
    cdef Image image
    cdef const image_t *view
    cdef Scanner scanner
    cdef size_t match, writing  # the next match of the chunk, and of its evasion scan, to be looked at
    cdef size_t post_match, post_writing  # the first ones of the post at hand
    cdef column_u32 mixed  # those of its matches in `matches` whose patterns are in lists of context too
    cdef bint is_context_found  # scanner.context has matches of the post at hand
    cdef size_t post_text, post_texts  # its first text in the chunk, and how many it has
    cdef text_t *texts  # of the post at hand, in the chunk
    cdef column_hit hits_
    cdef reader_t reader
    cdef uint32_t *head
    cdef uint64_t *known  # see facts_t
    cdef uint8_t *allows  # by list: whether it is an allow list
    # Most hits are of lists that only give context to a rule: they are made for the rules that ask. See Context.
    cdef Context context
    cdef uint32_t *wanted  # by list: the last `mark` with which its hits were asked for
    cdef uint32_t mark
    cdef bint everything  # hits of all lists are wanted at once
    cdef facts_t facts
    cdef Program program
    cdef Bars bars
    cdef bint is_sorted  # whether the hits are: only witnesses need it
    cdef uint32_t flags

    cdef int scan_one(self, bytes text) except -1
    cdef size_t stage(self, const request_t *request, size_t post) noexcept nogil
    cdef void begin_chains(self) noexcept nogil
    cdef void sort_and_chain(self) noexcept nogil
    cdef int find_hits(self, size_t first_text, size_t count) noexcept nogil
    cdef int find_context(self, uint64_t asked) noexcept nogil
    cdef int take_hits(self) noexcept nogil
    cdef int take_context(self) noexcept nogil
    cdef int take_found_context(self, int which) noexcept nogil
    cdef size_t behind(self, const column_match *matches, size_t first) noexcept nogil
    cdef int take(self, const match_t *match, int which) noexcept nogil
    cdef int take_range(self, const column_match *matches, size_t first, size_t end, int which) noexcept nogil
    cdef void chain(self) noexcept nogil
