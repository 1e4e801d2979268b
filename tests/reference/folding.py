"""What a pattern sees of a text: runs of folded code points with the characters that they come from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from fairpost.engine.folds import fold

__all__ = ["Folded", "Run", "folded"]


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


@dataclass(frozen=True)
class Folded:
    """A folded text: its runs, and their code points as a string."""

    runs: tuple[Run, ...]
    string: str


@lru_cache(maxsize=50_000)
def folded(text: str, folds: frozenset[str]) -> Folded:
    """Fold `text`; with `repeat` among the folds, equal neighbours become one run."""
    result: list[Run] = []
    for code, origin in zip(*fold(text, folds), strict=True):
        if "repeat" in folds and result and result[-1].code == code:
            result[-1] = Run(code, result[-1].first, origin)
        else:
            result.append(Run(code, origin, origin))
    return Folded(tuple(result), "".join(chr(run.code) for run in result))
