"""Engine and reference are equal: folds, offsets, matches, recognisers, conditions, scores, verdicts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from reference.batches import assert_verdicts_equal
from reference.conditions import Seller
from reference.matching import Pattern, find
from reference.recognisers import recognise
from reference.sources import matcher_bundle, policy, rule_of, source_of
from reference.strategies import CHANNELS, LANGUAGES, contacts, examples, pattern_sets, posts, sources, texts, thinned
from reference.verdict import judge

from fairpost.engine import RuleSet
from fairpost.engine.folds import DEFAULT
from fairpost.engine.vocabulary import (
    ENFORCEMENT,
    LICENCES,
    LISTING,
    RECOGNISERS,
    REGISTRATION,
    SELLER_NONE,
    SELLER_NOT_FOUND,
    SELLER_UNAVAILABLE,
)
from fairpost.rules import expression as e
from fairpost.rules import load_packs, shipped_bundle, shipped_packs
from fairpost.rules.compiler import bundle_of
from fairpost.rules.source import ListSource, Source

SAMPLES = shipped_packs().parent / "samples" / "posts.yaml"
CORPORA = os.environ.get("FAIRPOST_CORPORA")


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


@examples(80)
@given(sources(), st.lists(posts(), min_size=8, max_size=12))
def test_verdicts(source: Source, batch: list[dict[str, Any]]) -> None:
    assert_verdicts_equal(source, RuleSet.from_bytes(bundle_of(source)), batch)


def test_an_allow_word_as_long_as_the_hit_removes_nothing() -> None:
    """The linter warns of such words; the engine must still agree."""
    words = ListSource("a.words", ("最高", "级"), DEFAULT, True, ("a:allow",))
    allow = ListSource("a:allow", ("最高", "级", "最高级", "高级别"), DEFAULT, True)
    rule = rule_of("a.any", "ABSOLUTE", e.Count(e.Operand("a.words"), False, ">=", 1), 0.5)
    source = source_of([words, allow], [rule], {}, policy({}))
    batch = [plain(text) for text in ("最高", "最高级", "最高，级", "高级别级", "最最高级别")]
    assert_verdicts_equal(source, RuleSet.from_bytes(bundle_of(source)), batch)
    fired = [bool(judge(source, post["texts"], post["seller"]).fired) for post in batch]
    assert fired == [True, False, False, True, False]


def standing(**fields: Any) -> Seller:
    return Seller(None, registration="active", **fields)


SELLERS = [
    *(Seller(answer) for answer in (SELLER_NONE, SELLER_NOT_FOUND, SELLER_UNAVAILABLE)),
    *(Seller(None, registration=state) for state in REGISTRATION),
    *(standing(enforcement=state) for state in ENFORCEMENT),
    *(standing(listing=state) for state in LISTING),
    *(standing(licences=frozenset({scope})) for scope in LICENCES),
    standing(licences=frozenset(LICENCES), tenure_days=1, strikes=(("MEDICAL", 2),)),
    standing(tenure_days=30, strikes=(("ABSOLUTE", 1), ("MEDICAL", 2))),
    standing(tenure_days=4000, strikes=(("STANDING", 255),)),
    standing(tenure_days=2**32 - 1),
]


def test_every_fact_of_a_seller() -> None:
    """One rule for each question that can be asked about a seller or a post, on sellers of every kind."""
    questions: list[e.Node] = [e.Registered(), e.Unregistered(), e.Unavailable()]
    questions += [e.Licence(scope) for scope in LICENCES]
    for cmp in e.COMPARISONS:
        questions += [e.Tenure(cmp, days) for days in (0, 1, 30, 2**31 - 1)]
        questions += [e.Strikes(c, cmp, n) for c in (None, "MEDICAL", "STANDING") for n in (0, 2, 3, 255)]
        questions += [e.Enforcement(cmp, state) for state in ENFORCEMENT]
        questions += [e.Listing(cmp, state) for state in LISTING]
        questions += [e.Commerce(cmp, value) for value in (0.0, 0.3, 0.30000001, 0.51, 1.0)]
    questions += [e.Channel(name) for name in CHANNELS] + [e.Language(name) for name in LANGUAGES]
    rules = [
        rule_of("a.price", "COMMERCE", e.Any(e.Operand("price")), 0.3),
        rule_of("a.percent", "COMMERCE", e.Any(e.Operand("percent")), 0.3),
        *(rule_of(f"a.r{k}", "MEDICAL", question, 0.01) for k, question in enumerate(questions)),
    ]
    source = source_of([], rules, {}, policy({}, channels=CHANNELS))
    batch = [
        {"texts": [text], "seller": seller, "channel": channel, "language": language, "day": 20000}
        for seller in SELLERS
        for text, channel, language in (
            ("好", "default", ""),
            ("9元", "moments", "zh"),
            ("9元 5%", "group-chat", "en"),
            ("5%", "nowhere", "fr"),
        )
    ]
    assert_verdicts_equal(source, RuleSet.from_bytes(bundle_of(source)), batch)


@pytest.mark.parametrize("weight", [0.05, 0.2, 0.4, 0.6, 0.8])
def test_exposure(weight: float) -> None:
    """Every action, with and without a label, by every kind of seller, selling or not."""
    rules = [
        rule_of("a.price", "COMMERCE", e.Any(e.Operand("price")), 0.4),
        rule_of("a.percent", "MEDICAL", e.Any(e.Operand("percent")), weight),
    ]
    chosen = policy({"default": {"MEDICAL": {"LIMIT": 0.1, "REVIEW": 0.3, "SHIELD": 0.5, "BLOCK": 0.7}}})
    source = source_of([], rules, {}, chosen)
    batch = [
        {"texts": [text], "seller": seller, "channel": "default", "language": "", "day": 20000}
        for seller in SELLERS
        for text in ("好", "9元", "5%", "9元 5%")
    ]
    assert_verdicts_equal(source, RuleSet.from_bytes(bundle_of(source)), batch)


# -- shipped packs, real text ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped() -> tuple[Source, RuleSet]:
    source = load_packs(shipped_packs())
    return source, RuleSet.open(shipped_bundle())


def plain(text: str, day: int = 20454) -> dict[str, Any]:
    return {"texts": [text], "seller": Seller(), "channel": "moments", "language": "zh", "day": day}


def test_sample_posts(shipped: tuple[Source, RuleSet]) -> None:
    assert_verdicts_equal(*shipped, [plain(text) for text in thinned(sample_texts(), 64)])


def test_cases_of_the_packs(shipped: tuple[Source, RuleSet]) -> None:
    source, ruleset = shipped
    cases = [plain(case.text) for rule in source.rules for case in rule.cases]
    assert_verdicts_equal(source, ruleset, thinned(cases, 320))


@pytest.mark.corpora
@pytest.mark.skipif(CORPORA is None, reason="FAIRPOST_CORPORA is not set: left out")
def test_real_posts(shipped: tuple[Source, RuleSet]) -> None:
    assert CORPORA is not None
    lines = (Path(CORPORA) / "posts.txt").read_text("utf-8").splitlines()
    assert_verdicts_equal(*shipped, [plain(line) for line in thinned(lines, len(lines) // 20) if line])
