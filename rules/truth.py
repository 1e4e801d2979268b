"""What labelled posts say of themselves: whether a post violates anything, and where it is said, which categories.

A label is one word, as files have it: a flag (`1`, `true`, `spam`; `0`, `false`, `normal`), or the name of a category
of the vocabulary, several of them joined by `,`, `;` or `|`. An empty one, or `unlabelled`, says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fairpost.engine.vocabulary import CATEGORIES

from .problems import nearest

__all__ = ["ANY", "CLEAN", "UNLABELLED", "VIOLATING", "InvalidLabel", "Truth", "read_label"]

UNLABELLED: Final = -1
CLEAN: Final = 0
VIOLATING: Final = 1
ANY: Final = 0xFFFFFFFF
"""Categories of a post of which it is said only that it violates something."""

_CLEAN: Final = frozenset(("0", "0.0", "false", "no", "n", "none", "normal", "clean", "ham", "ok", "pass", "allow"))
_VIOLATING: Final = frozenset(("1", "1.0", "true", "yes", "y", "spam", "violating", "violation", "bad", "match"))
_UNLABELLED: Final = frozenset(("", "null", "nan", "unlabelled", "unlabeled"))
_NUMBERS: Final = {name: number for number, name in enumerate(CATEGORIES)}


class InvalidLabel(ValueError):
    """A word that is no label; the message says what would be one."""


@dataclass(frozen=True)
class Truth:
    """The labels of n posts.

    Attributes:
        state: int8[n], UNLABELLED, CLEAN or VIOLATING.
        categories: uint32[n], a bit for each category violated (its position in CATEGORIES), ANY where only a flag
            is given, 0 for clean and unlabelled posts.
    """

    state: NDArray[np.int8]
    categories: NDArray[np.uint32]

    @staticmethod
    def of(words: Sequence[str | None], codes: NDArray[np.integer] | None = None) -> Truth:
        """Read labels, one a post; with `codes`, post i has words[codes[i]].

        Raises:
            InvalidLabel: a word is no label.
        """
        read = [read_label(word) for word in words]
        state = np.array([state for state, _ in read], np.int8)
        categories = np.array([mask for _, mask in read], np.uint32)
        return Truth(state, categories) if codes is None else Truth(state[codes], categories[codes])

    @staticmethod
    def none(posts: int) -> Truth:
        """Nothing is said of any post."""
        return Truth(np.full(posts, UNLABELLED, np.int8), np.zeros(posts, np.uint32))

    def __len__(self) -> int:
        return len(self.state)


def read_label(word: str | None) -> tuple[int, int]:
    """(state, categories) of one label.

    Raises:
        InvalidLabel: it is neither a flag nor a category.
    """
    if word is None:
        return UNLABELLED, 0
    plain = word.strip()
    lower = plain.lower()
    if lower in _UNLABELLED:
        return UNLABELLED, 0
    if lower in _CLEAN:
        return CLEAN, 0
    if lower in _VIOLATING:
        return VIOLATING, ANY
    mask = 0
    for name in _names(plain):
        number = _NUMBERS.get(name)
        if number is None:
            raise InvalidLabel(
                f"{word!r} is no label: expected 0 or 1, true or false, or categories such as "
                f"MEDICAL or MEDICAL,DIVERT{nearest(name, CATEGORIES)}"
            )
        mask |= 1 << number
    return VIOLATING, mask


def _names(word: str) -> Iterable[str]:
    pieces = [piece.strip().upper().replace("-", "_") for piece in re.split(r"[,;|]", word)]
    return [piece for piece in pieces if piece] or [word]
