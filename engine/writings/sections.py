"""The sections of the evasion scan: what the tables make of symbols, the words, and where they are looked up."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fairpost.engine import layout
from fairpost.engine.folds import DEFAULT, DROP, fold_table
from fairpost.engine.folds import evasion as tables
from fairpost.engine.layout import EvasionSymbol, Symbol
from fairpost.engine.symbols import ScanFold

from .places import place_sections
from .usual import with_words
from .vocabulary import Vocabulary, sound_of, spelling

__all__ = ["LIKEST", "evasion_sections", "passes_for", "rare_code_points"]

LIKEST: Final = 14
"""Look-alikes of a character that pass for it."""
_EMOJI: Final = frozenset([*range(0x2300, 0x3000), *range(0x1F000, 0x20000)])
"""Where emoji lie that the kernels look up."""


def rare_code_points() -> NDArray[np.int64]:
    """Code points above the Basic Multilingual Plane that need a symbol."""
    found = np.concatenate([_sounds()[0], _parts().ravel()])
    return np.unique(found[found > 0xFFFF])


def evasion_sections(vocabulary: Vocabulary, scan: ScanFold) -> dict[str, NDArray[Any]]:
    """All sections of the evasion scan but the lists' classes. The vocabulary is not empty."""
    words = vocabulary.words()
    forms = list(vocabulary.forms())
    records = np.zeros(len(words), dtype=layout.WORD_DTYPE)
    records["length"] = [len(word) for word, _ in words]
    records["classes"] = [classes for _, classes in words]
    records["start"] = _starts(records["length"])
    lengths = np.array([len(form.sounds) for form in forms])
    of_forms = np.zeros(len(forms), dtype=layout.FORM_DTYPE)
    of_forms["word"] = [form.word for form in forms]
    of_forms["start"] = _starts(lengths)
    meant = [scan.symbols(np.array(word, dtype=np.int64)) for word, _ in words]
    sections = {
        "EWRD": records,
        "EWSY": np.concatenate(meant),
        "EFRM": of_forms,
        "EFSY": np.array([sound for form in forms for sound in form.sounds], dtype=np.uint16),
        "EUSU": with_words([symbols.tolist() for symbols in meant]),
        "ELET": spelling().section(),
    }
    sections.update(place_sections(forms, meant))
    sections.update(_symbols(scan))
    sections.update(_look_alikes(scan))
    sections.update(_splits(scan, sections["ESYM"], vocabulary.characters()))
    sections.update(_emoji(scan))
    return sections


def _starts(lengths: NDArray[Any]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)[:-1]])


@cache
def _sounds() -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint16]]:
    """Code points that have a sound, those that they pass for (themselves, mostly), and their evasion symbols."""
    codes = np.array(sorted({*tables.syllable_of, *tables.LOOKALIKES_RARE}), dtype=np.int64)
    commons = np.array([tables.LOOKALIKES_RARE.get(code, code) for code in codes.tolist()], dtype=np.int64)
    return codes, commons, np.array([sound_of(code) for code in codes.tolist()], dtype=np.uint16)


@cache
def _parts() -> NDArray[np.int64]:
    """int64[n, 4]: the parts of every split character, 0 for a third one that there is not, and the character."""
    rows = [(*parts, *[0] * (3 - len(parts)), whole) for parts, whole in tables.SPLITS.items()]
    return np.array(rows, dtype=np.int64)


@cache
def passes_for() -> dict[int, tuple[int, ...]]:
    """Common character -> those for which it is written because it looks like them, in order of the code points."""
    found: dict[int, list[int]] = {}
    for code in sorted(tables.LOOKALIKES):
        for other in tables.likest(chr(code))[:LIKEST]:
            found.setdefault(ord(other), []).append(code)
    return {
        code: tuple(others[: layout.MOST_ALIKE])
        for code, others in found.items()
        if layout.HAN <= code < layout.HAN_END
    }


def _symbols(scan: ScanFold) -> dict[str, NDArray[Any]]:
    """ESYM, ELOK."""
    of = np.full(1 << 16, EvasionSymbol.OTHER, dtype=np.uint16)
    of[Symbol.BOUNDARY] = Symbol.BOUNDARY
    letters = np.arange(ord("a"), ord("z") + 1)
    of[letters] = letters | EvasionSymbol.LETTER
    of[ord("0") : ord("9") + 1] = np.arange(ord("0"), ord("9") + 1)
    codes, commons, sounds = _sounds()
    symbols, common = scan.symbols(codes), scan.symbols(commons)
    known = (symbols != Symbol.OTHER) & (common != Symbol.OTHER)
    of[symbols[known]] = sounds[known]
    rare = np.flatnonzero(known & (symbols != common))
    rare = rare[np.argsort(symbols[rare])]
    of[symbols[rare]] |= np.uint16(EvasionSymbol.RARE)
    records = np.zeros(len(rare), dtype=layout.LOOKALIKE_DTYPE)
    records["rare"], records["common"] = symbols[rare], common[rare]
    return {"ESYM": of, "ELOK": records}


def _look_alikes(scan: ScanFold) -> dict[str, NDArray[Any]]:
    """EALI, EALS, EALO: what each character from HAN to HAN_END passes for."""
    rows = [passes_for().get(code, ()) for code in range(layout.HAN, layout.HAN_END)]
    others = [other for row in rows for other in row]
    return {
        "EALI": scan.symbols(np.array(others, dtype=np.int64)),
        "EALS": np.array([sound_of(other) for other in others], dtype=np.uint16),
        "EALO": np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.uint32),
    }


def _splits(scan: ScanFold, of: NDArray[Any], wanted: set[int]) -> dict[str, NDArray[Any]]:
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
    """EMOJ, EMOS, EMOA, EMOO."""
    lengths = np.array([len(word) for _, word in _emoji_table()], dtype=np.int64)
    records = np.zeros(len(lengths), dtype=layout.EXPANSION_DTYPE)
    records["code_point"] = [code for code, _ in _emoji_table()]
    records["start"], records["length"] = np.cumsum(lengths) - lengths, lengths
    words = np.array([ord(c) for _, word in _emoji_table() for c in word], dtype=np.int64)
    others = [tables.EMOJI_OTHER.get(code, ()) for code, _ in _emoji_table()]
    return {
        "EMOJ": records,
        "EMOS": scan.symbols(words),
        "EMOA": np.array([EvasionSymbol.SYLLABLE + sound for row in others for sound in row], dtype=np.uint16),
        "EMOO": np.concatenate([[0], np.cumsum([len(row) for row in others])]).astype(np.uint16),
    }


def _bitmap(size: int, bits: NDArray[Any]) -> NDArray[np.uint64]:
    flags = np.zeros(size, dtype=np.uint8)
    flags[bits] = 1
    return np.packbits(flags, bitorder="little").view("<u8")
