"""Judges a chunk of posts: the pipeline fold -> match -> conditions -> scores -> verdict columns, without the GIL."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from fairpost.engine.answer cimport answer_t
from fairpost.engine.bars cimport Bars
from fairpost.engine.conditions cimport facts_t
from fairpost.engine.context cimport Context
from fairpost.engine.image cimport Image, image_t, standing_t
from fairpost.engine.native cimport column_hit, column_match, column_u32, match_t, reader_t, text_t
from fairpost.engine.program cimport Program
from fairpost.engine.scanner cimport Scanner

# Columns of the request. Post i owns texts segments[i] .. segments[i + 1] (or text i where segments is NULL);
# text k is bytes offsets[k] .. offsets[k + 1]. sellers, channels, languages: NULL = none for every post.
ctypedef struct request_t:
    const uint8_t *bytes
    const int64_t *offsets
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


cdef class Judge:
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
    cdef uint64_t *candidates
    cdef uint8_t *fired
    cdef uint8_t *allows  # by list: whether it is an allow list
    # Most hits are of lists that only give context to a rule: they are made for the rules that ask. See Context.
    cdef Context context
    cdef uint32_t *wanted  # by list: the last `mark` with which its hits were asked for
    cdef uint32_t mark
    cdef bint everything  # hits of all lists are wanted at once
    cdef facts_t facts
    cdef Program program
    cdef Bars bars
    cdef size_t signal_rules  # rules of COMMERCE, which come first
    cdef uint64_t shadow_pairs  # pairs of hits that shadow rules have looked at; facts.pairs counts the others'
    cdef size_t shadow_rows  # the post's rows of evidence that are shadow rules'
    cdef bint is_sorted  # whether the hits are: only witnesses need it
    cdef uint32_t flags

    cdef int scan_one(self, bytes text) except -1
    cdef int run(self, const request_t *request, answer_t *answer) noexcept nogil
    cdef size_t stage(self, const request_t *request, size_t post) noexcept nogil
    cdef int judge_post(self, const request_t *request, answer_t *answer, size_t post, size_t first_text) noexcept nogil
    cdef int examine(self, const request_t *request, answer_t *answer, size_t post, size_t count) noexcept nogil
    cdef float model_of(self, const text_t *texts, size_t count) noexcept nogil
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
    cdef int add_context(self, uint32_t rule, int32_t day) noexcept nogil
    cdef int ask(self, uint32_t rule) noexcept nogil
    cdef void chain(self) noexcept nogil
    cdef int fire_rules(self, answer_t *answer, int32_t day) noexcept nogil
    cdef int fire_some(self, answer_t *answer, int32_t day, size_t begin, size_t end) noexcept nogil
    cdef void keep_candidates(self, const uint64_t *rules) noexcept nogil
    cdef void exchange_pairs(self) noexcept nogil
    cdef double commerce_of(self, const answer_t *answer, size_t first) noexcept nogil
    cdef void know_commerce(self, double commerce, size_t place) noexcept nogil
    cdef int add_evidence(self, const request_t *request, answer_t *answer, size_t rule, size_t first) noexcept nogil
