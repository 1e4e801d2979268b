"""The words that are recognised when they are written otherwise, and how each of them sounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Final

from fairpost.engine.folds import EVASION
from fairpost.engine.folds import evasion as tables
from fairpost.engine.layout import LONGEST_DISGUISED, EvasionClass, EvasionSymbol

from .spelling import Spelling

__all__ = ["MOST_FORMS", "Form", "Vocabulary", "can_be_disguised", "classes_of", "sound_of", "sounds_of", "spelling"]

MOST_FORMS: Final = 8
"""Ways in which one word may sound."""
OFTENER: Final = 2
"""How many times as many lists hold what a pair of characters is taken for a disguise of."""

_CLASSES: Final = {
    "phonetic": EvasionClass.PHONETIC,
    "glyph": EvasionClass.GLYPH,
    "emoji": EvasionClass.EMOJI,
    "repeat": EvasionClass.REPEAT,
}


@dataclass(frozen=True, slots=True)
class Form:
    """Word number `word` and one way in which it sounds, an evasion symbol for each of its symbols."""

    word: int
    sounds: tuple[int, ...]


def classes_of(folds: Iterable[str]) -> int:
    """What a list with these folds is looked for in; 0 without one of EVASION: `repeat` alone is the scan's own."""
    names = frozenset(folds)
    return sum(_CLASSES[name] for name in names & _CLASSES.keys()) if names & EVASION else 0


class Vocabulary:
    """Words under the default fold, each once, with the classes of all lists that hold it."""

    def __init__(self) -> None:
        self._classes: dict[tuple[int, ...], int] = {}
        self._uses: Counter[tuple[int, ...]] = Counter()
        self._characters: set[int] = set()

    def add(self, word: Sequence[int], classes: int, uses: int = 1) -> None:
        """A word that cannot be disguised is left out, but its characters are known in their parts.

        uses: how many lists hold it.
        """
        self._characters.update(word)
        if can_be_disguised(word):
            key = tuple(word)
            self._classes[key] = self._classes.get(key, 0) | classes
            self._uses[key] += uses

    def characters(self) -> set[int]:
        """Code points of all words, those too that cannot be disguised."""
        return self._characters

    def __len__(self) -> int:
        return len(self._classes)

    def words(self) -> list[tuple[tuple[int, ...], int]]:
        """(code points, classes), those first that most lists hold: their numbers are their places here.

        Of two words that are written alike in disguise (包邮 and 保佑 are baoyou) the first is meant.
        """
        return sorted(self._classes.items(), key=lambda item: (-self._uses[item[0]], item[0]))

    def pairs(self) -> list[tuple[int, int]]:
        """The pairs of code points in words, sorted, but those that are themselves a disguise of another one.

        Lists of disguises hold 微芯. It sounds like 微信, which OFTENER times as many lists hold, and still surprises.
        """
        uses: Counter[tuple[int, int]] = Counter()
        for word, count in self._uses.items():
            for pair in set(pairwise(word)):
                uses[pair] += count
        most: dict[tuple[tuple[int, int], ...], int] = {}
        for pair, count in uses.items():
            for key in _heard(pair):
                most[key] = max(most.get(key, 0), count)
        return sorted(pair for pair, count in uses.items() if all(most[key] < OFTENER * count for key in _heard(pair)))

    def forms(self) -> Iterator[Form]:
        """All forms of all words, the usual one of each first."""
        for number, (word, classes) in enumerate(self.words()):
            sounds = sounds_of(word)
            found = {sounds: None}
            if classes & EvasionClass.PHONETIC:
                found.update(dict.fromkeys((*_spelt(sounds), *_other_readings(word, sounds))))
            for form in list(found)[:MOST_FORMS]:
                yield Form(number, form)


def _heard(pair: tuple[int, int]) -> tuple[tuple[tuple[int, int], ...], ...]:
    """A pair of which one character is only heard: equal for pairs that differ there in writing alone."""
    (first, a), (second, b) = ((code_point, sound_of(code_point)) for code_point in pair)
    return ((-1, a), (second, b)), ((first, a), (-1, b))


@cache
def spelling() -> Spelling:
    return Spelling(tables.SPELLINGS, tables.INITIALS)


@cache
def sound_of(code_point: int) -> int:
    """The evasion symbol of a folded character; OTHER where it has none."""
    if chr(code_point) in "abcdefghijklmnopqrstuvwxyz0123456789":
        return code_point
    number = tables.syllable_of.get(tables.LOOKALIKES_RARE.get(code_point, code_point))
    return EvasionSymbol.OTHER if number is None else EvasionSymbol.SYLLABLE + number


def can_be_disguised(word: Sequence[int]) -> bool:
    """Whether a word, under the default fold, can be written otherwise and still be told.

    It has 2 to LONGEST_DISGUISED symbols, all with a sound, at least two of them Chinese, or one and two letters;
    pinyin is a disguise itself.
    """
    return bool(sounds_of(word))


def sounds_of(word: Sequence[int]) -> tuple[int, ...]:
    """Evasion symbols of a word; empty if it cannot be disguised."""
    if not 2 <= len(word) <= LONGEST_DISGUISED:
        return ()
    sounds = tuple(map(sound_of, word))
    chinese = sum(sound >= EvasionSymbol.SYLLABLE for sound in sounds)
    letters = sum(ord("a") <= sound <= ord("z") for sound in sounds)
    if EvasionSymbol.OTHER in sounds or not (chinese >= 2 or (chinese == 1 and letters >= 2)):
        return ()
    return () if letters and any(map(spelling().cut, _latin_words(word))) else sounds


def _latin_words(word: Sequence[int]) -> list[str]:
    return "".join(chr(c) if ord("a") <= c <= ord("z") else " " for c in word).split()


def _spelt(sounds: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Where two syllables side by side, in letters, are cut otherwise: fan gan is read as fang an."""
    for k in range(len(sounds) - 1):
        if sounds[k] >= EvasionSymbol.SYLLABLE <= sounds[k + 1]:
            letters = "".join(tables.SYLLABLES[sound - EvasionSymbol.SYLLABLE] for sound in sounds[k : k + 2])
            cut = tuple(EvasionSymbol.SYLLABLE + number for number, _ in spelling().cut(letters))
            if len(cut) == 2 and cut != tuple(sounds[k : k + 2]):
                yield (*sounds[:k], *cut, *sounds[k + 2 :])


def _other_readings(word: Sequence[int], sounds: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Each character in turn as it is read in other words."""
    for k, code_point in enumerate(word):
        for number in tables.readings_of.get(code_point, ()):
            yield (*sounds[:k], EvasionSymbol.SYLLABLE + number, *sounds[k + 1 :])
