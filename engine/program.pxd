"""Conditions as programs: the questions of a rule, the cheap ones first, each with the step that follows its answer."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t

from fairpost.engine.conditions cimport step_t
from fairpost.engine.context cimport Context
from fairpost.engine.image cimport Image, image_t

cdef struct node_t:
    uint32_t op  # OP_AND, OP_OR, OP_NOT or that of a question
    uint32_t code  # a question's instruction
    uint32_t left, right  # nodes
    uint32_t cost
    uint32_t needs_context


cdef class Program:
    cdef step_t *steps
    cdef uint32_t *first  # by rule: its first step, or NO_PROGRAM
    cdef size_t step_count
    cdef node_t *nodes
    cdef uint32_t *operands  # nodes under the ANDs and ORs that are being written
    cdef step_t *written  # steps of one rule, from the end
    cdef uint32_t operand_count, at
    cdef const uint8_t *is_context

    cdef void compile(self, const image_t *image, uint32_t rule) noexcept
    cdef uint16_t write(self, const image_t *image, uint32_t node, uint16_t yes, uint16_t no) noexcept
