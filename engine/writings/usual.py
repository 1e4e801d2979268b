"""Which pairs of characters running text has so often that neither of them surprises there.

`usual.bin` holds a bitmap of hashed pairs: counts over public short texts and a public word list (`generate.py`), which
tell nothing of any one text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fairpost.engine.columns import bitmap
from fairpost.engine.layout import USUAL_BITS

__all__ = ["LEAST_OFTEN", "usual_bits", "usual_pairs", "with_words"]

LEAST_OFTEN: Final = 23
"""How often in 2**23 pairs of running text makes a pair usual."""


def usual_bits(first: int, second: int) -> tuple[int, int]:
    """Where the bitmap has a pair of symbols: two bits of one word, so that a look is one cache miss at the most.

    One unusual pair of a hundred passes for a usual one.
    """
    hashed = first * 0x9E3779B1 + second * 0xC2B2AE35 & 0xFFFFFFFF
    bit = hashed >> (32 - USUAL_BITS)
    return bit, bit & ~63 | hashed >> (32 - USUAL_BITS - 6) & 63


def with_words(pairs: Iterable[Sequence[int]]) -> NDArray[np.uint64]:
    """uint64[2**21 / 64]: section EUSU of a bundle, usual_pairs() and the pairs of symbols in words.

    What stands in a listed word surprises nobody: 纳豆 in 纳豆粉.
    """
    return usual_pairs() | bitmap(1 << USUAL_BITS, [bit for pair in pairs for bit in usual_bits(*pair)])


@cache
def usual_pairs() -> NDArray[np.uint64]:
    """uint64[2**21 / 64]: bit k % 64 of word k // 64 is that of place k."""
    stored = resources.files("fairpost.engine.writings").joinpath("usual.bin").read_bytes()
    return np.frombuffer(stored, dtype="<u8")
