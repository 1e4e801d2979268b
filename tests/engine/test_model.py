"""The text model: features, validation, the logit in verdicts, the bundle's sections."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.matching import Pattern
from reference.model import buckets, logit_of
from reference.model import logistic as logistic_of_reference
from reference.model import shapes as shapes_of_reference
from reference.sample import sample_source
from reference.sources import policy, rule_of, source_of
from reference.strategies import contacts, dense, examples, random_model, texts

from fairpost.engine import InvalidBundle, RuleSet, TextModel, model_features
from fairpost.engine.build import build
from fairpost.engine.folds import DEFAULT, EVASION
from fairpost.engine.image import Image
from fairpost.engine.model import NUMBERS, WORDS, features, logistic, logit, probability, shapes_of
from fairpost.engine.scanner import available_paths, choose_path
from fairpost.engine.seal import assemble
from fairpost.engine.source import Instruction, InvalidSource, Op
from fairpost.rules import expression as e
from fairpost.rules.compiler import bundle_of
from fairpost.rules.source import ListSource

EXACT = [(1.0, 0.0), (0.013, -1.7), (-3.3e-5, 0.1), (1e15, -1e15), (0.0, 0.25)]


def bundle_with(model: TextModel | None, patterns: Sequence[Pattern] = ()) -> bytes:
    """Nothing is looked for in disguise: the model reads texts as they stand."""
    source = sample_source()
    plain = [replace(p, folds=p.folds - EVASION) for p in source.patterns]
    source = replace(source, patterns=plain)
    added = [replace(source.patterns[0], text=p.text, folds=p.folds) for p in patterns]
    return build(replace(source, model=model, patterns=[*source.patterns, *added]))


@pytest.fixture(scope="module")
def model() -> TextModel:
    return random_model(18, 0.0123, -0.75)


@pytest.fixture(scope="module")
def ruleset(model: TextModel) -> RuleSet:
    return RuleSet.from_bytes(bundle_with(model))


@pytest.fixture(params=available_paths())
def path(request: pytest.FixtureRequest) -> Iterator[str]:
    """The test runs on this path of the kernels."""
    choose_path(request.param)
    yield request.param
    choose_path()


# -- features --------------------------------------------------------------------------------------


_PIECES = ["x", "xx", "xxxx", "vx", "ab", "wx", "Ａｂ", "㎏", "1", "25", "①", "壹", " ", "-", "好", "的", "𠮷"]
WORDY = st.lists(st.sampled_from([*_PIECES, "e\u0301", "\u200b", "\ue000"]), max_size=12).map("".join)


@examples(300)
@given(text=texts | WORDY)
def test_shapes(text: str) -> None:
    shapes = shapes_of(text)
    assert shapes.dtype == np.uint16
    assert shapes.tolist() == shapes_of_reference(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("a好", [ord("a"), ord("好")]),
        ("5好12", [NUMBERS, ord("好"), NUMBERS + 1]),
        ("138-1234 5678", [NUMBERS + 7]),
        ("xxx-xxxx-xxxx", [NUMBERS + 7]),
        ("1" * 500, [NUMBERS + 9]),
        ("x月", [NUMBERS, ord("月")]),
        ("ax", [57830]),
        ("a x", [ord("a"), NUMBERS]),
        ("vx12", [55744, NUMBERS + 1]),
    ],
)
def test_what_becomes_one_shape(text: str, expected: list[int]) -> None:
    assert shapes_of(text).tolist() == expected


def test_words_are_told_by_what_touches() -> None:
    assert shapes_of("free gift").tolist() == [*shapes_of("free"), *shapes_of("gift")]
    assert shapes_of("Ｆree").tolist() == shapes_of("free").tolist() != shapes_of("freegift").tolist()
    assert all(shape in WORDS for shape in shapes_of("free gift"))


@examples(200)
@given(text=texts | WORDY, bits=st.integers(8, 22))
def test_features(text: str, bits: int) -> None:
    shapes = shapes_of(text)
    found = features(shapes, bits)
    assert found.dtype == np.uint32
    assert found.size == 2 * shapes.size
    assert Counter(found.tolist()) == Counter(buckets(shapes_of_reference(text), bits))


def test_features_to_train_on_are_those_that_serve(path: str) -> None:
    @examples(50)
    @given(batch=st.lists(texts | WORDY | dense | contacts, max_size=8), bits=st.integers(8, 22))
    def holds(batch: list[str], bits: int) -> None:
        found = model_features(batch, bits)
        assert found.shapes.tolist() == [len(shapes_of_reference(text)) for text in batch]
        for k, text in enumerate(batch):
            row = found.indices[found.indptr[k] : found.indptr[k + 1]]
            assert row.tolist() == list(buckets(shapes_of_reference(text), bits))

    holds()


def test_features_with_rules() -> None:
    rules = RuleSet.from_bytes(build(sample_source()))
    batch = ["加微信 abc12345，一盒99元", "天气", "x", ""]
    found = model_features(batch, 12, rules)
    judged = rules.check_batch(batch)
    for k in range(len(batch)):
        fired = judged.fired_rule[judged.fired_begin[k] : judged.fired_begin[k + 1]]
        expected = [int(number) for number in fired if number in rules.commerce_rules]
        assert found.signals[found.signal_indptr[k] : found.signal_indptr[k + 1]].tolist() == expected
    assert found.signals.size
    assert np.array_equal(found.commerce, judged.commerce)


def test_features_refuse_what_is_no_text() -> None:
    with pytest.raises(ValueError, match="text 1 is not UTF-8: byte 2"):
        model_features(["好", b"ab\xff"], 12)
    with pytest.raises(ValueError, match="bits is 5, expected 8 to 22"):
        model_features(["好"], 5)


def test_buckets_stay_what_they_are() -> None:
    """Trained weights are worth nothing under another hash: a change here needs a new format version."""
    unigrams, bigrams = [83928, 141715, 248852, 123767], [132886, 82019, 259903, 197591]
    assert features(shapes_of("最好 a𠮷"), 18).tolist() == unigrams + bigrams
    assert features(shapes_of("最好 a𠮷"), 8).tolist() == [bucket >> 10 for bucket in unigrams + bigrams]


def test_buckets_are_as_even_as_chance() -> None:
    """Bigrams of the characters 一 to 丗 and of ASCII: neighbours in value, where a poor hash would pile up."""
    for block in (range(0x4E00, 0x4E00 + 300), range(0x20, 0x7F)):
        pairs = np.array([(a, b) for a in block for b in block])
        used = len({int(features(pair)[2]) for pair in pairs[:: max(1, len(pairs) // 20_000)]})
        count = len(pairs[:: max(1, len(pairs) // 20_000)])
        ideal = 2**18 * (1 - (1 - 2**-18) ** count)
        assert used > 0.97 * ideal


@pytest.mark.parametrize(
    ("symbols", "bits", "message"),
    [
        ([5], 7, "bits is 7, expected 8 to 22"),
        ([5], 23, "bits is 23, expected 8 to 22"),
        ([[5]], 18, "shapes have 2 dimensions, expected 1"),
        ([0x1F34E], 18, "a shape is outside 0..65535"),
        ([-1], 18, "a shape is outside 0..65535"),
    ],
)
def test_features_of_no_shapes(symbols: Any, bits: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        features(symbols, bits)


# -- the model as an object ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weights", "scale", "bias", "error", "message"),
    [
        (np.zeros(256, np.int16), 1, 0, TypeError, "weights are int16, expected int8"),
        (np.zeros((16, 16), np.int8), 1, 0, ValueError, "weights have 2 dimensions, expected 1"),
        (np.zeros(0, np.int8), 1, 0, ValueError, r"0 weights, expected a power of two from 2\*\*8 to 2\*\*22"),
        (np.zeros(128, np.int8), 1, 0, ValueError, "128 weights, expected a power of two"),
        (np.zeros(300, np.int8), 1, 0, ValueError, "300 weights, expected a power of two"),
        (np.zeros(1 << 23, np.int8), 1, 0, ValueError, "8388608 weights, expected a power of two"),
        (np.zeros(256, np.int8), np.nan, 0, ValueError, r"scale is nan, expected a number from -1e\+15 to 1e\+15"),
        (np.zeros(256, np.int8), 1, np.inf, ValueError, "bias is inf, expected a number"),
        (np.zeros(256, np.int8), 1, 2e15, ValueError, r"bias is 2e\+15, expected a number"),
    ],
)
def test_a_model_that_cannot_be(weights: Any, scale: float, bias: float, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        TextModel(weights, scale, bias)


def test_a_model_is_a_value() -> None:
    weights = np.zeros(256, np.int8)
    one = TextModel(weights, 1, 0)
    weights[3] = 1
    assert one == TextModel(np.zeros(256, np.int8), 1.0, 0.0)
    assert hash(one) == hash(TextModel(np.zeros(256, np.int8), 1.0, 0.0))
    assert one != TextModel(weights, 1, 0)
    assert one != 1
    assert one.bits == 8
    with pytest.raises(ValueError, match="read-only"):
        one.weights[0] = 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"signals": {"a.b": -0.1}}, "the signal of rule a.b is -0.1, expected a number from 0 to 32"),
        ({"signals": {"a.b": np.nan}}, "the signal of rule a.b is nan"),
        ({"signal_scale": 33}, "signal_scale is 33, expected a number from 0 to 32"),
        ({"length": np.inf}, "length is inf, expected a number"),
    ],
)
def test_what_cannot_be_added(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TextModel(np.zeros(256, np.int8), 1, 0, **given)


@pytest.mark.parametrize(("shapes", "share"), [(1, 0), (12, 0), (13, 1), (47, 35), (48, 36), (5000, 36)])
def test_a_long_post_has_more_added(path: str, shapes: int, share: int) -> None:
    model = TextModel(np.zeros(256, np.int8), 1, -1, length=1.8)
    assert model.length == float(np.float32(1.8))
    assert model != TextModel(np.zeros(256, np.int8), 1, -1)
    assert TextModel.of_sections(model.sections()) == model
    judged = RuleSet.from_bytes(bundle_with(model)).check("字" * shapes).model
    assert judged == np.float32(-1 + model.length * share / 36)


def test_signals_are_values_too() -> None:
    weights = np.zeros(256, np.int8)
    one = TextModel(weights, 1, 0, {"a.b": 0.3})
    assert one.signals == {"a.b": 77 / 256}
    assert one == TextModel(weights, 1, 0, {"a.b": 0.3001}) != TextModel(weights, 1, 0, {"a.b": 0.5})
    assert one != TextModel(weights, 1, 0)
    assert one.signal("a.b", 0.9) == 77 / 256
    assert one.signal("a.new", 0.5) == round(np.log(2) * 256) / 256
    assert one.signal("a.new", 1.0) == round(9 * np.log(10) * 256) / 256


@examples(500)
@given(value=st.floats(-100, 100))
def test_logistic(value: float) -> None:
    assert logistic(value) == logistic_of_reference(value)
    assert logistic(value) == pytest.approx(1 / (1 + np.exp(-min(max(value, -40.0), 40.0))), rel=1e-12)
    assert logistic(value) + logistic(-value) == pytest.approx(1.0, abs=1e-15)
    assert np.float32(logistic(value + 1 / 256)) >= np.float32(logistic(value))


def test_probability() -> None:
    assert probability([0.0, -2000.0, 2000.0]).tolist() == [0.5, 0.0, 1.0]
    assert probability(np.float32(np.log(9))) == pytest.approx(0.9)


# -- verdicts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scale", "bias"), EXACT)
def test_logits_bit_for_bit(path: str, scale: float, bias: float) -> None:
    model = random_model(12, scale, bias)
    judged = RuleSet.from_bytes(bundle_with(model))

    @examples(50)
    @given(batch=st.lists(st.lists(texts | dense | contacts, min_size=1, max_size=3), min_size=1, max_size=8))
    def holds(batch: list[list[str]]) -> None:
        result = judged.check_batch(
            [text for post in batch for text in post], segments=np.cumsum([0, *(len(post) for post in batch)])
        )
        assert result.model.dtype == np.float32
        for k, post in enumerate(batch):
            expected = logit_of(model, post) if any(post) else np.float32(0)
            assert result.model[k].tobytes() == expected.tobytes(), post
            if any(post):
                assert model.logit(post).tobytes() == expected.tobytes()

    holds()


@examples(100)
@given(text=texts | dense)
def test_one_post_has_the_logit_of_a_batch(ruleset: RuleSet, text: str) -> None:
    if text:
        verdict = ruleset.check(text)
        assert verdict.model == ruleset.check_batch([text]).model[0] == ruleset.check_batch([text])[0].model


def test_the_patterns_of_a_bundle_do_not_change_a_logit(path: str, model: TextModel) -> None:
    """A character above U+FFFF gets a symbol of its own where a pattern has it."""
    text = "𠮷野家の𠮷祥 𠮷𡈽"
    other = RuleSet.from_bytes(bundle_with(model, [Pattern("𠮷野", DEFAULT), Pattern("𡈽", DEFAULT)]))
    assert other.check(text).model == RuleSet.from_bytes(bundle_with(model)).check(text).model
    assert np.float32(other.check(text).model) == model.logit([text])


@pytest.mark.parametrize("bits", [8, 18, 22])
def test_texts_of_every_length(path: str, bits: int) -> None:
    """Every 16-bit character, every length round a vector's, and a text of 100,000 characters."""
    model = random_model(bits, 0.0123, -0.75)
    plane = [chr(code) for code in range(0x10000) if not 0xD800 <= code < 0xE000]
    chance = random.Random(bits)
    posts = ["".join(chance.choices(plane, k=length)) for length in (*range(1, 140), 5000, 100_000)]
    posts += ["".join(plane[begin : begin + 5000]) for begin in range(0, len(plane), 5000)]
    result = RuleSet.from_bytes(bundle_with(model)).check_batch(posts)
    assert result.model.tobytes() == np.array([model.logit([text]) for text in posts]).tobytes()


