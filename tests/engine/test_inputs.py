"""The same posts in every form of input and every unit; bad posts among good ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.batches import check
from reference.sources import policy, rule_of, source_of
from reference.strategies import contacts, examples, posts, sources, texts

from fairpost.engine import RuleSet, Status, Texts, VerdictBatch
from fairpost.engine.folds import DEFAULT
from fairpost.engine.vocabulary import UNITS
from fairpost.rules import expression as e
from fairpost.rules.compiler import bundle_of
from fairpost.rules.source import ListSource, Source


@pytest.fixture(scope="module")
def small() -> RuleSet:
    """A few rules of our own that fire on what the strategies write."""
    words = ListSource("a.words", ("最好", "国家", "a", "12"), DEFAULT, False)
    rules = [
        rule_of("a.sells", "COMMERCE", e.Any(e.Operand("price")), 0.5),
        rule_of("a.best", "ABSOLUTE", e.Any(e.Operand("a.words")), 0.7),
        rule_of(
            "a.leads-away", "DIVERT", e.Or((e.Any(e.Operand("contact.wechat")), e.Any(e.Operand("contact.url")))), 0.9
        ),
        rule_of("a.unknown", "UNREGISTERED", e.Unregistered(), 0.9),
    ]
    chosen = policy(
        {"default": {"ABSOLUTE": {"LIMIT": 0.5}, "DIVERT": {"SHIELD": 0.8}, "UNREGISTERED": {"REVIEW": 0.5}}}
    )
    return RuleSet.from_bytes(bundle_of(source_of([words], rules, {}, chosen)))


COLUMNS = [
    "status", "status_offset", "status_text", "action", "risk", "commerce", "exposure", "flags", "label_begin",
    "label_category", "label_score", "label_severity", "evidence_begin", "evidence_rule", "evidence_pattern",
    "evidence_list", "evidence_text", "evidence_start", "evidence_stop", "evidence_shadow", "fired_begin", "fired_rule",
]  # fmt: skip


def assert_same_columns(a: VerdictBatch, b: VerdictBatch) -> None:
    for name in COLUMNS:
        assert np.array_equal(getattr(a, name), getattr(b, name)), name


@examples(60)
@given(batch=st.lists(st.one_of(texts, contacts), min_size=1, max_size=8))
def test_forms_of_input(small: RuleSet, batch: list[str]) -> None:
    batch = [*batch, "全国最好，国家认可，12元，加微信abc12345"]
    encoded = [text.encode() for text in batch]
    expected = small.check_batch(batch, days=20454)
    ends = np.cumsum([0, *map(len, encoded)])
    arrow = pa.array(["", *batch])[1:]  # an offset into the buffers
    for form in (
        encoded,
        tuple(batch),
        [text if k % 2 else text.encode() for k, text in enumerate(batch)],
        arrow,
        pa.array(batch, pa.large_string()),
        pa.array(encoded, pa.binary()),
        pa.array(encoded, pa.large_binary()),
        pa.chunked_array([batch[:1], batch[1:]], pa.string()),
        Texts(b"".join(encoded), ends),
    ):
        assert_same_columns(small.check_batch(form, days=20454), expected)


@examples(15)
@given(source=sources(), batch=st.lists(posts(), min_size=8, max_size=12))
def test_units(source: Source, batch: list[dict[str, Any]]) -> None:
    ruleset = RuleSet.from_bytes(bundle_of(source))
    by_unit = {unit: check(ruleset, batch, unit=unit) for unit in UNITS}
    points = by_unit["codepoints"]
    for k, post in enumerate(batch):
        for row in range(points.evidence_begin[k], points.evidence_begin[k + 1]):
            text = post["texts"][points.evidence_text[row]]
            for position in ("evidence_start", "evidence_stop"):
                before = text[: getattr(points, position)[row]]
                assert getattr(by_unit["utf8"], position)[row] == len(before.encode())
                assert getattr(by_unit["utf16"], position)[row] == len(before.encode("utf-16-le")) // 2
        assert [x.matched for x in by_unit["utf8"][k].evidence] == [x.matched for x in points[k].evidence]
        assert [x.matched for x in by_unit["utf16"][k].evidence] == [x.matched for x in points[k].evidence]


def first_fault(content: bytes) -> int | None:
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return error.start
    return None


BROKEN = [
    b"\xff",
    b"\xe6\x9c",
    b"a\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"",
    b"\x80",
    b"\xf8\x88\x80\x80\x80",
]


@examples(60)
@given(batch=st.lists(st.one_of(texts.map(str.encode), st.sampled_from(BROKEN), st.binary(max_size=6)), max_size=8))
def test_bad_posts_leave_their_neighbours_alone(small: RuleSet, batch: list[bytes]) -> None:
    result = small.check_batch(batch, days=20454)
    for k, content in enumerate(batch):
        alone = small.check_batch([content], days=20454)
        assert alone[0] == result[k]
        fault = first_fault(content)
        assert result.status[k] == (
            Status.EMPTY if not content else Status.OK if fault is None else Status.INVALID_UTF8
        )
        assert fault is None or result.status_offset[k] == fault


@pytest.mark.parametrize("content", BROKEN)
def test_python_and_engine_refuse_the_same(small: RuleSet, content: bytes) -> None:
    result = small.check_batch([b"a" + content + b"b"], days=20454)
    if content:
        assert result.status[0] == Status.INVALID_UTF8


def test_lone_surrogates_are_no_text(small: RuleSet) -> None:
    result = small.check_batch(["a\ud800b", "好"], days=20454)
    assert result.status.tolist() == [Status.INVALID_UTF8, Status.OK]


def test_too_long(small: RuleSet) -> None:
    result = small.check_batch(["好" * 10, "好" * 11, "😀" * 10, "a" * 11], max_characters=10, days=20454)
    assert result.status.tolist() == [Status.OK, Status.TOO_LONG, Status.OK, Status.TOO_LONG]
