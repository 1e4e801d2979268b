"""What must hold in a bundle so that the kernels may trust it: a million patterns take milliseconds.

Long columns are walked by `invariants`, short ones by NumPy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fairpost.engine import layout
from fairpost.engine.asking import UNASKED, pattern_contexts
from fairpost.engine.check_evasion import EVASION, check_evasion
from fairpost.engine.invariants import (
    code_fault,
    entry_fault,
    offset_fault,
    pattern_fault,
    slot_fault,
    symbol_fault,
)
from fairpost.engine.layout import BundleFlag, Symbol
from fairpost.engine.requirements import InvalidBundle, Sections, inside, refuse, require
from fairpost.engine.vocabulary import CATEGORIES, RECOGNISERS

__all__ = ["InvalidBundle", "check_sections"]

_RULES_ONLY = (
    *("CTXI", *layout.CONTEXT),
    *("VBLK", "VCPT", "VEXP", "VEXS", "PLST", "FINE", "FCPT"),
    *("RGXR", "RGXA", "RGXC", "RGXM", "RGXN"),
    *("ALST", "ALLW", "TRGO", "TRIG", "ALWA", "OPND", "CODE", "RULE", "GCAP", "POLI", "THRE", "MODW", "MODP", "MODR"),
    *EVASION,
)
_FOLD_TABLES = ("FBLK", "FSYM", "FEXP", "FEXS")
_KINDS = {
    0: "a rule set",
    BundleFlag.PATTERN_SET: "a pattern set",
    BundleFlag.PATTERN_SET | BundleFlag.IDENTITY: "a pattern set without folds",
}
_ABSENT = dict(zip(_KINDS, (("RARE",), ("RARE", *_RULES_ONLY), (*_FOLD_TABLES, *_RULES_ONLY)), strict=True))


def check_sections(s: Sections, flags: int) -> None:
    """Raise InvalidBundle unless every invariant named in kernels/image.h holds; `flags` are the header's."""
    require(flags in _KINDS, f"header: unknown flags {flags}")
    for tag in _ABSENT[flags]:
        require(not s[tag].size, f"section {tag}: {s[tag].size} items in {_KINDS[flags]}, expected none")
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
        check_evasion(s)