def test_extreme_weights_add_up(path: str) -> None:
    model = TextModel(np.full(256, -128, np.int8), 1.0, 0.0)
    text = "好" * 100_000
    assert RuleSet.from_bytes(bundle_with(model)).check(text).model == logit(-128 * 200_000, 100_000, 1.0, 0.0)


def test_posts_without_a_logit(ruleset: RuleSet, sample_ruleset: RuleSet) -> None:
    assert ruleset.has_model
    assert not sample_ruleset.has_model
    assert sample_ruleset.check("好").model is None
    assert sample_ruleset.check_batch(["好", "坏"]).model.tolist() == [0.0, 0.0]
    batch = ruleset.check_batch(["好", b"\xff", "", "坏"])
    assert batch.model[1] == batch.model[2] == 0.0
    assert batch.model[0] == ruleset.check("好").model
    assert batch.model[3] == ruleset.check("坏").model
    marks = ruleset.check("\u200b")  # nothing is left of it: no features, the bias alone
    assert marks.model == -0.75


@pytest.mark.parametrize("mode", ["enforce", "shadow"])
def test_commerce_is_a_probability_where_the_model_has_signals(mode: str) -> None:
    model = replace(random_model(10, 0.02, -1.0), signals={"a.known": 2.5}, signal_scale=2.0)
    lists = [ListSource("a.sale", ("包邮",), DEFAULT, True), ListSource("a.price", ("一盒",), DEFAULT, True)]
    rules = [
        replace(rule_of("a.known", "COMMERCE", e.Any(e.Operand("a.sale")), 0.5), mode=mode),
        rule_of("a.new", "COMMERCE", e.Any(e.Operand("a.price")), 0.5),
        rule_of("a.sells", "DIVERT", e.Commerce(">=", 0.5), 0.2),
    ]
    source = source_of(lists, rules, {}, policy({}), model)
    judged = RuleSet.from_bytes(bundle_of(source))
    for text in ("包邮", "一盒", "一盒包邮", "天气很好", "好"):
        verdict = judged.check(text)
        total = float(model.logit([text])) + 2.5 * ("包邮" in text and mode == "enforce")
        total += round(2 * np.log(2) * 256) / 256 * ("一盒" in text)
        assert np.float32(verdict.commerce) == np.float32(logistic(total))
        assert ("DIVERT" in [label.category for label in verdict.labels]) == (np.float32(verdict.commerce) >= 0.5)


