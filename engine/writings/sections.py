"""The sections of the evasion scan: what the tables make of symbols, the words, and where they are looked up."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fairpost.engine import layout
from fairpost.engine.columns import bitmap, ragged
from fairpost.engine.folds import DEFAULT, DROP, fold_table
from fairpost.engine.folds import evasion as tables
from fairpost.engine.layout import EvasionSymbol, Symbol
from fairpost.engine.symbols import ScanFold

from .places import place_sections
from .usual import with_words
from .vocabulary import Vocabulary, sound_of, spelling

__all__ = ["LIKEST", "evasion_sections", "passes_for", "rare_code_points"]

LIKEST: Final = 24
"""Look-alikes of a character that pass for it."""
_EMOJI: Final = frozenset([*range(0x2300, 0x3000), *range(0x1F000, 0x20000)])
"""Where emoji lie that the kernels look up."""


def rare_code_points() -> NDArray[np.int64]:
    """Code points above the Basic Multilingual Plane that need a symbol."""
    found = np.concatenate([_sounds()[0], _parts().ravel()])
    return np.unique(found[found > 0xFFFF])


def evasion_sections(vocabulary: Vocabulary, scan: ScanFold) -> dict[str, NDArray[Any]]:
    """All sections of the evasion scan but the lists' classes. The vocabulary is not empty."""
    words, forms = vocabulary.words(), list(vocabulary.forms())
    starts, code_points = ragged([word for word, _ in words])
    records = np.zeros(len(words), dtype=layout.WORD_DTYPE)
    records["start"], records["length"] = starts[:-1], np.diff(starts)
    records["classes"] = [classes for _, classes in words]
    sound_starts, sounds = ragged([form.sounds for form in forms])
    of_forms = np.zeros(len(forms), dtype=layout.FORM_DTYPE)
    of_forms["word"], of_forms["start"] = [form.word for form in forms], sound_starts[:-1]
    symbols = scan.symbols(code_points)
    meant = np.split(symbols, starts[1:-1])
    sections = {
        "EWRD": records,
        "EWSY": symbols,
        "EFRM": of_forms,
        "EFSY": sounds.astype(np.uint16),
        "EUSU": with_words(scan.symbols(np.array(vocabulary.pairs(), dtype=np.int64).reshape(-1, 2)).tolist()),
        "ELET": spelling().section(),
    }
    sections.update(place_sections(forms, meant))
    sections.update(_symbols(scan))
    sections.update(_look_alikes(scan))
    sections.update(_splits(scan, sections["ESYM"], vocabulary.characters()))
    sections.update(_emoji(scan))
    return sections


@cache
def _sounds() -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint16], NDArray[np.uint16]]:
    """Code points that have a sound, those that they pass for (themselves, mostly), the evasion symbols of these, and
    their own, 0 where they have none."""
    codes = np.array(sorted({*tables.syllable_of, *tables.LOOKALIKES_RARE}), dtype=np.int64)
    commons = np.array([tables.LOOKALIKES_RARE.get(code, code) for code in codes.tolist()], dtype=np.int64)
    sounds = np.array([sound_of(code) for code in codes.tolist()], dtype=np.uint16)
    numbers = [tables.syllable_of.get(code) for code in codes.tolist()]
    own = np.array([0 if n is None else EvasionSymbol.SYLLABLE + n for n in numbers], dtype=np.uint16)
    return codes, commons, sounds, own


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
    codes, commons, sounds, own = _sounds()
    symbols, common = scan.symbols(codes), scan.symbols(commons)
    known = (symbols != Symbol.OTHER) & (common != Symbol.OTHER)
    of[symbols[known]] = sounds[known]
    rare = np.flatnonzero(known & (symbols != common))
    rare = rare[np.argsort(symbols[rare])]
    of[symbols[rare]] |= np.uint16(EvasionSymbol.RARE)
    records = np.zeros(len(rare), dtype=layout.LOOKALIKE_DTYPE)
    records["rare"], records["common"] = symbols[rare], common[rare]
    records["sound"] = own[rare]
    return {"ESYM": of, "ELOK": records}


def _look_alikes(scan: ScanFold) -> dict[str, NDArray[Any]]:
    """EALI, EALS, EALO: what each character from HAN to HAN_END passes for."""
    rows = [passes_for().get(code, ()) for code in range(layout.HAN, layout.HAN_END)]
    offsets, others = ragged(rows)
    sounds = np.array([sound_of(other) for other in others.tolist()], dtype=np.uint16)
    return {"EALI": scan.symbols(others), "EALS": sounds, "EALO": offsets.astype(np.uint32)}


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
    return {"ESPL": records, "ESPM": bitmap(layout.SPLIT_MAP_BITS, pairs * np.uint32(0x9E3779B1) >> np.uint32(15))}


@cache
def _emoji_table() -> tuple[tuple[int, str], ...]:
    """The emoji where the kernels look that the scan drops, or takes for letters (🆓 free), with their words."""
    table = fold_table(DEFAULT)

    def is_read(c: int, word: str) -> bool:
        letters = bytes(x for x in table.image(c) if x < 128)
        return c in _EMOJI and (table.target[c] == DROP or (letters.isalpha() and len(word) == 1))

    return tuple((c, word) for c, word in sorted(tables.EMOJI.items()) if is_read(c, word))


def _emoji(scan: ScanFold) -> dict[str, NDArray[Any]]:
    """EMOJ, EMOS, EMOA, EMOO."""
    offsets, words = ragged([tuple(map(ord, word)) for _, word in _emoji_table()])
    records = np.zeros(len(offsets) - 1, dtype=layout.EXPANSION_DTYPE)
    records["code_point"] = [code for code, _ in _emoji_table()]
    records["start"], records["length"] = offsets[:-1], np.diff(offsets)
    others, sounds = ragged([tables.EMOJI_OTHER.get(code, ()) for code, _ in _emoji_table()])
    return {
        "EMOJ": records,
        "EMOS": scan.symbols(words),
        "EMOA": (EvasionSymbol.SYLLABLE + sounds).astype(np.uint16),
        "EMOO": others.astype(np.uint16),
    }
