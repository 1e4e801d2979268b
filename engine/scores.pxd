"""Scores of categories; labels, action and exposure of a post."""

from libc.stdint cimport uint16_t, uint32_t

from fairpost.engine.answer cimport answer_t
from fairpost.engine.conditions cimport facts_t
from fairpost.engine.image cimport image_t, policy_t

cdef enum:
    SHADOW = 1  # position in vocabulary.MODES

cdef enum action_t:
    ALLOW = 0
    LIMIT = 1
    REVIEW = 2
    SHIELD = 3
    BLOCK = 4

cdef double category_score(
    const image_t *image, const uint16_t *fired, size_t count, uint32_t category, int *severity
) noexcept nogil
cdef double commerce_probability(
    const image_t *image, float logit, const uint16_t *fired, size_t count
) noexcept nogil
cdef int conclude(const facts_t *facts, answer_t *answer, size_t post, size_t first_fired) noexcept nogil
