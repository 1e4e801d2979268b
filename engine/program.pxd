"""Conditions as programs: the questions of a rule, the cheap ones first, each with the step that follows its answer."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t

from fairpost.engine.conditions cimport step_t
from fairpost.engine.bars cimport Bars
from fairpost.engine.context cimport Context
from fairpost.engine.image cimport Image, image_t, instruction_t, operand_t

cdef struct node_t:
    uint32_t op  # OP_AND, OP_OR, OP_NOT or that of a question
    uint32_t code  # a question's instruction
    uint32_t left, right  # nodes
    uint32_t cost


cdef class Program:
    cdef step_t *steps
    cdef uint32_t *first  # by rule: its first step, or NO_PROGRAM
    cdef size_t step_count
    cdef node_t *nodes
    cdef uint32_t *operands  # nodes under the ANDs and ORs that are being written
    cdef step_t *written  # steps of one rule, from the end
    cdef uint32_t operand_count, at
    cdef const uint8_t *is_context
    cdef Bars bars
    cdef size_t answers_from  # bit of facts_t.known: the bits of lists end before
    cdef size_t known_words

    cdef void compile(self, const image_t *image, uint32_t rule) noexcept
    cdef uint16_t write_step(self, uint32_t kind, uint32_t question, uint16_t yes, uint16_t no) noexcept
    cdef uint16_t write_list(self, const operand_t *operand, bint is_context, uint16_t yes, uint16_t no) noexcept
    cdef uint16_t write_question(self, const image_t *image, uint32_t code, uint16_t yes, uint16_t no) noexcept
    cdef bint needs_context(self, const image_t *image, const instruction_t *i) noexcept
    cdef uint16_t write(self, const image_t *image, uint32_t node, uint16_t yes, uint16_t no) noexcept
