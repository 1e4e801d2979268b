"""Engine and reference are equal: folds, offsets, matches, recognisers, conditions, scores, verdict columns."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from reference.conditions import Seller
from reference.matching import Pattern, find
from reference.recognisers import recognise
from reference.sources import matcher_bundle, policy, rule_of, source_of
from reference.strategies import CHANNELS, LANGUAGES, contacts, dense, pattern_sets, sellers, sources, texts, weighted
from reference.verdict import judge

from fairpost.engine import RuleSet, Status, Texts, VerdictBatch
from fairpost.engine.folds import DEFAULT
from fairpost.engine.vocabulary import CATEGORIES, RECOGNISERS, SEVERITIES, STANDING_DTYPE, UNITS, Action
from fairpost.rules import expression as e
from fairpost.rules import load_packs, shipped_packs
from fairpost.rules.compiler import bundle_of
from fairpost.rules.source import ListSource, Source

SAMPLES = shipped_packs().parent / "samples" / "posts.yaml"
CORPORA = os.environ.get("FAIRPOST_CORPORA")


def examples(count: int) -> settings:
    """The same examples in every run; FAIRPOST_EXAMPLES=20 tries twenty times as many, others each time."""
    times = int(os.environ.get("FAIRPOST_EXAMPLES", "1"))
    return settings(
        max_examples=count * times,
        derandomize=times == 1,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )


def hits_of(ruleset: RuleSet, text: str) -> set[tuple[str, int, int]]:
    """(list or recogniser, begin, end)"""
    return {(name, begin, end) for _, name, begin, end in ruleset.matches(text)}


def recognised(text: str) -> set[tuple[str, int, int]]:
    return {(r.recogniser, r.begin, r.end) for r in recognise(text)}


# -- matches ---------------------------------------------------------------------------------------


@examples(100)
@given(pattern_sets, st.lists(texts, min_size=1, max_size=6))
def test_matches(patterns: list[Pattern], posts: list[str]) -> None:
    ruleset = RuleSet.from_bytes(matcher_bundle(patterns))
    for text in posts:
        expected = {(f"list {k}", *span) for k, p in enumerate(patterns) for span in find(p, text)}
        found = {hit for hit in hits_of(ruleset, text) if hit[0] not in RECOGNISERS}
        assert found == expected, (text, patterns)


@examples(60)
@given(st.data())
def test_matches_of_words_cut_from_the_text(data: st.DataObject) -> None:
    text = data.draw(texts.filter(lambda t: bool(Pattern(t, DEFAULT).folded)))
    patterns = []
    for _ in range(data.draw(st.integers(1, 5))):
        begin = data.draw(st.integers(0, len(text) - 1))
        word = text[begin : data.draw(st.integers(begin + 1, len(text)))]
        folds = data.draw(st.sampled_from([DEFAULT, DEFAULT | {"repeat"}, frozenset({"width", "case"})]))
        pattern = Pattern(word, folds, data.draw(st.booleans()))
        if Pattern(word, DEFAULT).folded:
            patterns.append(pattern)
    ruleset = RuleSet.from_bytes(matcher_bundle(patterns))
    expected = {(f"list {k}", *span) for k, p in enumerate(patterns) for span in find(p, text)}
    assert {hit for hit in hits_of(ruleset, text) if hit[0] not in RECOGNISERS} == expected


def assert_many_match(patterns: list[Pattern], posts: list[str]) -> None:
    ruleset = RuleSet.from_bytes(matcher_bundle(patterns))
    count = 0
    for text in posts:
        expected = {(f"list {k}", *span) for k, p in enumerate(patterns) for span in find(p, text)}
        assert {hit for hit in hits_of(ruleset, text) if hit[0] not in RECOGNISERS} == expected, text
        count += len(expected)
    assert count > len(posts) // 4  # or it proved nothing


def sample_texts() -> list[str]:
    return [post["text"] for post in yaml.safe_load(SAMPLES.read_text("utf-8"))]


def test_thousands_of_patterns() -> None:
    """Every piece of some sample posts, so that anchors collide and buckets fill."""
    posts = sample_texts()
    pieces = {
        text[i : i + n] for k, text in enumerate(posts[::6]) for i in range(0, len(text), 2) for n in (1, 2, 3, 4, 7)
    }
    kinds = [DEFAULT, DEFAULT, DEFAULT, DEFAULT | {"repeat"}, frozenset({"case", "width"})]
    patterns = [Pattern(word, kinds[k % 5], k % 7 > 2) for k, word in enumerate(sorted(pieces))]
    assert_many_match([p for p in patterns if Pattern(p.text, DEFAULT).folded][:4000], posts[::5])


@pytest.mark.corpora
@pytest.mark.skipif(CORPORA is None, reason="FAIRPOST_CORPORA is not set: left out")
def test_a_real_lexicon_on_real_posts() -> None:
    assert CORPORA is not None
    words = (Path(CORPORA) / "lexicon_10k.txt").read_text("utf-8").splitlines()
    lines = (Path(CORPORA) / "posts.txt").read_text("utf-8").splitlines()
    patterns = [Pattern(word, DEFAULT) for word in dict.fromkeys(words) if Pattern(word, DEFAULT).folded]
    assert_many_match(patterns, lines[:: len(lines) // 300])


@pytest.fixture(scope="module")
def bare() -> RuleSet:
    return RuleSet.from_bytes(matcher_bundle([Pattern("没有这个词", DEFAULT)]))


@examples(1000)
@given(text=contacts)
def test_recognisers(bare: RuleSet, text: str) -> None:
    assert hits_of(bare, text) == recognised(text)


@examples(300)
@given(text=texts)
def test_recognisers_on_any_text(bare: RuleSet, text: str) -> None:
    assert hits_of(bare, text) == recognised(text)


# -- verdicts --------------------------------------------------------------------------------------


@st.composite
def posts(draw: st.DrawFn) -> dict[str, Any]:
    text = weighted((30, dense), (3, texts), (3, contacts), (1, st.just("")))
    return {
        "texts": draw(st.lists(text, min_size=1, max_size=2)),
        "seller": draw(sellers),
        "channel": draw(st.sampled_from(["default", *CHANNELS, "elsewhere"])),
        "language": draw(st.sampled_from(["", *LANGUAGES, "fr"])),
        "day": draw(st.sampled_from([19000, 19899, 19900, 19999, 20000, 20500])),
    }


def check(ruleset: RuleSet, batch: Sequence[dict[str, Any]], **options: Any) -> VerdictBatch:
    """All posts in one call, each with its several texts and its seller's row."""
    rows = [p["seller"].row() for p in batch if p["seller"].answer is None]
    numbers, found = [], 0
    for post in batch:
        answer = post["seller"].answer
        numbers.append(found if answer is None else answer)
        found += answer is None
    return ruleset.check_batch(
        [text for post in batch for text in post["texts"]],
        segments=np.cumsum([0, *(len(post["texts"]) for post in batch)]),
        sellers=np.array(numbers, np.int32),
        standings=np.concatenate(rows) if rows else np.zeros(0, STANDING_DTYPE),
        channels=[post["channel"] for post in batch],
        languages=[post["language"] for post in batch],
        days=np.array([post["day"] for post in batch], np.int32),
        **options,
    )


