"""Where a pattern occurs in a text, by the definition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fairpost.engine.folds import DEFAULT, EVASION

from .folding import Folded, Run, folded
from .regular import find_regular, find_regular_in

__all__ = ["Match", "Pattern", "compared", "find", "find_all", "find_in"]


@dataclass(frozen=True)
class Pattern:
    """`text`: a word, or a regular pattern between slashes."""

    text: str
    folds: frozenset[str]
    word_boundaries: bool = True

    @property
    def is_regular(self) -> bool:
        return len(self.text) > 2 and self.text[0] == self.text[-1] == "/"

    @property
    def folded(self) -> str:
        """A word under its folds."""
        return folded(self.text, compared(self.folds)).string


def compared(folds: frozenset[str]) -> frozenset[str]:
    """The folds under which the text as it stands is compared: beside disguises `repeat` is one of them."""
    return folds - {"repeat"} if folds & EVASION else folds


@dataclass(frozen=True, order=True)
class Match:
    """begin, end: code points of the original text; pattern: position in the list that was searched."""

    begin: int
    end: int
    pattern: int


def find(pattern: Pattern, text: str) -> list[tuple[int, int]]:
    """Spans of all occurrences of a word, overlapping ones too, each once; those of a regular pattern do not overlap.

    A word that folds to nothing occurs nowhere.
    """
    if pattern.is_regular:
        return find_regular(pattern.text[1:-1], text, pattern.word_boundaries)
    where = folded(text, compared(pattern.folds))
    found = _occurrences(pattern.folded, where, pattern.word_boundaries)
    return sorted({(where.runs[begin].first, where.runs[end - 1].last + 1) for begin, end in found})


def find_in(pattern: Pattern, where: Folded) -> list[tuple[int, int]]:
    """The same in symbols of a text that is folded by default already."""
    if pattern.is_regular:
        return find_regular_in(pattern.text[1:-1], where, pattern.word_boundaries)
    return _occurrences(folded(pattern.text, DEFAULT).string, where, pattern.word_boundaries)


def _occurrences(needle: str, where: Folded, word_boundaries: bool) -> list[tuple[int, int]]:
    found = []
    begin = where.string.find(needle) if needle else -1
    while begin >= 0:
        end = begin + len(needle)
        if not word_boundaries or _stands_alone(where.runs, begin, end):
            found.append((begin, end))
        begin = where.string.find(needle, begin + 1)
    return found


def find_all(patterns: Sequence[Pattern], text: str) -> list[Match]:
    """All matches, sorted by begin, end, pattern."""
    return sorted(Match(*span, number) for number, pattern in enumerate(patterns) for span in find(pattern, text))


def _stands_alone(runs: Sequence[Run], begin: int, end: int) -> bool:
    """No word goes on over the edges of runs[begin:end]."""
    return not (
        (begin > 0 and _joined(runs[begin - 1], runs[begin])) or (end < len(runs) and _joined(runs[end - 1], runs[end]))
    )


def _joined(left: Run, right: Run) -> bool:
    """Two letters or two digits of one word: nothing that the fold dropped stands between them."""
    same = (left.is_letter and right.is_letter) or (left.is_digit and right.is_digit)
    return same and right.first - left.last <= 1
