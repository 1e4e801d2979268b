"""Verdict columns as they grow while posts are judged."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.stdlib cimport free, realloc

from fairpost.engine.image cimport NO_PATTERN
from fairpost.engine.native cimport column_f32, column_u8, column_u16, hit_t

# The rows of evidence: columns that grow together. Their memory is given away, each by itself.
ctypedef struct evidence_t:
    uint16_t *rule
    uint16_t *list
    uint16_t *text
    uint32_t *pattern
    uint32_t *start
    uint32_t *stop
    uint8_t *shadow
    size_t count, capacity

# Columns of the answer: fixed ones have request.posts entries and are owned by NumPy; ragged ones grow here.
ctypedef struct answer_t:
    uint8_t *status
    uint32_t *status_offset
    uint16_t *status_text
    uint8_t *action
    float *risk
    float *commerce
    float *exposure
    float *model
    uint16_t *flags
    uint32_t *label_end
    uint32_t *evidence_end
    uint32_t *fired_end
    column_u8 label_category, label_severity
    column_f32 label_score
    evidence_t evidence
    column_u16 fired_rule


cdef inline int grow(void **column, size_t bytes) noexcept nogil:
    cdef void *larger = realloc(column[0], bytes)
    if larger == NULL:
        return -1
    column[0] = larger
    return 0


cdef inline int reserve_evidence(evidence_t *evidence, size_t rows) noexcept nogil:
    """Room for so many rows more. Returns 0, or -1 when memory runs out."""
    cdef size_t capacity = evidence.capacity if evidence.capacity else 256
    if evidence.capacity - evidence.count >= rows:
        return 0
    while capacity - evidence.count < rows:
        capacity *= 2
    if (
        grow(<void**>&evidence.rule, capacity * sizeof(uint16_t))
        or grow(<void**>&evidence.list, capacity * sizeof(uint16_t))
        or grow(<void**>&evidence.text, capacity * sizeof(uint16_t))
        or grow(<void**>&evidence.pattern, capacity * sizeof(uint32_t))
        or grow(<void**>&evidence.start, capacity * sizeof(uint32_t))
        or grow(<void**>&evidence.stop, capacity * sizeof(uint32_t))
        or grow(<void**>&evidence.shadow, capacity)
    ):
        return -1
    evidence.capacity = capacity
    return 0


cdef inline void append_evidence(evidence_t *evidence, uint16_t rule, const hit_t *hit, bint shadow) noexcept nogil:
    """One row; room was reserved. Spans in bytes; without a hit the row has no span."""
    cdef size_t row = evidence.count
    evidence.rule[row] = rule
    evidence.list[row] = <uint16_t>hit.list if hit != NULL else <uint16_t>0xFFFF
    evidence.text[row] = <uint16_t>hit.text if hit != NULL else <uint16_t>0
    evidence.pattern[row] = hit.pattern if hit != NULL else NO_PATTERN
    evidence.start[row] = hit.begin if hit != NULL else 0
    evidence.stop[row] = hit.end if hit != NULL else 0
    evidence.shadow[row] = shadow
    evidence.count = row + 1


cdef inline void free_evidence(evidence_t *evidence) noexcept nogil:
    free(evidence.rule)
    free(evidence.list)
    free(evidence.text)
    free(evidence.pattern)
    free(evidence.start)
    free(evidence.stop)
    free(evidence.shadow)
