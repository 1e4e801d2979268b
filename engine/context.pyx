"""Lists of context (asking.py) as the judge reads them."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free

from fairpost.engine.image cimport Image, image_t

from fairpost.engine.asking import context_lists, lists_of_rules, with_allows


cdef class Context:
    """Context lists of a bundle, and of each of its rules. Immutable; the Image must live as long."""

    def __cinit__(self, Image image not None):
        cdef const image_t *view = &image.view
        cdef size_t k, rule, total = 0
        of_rules = [with_allows(image.sections, read) for read in lists_of_rules(image.sections)]
        is_context = context_lists(image.sections).tolist()
        self.is_context = <uint8_t*>calloc(view.list_count + 1, 1)
        self.first = <uint32_t*>calloc(view.rule_count + 1, sizeof(uint32_t))
        self.lists = <uint16_t*>calloc(sum(map(len, of_rules)) + 1, sizeof(uint16_t))
        self.only = <uint16_t*>calloc(view.pattern_count + 1, sizeof(uint16_t))
        if self.is_context == NULL or self.first == NULL or self.lists == NULL or self.only == NULL:
            raise MemoryError
        for k in range(view.list_count):
            self.is_context[k] = is_context[k]
        for rule in range(view.rule_count):
            for number in sorted(of_rules[rule]):
                if is_context[number]:
                    self.lists[total] = number
                    total += 1
            self.first[rule + 1] = <uint32_t>total
        for k in range(view.pattern_count):
            self.only[k] = SEVERAL
            if view.patterns[k].list_count == 1:
                self.only[k] = view.pattern_lists[view.patterns[k].lists]

    def __dealloc__(self):
        free(self.is_context)
        free(self.first)
        free(self.lists)
        free(self.only)
