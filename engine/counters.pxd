"""Counts of judged posts, without the GIL."""

from libc.stdint cimport uint64_t

from fairpost.engine.answer cimport answer_t

cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_mutex_t:
        pass


cdef class PostCounts:
    cdef pthread_mutex_t lock
    cdef readonly size_t rule_count
    cdef uint64_t *actions
    cdef uint64_t *categories
    cdef uint64_t *rules
    cdef uint64_t refused

    # Counts the first `posts` of an answer; those with a status are refused. Any thread.
    cdef void count(self, const answer_t *answer, size_t posts) noexcept nogil
