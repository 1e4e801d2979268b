"""How much a pair of symbols surprises running text: what tells a homophone by chance from one that is meant.

`surprise.bin` and `displacements.bin` are a perfect hash over the pairs that running text has often enough, with a
level of 4 bits each; `syllables.bin` says how often running text has each hashed pair of evasion symbols. They are
counts over public short texts and a public word list (`generate.py`), and tell nothing of any one text.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from math import isqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEAST_LEVEL", "fingerprint", "surprise", "syllable_sketch"]

LEAST_LEVEL: Final = 7
"""Pairs of a lower level are not kept: they count as level 0."""


def fingerprint(first: int, second: int) -> int:
    """The 12 bits by which the hash knows a pair: one in 4,096 that it does not hold passes for one that it does."""
    return ((first << 16 | second) * 0xC2B2AE35 & 0xFFFFFFFF) >> 20


@cache
def surprise() -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """(slots, displacements) of the hash, as sections ESUR and ESUD of a bundle.

    The key of a pair is `anchor_key(first, second, 0)` of kernels/anchor.h; slots: uint16, fingerprint << 4 | level, 0
    for an empty one. Two levels are twice the number: with c occurrences in 2**23 pairs of text a pair's level is
    floor(2 log2 c) - 1, at most 15 (256 and more).
    """
    return _stored("surprise.bin").view("<u2"), _stored("displacements.bin").view("<u2")


@cache
def syllable_sketch() -> NDArray[np.uint64]:
    """uint64[65536]: as `index.sketch`, of pairs of evasion symbols."""
    # floor(16 * 2 ** (v / 8)) in whole numbers: an exp2 may differ in its last bit between machines.
    powers = [isqrt(isqrt(isqrt(1 << (v + 32)))) for v in range(256)]
    return np.array(powers, dtype=np.uint64)[_stored("syllables.bin")]


def _stored(name: str) -> NDArray[np.uint8]:
    return np.frombuffer(resources.files("fairpost.engine.writings").joinpath(name).read_bytes(), dtype=np.uint8)