def _check_folds(s: Sections) -> None:
    require(s["FBLK"].size == layout.CODE_POINT_BLOCKS, f"section FBLK: {s['FBLK'].size} blocks")
    require(s["FSYM"].size and s["FSYM"].size % 128 == 0, f"section FSYM: {s['FSYM'].size} symbols")
    require(s["FBLK"].max() < s["FSYM"].size // 128, "section FBLK: a block number is out of range")
    require((s["FSYM"] != Symbol.BOUNDARY).all(), "section FSYM: a character folds to the boundary symbol")
    expansions = s["FEXP"]
    require((np.diff(expansions["code_point"].astype(np.int64)) > 0).all(), "section FEXP: not sorted")
    require(inside(expansions["start"], expansions["length"], s["FEXS"].size), "section FEXP: reaches past FEXS")
    require((expansions["length"] <= 32).all(), "section FEXP: an expansion has more than 32 symbols")
    require(
        ((s["FEXS"] > Symbol.BOUNDARY) & (s["FEXS"] != Symbol.EXPANDS)).all(), "section FEXS: holds a reserved symbol"
    )


def _check_rare(s: Sections) -> None:
    rare = s["RARE"].astype(np.int64)
    require(rare.size <= 0x800, f"section RARE: {rare.size} code points, the pool has 2048 symbols")
    require((np.diff(rare) > 0).all(), "section RARE: not ascending")
    surrogate = (rare >= 0xD800) & (rare < 0xE000)
    special = (rare < layout.FIRST_SYMBOL) | ((rare >= 0xFFFF) & (rare < 0x110000)) | surrogate
    require(special.all(), "section RARE: a code point that needs no symbol of the pool")


def _check_fine_folds(s: Sections) -> None:
    blocks = s["VBLK"].size
    require(blocks and blocks % layout.CODE_POINT_BLOCKS == 0, f"section VBLK: {blocks} blocks")
    require(s["VCPT"].size and s["VCPT"].size % 128 == 0, f"section VCPT: {s['VCPT'].size} entries")
    require(s["VBLK"].max() < s["VCPT"].size // 128, "section VBLK: a block number is out of range")
    entries = s["VCPT"]
    expands = entries[(entries >= layout.FINE_FOLD_EXPANDS) & (entries != layout.FINE_FOLD_DROP)]
    require(
        not expands.size or (expands & 0x7FFFFFFF).max() < s["VEXP"].size, "section VCPT: an expansion is out of range"
    )
    require(inside(s["VEXP"]["start"], s["VEXP"]["length"], s["VEXS"].size), "section VEXP: reaches past VEXS")
    require((s["VEXP"]["length"] <= 32).all(), "section VEXP: an expansion has more than 32 code points")


def _check_anchors(s: Sections, tags: Sequence[str] = layout.INDEX) -> None:
    unigrams, bitmap, displacements, slots, entries, patterns, symbols = tags
    require(s[unigrams].size == 1024, f"section {unigrams}: {s[unigrams].size} words, expected 1024")
    least, most = layout.FILTER_BITS
    words = s[bitmap].size
    require(words in [1 << b >> 6 for b in range(least, most + 1)], f"section {bitmap}: {words} words of 64 bits")
    require(0 < s[displacements].size < 1 << 32, f"section {displacements}: {s[displacements].size} displacements")
    require(0 < s[slots].size < 1 << 32, f"section {slots}: {s[slots].size} slots")
    refuse(slot_fault(s[slots], s[entries].size, slots, entries))
    asking = s["CTXI"].size if entries == "CENT" else 1
    refuse(entry_fault(s[entries], s[patterns], s[symbols], asking, entries))


def _check_patterns(s: Sections) -> None:
    fine = s["FINE"]
    refuse(pattern_fault(s["PATT"], s["PSYM"].size, s["PLST"].size, fine.size, s["RGXA"].size))
    refuse(symbol_fault(s["PSYM"]))
    if not fine.size:
        return
    require((fine["lead"] < fine["length"]).all(), "section FINE: a lead is not inside its pattern")
    require(fine["length"].max() <= layout.MAX_PATTERN_SYMBOLS, "section FINE: a pattern is too long")
    require(inside(fine["start"], fine["length"], s["FCPT"].size), "section FINE: code points reach past FCPT")
    folds = s["VBLK"].size // layout.CODE_POINT_BLOCKS
    require(fine["fold"].max() < folds, "section FINE: a fold is out of range")


def _check_regulars(s: Sections) -> None:
    records, anchors = s["RGXR"], s["RGXA"]
    require((anchors["regular"] < records.size).all(), "section RGXA: a regular pattern is out of range")
    require((anchors["least"] <= anchors["most"]).all(), "section RGXA: a distance ends before it begins")
    for sets in (records["opening"], anchors["before"], anchors["behind"], anchors["second"]):
        require((sets < s["RGXN"].size).all(), "section RGXN: a set of symbols is out of range")
    ahead = anchors["ahead"]
    require(((ahead >= 1) & (ahead <= layout.MAX_AHEAD)).all(), f"section RGXA: looks not 1..{layout.MAX_AHEAD} ahead")
    require((records["pattern"] < s["PATT"].size).all(), "section RGXR: a pattern is out of range")
    words, pieces = records["words"].astype(np.uint64), records["pieces"].astype(np.uint64)
    most = layout.MAX_REGULAR_WORDS
    require(((words >= 1) & (words <= most)).all(), f"section RGXR: a set of states is not of 1..{most} words")
    require((records["longest"] > 0).all(), "section RGXR: a longest match is empty")
    require((pieces > 0).all(), "section RGXR: an alphabet is empty")
    states = 64 * words
    require(inside(records["starts"], pieces + states, s["RGXC"].size), "section RGXR: an alphabet reaches past RGXC")
    sets = words * (4 + records["branches"].astype(np.uint64) + pieces)
    require(inside(records["masks"], sets, s["RGXM"].size), "section RGXR: sets of states reach past RGXM")
    behind = (records["starts"] + pieces - (np.cumsum(states) - states)).astype(np.int64)
    branch = s["RGXC"][np.repeat(behind, states.astype(np.int64)) + np.arange(states.sum(), dtype=np.int64)]
    branches = np.repeat(np.maximum(records["branches"], 1), states.astype(np.int64))
    require((branch < branches).all(), "section RGXC: a branch is out of range")
    straight = records["branches"] == 0
    turning = (records["masks"] + 3 * words)[straight]
    for word in range(layout.MAX_REGULAR_WORDS):
        has = words[straight] > word
        require(not s["RGXM"][turning[has] + np.uint64(word)].any(), "section RGXM: a state turns without a branch")


def _check_texts(s: Sections) -> None:
    require(s["PTXO"].size == s["PATT"].size + 1, f"section PTXO: {s['PTXO'].size} offsets")
    _check_offsets(s, "PTXO", "PTXT")


def _check_offsets(s: Sections, tag: str, values: str) -> None:
    require(s[tag].size, f"section {tag}: is empty")
    fault = offset_fault(s[tag], s[values].size)
    require(fault is None, f"section {tag}: {fault} from 0 to {s[values].size}, the items of {values}")


def _below(s: Sections, tag: str, bound: int, what: str) -> None:
    require(not s[tag].size or s[tag].max() < bound, f"section {tag}: a {what} number is out of range")


def _check_lists(s: Sections) -> None:
    count, rules = s["ALST"].size - 1, s["RULE"].size
    require(len(RECOGNISERS) <= count < 32768, f"section ALST: {count} lists")
    _check_offsets(s, "ALST", "ALLW")
    _below(s, "ALLW", count, "list")
    require(s["TRGO"].size == count + 1, f"section TRGO: {s['TRGO'].size} offsets, expected {count + 1}")
    _check_offsets(s, "TRGO", "TRIG")
    _below(s, "TRIG", rules, "rule")
    _below(s, "ALWA", rules, "rule")
    _below(s, "PLST", count, "list")
    in_lists = s["PATT"][s["PATT"]["list_count"] > 0]
    counts = np.zeros(s["PLST"].size, dtype=np.int64)  # of the lists that begin there
    counts[in_lists["lists"]] = in_lists["list_count"]
    begins = np.flatnonzero(counts)
    apart = (begins[1:] >= (begins + counts[begins])[:-1]).all()
    apart &= (counts[in_lists["lists"]] == in_lists["list_count"]).all()
    require(apart, "section PATT: the lists of two patterns overlap")
    operands = s["OPND"]
    require(not operands.size or operands["list"].max() < count, "section OPND: a list is out of range")
    free_of = operands["free_of"]
    require(((free_of >= -1) & (free_of < count)).all(), "section OPND: a list is out of range")


def _check_rules(s: Sections) -> None:
    rules, code = s["RULE"], s["CODE"]
    require(inside(rules["code"], rules["code_count"], code.size), "section RULE: a condition reaches past CODE")
    require((rules["category"] < len(CATEGORIES)).all(), "section RULE: a category is out of range")
    require((rules["severity"] < 4).all(), "section RULE: a severity is out of range")
    require((rules["mode"] < 2).all(), "section RULE: a mode is out of range")
    require(((rules["group"] >= -1) & (rules["group"] < s["GCAP"].size)).all(), "section RULE: a group is out of range")
    weight = rules["weight"]
    require((np.isfinite(weight) & (weight >= 0) & (weight <= 1)).all(), "section RULE: a weight is outside 0..1")
    signal = rules["category"] == 0
    require((signal[:-1] >= signal[1:]).all(), "section RULE: a COMMERCE rule stands after another")
    refuse(code_fault(rules, code, s["OPND"].size, bool(s["MODP"].size)))


def _check_policy(s: Sections) -> None:
    require(s["POLI"].size == 1, f"section POLI: {s['POLI'].size} records, expected 1")
    record = s["POLI"]
    for name in record.dtype.names or ():
        require((np.isfinite(record[name]) & (record[name] >= 0)).all(), f"section POLI: {name} is no number >= 0")
    require((record["severity_weight"] <= 1).all(), "section POLI: a severity weight is above 1")
    caps = s["GCAP"]
    require((np.isfinite(caps) & (caps >= 0) & (caps <= 1)).all(), "section GCAP: a cap is outside 0..1")
    thresholds = s["THRE"]
    require(thresholds.size and thresholds.size % 160 == 0, f"section THRE: {thresholds.size} thresholds")
    require(not np.isnan(thresholds).any(), "section THRE: a threshold is no number")


def _check_model(s: Sections) -> None:
    model, weights = s["MODP"], s["MODW"]
    if not model.size:
        require(not weights.size, f"section MODW: {weights.size} weights without a model")
        require(not s["MODR"].size, f"section MODR: {s['MODR'].size} signals without a model")
        return
    require(model.size == 1, f"section MODP: {model.size} records, expected 1")
    low, high = layout.MODEL_BITS
    bits = int(model["bits"][0])
    require(low <= bits <= high, f"section MODP: {bits} bits, expected {low} to {high}")
    require(weights.size == 1 << bits, f"section MODW: {weights.size} weights, expected {1 << bits}")
    for name in ("scale", "bias", "length", "examined_from"):
        require(np.abs(model[name]) <= layout.MODEL_MAX, f"section MODP: {name} is out of range")
    signals, rules = s["MODR"], s["RULE"]
    if signals.size:
        require(signals.size == rules.size, f"section MODR: {signals.size} signals, expected {rules.size}")
        require(((signals >= 0) & (signals <= layout.SIGNAL_MAX)).all(), "section MODR: a signal is outside 0..32")
        require((signals % layout.SIGNAL_STEP == 0).all(), "section MODR: a signal is no multiple of 1/256")
        require((signals[rules["category"] != 0] == 0).all(), "section MODR: a rule that is not COMMERCE has a signal")


def _check_contexts(s: Sections) -> None:
    asking = s["CTXI"].astype(np.int64)
    if not asking.size:
        for tag in layout.CONTEXT:
            require(not s[tag].size, f"section {tag}: {s[tag].size} items without CTXI")
        return
    require(((asking < len(CATEGORIES)) | (asking == UNASKED)).all(), "section CTXI: a category is out of range")
    require((np.diff(asking) > 0).all(), "section CTXI: not ascending")
    _check_anchors(s, (*layout.CONTEXT, "PATT", "PSYM"))
    numbers = s["CENT"]["flags"] >> layout.ENTRY_CONTEXT & 63
    strange = pattern_contexts(s)[s["CENT"]["pattern"]] != asking[numbers]
    require(not strange.any(), "section CENT: a pattern is not asked for as it says")