# -- conditions ------------------------------------------------------------------------------------


@pytest.mark.parametrize("cmp", e.COMPARISONS)
def test_a_condition_asks_the_model(cmp: str) -> None:
    model = random_model(8, 0.01, 0.0)
    at = float(model.logit(["最好"]))
    rules = [rule_of("a.model", "ABSOLUTE", e.Model(cmp, at), 0.5)]
    judged = RuleSet.from_bytes(bundle_of(source_of([], rules, {}, policy({}), model)))
    fired = judged.check_batch(["最好", "好", "一般", "天气"])
    for k, text in enumerate(["最好", "好", "一般", "天气"]):
        expected = e.compare(float(model.logit([text])), cmp, at)
        assert (fired.fired_begin[k + 1] > fired.fired_begin[k]) == expected


def test_a_condition_without_a_model_is_not_built() -> None:
    source = sample_source()
    rule = replace(source.rules[0], code=[Instruction(Op.MODEL)])
    message = f"rule {rule.id}: its condition reads `model`, and there is no text model"
    with pytest.raises(InvalidSource, match=message):
        build(replace(source, rules=[rule, *source.rules[1:]]))


# -- the bundle ------------------------------------------------------------------------------------


def test_sections_hold_the_model(model: TextModel) -> None:
    sections = Image(bundle_with(model)).sections
    assert TextModel.of_sections(sections) == model
    assert TextModel.of_sections(Image(bundle_with(None)).sections) is None


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("bits", 23, "section MODP: 23 bits, expected 8 to 22"),
        ("bits", 17, "section MODW: 262144 weights, expected 131072"),
        ("scale", np.nan, "section MODP: scale is out of range"),
        ("bias", 1e16, "section MODP: bias is out of range"),
        ("length", np.nan, "section MODP: length is out of range"),
    ],
)
def test_a_forged_model_is_refused(model: TextModel, field: str, value: float, message: str) -> None:
    sections = dict(Image(bundle_with(model)).sections)
    sections["MODP"] = sections["MODP"].copy()
    sections["MODP"][field] = value
    with pytest.raises(InvalidBundle, match=message):
        RuleSet.from_bytes(assemble(sections))


