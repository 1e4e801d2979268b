"""Which pairs of characters running text has so often that neither of them surprises there.

`usual.bin` holds a bitmap of hashed pairs: counts over public short texts and a public word list (`generate.py`), which
tell nothing of any one text.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fairpost.engine.layout import USUAL_BITS

__all__ = ["LEAST_OFTEN", "usual_bit", "usual_pairs"]

LEAST_OFTEN: Final = 23
"""How often in 2**23 pairs of running text makes a pair usual."""


def usual_bit(first: int, second: int) -> int:
    """Where the bitmap has a pair of symbols; with 3% of the bits set, one unusual pair of 33 passes for a usual one."""
    return (first * 0x9E3779B1 + second * 0xC2B2AE35 & 0xFFFFFFFF) >> (32 - USUAL_BITS)


@cache
def usual_pairs() -> NDArray[np.uint64]:
    """uint64[2**21 / 64]: section EUSU of a bundle, bit k % 64 of word k // 64 is that of place k."""
    stored = resources.files("fairpost.engine.writings").joinpath("usual.bin").read_bytes()
    return np.frombuffer(stored, dtype="<u8")
