"""Bundles: damaged by a list of edits, sealed again, opened, and if that is allowed used for everything.

An input: which bundle, and how many edits; 9 bytes for each: what is done, to which section, item, field, with which
number; then the text that is judged. Edits instead of bytes of the file, so that one step of the fuzzer reaches any
item of any section.
"""

from __future__ import annotations

import contextlib
import dataclasses
import struct
from collections.abc import Iterator
from functools import cache

import numpy as np
from reference.sample import sample_source
from reference.strategies import random_model

from fairpost.engine import DEFAULT_FOLDS, InvalidBundle, InvalidPost, PatternSet, RuleSet, layout
from fairpost.engine.build import build
from fairpost.engine.scanner import available_paths, choose_path
from fairpost.engine.seal import digest_of

from . import subject
from .cursor import Cursor

__all__ = ["ADD", "BYTE", "COPY", "FLAGS", "PLACE", "SET", "SHORTEN", "WORDS", "check", "edited", "seeds"]

_TAGS = tuple(layout.SECTIONS)
_TABLE = layout.HEADER_DTYPE.itemsize
SET, ADD, COPY, PLACE, SHORTEN, BYTE, FLAGS = range(7)
_KINDS = 7
_MAX_EDITS = 7
WORDS = (
    b'"',
    b"{",
    b"[",
    b"null",
    b"zh",
    *(bytes([kind, number]) for kind in range(_KINDS) for number in range(len(_TAGS))),
)


_WORDS = ("根治", "最好", "糖尿病", "v", "100%", "根治疗法", "𠮷野家", "a1")


@cache
def _originals() -> tuple[bytes, ...]:
    """A rule set, and pattern sets with and without folds."""
    model = random_model(8, 0.01, 0.1)
    return (
        build(dataclasses.replace(sample_source(), model=model)),
        PatternSet.compile(_WORDS, folds=DEFAULT_FOLDS, match_kind="leftmost-longest").to_bytes(),
        PatternSet.compile(_WORDS, word_boundaries=True).to_bytes(),
    )


def seeds() -> Iterator[bytes]:
    text = subject.TEXTS[0].encode()
    for bundle in range(len(_originals())):
        yield bytes([bundle << 4]) + text
        for number, tag in enumerate(_TAGS):
            for kind, value in ((SET, 0), (SET, 0xFFFFFFFF), (ADD, 1), (COPY, 1), (SHORTEN, 1)):
                yield edited(kind, tag, 0, number, value, bundle) + text


def edited(kind: int, tag: str, item: int, field: int, value: int, bundle: int = 0) -> bytes:
    """The begin of an input with one edit; the text follows."""
    return bytes([bundle << 4 | 1]) + struct.pack("<BBHBI", kind, _TAGS.index(tag), item, field, value)


def check(content: bytes) -> None:
    cursor = Cursor(content)
    head = cursor.number()
    bundle = (head >> 4) % len(_originals())
    damaged = bytearray(_originals()[bundle])
    for _ in range(head & _MAX_EDITS):
        _edit(damaged, cursor.number(), cursor.number(), cursor.number(2), cursor.number(), cursor.number(4))
    text = cursor.rest()[:2000]
    damaged[32:64] = digest_of(memoryview(damaged))
    try:
        opened = (PatternSet if bundle else RuleSet).from_bytes(bytes(damaged))
    except InvalidBundle:
        return
    for path in available_paths():
        choose_path(path)
        try:
            _search(opened, text) if isinstance(opened, PatternSet) else _judge(opened, text)
        finally:
            choose_path()


def _edit(damaged: bytearray, kind: int, section: int, item: int, field: int, value: int) -> None:
    """One change; numbers out of range are taken modulo what there is."""
    number = section % len(_TAGS)
    table = np.frombuffer(damaged, layout.SECTION_DTYPE, len(_TAGS), _TABLE)
    kind %= _KINDS
    if kind == PLACE:
        name = ("offset", "count", "item", "reserved")[field % 4]
        table[name][number] = value if item & 1 else (int(table[name][number]) + value - 0x80000000) % (1 << 32)
        return
    if kind == FLAGS:
        damaged[24 + field % 8] = value & 255
        return
    record = table[number]
    offset, count, dtype = int(record["offset"]), int(record["count"]), layout.SECTIONS[_TAGS[number]]
    if kind == SHORTEN:
        table["count"][number] = max(0, count - 1 - value % 256)
        return
    if not count or offset + count * dtype.itemsize > len(damaged):
        return
    column = np.frombuffer(damaged, dtype, count, offset)
    at = item % count
    if kind == COPY:
        column[at] = column[value % count]
    elif kind == BYTE:
        column.view(np.uint8)[(item << 16 | value & 0xFFFF) % column.nbytes] = field
    else:
        if column.dtype.names:
            column = column[column.dtype.names[field % len(column.dtype.names)]]
        if column.ndim > 1:
            column = column[:, item % column.shape[1]]
        # Floats too are written as the bits of a number.
        cell = column[at : at + 1].copy().view(f"<u{column.dtype.itemsize}")
        cell[0] = (value + (int(cell[0]) if kind == ADD else 0)) % (1 << 8 * cell.itemsize)
        column[at] = cell.view(column.dtype)[0]


def _judge(rule_set: RuleSet, text: bytes) -> None:
    batch = rule_set.check_batch([text, b"", text * 2, "最好100%根治"], segments=[0, 2, 3, 4], days=20_050)
    assert len(list(batch)) == 3
    try:
        rule_set.check(text, day=20_050)
    except InvalidPost:
        return
    rule_set.matches(text.decode())
    for rule in range(rule_set.rule_count):
        rule_set.rule_category(rule)
        rule_set.message(rule)
        rule_set.citations(rule, 20_050)


def _search(searched: PatternSet, text: bytes) -> None:
    batch = [text, b"", text * 2, "最好100%根治 v ㎏"]
    with contextlib.suppress(InvalidBundle):  # the texts are read, and refused, when they are asked for
        assert len(searched.patterns) == len(searched)
    found = searched.scan(batch, errors="skip")
    assert searched.count(batch, errors="skip").sum() == len(found) == len(list(found))
    assert found.pattern.size == 0 or found.pattern.max() < len(searched)
    searched.replace("最好100%根治 v ㎏", "*")
