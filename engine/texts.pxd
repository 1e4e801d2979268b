"""Encoding of Python strings for the engine."""

from libc.stdint cimport uint8_t

cdef Py_ssize_t widest(str text) noexcept
cdef Py_ssize_t encode(str text, uint8_t *out) noexcept
