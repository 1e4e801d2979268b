"""One post at a time: the latency of a call instead of the throughput of a batch."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t

from fairpost.engine.answer cimport answer_t
from fairpost.engine.finder cimport request_t
from fairpost.engine.judge cimport Judge
from fairpost.engine.native cimport column_u8


cdef class Single:
    cdef Judge judge
    cdef request_t request
    cdef answer_t answer
    cdef column_u8 text
    cdef uint8_t status, action
    cdef uint32_t status_offset, label_end, evidence_end, fired_end
    cdef uint16_t status_text, flags
    cdef float risk, commerce, exposure, model

    cdef object check(self, ruleset, text, str unit, int day)
