"""Where the posts of a batch and their verdicts stand in the bytes of the messages: what the decision log asks before
it makes objects of anything."""

import numpy as np

cimport numpy as cnp

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

__all__ = ["Picker", "post_places", "result_count", "verdict_places"]

cnp.import_array()

cdef extern from *:
    """
    #pragma GCC diagnostic ignored "-Wunused-function"
    """

cdef extern from "wire.h" nogil:
    ctypedef struct wire_t:
        const uint8_t *at
        const uint8_t *end

    enum:
        WIRE_DEPTH

    int wire_varint(wire_t *w, uint64_t *number)
    int wire_tag(wire_t *w, uint32_t *tag)
    int wire_content(wire_t *w, wire_t *content)
    int wire_skip(wire_t *w, uint32_t tag, int depth)

cdef enum:
    # `posts`, `results` and `CheckResult.verdict` all are field 1, of the kind 2 (length-delimited).
    ITEMS = 1 << 3 | 2
    ACTION = 2 << 3  # Verdict.action, a varint


cdef int64_t items(wire_t w, int64_t *begins, int64_t *ends, uint8_t *rest, size_t *rest_length) noexcept nogil:
    """Places of the items, and the bytes of all other fields; either may be NULL. Returns how many items there are,
    or -1: the bytes are no message.

    Places are relative to where `w` begins; the caller has room for as many as a call without places gave.
    """
    cdef const uint8_t *first = w.at
    cdef const uint8_t *field
    cdef wire_t content
    cdef uint32_t tag
    cdef int64_t count = 0
    while w.at < w.end:
        field = w.at
        if wire_tag(&w, &tag) != 0:
            return -1
        if tag == ITEMS:
            if wire_content(&w, &content) != 0:
                return -1
            if begins != NULL:
                begins[count] = content.at - first
                ends[count] = content.end - first
            count += 1
        else:
            if wire_skip(&w, tag, WIRE_DEPTH) != 0:
                return -1
            if rest != NULL:
                memcpy(rest + rest_length[0], field, w.at - field)
                rest_length[0] += w.at - field
    return count


cdef int read_action(wire_t w, uint8_t *action) noexcept nogil:
    """The action of a verdict; the last one wins, as in protobuf. Returns 0, or -1."""
    cdef uint32_t tag
    cdef uint64_t number
    action[0] = 0
    while w.at < w.end:
        if wire_tag(&w, &tag) != 0:
            return -1
        if tag == ACTION:
            if wire_varint(&w, &number) != 0:
                return -1
            action[0] = <uint8_t>number if number < 256 else 255
        elif wire_skip(&w, tag, WIRE_DEPTH) != 0:
            return -1
    return 0


cdef class Picker:
    """Draws posts at random, of each action a share. Not thread-safe.

    shares: float64[256], by number of the action. seed: of the generator (xorshift64*, Vigna 2016), not 0.
    """

    cdef uint64_t thresholds[256]
    cdef uint64_t state

    def __init__(self, shares, uint64_t seed):
        cdef size_t k
        if len(shares) != 256 or seed == 0:
            raise ValueError("256 shares and a seed other than 0 are needed")
        for k in range(256):
            # Of the upper 32 bits of a draw so many are below that the share is met; 1 takes them all.
            self.thresholds[k] = <uint64_t>(float(shares[k]) * 4294967296.0)
        self.state = seed

    def pick(self, cnp.uint8_t[::1] actions):
        """Indexes of those that were drawn, in order.

        Args:
            actions: uint8[n].
        """
        cdef list picked = []
        cdef Py_ssize_t k
        cdef uint64_t threshold
        for k in range(actions.shape[0]):
            threshold = self.thresholds[actions[k]]
            if threshold == 0:
                continue
            self.state ^= self.state >> 12
            self.state ^= self.state << 25
            self.state ^= self.state >> 27
            if (self.state * <uint64_t>2685821657736338717) >> 32 < threshold:
                picked.append(k)
        return picked


cdef wire_t whole(bytes content) noexcept:
    cdef wire_t w
    w.at = <const uint8_t*>PyBytes_AS_STRING(content)
    w.end = w.at + PyBytes_GET_SIZE(content)
    return w


def post_places(bytes content not None):
    """The posts of a CheckPostsRequest or StreamCheckRequest.

    Returns:
        begins, ends: int64[n], of each post's bytes in the request; rest: the request without its posts.

    Raises:
        ValueError: the bytes are no message.
    """
    cdef wire_t w = whole(content)
    cdef int64_t count
    cdef size_t length = 0
    cdef bytes rest
    with nogil:
        count = items(w, NULL, NULL, NULL, NULL)
    if count < 0:
        raise ValueError("the bytes are no message")
    begins, ends = np.empty(count, np.int64), np.empty(count, np.int64)
    cdef int64_t *first = <int64_t*>cnp.PyArray_DATA(<cnp.ndarray>begins)
    cdef int64_t *last = <int64_t*>cnp.PyArray_DATA(<cnp.ndarray>ends)
    # Without posts there is no more than all of it; with them nearly nothing is left.
    cdef bytes scratch = PyBytes_FromStringAndSize(NULL, w.end - w.at)
    cdef uint8_t *other = <uint8_t*>PyBytes_AS_STRING(scratch)
    with nogil:
        items(w, first, last, other, &length)
    rest = scratch[:length]
    return begins, ends, rest


def verdict_places(bytes content not None):
    """The verdicts of a CheckPostsResponse or StreamCheckResponse as a server of ours writes it.

    Returns:
        begins, ends: int64[n], of each verdict's bytes in the answer, equal where the result is an error;
        actions: uint8[n], `fairpost.v1.Action`, 0 where the result is an error.

    Raises:
        ValueError: the bytes are no such message.
    """
    cdef wire_t w = whole(content)
    cdef wire_t result
    cdef int64_t count, found, k, begin, end
    cdef int wrong = 0
    with nogil:
        count = items(w, NULL, NULL, NULL, NULL)
    if count < 0:
        raise ValueError("the bytes are no message")
    begins, ends = np.empty(count, np.int64), np.empty(count, np.int64)
    actions = np.zeros(count, np.uint8)
    cdef int64_t *first = <int64_t*>cnp.PyArray_DATA(<cnp.ndarray>begins)
    cdef int64_t *last = <int64_t*>cnp.PyArray_DATA(<cnp.ndarray>ends)
    cdef uint8_t *action = <uint8_t*>cnp.PyArray_DATA(<cnp.ndarray>actions)
    with nogil:
        items(w, first, last, NULL, NULL)
        for k in range(count):
            result.at, result.end = w.at + first[k], w.at + last[k]
            found = items(result, NULL, NULL, NULL, NULL)
            if found < 0 or found > 1:  # two verdicts would have to be merged; we write one
                wrong = 1
                break
            if found == 0:
                last[k] = first[k]
                continue
            items(result, &begin, &end, NULL, NULL)
            last[k] = first[k] + end
            first[k] += begin
            result.at, result.end = w.at + first[k], w.at + last[k]
            if read_action(result, &action[k]) != 0:
                wrong = 1
                break
    if wrong:
        raise ValueError("the bytes are no answer with results")
    return begins, ends, actions


def result_count(bytes content not None):
    """Results of a CheckPostsResponse or StreamCheckResponse; 0 if the bytes are no message."""
    cdef wire_t w = whole(content)
    cdef int64_t count
    with nogil:
        count = items(w, NULL, NULL, NULL, NULL)
    return max(count, 0)