def test_forged_sections_are_refused(model: TextModel) -> None:
    with_model, without = dict(Image(bundle_with(model)).sections), dict(Image(bundle_with(None)).sections)
    asking = with_model["CODE"].copy()
    asking["op"][0] = Op.MODEL
    for sections, message in (
        (without | {"MODW": with_model["MODW"]}, "section MODW: 262144 weights without a model"),
        (with_model | {"MODP": np.repeat(with_model["MODP"], 2)}, "section MODP: 2 records, expected 1"),
        (without | {"CODE": asking}, "section CODE: rule 0: reads the text model, and there is none"),
    ):
        with pytest.raises(InvalidBundle, match=message):
            RuleSet.from_bytes(assemble(sections))


@pytest.mark.parametrize(
    ("signals", "message"),
    [
        ([0.0], "section MODR: 1 signals, expected"),
        (lambda count: [-1.0] + [0.0] * (count - 1), "section MODR: a signal is outside 0..32"),
        (lambda count: [np.nan] + [0.0] * (count - 1), "section MODR: a signal is outside 0..32"),
        (lambda count: [0.001] + [0.0] * (count - 1), "section MODR: a signal is no multiple of 1/256"),
        (lambda count: [0.0] * (count - 1) + [1.0], "section MODR: a rule that is not COMMERCE has a signal"),
    ],
)
def test_forged_signals_are_refused(model: TextModel, signals: Any, message: str) -> None:
    sections = dict(Image(bundle_with(replace(model, signals={}))).sections)
    count = sections["RULE"].size
    assert sections["MODR"].size == count
    sections["MODR"] = np.array(signals(count) if callable(signals) else signals)
    with pytest.raises(InvalidBundle, match=message):
        RuleSet.from_bytes(assemble(sections))
    without = dict(Image(bundle_with(None)).sections) | {"MODR": np.zeros(count)}
    with pytest.raises(InvalidBundle, match=f"section MODR: {count} signals without a model"):
        RuleSet.from_bytes(assemble(without))
