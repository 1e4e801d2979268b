"""Folds lists of patterns column-wise: a million short texts in a few NumPy passes over one column of code points."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairpost.engine.folds import DROP, FoldTable, fold_table

__all__ = ["Literals", "decode", "fold_literals"]


@dataclass(frozen=True, slots=True)
class Literals:
    """Code points of n texts: int32[total], text k is code_points[starts[k]:starts[k + 1]], starts int64[n + 1]."""

    code_points: NDArray[np.int32]
    starts: NDArray[np.int64]

    def lengths(self) -> NDArray[np.int64]:
        return np.diff(self.starts)

    def _kept(self, keep: NDArray[np.bool_]) -> Literals:
        """Only the code points of `keep`."""
        before = np.zeros(len(keep) + 1, dtype=np.int64)
        np.cumsum(keep, out=before[1:])
        return Literals(self.code_points[keep], before[self.starts])

    def fold(self, table: FoldTable) -> Literals:
        """Each text under the table's classes."""
        image = table.target[self.code_points]
        if not (image < 0).any():
            return Literals(image, self.starts)
        expanding = np.flatnonzero(image < DROP)
        if not len(expanding):
            return Literals(image, self.starts)._kept(image != DROP)
        lengths = np.array([len(codes) for codes in table.expansions])
        flat = np.array([code for codes in table.expansions for code in codes], dtype=np.int32)
        count = (image != DROP).astype(np.int64)
        numbers = -2 - image[expanding]
        count[expanding] = lengths[numbers]
        before = np.zeros(len(count) + 1, dtype=np.int64)
        np.cumsum(count, out=before[1:])
        out = np.repeat(image, count)
        begin = (np.cumsum(lengths) - lengths)[numbers]
        for k in range(int(count[expanding].max())):
            has = lengths[numbers] > k
            out[before[expanding[has]] + k] = flat[begin[has] + k]
        return Literals(out, before[self.starts])

    def collapse(self) -> Literals:
        """Each run of equal code points of a text as one of them."""
        keep = np.ones(len(self.code_points), dtype=bool)
        keep[1:] = self.code_points[1:] != self.code_points[:-1]
        keep[self.starts[:-1][self.lengths() > 0]] = True
        return self._kept(keep)


def decode(texts: Sequence[str]) -> Literals:
    """The code points of each text, lone surrogates included."""
    joined = "".join(texts).encode("utf-32-le", "surrogatepass")
    starts = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)), out=starts[1:])
    return Literals(np.frombuffer(joined, dtype=np.int32), starts)


def fold_literals(texts: Sequence[str], folds: Iterable[str]) -> Literals:
    """Each text under these fold classes, `repeat` among them.

    Raises:
        ValueError: a fold class that does not exist.
    """
    names = frozenset(folds)
    classes = names - {"repeat"}
    literals = decode(texts)
    if classes:
        literals = literals.fold(fold_table(classes))
    return literals.collapse() if "repeat" in names else literals
