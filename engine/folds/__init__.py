"""Fold tables: what each code point becomes under each fold class.

The tables are text files in this folder, written by `generate.py` from a pinned Unicode version and from
OpenCC's dictionary, so the same sources give the same bundle on every Python. Every class is one rewriting
step on single code points; a fold by a set F of classes applies the steps of F until nothing changes.

For the default fold G (all classes) and any F, and for every code point c, G(F(c)) == G(c). So a text that
was folded once by G can be searched for patterns of any F: where the F-folded text contains the F-folded
pattern, the G-folded text contains the G-folded one.

| class | becomes |
|---|---|
| width | full and half width, squared words (㎏ kg), ligatures, compatibility ideographs and radicals, ㈱ 株, ½ 1/2 |
| case | the small letter; ß is ss |
| script | simplified Chinese, character by character, the first choice of OpenCC |
| digits | decimal digits of every script and styled numbers (① ⑩ ² 𝟐) in ASCII; 壹 is 一, 〇 is 零 |
| letters | styled letters (𝐕 ⓥ ᴠ 🅥 ᵥ 🇻 ⅴ), letters without their accents, look-alikes of Latin letters |
| zero-width | dropped: controls, format characters, variation selectors, accents and other stacked marks |
| separators | dropped: space, punctuation, symbols and emoji that no other class reads as text, private use |

Surrogates, noncharacters and unassigned code points are kept as they are, letters of every script too.
Canonically equivalent texts have the same default fold (Hangul syllables against single jamo excepted).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = [
    "CHAR_CLASS",
    "CLAUSE",
    "DEFAULT",
    "DIGIT",
    "DROP",
    "EMOJI",
    "EVASION",
    "LATIN",
    "SENTENCE",
    "SEPARATOR",
    "ZERO_WIDTH",
    "FoldTable",
    "compared",
    "fold",
    "fold_table",
]

CODE_POINTS: Final = 0x110000
DEFAULT: Final = frozenset({"width", "case", "script", "digits", "letters", "zero-width", "separators"})

EVASION: Final = frozenset({"phonetic", "glyph", "emoji"})
"""Classes that are not about single characters: how else a word may be written (`fairpost.engine.writings`)."""


def compared(folds: frozenset[str]) -> frozenset[str]:
    """The classes under which a list's words are compared with the text as it stands.

    EVASION is about texts that are restored. `repeat` is then, too: a stretched character is one more disguise; alone,
    it counts runs as one where words are compared.
    """
    return folds - EVASION - {"repeat"} if folds & EVASION else folds


DROP: Final = -1
"""In `FoldTable.target`: the code point is dropped."""

LATIN: Final = 1  # an ASCII letter is in what the default fold makes of it
DIGIT: Final = 2  # an ASCII digit is
CLAUSE: Final = 4  # ends a clause; whatever ends a sentence does
SENTENCE: Final = 8
SEPARATOR: Final = 16  # dropped by `separators`
EMOJI: Final = 32
ZERO_WIDTH: Final = 64  # dropped by `zero-width`

CHAR_CLASS: npt.NDArray[np.uint8]
"""uint8[0x110000], read-only: the flags above, by original code point. Built on first use (see `__getattr__`)."""

# Where two classes have a step for one character, the first one here goes first. The result of a fold that has
# both does not depend on it (the tables are closed), only partial folds do.
_ORDER: Final = ("zero-width", "width", "letters", "digits", "script", "case", "separators")
_FOLDER: Final = Path(__file__).parent


class _Step(NamedTuple):
    """One class: code points and, for each, its image in the encoding of `FoldTable.target`."""

    codes: npt.NDArray[np.int32]
    images: npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class FoldTable:
    """What each code point becomes under one set of fold classes.

    target: int32[0x110000], read-only. v >= 0: the folded code point; DROP: dropped; v <= -2:
        `expansions[-v - 2]`.
    expansions: two or more code points each; sorted, without duplicates.
    """

    folds: frozenset[str]
    target: npt.NDArray[np.int32]
    expansions: tuple[tuple[int, ...], ...]
    _images: dict[int, tuple[int, ...]] = field(default_factory=dict, repr=False)

    def image(self, code: int) -> tuple[int, ...]:
        """The code points that `code` becomes; empty if it is dropped."""
        image = self._images.get(code)
        if image is None:
            value = int(self.target[code])
            image = (value,) if value >= 0 else () if value == DROP else self.expansions[-value - 2]
            self._images[code] = image
        return image


@cache
def _steps() -> tuple[dict[str, _Step], tuple[tuple[int, ...], ...]]:
    """All classes, and the expansions that their images index (not folded any further)."""
    numbers: dict[tuple[int, ...], int] = {}
    steps = {}
    for name in _ORDER:
        firsts: list[int] = []
        lengths: list[int] = []
        images: list[int] = []
        for line in (_FOLDER / f"{name}.txt").read_text("utf-8").splitlines():
            if line.startswith("#"):
                continue
            span, image = line.split(" ", 1)
            first, _, last = span.partition("..")
            firsts.append(int(first, 16))
            lengths.append(int(last, 16) - firsts[-1] + 1 if last else 1)
            if image == "-":
                images.append(DROP)
            elif " " not in image:
                images.append(int(image, 16))
            else:
                codes = tuple(int(x, 16) for x in image.split())
                images.append(-2 - numbers.setdefault(codes, len(numbers)))
        runs = np.array(lengths)
        # The offset of each code point in its run; images of a run are consecutive unless all are dropped.
        offsets = (np.arange(runs.sum()) - np.repeat(np.cumsum(runs) - runs, runs)).astype(np.int32)
        target = np.repeat(np.array(images, np.int32), runs)
        target[target >= 0] += offsets[target >= 0]
        steps[name] = _Step(np.repeat(np.array(firsts, np.int32), runs) + offsets, target)
    return steps, tuple(numbers)


@cache
def _compose(folds: frozenset[str]) -> FoldTable:
    steps, step_expansions = _steps()
    target = np.arange(CODE_POINTS, dtype=np.int32)
    for name in reversed(_ORDER):
        if name in folds:
            target[steps[name].codes] = steps[name].images
    changed = np.flatnonzero(target != np.arange(CODE_POINTS, dtype=np.int32))
    images = target[changed]
    while True:  # ends: generate.py refuses steps that go round in a circle
        further = np.where(images >= 0, target[images], images)
        if np.array_equal(further, images):
            break
        images = further
    target[changed] = images

    @cache
    def expand(number: int) -> tuple[int, ...]:
        codes: list[int] = []
        for code in step_expansions[number]:
            value = int(target[code])
            if value >= 0:
                codes.append(value)
            elif value != DROP:
                codes.extend(expand(-value - 2))
        return tuple(codes)

    multiple = changed[images <= -2]
    full = {int(c): expand(-int(target[c]) - 2) for c in multiple}
    expansions = tuple(sorted({image for image in full.values() if len(image) > 1}))
    number_of = {image: number for number, image in enumerate(expansions)}
    for c, image in full.items():
        target[c] = DROP if not image else image[0] if len(image) == 1 else -2 - number_of[image]
    target.setflags(write=False)
    return FoldTable(folds, target, expansions)


def fold_table(folds: Iterable[str]) -> FoldTable:
    """The table of a set of fold classes, cached. `repeat` and EVASION are ignored: they are not about single
    characters.

    Raises:
        ValueError: a fold class that does not exist.
    """
    names = frozenset(folds) - {"repeat"} - EVASION
    if unknown := sorted(names - DEFAULT):
        raise ValueError(f"unknown fold class {unknown[0]!r}; there are {', '.join(sorted(DEFAULT))} and repeat")
    return _compose(names)


def fold(text: str, folds: Iterable[str]) -> tuple[list[int], list[int]]:
    """Fold a text: the code points, and for each the index in `text` of the character it comes from.

    `repeat` is not applied. Plain Python, for tools and for patterns, not for posts by the million.
    """
    table = fold_table(folds)
    codes: list[int] = []
    origins: list[int] = []
    for index, char in enumerate(text):
        image = table.image(ord(char))
        codes.extend(image)
        origins.extend([index] * len(image))
    return codes, origins


@cache
def _char_class() -> npt.NDArray[np.uint8]:
    flags = np.zeros(CODE_POINTS, np.uint8)
    table = fold_table(DEFAULT)
    target = table.target

    def mark(flag: int, alphabet: str) -> None:
        codes = np.array([ord(c) for c in alphabet])
        flags[np.isin(target, codes)] |= flag
        wanted = [-2 - number for number, image in enumerate(table.expansions) if set(image) & set(codes.tolist())]
        flags[np.isin(target, wanted)] |= flag

    mark(LATIN, "abcdefghijklmnopqrstuvwxyz")
    mark(DIGIT, "0123456789")
    flags[_steps()[0]["separators"].codes] |= SEPARATOR
    flags[_steps()[0]["zero-width"].codes] |= ZERO_WIDTH
    bits = {"sentence": SENTENCE, "clause": CLAUSE, "emoji": EMOJI}
    for line in (_FOLDER / "classes.txt").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            name, span = line.split(" ")
            first, _, last = span.partition("..")
            flags[int(first, 16) : int(last or first, 16) + 1] |= bits[name]
    flags.setflags(write=False)
    return flags


def __getattr__(name: str) -> npt.NDArray[np.uint8]:
    if name == "CHAR_CLASS":
        return _char_class()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
