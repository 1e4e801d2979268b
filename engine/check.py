"""What must hold in a bundle so that the kernels may trust it: a million patterns take milliseconds.

Long columns are walked by `invariants`, short ones by NumPy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairpost.engine import layout
from fairpost.engine.asking import UNASKED, pattern_contexts
from fairpost.engine.invariants import (
    code_fault,
    entry_fault,
    offset_fault,
    pattern_fault,
    slot_fault,
    symbol_fault,
)
from fairpost.engine.layout import BundleFlag, EvasionSymbol, PatternFlag, Symbol
from fairpost.engine.vocabulary import CATEGORIES, RECOGNISERS

__all__ = ["InvalidBundle", "check_sections", "context_indexes"]

_EVASION = (
    *("ESYM", "ERAR", "ELOK", "ESPL", "ESPM", "ELET", "EMOJ", "EMOS", "ESUR", "ESUD"),
    *(*layout.EVASION, "EWRT"),
)
_RULES_ONLY = (
    *("CTXI", *layout.CONTEXT),
    *("VBLK", "VCPT", "VEXP", "VEXS", "PLST", "FINE", "FCPT"),
    *("RGXR", "RGXA", "RGXC", "RGXM"),
    *("ALST", "ALLW", "TRGO", "TRIG", "ALWA", "OPND", "CODE", "RULE", "GCAP", "POLI", "THRE", "MODW", "MODP", "MODR"),
    *_EVASION,
)
_FOLD_TABLES = ("FBLK", "FSYM", "FEXP", "FEXS")
_KINDS = {
    0: "a rule set",
    BundleFlag.PATTERN_SET: "a pattern set",
    BundleFlag.PATTERN_SET | BundleFlag.IDENTITY: "a pattern set without folds",
}
_ABSENT = dict(zip(_KINDS, (("RARE",), ("RARE", *_RULES_ONLY), (*_FOLD_TABLES, *_RULES_ONLY)), strict=True))

Sections = Mapping[str, NDArray[Any]]


class InvalidBundle(ValueError):
    """A file is not a whole, well-formed bundle of this format; the message says what is wrong and where."""


def _require(holds: Any, message: str) -> None:
    if not bool(holds):
        raise InvalidBundle(message)


def _refuse(fault: str | None) -> None:
    if fault is not None:
        raise InvalidBundle(fault)


def check_sections(s: Sections, flags: int) -> None:
    """Raise InvalidBundle unless every invariant named in kernels/image.h holds; `flags` are the header's."""
    _require(flags in _KINDS, f"header: unknown flags {flags}")
    for tag in _ABSENT[flags]:
        _require(not s[tag].size, f"section {tag}: {s[tag].size} items in {_KINDS[flags]}, expected none")
    if flags & BundleFlag.IDENTITY:
        _check_rare(s)
    else:
        _check_folds(s)
    _check_patterns(s)
    _check_anchors(s)
    _check_texts(s)
    if not flags & BundleFlag.PATTERN_SET:
        _check_fine_folds(s)
        _check_regulars(s)
        _check_lists(s)
        _check_rules(s)
        _check_policy(s)
        _check_model(s)
        _check_contexts(s)
        _check_evasion(s)


def _inside(start: NDArray[Any], length: NDArray[Any], size: int) -> bool:
    """Every start + length <= size, without overflow."""
    return bool((start.astype(np.uint64) + length.astype(np.uint64) <= size).all())


