"""Ids of decisions, without the GIL."""

from libc.stdint cimport uint8_t, uint64_t


cdef class DecisionIds:
    cdef uint64_t process  # 40 random bits
    cdef uint64_t counter

    # Reserves `count` ids, numbers first .. first + count, and writes what all of them begin with. Any thread.
    cdef uint64_t reserve(self, uint64_t count, uint8_t *prefix) noexcept nogil
