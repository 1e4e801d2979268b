"""Exact counts of what judged posts came to, taken where they are judged."""

from typing import NamedTuple

import numpy as np

cimport numpy as cnp

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from fairpost.engine.answer cimport answer_t

from fairpost.engine.vocabulary import MAX_CATEGORIES, Action

__all__ = ["PostCounts", "PostTotals"]

cnp.import_array()

cdef extern from "<pthread.h>" nogil:
    int pthread_mutex_init(pthread_mutex_t *lock, void *attributes) noexcept
    int pthread_mutex_destroy(pthread_mutex_t *lock) noexcept
    int pthread_mutex_lock(pthread_mutex_t *lock) noexcept
    int pthread_mutex_unlock(pthread_mutex_t *lock) noexcept

cdef size_t _action_count = len(Action)
cdef size_t _category_count = MAX_CATEGORIES


class PostTotals(NamedTuple):
    """What posts came to, of one moment; the arrays are the caller's own.

    Attributes:
        actions: uint64[5], judged posts by `Action`.
        refused: posts that could not be judged.
        categories: uint64[MAX_CATEGORIES], posts with a label of the category.
        rules: uint64[rules], posts on which a rule fired, by its number; COMMERCE and shadow rules too.
    """

    actions: np.ndarray
    refused: int
    categories: np.ndarray
    rules: np.ndarray


cdef class PostCounts:
    """Counts of posts that were judged with rule sets of so many rules. Thread-safe; they only grow."""

    def __cinit__(self, size_t rule_count):
        pthread_mutex_init(&self.lock, NULL)
        self.rule_count = rule_count
        self.actions = <uint64_t*>calloc(_action_count, sizeof(uint64_t))
        self.categories = <uint64_t*>calloc(_category_count, sizeof(uint64_t))
        self.rules = <uint64_t*>calloc(rule_count + 1, sizeof(uint64_t))
        if not (self.actions and self.categories and self.rules):
            raise MemoryError

    def __dealloc__(self):
        free(self.actions)
        free(self.categories)
        free(self.rules)
        pthread_mutex_destroy(&self.lock)

    cdef void count(self, const answer_t *answer, size_t posts) noexcept nogil:
        cdef size_t k, rows
        if posts == 0:
            return
        pthread_mutex_lock(&self.lock)  # never held for longer than this
        for k in range(posts):
            if answer.status[k]:
                self.refused += 1
            else:
                self.actions[answer.action[k]] += 1
        rows = answer.label_end[posts - 1]
        for k in range(rows):
            self.categories[answer.label_category.at[k]] += 1
        rows = answer.fired_end[posts - 1]
        for k in range(rows):
            self.rules[answer.fired_rule.at[k]] += 1
        pthread_mutex_unlock(&self.lock)

    def add(self, batch, refused=0):
        """Count the posts of a `VerdictBatch`, and `refused` that did not come so far."""
        cdef answer_t answer
        cdef size_t posts = len(batch)
        memset(&answer, 0, sizeof(answer))
        answer.status = <uint8_t*>cnp.PyArray_DATA(<cnp.ndarray>batch.status)
        answer.action = <uint8_t*>cnp.PyArray_DATA(<cnp.ndarray>batch.action)
        answer.label_end = <uint32_t*>cnp.PyArray_DATA(<cnp.ndarray>batch.label_begin) + 1
        answer.fired_end = <uint32_t*>cnp.PyArray_DATA(<cnp.ndarray>batch.fired_begin) + 1
        answer.label_category.at = <uint8_t*>cnp.PyArray_DATA(<cnp.ndarray>batch.label_category)
        answer.fired_rule.at = <uint16_t*>cnp.PyArray_DATA(<cnp.ndarray>batch.fired_rule)
        if batch.ruleset.rule_count > self.rule_count:
            raise ValueError(f"the batch was judged with {batch.ruleset.rule_count} rules, expected {self.rule_count}")
        self.count(&answer, posts)
        self.refuse(refused)

    def refuse(self, size_t posts):
        """Count posts that could not be judged."""
        pthread_mutex_lock(&self.lock)
        self.refused += posts
        pthread_mutex_unlock(&self.lock)

    def read(self):
        """PostTotals of all that was counted so far: whole batches only."""
        cdef uint64_t refused
        actions, categories = np.empty(_action_count, np.uint64), np.empty(_category_count, np.uint64)
        rules = np.empty(self.rule_count, np.uint64)
        cdef void *actions_at = cnp.PyArray_DATA(<cnp.ndarray>actions)
        cdef void *categories_at = cnp.PyArray_DATA(<cnp.ndarray>categories)
        cdef void *rules_at = cnp.PyArray_DATA(<cnp.ndarray>rules)
        pthread_mutex_lock(&self.lock)
        memcpy(actions_at, self.actions, _action_count * sizeof(uint64_t))
        memcpy(categories_at, self.categories, _category_count * sizeof(uint64_t))
        memcpy(rules_at, self.rules, self.rule_count * sizeof(uint64_t))
        refused = self.refused
        pthread_mutex_unlock(&self.lock)
        return PostTotals(actions, refused, categories, rules)
