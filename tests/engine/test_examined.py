"""Posts of which no window may sell anything are not looked through; a claim in a long story is found by its window."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.model import passages, window_of
from reference.restoring import restore, words_of_lists
from reference.sources import policy, rule_of, source_of
from reference.strategies import examples

from fairpost.engine import RuleSet
from fairpost.engine.folds import DEFAULT, EVASION
from fairpost.engine.model import TextModel, features, shapes_of
from fairpost.rules import bundle_of
from fairpost.rules import expression as e
from fairpost.rules.problems import Place
from fairpost.rules.source import ListSource, Source

EVERYDAY = "今天下雨在家看书喝茶听音乐给花浇水"
OFFER = "根治糖尿病下单包邮"


def model() -> TextModel:
    """Every character of OFFER weighs for selling, every one of EVERYDAY against it."""
    weights = np.zeros(1 << 16, dtype=np.int8)
    for text, weight in ((EVERYDAY, -60), (OFFER, 60)):
        for shape in shapes_of(text):
            weights[features([int(shape)], 16)[0]] = weight
    return TextModel(weights, 0.01, 0.0)


def source(least: float | None, condition: e.Node, folds: frozenset[str] = DEFAULT) -> Source:
    words = [
        ListSource(name, tuple(found), folds, True, (), Place("test.yaml"))
        for name, found in (("a.cure", ["根治"]), ("a.deal", ["包邮"]))
    ]
    chosen = policy({"default": {"MEDICAL": {"LIMIT": 0.3}}}).model_copy(update={"examined_from": least})
    return source_of(words, [rule_of("a.claim", "MEDICAL", condition, 0.5)], {}, chosen, model())


CURE = e.Any(e.Operand("a.cure"))


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return RuleSet.from_bytes(bundle_of(source(0.0, CURE)))


def acts(rules: RuleSet, *texts: str) -> bool:
    return bool(rules.check_batch(list(texts), segments=[0, len(texts)]).action[0])


def test_what_is_not_examined_has_no_hits(rules: RuleSet) -> None:
    hidden = "根治" + EVERYDAY
    assert window_of(model(), [hidden]) < 0
    assert not acts(rules, hidden)
    assert rules.hits([hidden])[0].size == 0
    assert acts(RuleSet.from_bytes(bundle_of(source(None, CURE))), hidden)


def test_a_claim_in_a_long_story_is_found(rules: RuleSet) -> None:
    story = EVERYDAY * 6 + OFFER * 3 + EVERYDAY * 6
    logit = rules.check(story).model
    assert logit is not None
    assert logit < 0
    assert acts(rules, story)
    assert not acts(rules, EVERYDAY * 6 + "根治" + EVERYDAY * 6)


def test_one_text_of_a_post_opens_the_others(rules: RuleSet) -> None:
    hidden = "根治" + EVERYDAY
    assert acts(rules, hidden, "下单包邮")
    assert acts(rules, "下单包邮", hidden)
    assert not acts(rules, hidden, EVERYDAY)


def test_context_of_a_rule_without_triggers_is_not_taken_from_another_post() -> None:
    """Kept crash: the rule reads a list in every post, and the matches of the post before were taken for this one's."""
    condition = e.And((e.Not(e.Any(e.Operand("a.deal"))), e.Not(CURE)))
    rules = RuleSet.from_bytes(bundle_of(source(0.0, condition)))
    texts = [OFFER * 8, EVERYDAY, OFFER * 30, EVERYDAY * 3, "好"] * 40
    batch = rules.check_batch(texts)
    assert batch.action.tolist() == [rules.check(text).action for text in texts] == [0, 1, 0, 1, 1] * 40


def test_a_text_without_characters(rules: RuleSet) -> None:
    assert rules.check("，。").action == 0
    assert rules.check_batch(["", OFFER]).action.tolist() == [0, 1]


def test_only_windows_that_may_sell_are_read() -> None:
    rules = RuleSet.from_bytes(bundle_of(source(0.0, CURE, DEFAULT | EVASION)))
    offer, story = "根智糖尿病gen zhi❤️下单包邮" * 3, EVERYDAY * 6
    assert rules.restored(offer + story) == "根治糖尿病根治下单包邮" * 3 + story
    assert rules.restored(story + "根智❤️" + story + offer) == story + "根智" + story + "根治糖尿病根治下单包邮" * 3
    assert rules.restored(story + "根智" + story) is None


PIECES = st.sampled_from(
    [
        EVERYDAY,
        EVERYDAY * 3,
        OFFER,
        OFFER * 2,
        "根智",
        "gen zhi",
        "氵台",
        "根治治治",
        "包油",
        "📦邮",
        "138xxxx5678",
        "SPF50",
        "㎏",
        "，",
    ]
)


@pytest.fixture(scope="module")
def disguised() -> tuple[Source, RuleSet]:
    made = source(0.0, CURE, DEFAULT | EVASION | {"repeat"})
    return made, RuleSet.from_bytes(bundle_of(made))


@examples(150)
@given(pieces=st.lists(PIECES, max_size=16))
def test_passages_are_read_as_the_reference_reads_them(disguised: tuple[Source, RuleSet], pieces: list[str]) -> None:
    made, rules = disguised
    text = "".join(pieces)
    meant = restore(text, words_of_lists(made.lists), passages(model(), text, 0.0))
    assert rules.restored(text) == (None if meant is None else meant.folded.string)
