"""Lists of context (asking.py) as the judge reads them."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from fairpost.engine.image cimport Image, image_t
from fairpost.engine.native cimport RUN_TWICE, share_t

import numpy as np

cimport numpy as cnp

from fairpost.engine.asking import NO_CONTEXT, SHARED, list_contexts, lists_of_rules, owner_columns

cnp.import_array()


cdef class Context:
    """Context lists of a bundle, and of each of its rules. Immutable; the Image must live as long."""

    def __cinit__(self, Image image not None):
        cdef const image_t *view = &image.view
        cdef size_t k, total
        rules, lists = lists_of_rules(image.sections)
        contexts = list_contexts(image.sections)
        asked = np.flatnonzero(contexts[lists] != NO_CONTEXT)
        # As arrays of C: read as objects one by one they would hold up all other threads for milliseconds.
        cdef const uint32_t[::1] first = np.searchsorted(rules[asked], np.arange(view.rule_count + 1)).astype(np.uint32)
        cdef const uint16_t[::1] lists_asked = np.ascontiguousarray(lists[asked], np.uint16)
        total = len(lists_asked)
        bits = {category: 1 << number for number, category in enumerate(image.sections["CTXI"].tolist())}
        self.is_context = <uint8_t*>calloc(view.list_count + 1, 1)
        self.indexes = <uint64_t*>calloc(view.list_count + 1, sizeof(uint64_t))
        self.first = <uint32_t*>calloc(view.rule_count + 1, sizeof(uint32_t))
        self.lists = <uint16_t*>calloc(total + 1, sizeof(uint16_t))
        if not (self.is_context and self.indexes and self.first and self.lists):
            raise MemoryError
        for k in range(view.list_count):
            self.is_context[k] = contexts[k] != NO_CONTEXT
            if contexts[k] != NO_CONTEXT:
                self.indexes[k] = bits.get(int(contexts[k]), 0) | bits.get(SHARED, 0)
        for k in range(total):
            self.lists[k] = lists_asked[k]
        for k in range(view.rule_count + 1):
            self.first[k] = first[k]

        self.columns = owner_columns(image.sections, contexts != NO_CONTEXT, <uint32_t>RUN_TWICE)
        runs, shares, in_order = self.columns
        self.owners.runs = <const uint32_t*>cnp.PyArray_DATA(runs)
        self.owners.shares = <const share_t*>cnp.PyArray_DATA(shares)
        self.owners.lists = <const uint16_t*>cnp.PyArray_DATA(in_order)

    def __dealloc__(self):
        free(self.is_context)
        free(self.indexes)
        free(self.first)
        free(self.lists)
