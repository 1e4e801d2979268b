"""Which rules cannot hold, whatever else is so: for what `commerce` is, and for want of a seller; and what comparisons
with `commerce` answer.

Nearly all conditions ask for some commerce, and many for a seller's standing. What their answers leave of a condition
is worked out once a bundle, with every other question unknown; so a set of rules is cut down with a few words of bits
where each would have to be asked.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from fairpost.engine.conditions cimport (
    MAX_STACK,
    OP_AND,
    OP_COMMERCE,
    OP_ENFORCEMENT,
    OP_LICENCE,
    OP_LISTING,
    OP_NOT,
    OP_REGISTERED,
    OP_STRIKES,
    OP_TENURE,
    OP_UNAVAILABLE,
    OP_UNREGISTERED,
    compare,
)
from fairpost.engine.image cimport Image, image_t, instruction_t, rule_t

import numpy as np

from fairpost.engine.layout import Op

cdef enum:
    MAX_STEPS = 64  # further numbers cut nothing down
    UNKNOWN = 2
    NO_PLACE = -1


cdef class Bars:
    """The sets of a bundle. Immutable."""

    def __cinit__(self, Image image not None):
        cdef const image_t *view = &image.view
        cdef size_t k, rule, at
        code = image.sections["CODE"]
        asked = code[code["op"] == Op.COMMERCE]
        steps = np.unique(asked["value"])[:MAX_STEPS].tolist()
        comparisons = [pair for pair in np.unique(asked[["cmp", "value"]]).tolist() if pair[1] in steps]
        self.words = view.rule_count // 64 + 1
        self.step_count = len(steps)
        self.steps = <float*>calloc(self.step_count + 1, sizeof(float))
        self.by_commerce = <uint64_t*>calloc((2 * self.step_count + 1) * self.words, sizeof(uint64_t))
        self.comparison_count = len(comparisons)
        self.answer_words = self.comparison_count // 64 + 1
        self.operators = <uint8_t*>calloc(self.comparison_count + 1, 1)
        self.values = <float*>calloc(self.comparison_count + 1, sizeof(float))
        self.answers = <uint64_t*>calloc((2 * self.step_count + 1) * self.answer_words, sizeof(uint64_t))
        self.without_seller = <uint64_t*>calloc(self.words, sizeof(uint64_t))
        self.always = <uint64_t*>calloc(self.words, sizeof(uint64_t))
        if not (self.steps and self.by_commerce and self.without_seller and self.always):
            raise MemoryError
        if not (self.operators and self.values and self.answers):
            raise MemoryError
        for k in range(self.step_count):
            self.steps[k] = steps[k]
        for at in range(self.comparison_count):
            self.operators[at], self.values[at] = comparisons[at]
            for k in range(2 * self.step_count + 1):
                if compare(<int>k, self.operators[at], self.place_of(self.values[at])):
                    self.answers[k * self.answer_words + (at >> 6)] |= <uint64_t>1 << (at & 63)
        self.nothing = self.place_at(0.0)
        with nogil:  # milliseconds, in which others go on
            for rule in range(view.rule_count):
                for k in range(2 * self.step_count + 1):
                    if self.may_hold(view, &view.rules[rule], <int>k, True):
                        self.by_commerce[k * self.words + (rule >> 6)] |= <uint64_t>1 << (rule & 63)
                if self.may_hold(view, &view.rules[rule], NO_PLACE, False):
                    self.without_seller[rule >> 6] |= <uint64_t>1 << (rule & 63)
        for k in range(view.always_count):
            self.always[view.always[k] >> 6] |= <uint64_t>1 << (view.always[k] & 63)
        self.is_idle = True
        for k in range(self.words):
            self.is_idle = self.is_idle and not self.always[k] & self.without_seller[k]

    def __dealloc__(self):
        free(self.steps)
        free(self.operators)
        free(self.values)
        free(self.answers)
        free(self.by_commerce)
        free(self.without_seller)
        free(self.always)

    cdef size_t place_at(self, double commerce) noexcept nogil:
        """The place of a commerce score: 0 below the first step, 1 at it, 2 up to the next, ..."""
        cdef float score = <float>commerce  # as conditions compare it
        cdef size_t place = 0, k
        for k in range(self.step_count):
            place += (score >= self.steps[k]) + (score > self.steps[k])
        return place

    cdef int comparison(self, const instruction_t *i) noexcept:
        """The number of the comparison, or NO_PLACE where there is no step at its number."""
        cdef size_t k
        for k in range(self.comparison_count):
            if self.operators[k] == i.cmp and self.values[k] == i.value:
                return <int>k
        return NO_PLACE

    cdef int place_of(self, float value) noexcept nogil:
        """The place at the step `value`, or NO_PLACE."""
        cdef size_t k
        for k in range(self.step_count):
            if self.steps[k] == value:
                return <int>(2 * k + 1)
        return NO_PLACE

    cdef bint may_hold(self, const image_t *image, const rule_t *rule, int place, bint has_seller) noexcept nogil:
        """Whether the condition can be true where commerce is at this place (NO_PLACE: anywhere)."""
        # SAFETY: check.py walked the code: depth stays within 1..MAX_STACK.
        cdef int[MAX_STACK + 1] stack
        cdef int depth = 0, at, left, right
        cdef uint32_t k
        cdef const instruction_t *i
        for k in range(rule.code_count):
            i = &image.code[rule.code + k]
            if i.op > OP_NOT:
                depth -= 1
                left, right = stack[depth - 1], stack[depth]
                if i.op == OP_AND:
                    stack[depth - 1] = 0 if left == 0 or right == 0 else (1 if left == right == 1 else UNKNOWN)
                else:
                    stack[depth - 1] = 1 if left == 1 or right == 1 else (0 if left == right == 0 else UNKNOWN)
                continue
            if i.op == OP_NOT:
                if stack[depth - 1] != UNKNOWN:
                    stack[depth - 1] = 1 - stack[depth - 1]
                continue
            stack[depth] = UNKNOWN
            if i.op == OP_COMMERCE and place != NO_PLACE:
                at = self.place_of(i.value)
                if at != NO_PLACE:
                    stack[depth] = compare(place, i.cmp, at)
            elif not has_seller:
                if i.op in (OP_REGISTERED, OP_UNREGISTERED, OP_UNAVAILABLE, OP_LICENCE):
                    stack[depth] = 0
                elif i.op in (OP_STRIKES, OP_TENURE, OP_ENFORCEMENT, OP_LISTING):
                    stack[depth] = compare(0, i.cmp, i.n)
            depth += 1
        return stack[0] != 0
