"""Builds a bundle: patterns, lists, rules and policy as plain Python in, one file's bytes out.

The same source gives the same bytes on every machine. Nothing here runs when posts are judged.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairpost.engine import layout
from fairpost.engine.asking import NO_CONTEXT, pattern_contexts
from fairpost.engine.columns import ragged
from fairpost.engine.folds import DEFAULT, EVASION, compared, fold
from fairpost.engine.index import PatternColumns, build_index, pattern_records
from fairpost.engine.layout import BundleFlag, Op, PatternFlag
from fairpost.engine.literals import Literals, fold_literals
from fairpost.engine.regular import InvalidRegular, parse, words_in
from fairpost.engine.regular.sections import RegularPatterns
from fairpost.engine.seal import assemble
from fairpost.engine.source import InvalidSource, Pattern, RuleSetSource
from fairpost.engine.symbols import FineFolds, ScanFold
from fairpost.engine.vocabulary import MAX_CATEGORIES, RECOGNISERS
from fairpost.engine.writings import Vocabulary, classes_of, evasion_sections, rare_code_points

__all__ = ["build", "build_patterns", "reindexed"]

_NEVER = 2**31 - 1


def build(source: RuleSetSource) -> bytes:
    """Compile `source` into the bytes of a bundle (see `layout`).

    Raises:
        InvalidSource: a limit of the format is broken; the message names the pattern, list or rule.
    """
    _check(source)
    fine_folds = FineFolds()
    regulars = _regular_patterns(source)
    vocabulary = _vocabulary(source)
    columns, texts, scan = _patterns(source, fine_folds, regulars, bool(vocabulary))
    sections = pattern_records(columns)
    sections.update(regulars.sections(scan, first_pattern=len(texts) - regulars.anchor_count))
    if vocabulary:
        sections.update(evasion_sections(vocabulary, scan))
        sections["ELVA"] = _list_classes(source)
    sections.update(scan.sections())
    sections.update(fine_folds.sections())
    sections.update(_texts(texts))
    sections.update(_lists(source))
    sections.update(_rules(source))
    sections.update(_indexes(columns, pattern_contexts(sections)))
    sections.update(_policy(source))
    if source.model is not None:
        sections.update(source.model.sections())
        if source.examined_from is not None:
            sections["MODP"]["examined_from"] = source.examined_from
        if source.model.signals is not None:
            signals = [source.model.signal(r.id, r.weight) if r.category == 0 else 0.0 for r in source.rules]
            sections["MODR"] = np.array(signals, dtype=np.float64)
    meta = dict(source.meta)
    meta["list_names"] = list(source.lists)
    meta["channels"] = list(source.channels)
    meta["languages"] = list(source.languages)
    meta["rule_ids"] = [rule.id for rule in source.rules]
    sections["META"] = _document(meta)
    return assemble(sections)


def build_patterns(
    patterns: Sequence[str], folds: frozenset[str], word_boundaries: bool, meta: Mapping[str, Any]
) -> bytes:
    """Compile literals that share one set of folds into the bytes of a pattern set.

    Pattern number k is patterns[k], also where two are equal or fold alike.

    Args:
        folds: fold classes; `repeat` may be among them, none at all is the identity.
        word_boundaries: whether a match must not touch a letter or digit of the same word.
        meta: JSON, kept beside `folds` and `word_boundaries` in section META.

    Raises:
        InvalidSource: a pattern folds to nothing, is too long, or holds a lone surrogate; the message has its number.
        ValueError: a fold class that does not exist.
    """
    if folds & EVASION:
        raise ValueError(f"fold class {min(folds & EVASION)!r} is for lists of rule sets, not for pattern sets")
    literals = fold_literals(patterns, folds)
    code_points, starts = literals.code_points, literals.starts
    _check_literals(patterns, literals)
    scan = ScanFold(folds, code_points)
    flags = np.full(len(patterns), PatternFlag.REPEAT if "repeat" in folds else 0, dtype=np.uint8)
    if word_boundaries and len(patterns):
        flags |= _boundaries(code_points[starts[:-1]], PatternFlag.LEFT_LATIN, PatternFlag.LEFT_DIGIT)
        flags |= _boundaries(code_points[starts[1:] - 1], PatternFlag.RIGHT_LATIN, PatternFlag.RIGHT_DIGIT)
    columns = PatternColumns(
        symbols=scan.symbols(code_points),
        starts=starts,
        flags=flags,
        fine=np.full(len(patterns), layout.NO_FINE, dtype=np.uint32),
        lists=np.zeros(0, dtype=np.uint16),
        list_starts=np.zeros(len(patterns), dtype=np.int64),
        list_counts=np.zeros(len(patterns), dtype=np.int64),
    )
    sections = {**build_index(columns), **pattern_records(columns)}
    sections.update(scan.sections())
    sections.update(_texts(patterns))
    sections["META"] = _document({**meta, "folds": sorted(folds), "word_boundaries": word_boundaries})
    return assemble(sections, BundleFlag.PATTERN_SET | (BundleFlag.IDENTITY if scan.is_identity else 0))


def _document(meta: Mapping[str, Any]) -> NDArray[np.uint8]:
    text = json.dumps(meta, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return np.frombuffer(text.encode(), dtype=np.uint8)


def _check_literals(patterns: Sequence[str], literals: Literals) -> None:
    most = layout.MAX_PATTERN_SYMBOLS
    lengths = literals.lengths()
    for number in np.flatnonzero((lengths == 0) | (lengths > most))[:1].tolist():
        text = patterns[number]
        if not lengths[number]:
            fault = f", {text!r}, folds to nothing" if text else " is empty"
            raise InvalidSource(f"pattern {number}{fault}")
        raise InvalidSource(
            f"pattern {number}, {text[:40]!r}..., has {lengths[number]} symbols: the format holds {most}"
        )
    # The folds leave surrogates alone.
    for place in np.flatnonzero((literals.code_points & ~0x7FF) == 0xD800)[:1]:
        number = int(np.searchsorted(literals.starts, place, side="right")) - 1
        raise InvalidSource(
            f"pattern {number}, {patterns[number]!r}, holds a lone surrogate, which no well-formed text has"
        )


def _boundaries(code_points: NDArray[np.int32], latin: int, digit: int) -> NDArray[np.uint8]:
    small = code_points | 32
    is_latin = (small >= ord("a")) & (small <= ord("z"))
    is_digit = (code_points >= ord("0")) & (code_points <= ord("9"))
    return np.where(is_latin, latin, np.where(is_digit, digit, 0)).astype(np.uint8)


def _check(source: RuleSetSource) -> None:
    if tuple(source.lists[: len(RECOGNISERS)]) != RECOGNISERS:
        raise InvalidSource("the first lists must be the recognisers, in the order of RECOGNISERS")
    for what, count, most in (
        ("lists", len(source.lists), 32767),
        ("rules", len(source.rules), 65535),
        ("operands", len(source.operands), 65535),
        ("channels", len(source.channels), 65535),
        ("languages", len(source.languages), 65535),
    ):
        if count > most:
            raise InvalidSource(f"{count} {what}: the format holds {most}")
    if not source.channels or not source.languages:
        raise InvalidSource("at least one channel and one language are needed (the defaults)")
    expected = (len(source.channels), MAX_CATEGORIES, 5)
    if source.policy.thresholds.shape != expected:
        raise InvalidSource(f"thresholds have shape {source.policy.thresholds.shape}, expected {expected}")
    for rule in source.rules:
        if not (math.isfinite(rule.weight) and 0.0 <= rule.weight <= 1.0):
            raise InvalidSource(f"rule {rule.id}: weight {rule.weight} is outside 0..1")
        if not rule.code:
            raise InvalidSource(f"rule {rule.id}: its condition is empty")
        if source.model is None and any(step.op == Op.MODEL for step in rule.code):
            raise InvalidSource(f"rule {rule.id}: its condition reads `model`, and there is no text model")


def _regular_patterns(source: RuleSetSource) -> RegularPatterns:
    regulars = RegularPatterns()
    for pattern in source.patterns:
        if not pattern.regular:
            continue
        if pattern.folds - EVASION - {"repeat"} != DEFAULT:
            raise InvalidSource(f"pattern {pattern.text!r}: a regular pattern takes the default folds and disguises")
        try:
            regulars.add(pattern.text, pattern.word_boundaries, pattern.lists)
        except InvalidRegular as error:
            raise InvalidSource(f"pattern {pattern.text!r}: {error}") from None
    return regulars


def _vocabulary(source: RuleSetSource) -> Vocabulary:
    """The words that are told in disguise: of the lists that take such folds, also those in their regular patterns."""
    vocabulary = Vocabulary()
    for pattern in source.patterns:
        classes = classes_of(pattern.folds)
        if not classes:
            continue
        words = words_in(parse(pattern.text[1:-1])) if pattern.regular else [fold(pattern.text, DEFAULT)[0]]
        for word in words:
            vocabulary.add(word, classes, len(pattern.lists))
    return vocabulary


def _list_classes(source: RuleSetSource) -> NDArray[np.uint8]:
    """Section ELVA. A list is looked for in all that any of its patterns takes."""
    classes = np.zeros(len(source.lists), dtype=np.uint8)
    for pattern in source.patterns:
        for number in pattern.lists:
            classes[number] |= classes_of(pattern.folds)
    return classes


def _patterns(
    source: RuleSetSource, fine_folds: FineFolds, regulars: RegularPatterns, has_disguises: bool
) -> tuple[PatternColumns, list[str], ScanFold]:
    """Fold, merge patterns that match alike, and give the scan the symbols that they need."""
    merged: dict[tuple[Any, ...], tuple[Pattern, list[int], list[int], int, set[int]]] = {}
    for pattern in source.patterns:
        if pattern.regular:
            continue
        evasion = pattern.folds & EVASION
        repeat = "repeat" in compared(pattern.folds)
        folds = compared(pattern.folds) - {"repeat"}
        fine = folds != DEFAULT
        if fine and (repeat or evasion):
            name = "repeat" if repeat else min(evasion)
            raise InvalidSource(f"pattern {pattern.text!r}: {name} works on top of default")
        scanned = fold(pattern.text, DEFAULT)[0]
        own = fold(pattern.text, folds)[0] if fine else scanned
        if repeat:
            scanned = own = collapse(scanned)
        if not scanned:
            raise InvalidSource(f"pattern {pattern.text!r} folds to nothing")
        if max(len(scanned), len(own)) > layout.MAX_PATTERN_SYMBOLS:
            most = layout.MAX_PATTERN_SYMBOLS
            raise InvalidSource(f"pattern {pattern.text[:40]!r}... has {len(own)} symbols: the format holds {most}")
        flags = (PatternFlag.REPEAT if repeat else 0) | (PatternFlag.FINE if fine else 0)
        if pattern.word_boundaries:
            flags |= _boundary(own[0], PatternFlag.LEFT_LATIN, PatternFlag.LEFT_DIGIT)
            flags |= _boundary(own[-1], PatternFlag.RIGHT_LATIN, PatternFlag.RIGHT_DIGIT)
        key = (tuple(scanned), tuple(own), flags, folds if fine else DEFAULT)
        entry = merged.setdefault(key, (pattern, scanned, own, int(flags), set()))
        entry[4].update(pattern.lists)
    anchors = list(regulars.anchors())
    starts, code_points = ragged(
        [*(scanned for _, scanned, *_ in merged.values()), *(anchor.literal for anchor in anchors)]
    )
    needed = [code_points, regulars.rare_code_points(), *([rare_code_points()] if has_disguises else [])]
    scan = ScanFold(DEFAULT, np.concatenate(needed).astype(np.int64))
    texts: list[str] = []
    fine_numbers: list[int] = []
    for pattern, _, own, flags, _ in merged.values():
        number = layout.NO_FINE
        if flags & PatternFlag.FINE:
            number = fine_folds.pattern(pattern.text, pattern.folds - {"repeat"}, own)
        fine_numbers.append(number)
        texts.append(pattern.text)
    fine_numbers += [anchor.number for anchor in anchors]
    texts += [anchor.text for anchor in anchors]
    all_flags = [*(flags for *_, flags, _ in merged.values()), *[int(PatternFlag.REGULAR)] * len(anchors)]
    # Patterns of the same lists share them: what every match reads stays in the nearest cache.
    shared: dict[tuple[int, ...], int] = {}
    owners = [*(tuple(sorted(lists)) for *_, lists in merged.values()), *(tuple(anchor.lists) for anchor in anchors)]
    numbers = [shared.setdefault(lists, len(shared)) for lists in owners]
    list_starts, lists = ragged(list(shared))
    columns = PatternColumns(
        symbols=scan.symbols(code_points),
        starts=starts,
        flags=np.array(all_flags, dtype=np.uint8),
        fine=np.array(fine_numbers, dtype=np.uint32),
        lists=lists.astype(np.uint16),
        list_starts=list_starts[:-1][numbers].astype(np.int64),
        list_counts=np.diff(list_starts)[numbers].astype(np.int64),
    )
    return columns, texts, scan


def _indexes(columns: PatternColumns, contexts: NDArray[np.int16]) -> dict[str, NDArray[Any]]:
    """The scan's index, and those of the patterns that only give context."""
    if (contexts == NO_CONTEXT).all():
        return build_index(columns)
    sections = build_index(columns, np.flatnonzero(contexts == NO_CONTEXT))
    asking = np.unique(contexts[contexts != NO_CONTEXT])
    index = build_index(columns, np.flatnonzero(contexts != NO_CONTEXT))
    numbers = np.searchsorted(asking, contexts[index["ENTR"]["pattern"]]).astype(np.uint16)
    index["ENTR"]["flags"] |= numbers << layout.ENTRY_CONTEXT
    sections["CTXI"] = asking.astype(np.uint8)
    sections.update(zip(layout.CONTEXT, (index[tag] for tag in layout.INDEX[:5]), strict=True))
    return sections