def _check_folds(s: Sections) -> None:
    _require(s["FBLK"].size == layout.CODE_POINT_BLOCKS, f"section FBLK: {s['FBLK'].size} blocks")
    _require(s["FSYM"].size and s["FSYM"].size % 128 == 0, f"section FSYM: {s['FSYM'].size} symbols")
    _require(s["FBLK"].max() < s["FSYM"].size // 128, "section FBLK: a block number is out of range")
    _require((s["FSYM"] != Symbol.BOUNDARY).all(), "section FSYM: a character folds to the boundary symbol")
    expansions = s["FEXP"]
    _require((np.diff(expansions["code_point"].astype(np.int64)) > 0).all(), "section FEXP: not sorted")
    _require(_inside(expansions["start"], expansions["length"], s["FEXS"].size), "section FEXP: reaches past FEXS")
    _require((expansions["length"] <= 32).all(), "section FEXP: an expansion has more than 32 symbols")
    _require(
        ((s["FEXS"] > Symbol.BOUNDARY) & (s["FEXS"] != Symbol.EXPANDS)).all(), "section FEXS: holds a reserved symbol"
    )


def _check_rare(s: Sections) -> None:
    rare = s["RARE"].astype(np.int64)
    _require(rare.size <= 0x800, f"section RARE: {rare.size} code points, the pool has 2048 symbols")
    _require((np.diff(rare) > 0).all(), "section RARE: not ascending")
    surrogate = (rare >= 0xD800) & (rare < 0xE000)
    special = (rare < layout.FIRST_SYMBOL) | ((rare >= 0xFFFF) & (rare < 0x110000)) | surrogate
    _require(special.all(), "section RARE: a code point that needs no symbol of the pool")


def _check_fine_folds(s: Sections) -> None:
    blocks = s["VBLK"].size
    _require(blocks and blocks % layout.CODE_POINT_BLOCKS == 0, f"section VBLK: {blocks} blocks")
    _require(s["VCPT"].size and s["VCPT"].size % 128 == 0, f"section VCPT: {s['VCPT'].size} entries")
    _require(s["VBLK"].max() < s["VCPT"].size // 128, "section VBLK: a block number is out of range")
    entries = s["VCPT"]
    expands = entries[(entries >= layout.FINE_FOLD_EXPANDS) & (entries != layout.FINE_FOLD_DROP)]
    _require(
        not expands.size or (expands & 0x7FFFFFFF).max() < s["VEXP"].size, "section VCPT: an expansion is out of range"
    )
    _require(_inside(s["VEXP"]["start"], s["VEXP"]["length"], s["VEXS"].size), "section VEXP: reaches past VEXS")
    _require((s["VEXP"]["length"] <= 32).all(), "section VEXP: an expansion has more than 32 code points")


def _check_anchors(s: Sections, tags: Sequence[str] = layout.INDEX) -> None:
    unigrams, bitmap, displacements, slots, entries, patterns, symbols = tags
    _require(s[unigrams].size == 1024, f"section {unigrams}: {s[unigrams].size} words, expected 1024")
    least, most = layout.FILTER_BITS
    words = s[bitmap].size
    _require(words in [1 << b >> 6 for b in range(least, most + 1)], f"section {bitmap}: {words} words of 64 bits")
    _require(0 < s[displacements].size < 1 << 32, f"section {displacements}: {s[displacements].size} displacements")
    _require(0 < s[slots].size < 1 << 32, f"section {slots}: {s[slots].size} slots")
    _refuse(slot_fault(s[slots], s[entries].size, slots, entries))
    _refuse(entry_fault(s[entries], s[patterns], s[symbols], entries))


def _check_patterns(s: Sections) -> None:
    fine = s["FINE"]
    _refuse(pattern_fault(s["PATT"], s["PSYM"].size, s["PLST"].size, fine.size, s["RGXA"].size, bool(s["EPAT"].size)))
    _refuse(symbol_fault(s["PSYM"]))
    if not fine.size:
        return
    _require((fine["lead"] < fine["length"]).all(), "section FINE: a lead is not inside its pattern")
    _require(fine["length"].max() <= layout.MAX_PATTERN_SYMBOLS, "section FINE: a pattern is too long")
    _require(_inside(fine["start"], fine["length"], s["FCPT"].size), "section FINE: code points reach past FCPT")
    folds = s["VBLK"].size // layout.CODE_POINT_BLOCKS
    _require(fine["fold"].max() < folds, "section FINE: a fold is out of range")


def _check_regulars(s: Sections) -> None:
    records, anchors = s["RGXR"], s["RGXA"]
    _require((anchors["regular"] < records.size).all(), "section RGXA: a regular pattern is out of range")
    _require((anchors["least"] <= anchors["most"]).all(), "section RGXA: a distance ends before it begins")
    _require((records["pattern"] < s["PATT"].size).all(), "section RGXR: a pattern is out of range")
    words, pieces = records["words"].astype(np.uint64), records["pieces"].astype(np.uint64)
    most = layout.MAX_REGULAR_WORDS
    _require(((words >= 1) & (words <= most)).all(), f"section RGXR: a set of states is not of 1..{most} words")
    _require((records["longest"] > 0).all(), "section RGXR: a longest match is empty")
    _require((pieces > 0).all(), "section RGXR: an alphabet is empty")
    states = 64 * words
    _require(_inside(records["starts"], pieces + states, s["RGXC"].size), "section RGXR: an alphabet reaches past RGXC")
    sets = words * (4 + records["branches"].astype(np.uint64) + pieces)
    _require(_inside(records["masks"], sets, s["RGXM"].size), "section RGXR: sets of states reach past RGXM")
    behind = (records["starts"] + pieces - (np.cumsum(states) - states)).astype(np.int64)
    branch = s["RGXC"][np.repeat(behind, states.astype(np.int64)) + np.arange(states.sum(), dtype=np.int64)]
    branches = np.repeat(np.maximum(records["branches"], 1), states.astype(np.int64))
    _require((branch < branches).all(), "section RGXC: a branch is out of range")
    straight = records["branches"] == 0
    turning = (records["masks"] + 3 * words)[straight]
    for word in range(layout.MAX_REGULAR_WORDS):
        has = words[straight] > word
        _require(not s["RGXM"][turning[has] + np.uint64(word)].any(), "section RGXM: a state turns without a branch")


def _check_texts(s: Sections) -> None:
    _require(s["PTXO"].size == s["PATT"].size + 1, f"section PTXO: {s['PTXO'].size} offsets")
    _check_offsets(s, "PTXO", "PTXT")


def _check_offsets(s: Sections, tag: str, values: str) -> None:
    _require(s[tag].size, f"section {tag}: is empty")
    fault = offset_fault(s[tag], s[values].size)
    _require(fault is None, f"section {tag}: {fault} from 0 to {s[values].size}, the items of {values}")


def _below(s: Sections, tag: str, bound: int, what: str) -> None:
    _require(not s[tag].size or s[tag].max() < bound, f"section {tag}: a {what} number is out of range")


def _check_lists(s: Sections) -> None:
    count, rules = s["ALST"].size - 1, s["RULE"].size
    _require(len(RECOGNISERS) <= count < 32768, f"section ALST: {count} lists")
    _check_offsets(s, "ALST", "ALLW")
    _below(s, "ALLW", count, "list")
    _require(s["TRGO"].size == count + 1, f"section TRGO: {s['TRGO'].size} offsets, expected {count + 1}")
    _check_offsets(s, "TRGO", "TRIG")
    _below(s, "TRIG", rules, "rule")
    _below(s, "ALWA", rules, "rule")
    _below(s, "PLST", count, "list")
    operands = s["OPND"]
    _require(not operands.size or operands["list"].max() < count, "section OPND: a list is out of range")
    free_of = operands["free_of"]
    _require(((free_of >= -1) & (free_of < count)).all(), "section OPND: a list is out of range")


def _check_rules(s: Sections) -> None:
    rules, code = s["RULE"], s["CODE"]
    _require(_inside(rules["code"], rules["code_count"], code.size), "section RULE: a condition reaches past CODE")
    _require((rules["category"] < len(CATEGORIES)).all(), "section RULE: a category is out of range")
    _require((rules["severity"] < 4).all(), "section RULE: a severity is out of range")
    _require((rules["mode"] < 2).all(), "section RULE: a mode is out of range")
    _require(
        ((rules["group"] >= -1) & (rules["group"] < s["GCAP"].size)).all(), "section RULE: a group is out of range"
    )
    weight = rules["weight"]
    _require((np.isfinite(weight) & (weight >= 0) & (weight <= 1)).all(), "section RULE: a weight is outside 0..1")
    signal = rules["category"] == 0
    _require((signal[:-1] >= signal[1:]).all(), "section RULE: a COMMERCE rule stands after another")
    _refuse(code_fault(rules, code, s["OPND"].size, bool(s["MODP"].size)))


def _check_policy(s: Sections) -> None:
    _require(s["POLI"].size == 1, f"section POLI: {s['POLI'].size} records, expected 1")
    record = s["POLI"]
    for name in record.dtype.names or ():
        _require((np.isfinite(record[name]) & (record[name] >= 0)).all(), f"section POLI: {name} is no number >= 0")
    _require((record["severity_weight"] <= 1).all(), "section POLI: a severity weight is above 1")
    caps = s["GCAP"]
    _require((np.isfinite(caps) & (caps >= 0) & (caps <= 1)).all(), "section GCAP: a cap is outside 0..1")
    thresholds = s["THRE"]
    _require(thresholds.size and thresholds.size % 160 == 0, f"section THRE: {thresholds.size} thresholds")
    _require(not np.isnan(thresholds).any(), "section THRE: a threshold is no number")


def _check_model(s: Sections) -> None:
    model, weights = s["MODP"], s["MODW"]
    if not model.size:
        _require(not weights.size, f"section MODW: {weights.size} weights without a model")
        _require(not s["MODR"].size, f"section MODR: {s['MODR'].size} signals without a model")
        return
    _require(model.size == 1, f"section MODP: {model.size} records, expected 1")
    low, high = layout.MODEL_BITS
    bits = int(model["bits"][0])
    _require(low <= bits <= high, f"section MODP: {bits} bits, expected {low} to {high}")
    _require(weights.size == 1 << bits, f"section MODW: {weights.size} weights, expected {1 << bits}")
    for name in ("scale", "bias", "examined_from"):
        _require(np.abs(model[name]) <= layout.MODEL_MAX, f"section MODP: {name} is out of range")
    signals, rules = s["MODR"], s["RULE"]
    if signals.size:
        _require(signals.size == rules.size, f"section MODR: {signals.size} signals, expected {rules.size}")
        _require(((signals >= 0) & (signals <= layout.SIGNAL_MAX)).all(), "section MODR: a signal is outside 0..32")
        _require((signals % layout.SIGNAL_STEP == 0).all(), "section MODR: a signal is no multiple of 1/256")
        _require((signals[rules["category"] != 0] == 0).all(), "section MODR: a rule that is not COMMERCE has a signal")


def _check_evasion(s: Sections) -> None:
    if not s["EPAT"].size:
        for tag in _EVASION:
            _require(not s[tag].size, f"section {tag}: {s[tag].size} items without evasion patterns")
        return
    _check_writings(s)
    _check_anchors(s, layout.EVASION)
    of = s["ESYM"]
    _require(of.size == 1 << 16, f"section ESYM: {of.size} symbols, expected 65536")
    values = of & EvasionSymbol.VALUE
    values[Symbol.BOUNDARY] = EvasionSymbol.OTHER if values[Symbol.BOUNDARY] == of[Symbol.BOUNDARY] == 3 else 0
    _require((values > Symbol.BOUNDARY).all(), "section ESYM: a symbol becomes a boundary, or a boundary a symbol")
    letters = np.flatnonzero(of & EvasionSymbol.LETTER)
    _require(((letters >= ord("a")) & (letters <= ord("z"))).all(), "section ESYM: a letter is not one of a..z")
    _require(s["ERAR"].size == 1024, f"section ERAR: {s['ERAR'].size} words, expected 1024")
    _require((np.diff(s["ELOK"]["rare"].astype(np.int64)) > 0).all(), "section ELOK: not sorted")
    parts, whole = s["ESPL"]["parts"].astype(np.int64), s["ESPL"]["whole"]
    _require((np.diff(parts @ [1 << 32, 1 << 16, 1]) > 0).all(), "section ESPL: not sorted")
    sound = (parts[:, :2] > Symbol.BOUNDARY).all() and (parts[:, 2] != Symbol.BOUNDARY).all()
    _require(sound and (whole > Symbol.BOUNDARY).all(), "section ESPL: holds a reserved symbol")
    words = layout.SPLIT_MAP_BITS // 64
    _require(s["ESPM"].size == words, f"section ESPM: {s['ESPM'].size} words, expected {words}")
    nodes = s["ELET"]
    _require(nodes.size, "section ELET: is empty")
    children = np.array([int(bits).bit_count() for bits in nodes["children"]], dtype=np.uint32)
    _require(_inside(nodes["first"], children, nodes.size), "section ELET: children reach past the end")
    _require((nodes["children"] < 1 << 26).all(), "section ELET: a letter is not one of 26")
    _require((nodes["syllable"] <= EvasionSymbol.VALUE).all(), "section ELET: a syllable is out of range")
    _require(
        ((nodes["syllable"] == 0) | (nodes["syllable"] > Symbol.BOUNDARY)).all(), "section ELET: a reserved symbol"
    )
    emoji = s["EMOJ"]
    _require((np.diff(emoji["code_point"].astype(np.int64)) > 0).all(), "section EMOJ: not sorted")
    _require(
        ((emoji["length"] >= 1) & (emoji["length"] <= layout.EMOJI_MOST)).all(),
        f"section EMOJ: a word is not of 1..{layout.EMOJI_MOST} symbols",
    )
    _require(_inside(emoji["start"], emoji["length"], s["EMOS"].size), "section EMOJ: reaches past EMOS")
    _require((s["EMOS"] > Symbol.BOUNDARY).all(), "section EMOS: holds a reserved symbol")
    for tag in ("ESUR", "ESUD"):
        _require(0 < s[tag].size < 1 << 32, f"section {tag}: {s[tag].size} items")


def _check_contexts(s: Sections) -> None:
    records = s["CTXI"]
    for tag in layout.CONTEXT:
        total = int(records[tag].sum(dtype=np.uint64))
        _require(s[tag].size == total, f"section {tag}: {s[tag].size} items, CTXI counts {total}")
    known = (records["category"] < len(CATEGORIES)) | (records["category"] == UNASKED)
    _require(known.all(), "section CTXI: a category is out of range")
    _require((np.diff(records["category"].astype(np.int64)) > 0).all(), "section CTXI: not sorted by category")
    of_patterns = pattern_contexts(s) if records.size else np.zeros(0, dtype=np.int16)
    for category, index in context_indexes(s):
        _check_anchors({**index, "PATT": s["PATT"], "PSYM": s["PSYM"]}, (*layout.CONTEXT, "PATT", "PSYM"))
        strange = np.flatnonzero(of_patterns[index["CENT"]["pattern"]] != category)
        _require(not strange.size, f"section CENT: a pattern that is no context of category {category}")


def context_indexes(s: Sections) -> list[tuple[int, dict[str, NDArray[Any]]]]:
    """The indexes of context patterns: category, and its part of each section of layout.CONTEXT."""
    ends = {tag: np.cumsum(s["CTXI"][tag], dtype=np.int64).tolist() for tag in layout.CONTEXT}
    return [
        (category, {tag: s[tag][ends[tag][k] - int(s["CTXI"][tag][k]) : ends[tag][k]] for tag in layout.CONTEXT})
        for k, category in enumerate(s["CTXI"]["category"].tolist())
    ]


def _check_writings(s: Sections) -> None:
    records = s["EPAT"]
    length = records["length"]
    _require((length >= 2).all(), "section EPAT: a writing has fewer than 2 symbols")
    _require(_inside(records["start"], length, s["EPSY"].size), "section EPAT: symbols reach past EPSY")
    _require((records["fine"] < s["PATT"].size).all(), "section EPAT: a pattern is out of range")
    _require((records["lists"] < 8).all(), "section EPAT: unknown fold classes")
    place = records["list_count"]
    _require(((place < length) | (place == layout.NO_PLACE)).all(), "section EPAT: a place is not inside its writing")
    edges = PatternFlag.LEFT_LATIN | PatternFlag.LEFT_DIGIT | PatternFlag.RIGHT_LATIN | PatternFlag.RIGHT_DIGIT
    _require(not (records["flags"] & ~np.uint8(edges)).any(), "section EPAT: flags that a writing cannot have")
    _require(s["EWRT"].size == s["EPSY"].size, f"section EWRT: {s['EWRT'].size} symbols, expected {s['EPSY'].size}")
    _refuse(symbol_fault(s["EPSY"], "EPSY"))
    _require((s["EPSY"] <= EvasionSymbol.VALUE).all(), "section EPSY: a symbol is out of range")
