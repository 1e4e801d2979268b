"""Verdict columns as they grow while posts are judged."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t

from fairpost.engine.image cimport NO_PATTERN
from fairpost.engine.native cimport (
    column_f32,
    column_u8,
    column_u8_reserve,
    column_u16,
    column_u16_reserve,
    column_u32,
    column_u32_reserve,
    hit_t,
)

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
    column_u16 evidence_rule, evidence_list, evidence_text
    column_u32 evidence_pattern, evidence_start, evidence_stop
    column_u8 evidence_shadow
    column_u16 fired_rule


cdef inline int reserve_evidence(answer_t *answer, size_t rows) noexcept nogil:
    return (
        column_u16_reserve(&answer.evidence_rule, rows)
        or column_u16_reserve(&answer.evidence_list, rows)
        or column_u16_reserve(&answer.evidence_text, rows)
        or column_u32_reserve(&answer.evidence_pattern, rows)
        or column_u32_reserve(&answer.evidence_start, rows)
        or column_u32_reserve(&answer.evidence_stop, rows)
        or column_u8_reserve(&answer.evidence_shadow, rows)
    )


cdef inline void append_evidence(answer_t *answer, uint16_t rule, const hit_t *hit, bint shadow) noexcept nogil:
    """One row; room was reserved. Spans in bytes; without a hit the row has no span."""
    cdef size_t row = answer.evidence_rule.count
    answer.evidence_rule.at[row] = rule
    answer.evidence_list.at[row] = <uint16_t>hit.list if hit != NULL else <uint16_t>0xFFFF
    answer.evidence_text.at[row] = <uint16_t>hit.text if hit != NULL else <uint16_t>0
    answer.evidence_pattern.at[row] = hit.pattern if hit != NULL else NO_PATTERN
    answer.evidence_start.at[row] = hit.begin if hit != NULL else 0
    answer.evidence_stop.at[row] = hit.end if hit != NULL else 0
    answer.evidence_shadow.at[row] = shadow
    answer.evidence_rule.count = answer.evidence_list.count = answer.evidence_text.count = row + 1
    answer.evidence_pattern.count = answer.evidence_start.count = answer.evidence_stop.count = row + 1
    answer.evidence_shadow.count = row + 1
