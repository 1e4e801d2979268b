"""Ids of decisions: 26 characters, unique, sorted by time, cheap enough for one a post."""

from __future__ import annotations

import itertools
import secrets
import time

__all__ = ["DecisionIds"]

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U
_PAIRS = tuple(a + b for a in _ALPHABET for b in _ALPHABET)


def _base32(number: int, characters: int) -> str:
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(5 * (characters - 1), -1, -5))


class DecisionIds:
    """Source of ids in one server process. Thread-safe.

    An id looks like a ULID: 10 characters of milliseconds since 1970, 8 random ones drawn at the start of the
    process (40 bits, so that two processes do not meet), 8 of a counter (2^40 ids before it comes round).
    """

    def __init__(self) -> None:
        self._process = _base32(secrets.randbits(40), 8)
        self._counter = itertools.count(secrets.randbits(24))

    def take(self, count: int) -> list[str]:
        """`count` new ids, all of this millisecond."""
        prefix = _base32(time.time_ns() // 1_000_000, 10) + self._process
        counter = self._counter
        ids = []
        for _ in range(count):
            # next() on itertools.count is one step under the GIL, and atomic without one.
            n = next(counter)
            tail = _PAIRS[n >> 30 & 1023] + _PAIRS[n >> 20 & 1023] + _PAIRS[n >> 10 & 1023] + _PAIRS[n & 1023]
            ids.append(prefix + tail)
        return ids
