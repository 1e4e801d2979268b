"""What must hold in the sections of the evasion scan."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fairpost.engine import layout
from fairpost.engine.invariants import symbol_fault
from fairpost.engine.layout import EvasionSymbol, Symbol
from fairpost.engine.requirements import Sections, inside, refuse, require

__all__ = ["EVASION", "check_evasion"]

EVASION = (
    *("ESYM", "EUSU", "ELOK", "ESPL", "ESPM", "ELET", "EMOJ", "EMOS", "EMOA", "EMOO", "EALI", "EALS", "EALO"),
    *("EWRD", "EWSY", "EFRM", "EFSY", "EKEY", "EKYO", "EKYM", "EPAI", "EADJ", "ELVA"),
)


def check_evasion(s: Sections) -> None:
    if not s["EWRD"].size:
        for tag in EVASION:
            require(not s[tag].size, f"section {tag}: {s[tag].size} items without words in disguise")
        return
    _check_words(s)
    of = s["ESYM"]
    require(of.size == 1 << 16, f"section ESYM: {of.size} symbols, expected 65536")
    values = of & EvasionSymbol.VALUE
    values[Symbol.BOUNDARY] = EvasionSymbol.OTHER if values[Symbol.BOUNDARY] == of[Symbol.BOUNDARY] == 3 else 0
    require((values > Symbol.BOUNDARY).all(), "section ESYM: a symbol becomes a boundary, or a boundary a symbol")
    letters = np.flatnonzero(of & EvasionSymbol.LETTER)
    require(((letters >= ord("a")) & (letters <= ord("z"))).all(), "section ESYM: a letter is not one of a..z")
    words = (1 << layout.USUAL_BITS) // 64
    require(s["EUSU"].size == words, f"section EUSU: {s['EUSU'].size} words, expected {words}")
    require((np.diff(s["ELOK"]["rare"].astype(np.int64)) > 0).all(), "section ELOK: not sorted")
    require((s["ELOK"]["common"] > Symbol.BOUNDARY).all(), "section ELOK: holds a reserved symbol")
    is_rare = of & EvasionSymbol.RARE != 0
    require(np.array_equal(np.flatnonzero(is_rare), s["ELOK"]["rare"]), "section ELOK: not the symbols marked in ESYM")
    offsets = s["EALO"].astype(np.int64)
    require(
        offsets.size == layout.HAN_END - layout.HAN + 1 and _ascends(offsets, s["EALI"].size),
        "section EALO: not ascending to the end of EALI",
    )
    require(_are_short(offsets), f"section EALO: a character passes for more than {layout.MOST_ALIKE}")
    require(s["EALS"].size == s["EALI"].size, f"section EALS: {s['EALS'].size} sounds, expected {s['EALI'].size}")
    _check_readings(s)


def _ascends(offsets: NDArray[np.int64], size: int) -> bool:
    return bool(offsets[0] == 0 and (np.diff(offsets) >= 0).all() and offsets[-1] == size)


def _are_short(offsets: NDArray[np.int64]) -> bool:
    return bool((np.diff(offsets) <= layout.MOST_ALIKE).all())


def _check_readings(s: Sections) -> None:
    """Splits, spellings and emoji."""
    parts, whole = s["ESPL"]["parts"].astype(np.int64), s["ESPL"]["whole"]
    require((np.diff(parts @ [1 << 32, 1 << 16, 1]) > 0).all(), "section ESPL: not sorted")
    sound = (parts[:, :2] > Symbol.BOUNDARY).all() and (parts[:, 2] != Symbol.BOUNDARY).all()
    require(sound and (whole > Symbol.BOUNDARY).all(), "section ESPL: holds a reserved symbol")
    words = layout.SPLIT_MAP_BITS // 64
    require(s["ESPM"].size == words, f"section ESPM: {s['ESPM'].size} words, expected {words}")
    nodes = s["ELET"]
    require(nodes.size, "section ELET: is empty")
    children = np.array([int(bits).bit_count() for bits in nodes["children"]], dtype=np.uint32)
    require(inside(nodes["first"], children, nodes.size), "section ELET: children reach past the end")
    require((nodes["children"] < 1 << 26).all(), "section ELET: a letter is not one of 26")
    syllables = nodes["syllable"] & ~np.uint16(layout.LETTER_ALONE)
    require((syllables <= EvasionSymbol.VALUE).all(), "section ELET: a syllable is out of range")
    require(((syllables == 0) | (syllables > Symbol.BOUNDARY)).all(), "section ELET: a reserved symbol")
    emoji = s["EMOJ"]
    require((np.diff(emoji["code_point"].astype(np.int64)) > 0).all(), "section EMOJ: not sorted")
    require(
        ((emoji["length"] >= 1) & (emoji["length"] <= layout.EMOJI_MOST)).all(),
        f"section EMOJ: a word is not of 1..{layout.EMOJI_MOST} symbols",
    )
    require(inside(emoji["start"], emoji["length"], s["EMOS"].size), "section EMOJ: reaches past EMOS")
    require((s["EMOS"] > Symbol.BOUNDARY).all(), "section EMOS: holds a reserved symbol")
    others = s["EMOO"].astype(np.int64)
    require(
        others.size == emoji.size + 1 and _ascends(others, s["EMOA"].size),
        "section EMOO: not ascending to the end of EMOA",
    )
    require(_are_short(others), f"section EMOO: an emoji has more than {layout.MOST_ALIKE} other syllables")


def _check_words(s: Sections) -> None:
    """Words, their forms, and where they are looked up."""
    words, forms, places = s["EWRD"], s["EFRM"], s["EKEY"]
    require(
        ((words["length"] >= 2) & (words["length"] <= layout.LONGEST_DISGUISED)).all(),
        f"section EWRD: a word is not of 2..{layout.LONGEST_DISGUISED} symbols",
    )
    require(inside(words["start"], words["length"], s["EWSY"].size), "section EWRD: symbols reach past EWSY")
    require((words["classes"] < 16).all(), "section EWRD: unknown fold classes")
    refuse(symbol_fault(s["EWSY"], "EWSY"))
    require(forms.size and (forms["word"] < words.size).all(), "section EFRM: a word is out of range")
    lengths = words["length"][forms["word"]]
    require(inside(forms["start"], lengths, s["EFSY"].size), "section EFRM: sounds reach past EFSY")
    refuse(symbol_fault(s["EFSY"], "EFSY"))
    require((s["EFSY"] <= EvasionSymbol.VALUE).all(), "section EFSY: a sound is out of range")
    numbers = places["form"] >> np.uint32(8)
    require((numbers < forms.size).all(), "section EKEY: a form is out of range")
    require((places["form"] & 0xFF < lengths[numbers]).all(), "section EKEY: a place is not inside its word")
    offsets = s["EKYO"].astype(np.int64)
    buckets = offsets.size - 1
    require(
        buckets >= 16 and buckets & (buckets - 1) == 0 and _ascends(offsets, places.size),
        "section EKYO: not 2**b + 1 offsets that ascend to the end of EKEY",
    )
    bits = s["EKYM"].size * 64
    require(64 <= bits <= 1 << 26 and bits & (bits - 1) == 0, f"section EKYM: {bits} bits, expected 2**6 to 2**26")
    size = layout.PAIR_MAP_BITS // 64
    for tag in ("EPAI", "EADJ"):
        require(s[tag].size == size, f"section {tag}: {s[tag].size} words, expected {size}")
    lists = max(1, s["ALST"].size) - 1
    require(s["ELVA"].size == lists, f"section ELVA: {s['ELVA'].size} lists, expected {lists}")
    require((s["ELVA"] < 16).all(), "section ELVA: unknown fold classes")