def reindexed(sections: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The sections of a rule set whose rules or allow lists were changed, with indexes to match.

    Which patterns only give context hangs on what rules ask.
    """
    records = sections["PATT"]
    ends = records["start"].astype(np.int64) + records["length"]
    columns = PatternColumns(
        symbols=sections["PSYM"],
        starts=np.concatenate([records["start"].astype(np.int64), ends[-1:]]),
        flags=records["flags"],
        fine=records["fine"],
        lists=sections["PLST"],
        list_starts=records["lists"].astype(np.int64),
        list_counts=records["list_count"].astype(np.int64),
    )
    none = {tag: np.zeros(0, dtype=layout.SECTIONS[tag]) for tag in ("CTXI", *layout.CONTEXT)}
    return {**sections, **none, **_indexes(columns, pattern_contexts(sections))}


def collapse(symbols: Iterable[int]) -> list[int]:
    """Each run of equal symbols as one of them."""
    out: list[int] = []
    for symbol in symbols:
        if not out or out[-1] != symbol:
            out.append(symbol)
    return out


def _boundary(code_point: int, latin: int, digit: int) -> int:
    if ord("a") <= code_point | 32 <= ord("z"):
        return latin
    return digit if ord("0") <= code_point <= ord("9") else 0


def _texts(texts: Sequence[str]) -> dict[str, NDArray[Any]]:
    encoded = [text.encode() for text in texts]
    offsets = np.concatenate([[0], np.cumsum([len(text) for text in encoded], dtype=np.int64)])
    return {"PTXT": np.frombuffer(b"".join(encoded), dtype=np.uint8), "PTXO": offsets}


def _lists(source: RuleSetSource) -> dict[str, NDArray[Any]]:
    count = len(source.lists)
    triggers: list[list[int]] = [[] for _ in range(count)]
    always = []
    for number, rule in enumerate(source.rules):
        if rule.triggers is None:
            always.append(number)
        else:
            for name in sorted(set(rule.triggers)):
                triggers[name].append(number)
    allow_offsets, allow_lists = ragged([sorted(source.list_allows.get(k, ())) for k in range(count)])
    trigger_offsets, trigger_rules = ragged(triggers)
    return {
        "ALST": allow_offsets,
        "ALLW": allow_lists,
        "TRGO": trigger_offsets,
        "TRIG": trigger_rules,
        "ALWA": np.array(always, dtype=np.int64),
    }


def _rules(source: RuleSetSource) -> dict[str, NDArray[Any]]:
    rules = np.zeros(len(source.rules), dtype=layout.RULE_DTYPE)
    code: list[tuple[Any, ...]] = []
    for number, rule in enumerate(source.rules):
        rules[number] = (
            len(code),
            len(rule.code),
            rule.weight,
            rule.from_day,
            min(rule.until_day, _NEVER),
            rule.group,
            rule.category,
            rule.severity,
            rule.mode,
            0,
        )
        code.extend((int(i.op), int(i.cmp), i.a, i.b, 0, i.n, i.value) for i in rule.code)
    return {
        "RULE": rules,
        "CODE": np.array(code, dtype=layout.INSTRUCTION_DTYPE),
        "OPND": np.array(list(source.operands), dtype=layout.OPERAND_DTYPE),
        "GCAP": np.array(source.policy.group_caps, dtype=np.float64),
    }


def _policy(source: RuleSetSource) -> dict[str, NDArray[Any]]:
    policy = np.zeros(1, dtype=layout.POLICY_DTYPE)
    policy["severity_weight"][0] = source.policy.severity_weights
    policy["floor"] = 0.5
    known = set(layout.POLICY_DTYPE.names or ()) - {"severity_weight"}
    for name, value in source.policy.exposure.items():
        if name not in known:
            raise InvalidSource(f"exposure: unknown number {name!r}, known are {', '.join(sorted(known))}")
        policy[name] = value
    missing = known - {"floor", "per_complaint", "clean_risk"} - set(source.policy.exposure)
    if missing:
        raise InvalidSource(f"exposure lacks {', '.join(sorted(missing))}")
    return {"POLI": policy, "THRE": source.policy.thresholds.astype(np.float32).ravel()}
