"""Lists of context: those without whose hits one knows which rules to evaluate.

A rule is evaluated where one of its triggers has a hit. Most other lists only excuse (a buyer's words, news, negation)
or complete a condition, and their words are the commonest there are: on real posts five hits of six. Hits of such a
list are made only in posts where a rule that reads it is about to be evaluated.

No context: triggers, what COMMERCE rules read (they come first), recognisers, and the allow lists of all these.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free

from fairpost.engine.conditions cimport OP_ANY, OP_BEFORE, OP_COUNT, OP_COUNT_DISTINCT, OP_NEAR
from fairpost.engine.image cimport Image, image_t, instruction_t
from fairpost.engine.vocabulary import RECOGNISERS


cdef class Context:
    """Context lists of a bundle, and of each of its rules. Immutable; the Image must live as long."""

    def __cinit__(self, Image image not None):
        cdef const image_t *view = &image.view
        cdef size_t k, rule, lists = view.list_count, rules = view.rule_count, recognisers = len(RECOGNISERS)
        self.is_context = <uint8_t*>calloc(lists + 1, 1)
        self.first = <uint32_t*>calloc(rules + 1, sizeof(uint32_t))
        if self.is_context == NULL or self.first == NULL:
            raise MemoryError
        by_rule = [_lists_of(view, rule) for rule in range(rules)]
        eager = set(range(recognisers))
        eager.update([k for k in range(lists) if view.trigger_offsets[k] < view.trigger_offsets[k + 1]])
        for rule in range(rules):
            if view.rules[rule].category == 0:
                eager |= by_rule[rule]
        eager = _with_allows(view, eager)
        for k in range(lists):
            self.is_context[k] = k not in eager
        by_rule = [_with_allows(view, found) - eager for found in by_rule]
        self.lists = <uint16_t*>calloc(sum([len(found) for found in by_rule]) + 1, sizeof(uint16_t))
        if self.lists == NULL:
            raise MemoryError
        total = 0
        for rule in range(rules):
            for number in sorted(by_rule[rule]):
                self.lists[<size_t>total] = <uint16_t>number
                total += 1
            self.first[rule + 1] = <uint32_t>total
        self.only = <uint16_t*>calloc(view.pattern_count + 1, sizeof(uint16_t))
        if self.only == NULL:
            raise MemoryError
        for k in range(view.pattern_count):
            self.only[k] = SEVERAL
            if view.patterns[k].list_count == 1:
                self.only[k] = view.pattern_lists[view.patterns[k].lists]

    def __dealloc__(self):
        free(self.is_context)
        free(self.first)
        free(self.lists)
        free(self.only)


cdef set _lists_of(const image_t *view, size_t rule):
    """Lists that the rule's condition reads."""
    cdef const instruction_t *i
    cdef uint32_t k
    found = set()
    for k in range(view.rules[rule].code_count):
        i = &view.code[view.rules[rule].code + k]
        if i.op in (OP_ANY, OP_COUNT, OP_COUNT_DISTINCT, OP_NEAR, OP_BEFORE):
            _add_operand(view, i.a, found)
        if i.op in (OP_NEAR, OP_BEFORE):
            _add_operand(view, i.b, found)
    return found


cdef int _add_operand(const image_t *view, size_t operand, set found) except -1:
    found.add(int(view.operands[operand].list))
    if view.operands[operand].free_of >= 0:
        found.add(int(view.operands[operand].free_of))
    return 0


cdef set _with_allows(const image_t *view, set lists):
    """The lists and those whose longer hits remove theirs."""
    cdef uint32_t k
    cdef size_t number
    found = set(lists)
    for number in lists:
        for k in range(view.allow_offsets[number], view.allow_offsets[number + 1]):
            found.add(int(view.allow_lists[k]))
    return found
