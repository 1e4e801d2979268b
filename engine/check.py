"""What must hold in a bundle so that the kernels may trust it. Vectorised: a million patterns take milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairpost.engine import layout
from fairpost.engine.layout import Cmp, Op, PatternFlag, Symbol
from fairpost.engine.vocabulary import CATEGORIES, MAX_CATEGORIES, RECOGNISERS

__all__ = ["InvalidBundle", "check_sections"]

_LAST_OP = max(Op)
_LAST_CMP = max(Cmp)
_PUSHES = frozenset(Op) - {Op.NOT, Op.AND, Op.OR}
_COMPARES = frozenset({Op.COUNT, Op.COUNT_DISTINCT, Op.COMMERCE, Op.STRIKES, Op.TENURE, Op.ENFORCEMENT, Op.LISTING})

Sections = Mapping[str, NDArray[Any]]


class InvalidBundle(ValueError):
    """A file is not a whole, well-formed bundle of this format; the message says what is wrong and where."""


def _require(holds: Any, message: str) -> None:
    if not bool(holds):
        raise InvalidBundle(message)


def check_sections(s: Sections) -> None:
    """Raise InvalidBundle unless every invariant named in kernels/image.h holds."""
    _check_folds(s)
    _check_patterns(s)
    _check_anchors(s)
    _check_lists(s)
    _check_rules(s)
    _check_policy(s)


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


def _check_anchors(s: Sections) -> None:
    _require(s["UMAP"].size == 1024, f"section UMAP: {s['UMAP'].size} words, expected 1024")
    least, most = layout.FILTER_BITS
    words = s["FMAP"].size
    _require(words in [1 << b >> 6 for b in range(least, most + 1)], f"section FMAP: {words} words of 64 bits")
    _require(0 < s["DISP"].size < 1 << 32, f"section DISP: {s['DISP'].size} displacements")
    _require(0 < s["SLOT"].size < 1 << 32, f"section SLOT: {s['SLOT'].size} slots")
    slots, entries, patterns = s["SLOT"], s["ENTR"], s["PATT"]
    used = slots["start"][slots["key"] != 0]
    _require(not used.size or used.max() < entries.size, "section SLOT: a bucket starts past the end of ENTR")
    if not entries.size:
        return
    number, flags = entries["pattern"], entries["flags"]
    _require(number.max() < patterns.size, "section ENTR: a pattern number is out of range")
    record = patterns[number]
    length = record["length"]
    _require((entries["length"] == length).all(), "section ENTR: a length differs from its pattern's")
    _require(((flags & 0x7FFF) == record["flags"]).all(), "section ENTR: flags differ from the pattern's")
    _require((entries["anchor"] < length).all(), "section ENTR: an anchor is outside its pattern")
    _require(flags[-1] & layout.ENTRY_LAST, "section ENTR: the last bucket has no end")
    head = np.zeros(entries.size, dtype=np.uint64)
    for k in range(4):
        has = np.flatnonzero(length > k)
        head[has] |= s["PSYM"][record["start"][has] + np.uint64(k)].astype(np.uint64) << np.uint64(16 * k)
    _require((entries["head"] == head).all(), "section ENTR: a head differs from its pattern's first symbols")


def _check_patterns(s: Sections) -> None:
    patterns, fine = s["PATT"], s["FINE"]
    _require((patterns["length"] > 0).all(), f"section PATT: a length is outside 1..{layout.MAX_PATTERN_SYMBOLS}")
    _require(_inside(patterns["start"], patterns["length"], s["PSYM"].size), "section PATT: symbols reach past PSYM")
    symbols = s["PSYM"]
    _require(((symbols > Symbol.BOUNDARY) & (symbols != Symbol.EXPANDS)).all(), "section PSYM: holds a reserved symbol")
    _require(_inside(patterns["lists"], patterns["list_count"], s["PLST"].size), "section PATT: lists reach past PLST")
    count = s["ALST"].size - 1
    _require(not s["PLST"].size or s["PLST"].max() < count, "section PLST: a list number is out of range")
    is_fine = (patterns["flags"] & PatternFlag.FINE) != 0
    numbers = patterns["fine"][is_fine]
    _require(not numbers.size or numbers.max() < fine.size, "section PATT: a fine pattern is out of range")
    repeats = (patterns["flags"] & PatternFlag.REPEAT) != 0
    _require(not (is_fine & repeats).any(), "section PATT: fine and repeat at once")
    _require((fine["lead"] < fine["length"]).all(), "section FINE: a lead is not inside its pattern")
    _require(not fine.size or fine["length"].max() <= layout.MAX_PATTERN_SYMBOLS, "section FINE: a pattern is too long")
    _require(_inside(fine["start"], fine["length"], s["FCPT"].size), "section FINE: code points reach past FCPT")
    folds = s["VBLK"].size // layout.CODE_POINT_BLOCKS
    _require(not fine.size or fine["fold"].max() < folds, "section FINE: a fold is out of range")
    offsets = s["PTXO"].astype(np.int64)
    _require(offsets.size == patterns.size + 1, f"section PTXO: {offsets.size} offsets")
    ascending = offsets[0] == 0 and (np.diff(offsets) >= 0).all() and offsets[-1] == s["PTXT"].size
    _require(ascending, "section PTXO: not ascending")


def _check_offsets(s: Sections, tag: str, values: str, bound: int) -> None:
    offsets = s[tag].astype(np.int64)
    _require(offsets.size >= 1 and offsets[0] == 0 and (np.diff(offsets) >= 0).all(), f"section {tag}: not ascending")
    _require(offsets[-1] == s[values].size, f"section {tag}: does not cover {values}")
    _require(not s[values].size or s[values].max() < bound, f"section {values}: a number is out of range")


def _check_lists(s: Sections) -> None:
    count, rules = s["ALST"].size - 1, s["RULE"].size
    _require(len(RECOGNISERS) <= count < 32768, f"section ALST: {count} lists")
    _check_offsets(s, "ALST", "ALLW", count)
    _require(s["TRGO"].size == count + 1, f"section TRGO: {s['TRGO'].size} offsets, expected {count + 1}")
    _check_offsets(s, "TRGO", "TRIG", rules)
    _require(not s["ALWA"].size or s["ALWA"].max() < rules, "section ALWA: a rule number is out of range")
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
    for number in range(rules.size):
        begin = int(rules["code"][number])
        _check_code(code[begin : begin + int(rules["code_count"][number])], number, s)


def _check_code(code: NDArray[Any], rule: int, s: Sections) -> None:
    """Operands are in range, and the stack holds one bit at the end and never more than MAX_STACK."""
    depth = 0
    for op, cmp, a, b, _, n, value in code.tolist():
        where = f"section CODE: rule {rule}"
        _require(op <= _LAST_OP, f"{where}: unknown operation {op}")
        if op in _PUSHES:
            depth += 1
        elif op != Op.NOT:
            depth -= 1
        _require(1 <= depth <= layout.MAX_STACK, f"{where}: the stack is out of bounds")
        _require(op not in _COMPARES or cmp <= _LAST_CMP, f"{where}: unknown comparison {cmp}")
        if op in (Op.ANY, Op.COUNT, Op.COUNT_DISTINCT, Op.NEAR, Op.BEFORE):
            _require(a < s["OPND"].size, f"{where}: an operand is out of range")
        if op in (Op.NEAR, Op.BEFORE):
            _require(b < s["OPND"].size and n >= 0, f"{where}: an operand is out of range")
        if op == Op.RULE:
            _require(a < rule, f"{where}: refers to rule {a}, which is not evaluated before it")
        if op == Op.LICENCE:
            _require(a < 32, f"{where}: licence bit {a}")
        if op == Op.STRIKES:
            _require(a < MAX_CATEGORIES or a == 255, f"{where}: strikes of category {a}")
        _require(np.isfinite(value), f"{where}: a number is not finite")
    _require(depth == 1, f"section CODE: rule {rule}: the condition leaves {depth} values, expected 1")


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
