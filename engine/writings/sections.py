"""The sections of the evasion scan: what the tables make of symbols, and the writings of patterns with their index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fairpost.engine import layout
from fairpost.engine.folds import DEFAULT, DROP, EVASION, fold_table
from fairpost.engine.folds import evasion as tables
from fairpost.engine.index import PatternColumns, build_index, pattern_records
from fairpost.engine.layout import NO_PLACE, EvasionSymbol, Symbol
from fairpost.engine.symbols import ScanFold

from .spelling import Spelling
from .surprise import surprise, syllable_sketch

__all__ = ["MOST_WRITINGS", "LookAlike", "Writings", "can_be_disguised"]

MOST_WRITINGS: Final = 24
"""Writings of one pattern; further ones are left out."""
_LIKEST: Final = 2
"""Look-alikes of a character that are tried."""
_CLASSES: Final = {"phonetic": 1, "glyph": 2, "emoji": 4}
_EMOJI: Final = frozenset([*range(0x2300, 0x3000), *range(0x1F000, 0x20000)])
"""Where emoji lie that the kernels look up."""

Elements = tuple[tuple[int, int], ...]
"""Evasion symbol, and the code point as it is written or 0 for one that must be in Latin letters."""


@dataclass(frozen=True, slots=True)
class _Pattern:
    number: int
    code_points: tuple[int, ...]
    classes: int
    flags: int


@dataclass(frozen=True, slots=True)
class LookAlike:
    """A pattern of two symbols, one of them at `place` as one that looks like it."""

    number: int
    code_points: tuple[int, ...]
    place: int
    flags: int


class Writings:
    """The patterns that may be written otherwise."""

    def __init__(self) -> None:
        self._patterns: list[_Pattern] = []

    def add(self, number: int, code_points: Sequence[int], folds: frozenset[str], flags: int) -> None:
        """Pattern `number`, under the default fold; those that have no such writing are left out.

        flags: the word boundaries of its ends.
        """
        if can_be_disguised(code_points):
            classes = sum(_CLASSES[name] for name in folds & EVASION)
            self._patterns.append(_Pattern(number, tuple(code_points), classes, flags))

    def look_alikes(self) -> Iterator[LookAlike]:
        """What the scan itself looks for: among evasion symbols, pairs are too common."""
        for p in self._patterns:
            elements = _elements(p.code_points)
            if p.classes & _CLASSES["glyph"] and len(elements) == 2 == len(p.code_points):
                for other, place in _alike(elements, bool(p.classes & _CLASSES["phonetic"])):
                    yield LookAlike(p.number, tuple(written for _, written in other), place, p.flags)

    def rare_code_points(self) -> NDArray[np.int64]:
        """Code points above the Basic Multilingual Plane that need a symbol."""
        if not self._patterns:
            return np.zeros(0, dtype=np.int64)
        found = np.concatenate([_sounds()[0], _parts().ravel()])
        return np.unique(found[found > 0xFFFF])

    def sections(self, scan: ScanFold) -> dict[str, NDArray[Any]]:
        """All sections of the evasion scan; nothing where no pattern has another writing."""
        if not self._patterns:
            return {}
        made = [(p, *writing) for p in self._patterns for writing in _writings(p)]
        lengths = [len(elements) for _, elements, _ in made]
        starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        flat = np.array([element for _, elements, _ in made for element in elements], dtype=np.int64)
        columns = PatternColumns(
            symbols=flat[:, 0].astype(np.uint16),
            starts=starts,
            flags=np.array([p.flags for p, _, _ in made], dtype=np.uint8),
            fine=np.array([p.number for p, _, _ in made], dtype=np.uint32),
            lists=np.zeros(0, dtype=np.uint16),
            list_starts=np.array([p.classes for p, _, _ in made], dtype=np.int64),
            list_counts=np.array([place for _, _, place in made], dtype=np.int64),
        )
        index = {**build_index(columns, often=syllable_sketch()), **pattern_records(columns)}
        sections = {tag: index[name] for tag, name in zip(layout.EVASION, layout.INDEX, strict=True)}
        sections["EWRT"] = np.where(flat[:, 1] > 0, scan.symbols(flat[:, 1]), 0)
        sections["ESUR"], sections["ESUD"] = surprise()
        sections["ELET"] = _letters()
        sections.update(_symbols(scan))
        sections.update(_splits(scan, sections["ESYM"], {code for p in self._patterns for code in p.code_points}))
        sections.update(_emoji(scan))
        return sections


def can_be_disguised(code_points: Sequence[int]) -> bool:
    """Whether a word, under the default fold, has at least two symbols that have a sound, one of them Chinese."""
    return bool(_elements(code_points)) and len(code_points) <= layout.MAX_PATTERN_SYMBOLS


@cache
def _spelling() -> Spelling:
    return Spelling(tables.SPELLINGS)


@cache
def _letters() -> NDArray[np.void]:
    return _spelling().section()


@cache
def _sound(code_point: int) -> int:
    """The evasion symbol of a folded character; OTHER where it has none."""
    if chr(code_point) in "abcdefghijklmnopqrstuvwxyz0123456789":
        return code_point
    number = tables.syllable_of.get(tables.LOOKALIKES_RARE.get(code_point, code_point))
    return EvasionSymbol.OTHER if number is None else EvasionSymbol.SYLLABLE + number


def _elements(code_points: Sequence[int]) -> Elements:
    """What a pattern is read as; empty if a character has no sound, or none is Chinese, or there is but one."""
    made: list[tuple[int, int]] = []
    at = 0
    while at < len(code_points):
        end = at
        while end < len(code_points) and chr(code_points[end]) in "abcdefghijklmnopqrstuvwxyz":
            end += 1
        syllables = _spelling().cut("".join(map(chr, code_points[at:end])))
        if syllables:
            made.extend((EvasionSymbol.SYLLABLE + number, 0) for number, _ in syllables)
            at = end
            continue
        end = max(end, at + 1)
        made.extend((_sound(code), code) for code in code_points[at:end])
        at = end
    sounds = [sound for sound, written in made if written]
    if len(made) < 2 or EvasionSymbol.OTHER in sounds or not any(sound >= EvasionSymbol.SYLLABLE for sound in sounds):
        return ()
    return tuple(made)


def _writings(pattern: _Pattern) -> list[tuple[Elements, int]]:
    """The writings of a pattern, each with the place that holds a look-alike, or NO_PLACE; the plain one first."""
    elements = _elements(pattern.code_points)
    found = {(elements, NO_PLACE): None}
    if pattern.classes & _CLASSES["phonetic"]:
        found.update(((other, NO_PLACE), None) for other in (*_spelt(elements), *_other_readings(elements)))
    if pattern.classes & _CLASSES["glyph"] and len(elements) > 2:
        found.update((other, None) for other in _alike(elements, bool(pattern.classes & _CLASSES["phonetic"])))
    return list(found)[:MOST_WRITINGS]


def _spelt(elements: Elements) -> Iterator[Elements]:
    """Where two syllables side by side, in letters, are cut otherwise: fan gan is read as fang an."""
    for k in range(len(elements) - 1):
        pair = elements[k : k + 2]
        if all(sound >= EvasionSymbol.SYLLABLE for sound, _ in pair):
            letters = "".join(tables.SYLLABLES[sound - EvasionSymbol.SYLLABLE] for sound, _ in pair)
            cut = tuple((EvasionSymbol.SYLLABLE + number, 0) for number, _ in _spelling().cut(letters))
            differs = cut and tuple(sound for sound, _ in cut) != tuple(sound for sound, _ in pair)
            if differs and len(elements) - 2 + len(cut) >= 2:
                yield (*elements[:k], *cut, *elements[k + 2 :])


def _other_readings(elements: Elements) -> Iterator[Elements]:
    """Each character in turn as it is read in other words."""
    for k, (_, written) in enumerate(elements):
        for number in tables.readings_of.get(written, ()):
            yield (*elements[:k], (EvasionSymbol.SYLLABLE + number, written), *elements[k + 1 :])


def _alike(elements: Elements, has_sounds: bool) -> Iterator[tuple[Elements, int]]:
    """Each character in turn as one that looks like it; has_sounds: one that sounds alike too is found anyway."""
    for k, (sound, written) in enumerate(elements):
        if written < 0x4E00:
            continue
        for other in tables.likest(chr(written))[:_LIKEST]:
            their = _sound(ord(other))
            if their != EvasionSymbol.OTHER and not (has_sounds and their == sound):
                yield (*elements[:k], (their, ord(other)), *elements[k + 1 :]), k


@cache
def _sounds() -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint16]]:
    """Code points that have a sound, those that they pass for (themselves, mostly), and their evasion symbols."""
    codes = np.array(sorted({*tables.syllable_of, *tables.LOOKALIKES_RARE}), dtype=np.int64)
    passes_for = np.array([tables.LOOKALIKES_RARE.get(code, code) for code in codes.tolist()], dtype=np.int64)
    return codes, passes_for, np.array([_sound(code) for code in codes.tolist()], dtype=np.uint16)


@cache
def _parts() -> NDArray[np.int64]:
    """int64[n, 4]: the parts of every split character, 0 for a third one that there is not, and the character."""
    rows = [(*parts, *[0] * (3 - len(parts)), whole) for parts, whole in tables.SPLITS.items()]
    return np.array(rows, dtype=np.int64)


def _symbols(scan: ScanFold) -> dict[str, NDArray[Any]]:
    """ESYM, ERAR, ELOK."""
    of = np.full(1 << 16, EvasionSymbol.OTHER, dtype=np.uint16)
    of[Symbol.BOUNDARY] = Symbol.BOUNDARY
    letters = np.arange(ord("a"), ord("z") + 1)
    of[letters] = letters | EvasionSymbol.LETTER
    of[ord("0") : ord("9") + 1] = np.arange(ord("0"), ord("9") + 1)
    codes, passes_for, sounds = _sounds()
    symbols, commons = scan.symbols(codes), scan.symbols(passes_for)
    known = (symbols != Symbol.OTHER) & (commons != Symbol.OTHER)
    of[symbols[known]] = sounds[known]
    alike = np.flatnonzero(known & (symbols != commons))
    alike = alike[np.argsort(symbols[alike])]
    records = np.zeros(len(alike), dtype=layout.LOOKALIKE_DTYPE)
    records["rare"], records["common"] = symbols[alike], commons[alike]
    return {"ESYM": of, "ERAR": _bitmap(1 << 16, records["rare"]), "ELOK": records}


def _bitmap(size: int, bits: NDArray[Any]) -> NDArray[np.uint64]:
    flags = np.zeros(size, dtype=np.uint8)
    flags[bits] = 1
    return np.packbits(flags, bitorder="little").view("<u8")


def _splits(scan: ScanFold, of: NDArray[np.uint16], wanted: set[int]) -> dict[str, NDArray[Any]]:
    """ESPL, ESPM: the characters that patterns hold, in their parts; marks in `of` the symbols that begin them."""
    rows = _parts()
    rows = rows[np.isin(rows[:, 3], list(wanted))]
    symbols = scan.symbols(rows)
    symbols[:, 2][rows[:, 2] == 0] = 0
    symbols = symbols[(symbols != Symbol.OTHER).all(axis=1) & (of[symbols[:, 0]] & EvasionSymbol.LETTER == 0)]
    symbols = symbols[np.lexsort((symbols[:, 2], symbols[:, 1], symbols[:, 0]))]
    records = np.zeros(len(symbols), dtype=layout.SPLIT_DTYPE)
    records["parts"], records["whole"] = symbols[:, :3], symbols[:, 3]
    of[symbols[:, 0]] |= np.uint16(EvasionSymbol.SPLIT)
    pairs = symbols[:, 0].astype(np.uint32) << np.uint32(16) | symbols[:, 1]
    return {"ESPL": records, "ESPM": _bitmap(layout.SPLIT_MAP_BITS, pairs * np.uint32(0x9E3779B1) >> np.uint32(15))}


@cache
def _emoji_table() -> tuple[tuple[int, str], ...]:
    """The emoji that the scan drops and where the kernels look, with their words."""
    target = fold_table(DEFAULT).target
    return tuple((c, word) for c, word in sorted(tables.EMOJI.items()) if c in _EMOJI and target[c] == DROP)


def _emoji(scan: ScanFold) -> dict[str, NDArray[Any]]:
    """EMOJ, EMOS."""
    lengths = np.array([len(word) for _, word in _emoji_table()], dtype=np.int64)
    records = np.zeros(len(lengths), dtype=layout.EXPANSION_DTYPE)
    records["code_point"] = [code for code, _ in _emoji_table()]
    records["start"], records["length"] = np.cumsum(lengths) - lengths, lengths
    words = np.array([ord(c) for _, word in _emoji_table() for c in word], dtype=np.int64)
    return {"EMOJ": records, "EMOS": scan.symbols(words)}
