"""Latin letters as syllables: the tree of spellings of a bundle, and how a word is cut."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fairpost.engine.layout import LETTER_ALONE, LETTER_DTYPE, EvasionSymbol

__all__ = ["LONGEST_WORD", "Spelling"]

LONGEST_WORD: Final = 64
"""A longer word is not read as pinyin."""
_LONGEST_SYLLABLE: Final = 6


class Spelling:
    """The spellings of syllables, by their numbers; initials: letters that stand for one alone, never as a part."""

    def __init__(self, spellings: Mapping[str, int], initials: Mapping[str, int] = MappingProxyType({})) -> None:
        self._numbers = dict(spellings)
        self._initials = dict(initials)

    def cut(self, word: str) -> tuple[tuple[int, int], ...]:
        """(syllable, letters) of each part, the longest first that leaves a rest which can be cut; empty if none does.

        A word of one letter is none, nor is one of more than LONGEST_WORD.
        """
        if not 2 <= len(word) <= LONGEST_WORD:
            return ()
        best: list[tuple[tuple[int, int], ...] | None] = [None] * len(word) + [()]
        for at in reversed(range(len(word))):
            for end in range(min(len(word), at + _LONGEST_SYLLABLE), at, -1):
                number, rest = self._numbers.get(word[at:end]), best[end]
                if number is not None and rest is not None:
                    best[at] = ((number, end - at), *rest)
                    break
        return best[0] or ()

    def section(self) -> NDArray[np.void]:
        """Section ELET: the nodes level by level, so that children stand together."""
        written = {*self._numbers, *self._initials}
        prefixes = sorted({s[:k] for s in written for k in range(len(s) + 1)} | {""}, key=lambda s: (len(s), s))
        place = {prefix: number for number, prefix in enumerate(prefixes)}
        nodes = np.zeros(len(prefixes), dtype=LETTER_DTYPE)
        for prefix, number in place.items():
            if prefix in self._numbers:
                nodes[number]["syllable"] = EvasionSymbol.SYLLABLE + self._numbers[prefix]
            elif prefix in self._initials:
                nodes[number]["syllable"] = EvasionSymbol.SYLLABLE + self._initials[prefix] | LETTER_ALONE
            children = [c for c in "abcdefghijklmnopqrstuvwxyz" if prefix + c in place]
            if children:
                nodes[number]["children"] = sum(1 << (ord(c) - ord("a")) for c in children)
                nodes[number]["first"] = place[prefix + children[0]]
        return nodes
