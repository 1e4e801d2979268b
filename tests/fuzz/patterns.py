"""Pattern sets: patterns of the input are searched in texts of the input, on all kernel paths and by the definition.

An input: flags, a filler's length, and the texts. FF 00 begins another text; what stands before the first FF 01 is
patterns, separated alike. Where there is none, or it can't be compiled, fixed patterns are searched for.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from reference.matching import Pattern
from reference.patterns import matches, position, replaced

from fairpost.engine import DEFAULT_FOLDS, PatternSet, Texts
from fairpost.engine.scanner import available_paths, choose_path
from fairpost.engine.vocabulary import UNITS

from . import subject
from .cursor import Cursor

__all__ = ["WORDS", "check", "seeds"]

_NEXT, _TEXTS = b"\xff\x00", b"\xff\x01"
WORDS = (_NEXT, _TEXTS, *(word.encode() for word in subject.WORDS), b"\xed\xa0\x80", b"\xf4\x90", b"\xc0\x80")
_LONGEST, _BOUNDARIES, _REPEATED, _THREADS = (
    4,
    8,
    16,
    32,
)  # flags; the two bits below are the unit, those above the folds
_FOLDS = (frozenset[str](), DEFAULT_FOLDS, DEFAULT_FOLDS | {"repeat"}, frozenset({"width", "case"}))
_FIXED = tuple(word for word in subject.WORDS if Pattern(word, DEFAULT_FOLDS).folded)
_MOST_PATTERNS, _COMPARED = 12, 100


def seeds() -> Iterator[bytes]:
    text = _NEXT.join(text.encode() for text in subject.TEXTS)
    for flags in range(0, 256, 12):
        yield bytes([flags, flags]) + text
    for flags in (0, _LONGEST, 64, 128 | _BOUNDARIES):
        yield bytes([flags, 60]) + _NEXT.join([b"a", b"ab", "根治".encode(), "治*糖".encode()]) + _TEXTS + text


def check(content: bytes) -> None:
    cursor = Cursor(content)
    flags, filler, rest = cursor.number(), cursor.number(), cursor.rest()
    before, separator, behind = rest.partition(_TEXTS)
    texts = (behind if separator else rest).split(_NEXT)
    texts[0] = b"a" * (filler & 127) + texts[0]
    unit: Any = UNITS[flags & 3] if flags & 3 < len(UNITS) else UNITS[0]
    kind: Any = "leftmost-longest" if flags & _LONGEST else "overlapping"
    folds, boundaries = _FOLDS[flags >> 6], bool(flags & _BOUNDARIES)
    given = tuple(before.split(_NEXT)[:_MOST_PATTERNS]) if separator else ()
    patterns, searched = _compiled(given, folds, kind, boundaries)
    repeated = texts * (1 + 20_000 // (16 + len(content))) if flags & _REPEATED else texts  # over the border of a chunk
    first = _search(searched, repeated, unit, 1)
    assert not flags & _THREADS or _search(searched, repeated, unit, 2) == first
    for path in available_paths()[1:]:
        choose_path(path)
        try:
            assert _search(searched, repeated, unit, 1) == first, path
        finally:
            choose_path()
    for post, text in enumerate(texts):
        at = _fault(text)
        assert first["ill_formed"].get(post) == at
        if at is None:
            rows = [row[1:] for row in first["rows"] if row[0] == post]
            _check_text(patterns, searched, text.decode(), rows, unit)


def _fault(text: bytes) -> int | None:
    """Where Python's decoder gives up."""
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return error.start
    return None


@lru_cache(maxsize=4)
def _compiled(
    given: tuple[bytes, ...], folds: frozenset[str], kind: Any, boundaries: bool
) -> tuple[list[Pattern], PatternSet]:
    try:
        written = [pattern.decode() for pattern in given] or [*_FIXED]
        searched = PatternSet.compile(written, folds=folds, match_kind=kind, word_boundaries=boundaries)
    except ValueError:  # also a UnicodeDecodeError; folds to nothing, is empty or too long
        written = [*_FIXED]
        searched = PatternSet.compile(written, folds=folds, match_kind=kind, word_boundaries=boundaries)
    again = PatternSet.from_bytes(searched.to_bytes())
    assert again.patterns == written
    assert (again.folds, again.match_kind, again.word_boundaries) == (folds, kind, boundaries)
    return [Pattern(text, folds, boundaries) for text in written], again


def _search(searched: PatternSet, texts: list[bytes], unit: Any, threads: int) -> dict[str, Any]:
    # Memory that ends where the texts end, so that a read past them is noticed.
    column = Texts(np.frombuffer(b"".join(texts), np.uint8).copy(), np.cumsum([0, *map(len, texts)]))
    found = searched.scan(column, unit=unit, threads=threads, errors="skip")
    faults = zip(found.ill_formed.tolist(), found.ill_formed_byte.tolist(), strict=True)
    counts = searched.count(column, threads=threads, errors="skip")
    assert counts.tolist() == np.bincount(found.post, minlength=len(texts)).tolist()
    return {"rows": list(found), "ill_formed": dict(faults)}


def _check_text(patterns: list[Pattern], searched: PatternSet, text: str, rows: list[Any], unit: Any) -> None:
    assert searched.find(text, unit=unit) == rows
    assert searched.is_match(text) is bool(rows)
    if len(text) * len(patterns) > _COMPARED * _MOST_PATTERNS:  # the reference is slow
        return
    expected = matches(patterns, text, searched.match_kind)
    assert rows == [(m.pattern, position(text, m.begin, unit), position(text, m.end, unit)) for m in expected]
    assert searched.replace(text, "*") == replaced(patterns, text, lambda pattern, matched: "*")
