"""Near copies across the split: a post that is nearly one of those held apart teaches by heart what is measured.

Posts are compared by the share of four-character pieces that they have in common (Jaccard), which MinHash finds
without comparing all pairs: A. Broder, On the resemblance and containment of documents, 1997.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEAST_SHARED", "near_copies"]

LEAST_SHARED: Final = 0.5
"""Two texts are near copies if they share so much of their pieces."""
_PIECE: Final = 4
_BANDS: Final = 16
_ROWS: Final = 3  # 16 bands of 3: pairs that share 0.5 meet in some band with 0.88, those that share 0.7 with 0.9985
_BLOCK: Final = 4096  # texts a block: bounds the memory
_MIX: Final = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F165667C5)


def near_copies(texts: Sequence[str], is_held: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which texts that are not held apart are near copies of one that is: bool[n], false where `is_held` is true.

    Args:
        texts: n texts, as they are compared: folded, without what may differ. Those of less than four characters are
            left out.
        is_held: bool[n].
    """
    held: list[defaultdict[bytes, list[int]]] = [defaultdict(list) for _ in range(_BANDS)]
    for number, bands in _banded(texts, np.flatnonzero(is_held)):
        for band, key in enumerate(bands):
            held[band][key].append(number)
    pieces: dict[int, frozenset[str]] = {}
    found = np.zeros(len(texts), dtype=np.bool_)
    for number, bands in _banded(texts, np.flatnonzero(~is_held)):
        others = {other for band, key in enumerate(bands) for other in held[band].get(key, ())}
        own = _pieces(texts[number]) if others else frozenset()
        for other in others:
            if other not in pieces:
                pieces[other] = _pieces(texts[other])
            theirs = pieces[other]
            common = len(own & theirs)
            if common >= LEAST_SHARED * (len(own) + len(theirs) - common):
                found[number] = True
                break
    return found


def _pieces(text: str) -> frozenset[str]:
    return frozenset(text[k : k + _PIECE] for k in range(len(text) - _PIECE + 1))


def _banded(texts: Sequence[str], numbers: NDArray[np.int64]) -> list[tuple[int, list[bytes]]]:
    """Each of those texts that is long enough, with the keys of its bands."""
    long = [int(number) for number in numbers if len(texts[number]) >= _PIECE]
    factors = np.random.default_rng(0).integers(1, 1 << 62, _BANDS * _ROWS, dtype=np.uint64) | np.uint64(1)
    found = []
    for at in range(0, len(long), _BLOCK):
        block = long[at : at + _BLOCK]
        codes = [np.frombuffer(texts[k].encode("utf-32-le", "surrogatepass"), np.uint32) for k in block]
        lengths = np.array([code.size - _PIECE + 1 for code in codes])
        hashes = np.concatenate([_hashes(code.astype(np.uint64)) for code in codes])
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        least = [np.minimum.reduceat((hashes * factor) >> np.uint64(32), starts) for factor in factors]
        signatures = np.stack(least, axis=1).astype(np.uint32)
        for row, number in enumerate(block):
            parts = signatures[row].reshape(_BANDS, _ROWS)
            found.append((number, [part.tobytes() for part in parts]))
    return found


def _hashes(codes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A hash of each piece."""
    count = codes.size - _PIECE + 1
    mixed = np.zeros(count, dtype=np.uint64)
    for k, factor in enumerate(_MIX):
        mixed += codes[k : k + count] * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(29))
