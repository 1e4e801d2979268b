"""What a pattern sees of a text: runs of folded code points with the characters that they come from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from fairpost.engine.folds import fold

__all__ = ["Run", "runs"]


@dataclass(frozen=True)
class Run:
    """A folded code point; `first` and `last` are the indexes of its source characters (equal without `repeat`)."""

    code: int
    first: int
    last: int

    @property
    def is_letter(self) -> bool:
        return chr(self.code) in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

    @property
    def is_digit(self) -> bool:
        return chr(self.code) in "0123456789"


@lru_cache(maxsize=4096)
def runs(text: str, folds: frozenset[str]) -> tuple[Run, ...]:
    """Fold `text`; with `repeat` among the folds, equal neighbours become one run."""
    result: list[Run] = []
    for code, origin in zip(*fold(text, folds), strict=True):
        if "repeat" in folds and result and result[-1].code == code:
            result[-1] = Run(code, result[-1].first, origin)
        else:
            result.append(Run(code, origin, origin))
    return tuple(result)
