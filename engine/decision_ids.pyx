"""Ids of decisions: 26 characters, unique, sorted by time, cheap enough for one a post."""

import secrets

from libc.stdint cimport uint8_t, uint64_t
from posix.time cimport CLOCK_REALTIME, clock_gettime, timespec

from fairpost.engine.wire cimport DECISION_LENGTH, DECISION_PREFIX, base32

__all__ = ["DecisionIds"]

cdef extern from *:
    """
    #define fetch_add(counter, count) __atomic_fetch_add(counter, count, __ATOMIC_RELAXED)
    """
    uint64_t fetch_add(uint64_t *counter, uint64_t count) noexcept nogil

cdef enum:
    TIME = 10  # characters
    PROCESS = 8


cdef class DecisionIds:
    """Source of ids in one server process. Thread-safe.

    An id looks like a ULID: 10 characters of milliseconds since 1970, 8 random ones drawn at the start of the
    process (40 bits, so that two processes, or one and the next, do not meet), 8 of a counter (2^40 ids before it
    comes round).
    """

    def __cinit__(self):
        self.process = secrets.randbits(40)
        self.counter = secrets.randbits(24)

    cdef uint64_t reserve(self, uint64_t count, uint8_t *prefix) noexcept nogil:
        cdef timespec now
        clock_gettime(CLOCK_REALTIME, &now)
        base32(prefix, <uint64_t>now.tv_sec * 1000 + <uint64_t>now.tv_nsec // 1_000_000, TIME)
        base32(prefix + TIME, self.process, PROCESS)
        return fetch_add(&self.counter, count)

    def take(self, count):
        """`count` new ids, all of this millisecond."""
        cdef uint8_t[DECISION_LENGTH] text
        cdef uint64_t first = self.reserve(count, text)
        cdef Py_ssize_t k
        ids = []
        for k in range(count):
            base32(text + DECISION_PREFIX, first + <uint64_t>k, DECISION_LENGTH - DECISION_PREFIX)
            ids.append(text[:DECISION_LENGTH].decode("ascii"))
        return ids