def assert_verdicts_equal(source: Source, ruleset: RuleSet, batch: Sequence[dict[str, Any]]) -> None:
    result = check(ruleset, batch)
    assert len(result) == len(batch)
    known = ("default", *source.policy.channels)
    ids = [rule.id for rule in source.rules]
    for k, post in enumerate(batch):
        if not any(post["texts"]):
            assert result.status[k] == Status.EMPTY
            continue
        assert result.status[k] == Status.OK
        channel = post["channel"] if post["channel"] in known else "default"
        expected = judge(source, post["texts"], post["seller"], channel, post["language"], post["day"])
        fired = result.fired_rule[result.fired_begin[k] : result.fired_begin[k + 1]]
        assert tuple(ids[rule] for rule in fired) == expected.fired, post
        labels = slice(result.label_begin[k], result.label_begin[k + 1])
        assert [
            (CATEGORIES[category], score, SEVERITIES[severity])
            for category, score, severity in zip(
                result.label_category[labels], result.label_score[labels], result.label_severity[labels], strict=True
            )
        ] == [(label.category, label.score, label.severity) for label in expected.labels], post
        assert Action(result.action[k]) == expected.action, post
        assert (result.risk[k], result.commerce[k], result.exposure[k]) == (
            expected.risk,
            expected.commerce,
            expected.exposure,
        ), post
        rows = slice(result.evidence_begin[k], result.evidence_begin[k + 1])
        assert [
            (ids[rule], text, begin, end, bool(shadow))
            for rule, text, begin, end, shadow in zip(
                result.evidence_rule[rows],
                result.evidence_text[rows],
                result.evidence_start[rows],
                result.evidence_stop[rows],
                result.evidence_shadow[rows],
                strict=True,
            )
        ] == [(x.rule, x.text, x.begin, x.end, x.shadow) for x in expected.evidence], post
        assert result.flags[k] == 0


@examples(80)
@given(sources(), st.lists(posts(), min_size=8, max_size=12))
def test_verdicts(source: Source, batch: list[dict[str, Any]]) -> None:
    assert_verdicts_equal(source, RuleSet.from_bytes(bundle_of(source)), batch)


# -- shipped packs, real text ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped() -> tuple[Source, RuleSet]:
    source = load_packs(shipped_packs())
    return source, RuleSet.from_bytes(bundle_of(source))


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


def plain(text: str, day: int = 20454) -> dict[str, Any]:
    return {"texts": [text], "seller": Seller(), "channel": "moments", "language": "zh", "day": day}


def test_sample_posts(shipped: tuple[Source, RuleSet]) -> None:
    assert_verdicts_equal(*shipped, [plain(text) for text in sample_texts()])


def test_cases_of_the_packs(shipped: tuple[Source, RuleSet]) -> None:
    source, ruleset = shipped
    cases = [plain(case.text) for rule in source.rules for case in rule.cases]
    assert_verdicts_equal(source, ruleset, cases[::5])


@pytest.mark.corpora
@pytest.mark.skipif(CORPORA is None, reason="FAIRPOST_CORPORA is not set: left out")
def test_real_posts(shipped: tuple[Source, RuleSet]) -> None:
    assert CORPORA is not None
    lines = (Path(CORPORA) / "posts.txt").read_text("utf-8").splitlines()
    assert_verdicts_equal(*shipped, [plain(line) for line in lines[:: len(lines) // 200] if line])


# -- units and forms of input ------------------------------------------------------------------------


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
