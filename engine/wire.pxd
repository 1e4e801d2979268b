"""Declarations of kernels/wire*.h."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from fairpost.engine.image cimport standing_t
from fairpost.engine.native cimport column_u8

cdef extern from "wire_posts.h" nogil:
    enum:
        FOR_CHECK_POST
        FOR_CHECK_POSTS
        FOR_STREAM_CHECK
        REQUEST_READ
        REQUEST_REFUSED
        REQUEST_NO_MEMORY
    ctypedef struct wire_t:
        const uint8_t *at
        const uint8_t *end
    ctypedef struct name_t:
        pass
    ctypedef struct names_t:
        const uint8_t *bytes
        const name_t *names
        size_t count
    ctypedef struct terms_t:
        names_t channels, languages
        size_t max_posts
        int32_t today
    ctypedef struct wire_post_t:
        wire_t message, id
        bint is_refused
    ctypedef struct requests_t:
        size_t count, refused, capacity
        wire_post_t *posts
        int64_t *segments
        int64_t *seller_begins
        int64_t *seller_ends
        uint16_t *channels
        uint16_t *languages
        int32_t *days
        int64_t *text_begins
        int64_t *text_ends
        int32_t unit
        bint is_dry_run
    int32_t day_in_china(int64_t seconds) noexcept
    void requests_free(requests_t *requests) noexcept
    int read_request(requests_t *requests, const terms_t *terms, int kind, const uint8_t *bytes,
                     size_t length) noexcept

cdef extern from "wire_writer.h" nogil:
    ctypedef struct writer_t:
        uint8_t *begin
        uint8_t *at
        uint8_t *end
    size_t writer_length(const writer_t *writer) noexcept
    void writer_free(writer_t *writer) noexcept

cdef extern from "wire_standings.h" nogil:
    enum:
        FOR_LOOKUP_SELLER
        FOR_BATCH_LOOKUP_SELLERS
        LOOKUP_READ
        LOOKUP_REFUSED
        LOOKUP_NO_MEMORY
        OUTCOMES
        STANDING_WORDS
    ctypedef struct piece_t:
        pass
    ctypedef struct standing_words_t:
        const uint8_t *bytes
        piece_t licences[STANDING_WORDS]
        piece_t categories[STANDING_WORDS]
        size_t longest
    ctypedef struct lookups_t:
        size_t count, capacity
        int64_t *begins
        int64_t *ends
        int32_t *rows
        standing_t *standings
    void lookups_free(lookups_t *lookups) noexcept
    int read_lookups(lookups_t *lookups, int kind, size_t most, bint is_fresh, const uint8_t *bytes,
                     size_t length) noexcept
    int write_lookups(writer_t *writer, const lookups_t *lookups, const standing_words_t *words, const uint8_t *bytes,
                      const int64_t *ttls, const uint8_t *token, size_t token_length) noexcept

cdef extern from "wire_verdicts.h" nogil:
    enum:
        REVISION_LENGTH
        DECISION_LENGTH
        DECISION_PREFIX
        UNIT_BYTES
        UNIT_UTF16
        UNIT_CODE_POINTS
    ctypedef struct folded_t:
        const uint16_t *blocks
        const uint32_t *images
        const uint8_t *bytes
        size_t longest
    ctypedef struct saying_t:
        pass
    ctypedef struct phrases_t:
        const uint8_t *bytes
        const piece_t *heads
        const uint32_t *first
        const saying_t *sayings
        size_t longest
        piece_t categories[STANDING_WORDS]
        size_t longest_category
        uint8_t revision[REVISION_LENGTH]
    ctypedef struct verdicts_t:
        const uint8_t *status
        const uint8_t *action
        const float *risk
        const float *commerce
        const float *exposure
        const uint16_t *flags
        const uint32_t *label_end
        const uint32_t *evidence_end
        const uint8_t *label_category
        const uint8_t *label_severity
        const float *label_score
        const uint16_t *evidence_rule
        const uint16_t *evidence_text
        const uint32_t *evidence_start
        const uint32_t *evidence_stop
        const uint8_t *evidence_shadow
        const int32_t *sellers
        const standing_t *standings
    ctypedef struct refusal_t:
        const uint8_t *bytes
        size_t length
    ctypedef struct style_t:
        const phrases_t *phrases
        const standing_words_t *words
        const folded_t *folded
        int unit
        uint32_t policy
        uint8_t decisions[DECISION_PREFIX]
        uint64_t decision
        const refusal_t *refusals
    ctypedef struct pen_t:
        writer_t out
        column_u8 text
    void pen_free(pen_t *pen) noexcept
    void base32(uint8_t *out, uint64_t number, uint32_t characters) noexcept
    int write_answer(pen_t *pen, const style_t *style, const requests_t *requests, const verdicts_t *verdicts, int kind,
                     size_t refusals) noexcept

# The words of standings; they live as long as the module.
cdef int point_words(standing_words_t *words) except -1
