"""Patterns that only give context: in indexes of their own, found where a rule asks, and where everything is asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from reference.sample import ASKED, CLAIM, DISEASE, TOLD, UNREAD, rule, sample_source

from fairpost.engine import RuleSet, layout
from fairpost.engine.asking import NO_CONTEXT, SHARED, UNASKED, list_contexts, pattern_contexts
from fairpost.engine.build import build
from fairpost.engine.image import Image
from fairpost.engine.source import Cmp, Instruction, Op
from fairpost.engine.vocabulary import CATEGORIES

MEDICAL = CATEGORIES.index("MEDICAL")


@pytest.fixture(scope="module")
def sample() -> Image:
    return Image(build(sample_source()))


def test_lists(sample: Image) -> None:
    contexts = list_contexts(sample.sections)
    assert (contexts[:TOLD] == NO_CONTEXT).all()  # recognisers, triggers, what COMMERCE reads, an allow list of these
    assert contexts[[TOLD, ASKED, UNREAD]].tolist() == [MEDICAL, SHARED, UNASKED]


def test_patterns_are_in_one_index_and_say_who_asks(sample: Image) -> None:
    s = sample.sections
    of = pattern_contexts(s)
    texts = [text for text, _ in RuleSet.from_bytes(build(sample_source())).patterns()]
    found = {text: int(context) for text, context in zip(texts, of, strict=True) if text}
    assert found["根治"] == found["100%"] == NO_CONTEXT
    assert found["谣言"] == found["/据.{0,4}报道/"] == MEDICAL
    assert found["请问"] == found["求助"] == SHARED  # 求助 is in a list that no rule reads, too
    assert found["天气"] == UNASKED
    assert s["CTXI"].tolist() == [SHARED, MEDICAL, UNASKED]
    asking = s["CTXI"][s["CENT"]["flags"] >> layout.ENTRY_CONTEXT & 63]
    assert np.array_equal(np.sort(s["ENTR"]["pattern"]), np.flatnonzero(of == NO_CONTEXT))
    assert np.array_equal(np.sort(s["CENT"]["pattern"]), np.flatnonzero(of != NO_CONTEXT))
    assert np.array_equal(asking, of[s["CENT"]["pattern"]])


def test_anchors_are_where_their_pattern_is(sample: Image) -> None:
    s = sample.sections
    patterns, of = s["PATT"], pattern_contexts(s)
    assert set(of[patterns["flags"] & layout.PatternFlag.REGULAR != 0].tolist()) == {NO_CONTEXT, MEDICAL}


def test_what_rules_ask_for_is_found() -> None:
    rules = RuleSet.from_bytes(build(sample_source()))

    def fired(*texts: str) -> set[str]:
        batch = rules.check_batch([*texts], segments=[0, len(texts)])
        return {rules.rule_ids[k] for k in batch.fired_rule}

    assert fired("根治") == set()
    assert fired("根治", "据晚报报道") == {"t.told"}  # in another text of the post
    assert fired("根治是谣言") == {"t.told"}
    assert fired("请问根治吗") == {"t.told", "t.asked"}
    assert fired("请问", "根治") == {"t.told"}  # near: not in another text
    assert fired("根治，天气") == set()
    assert fired("请问，谣言") == set()


def test_hits_are_of_everything() -> None:
    rules = RuleSet.from_bytes(build(sample_source()))
    names = [name for _, name, _, _ in rules.matches("求助：请问天气，据晚报报道是谣言，根治")]
    assert names == ["asked", "unread", "asked", "unread", "told", "told", "claim"]


def test_witnesses_of_a_rule_that_holds_without_its_context() -> None:
    """An OR that a trigger decides: the hits of the other side are evidence all the same."""
    either = rule(
        "t.either", "MEDICAL", 0.5, (DISEASE,), Instruction(Op.ANY, a=1), Instruction(Op.ANY, a=5), Instruction(Op.OR)
    )
    source = replace(sample_source(), rules=[either], list_allows={})
    batch = RuleSet.from_bytes(build(source)).check_batch(["糖尿病，谣言"])
    assert batch.evidence_list.tolist() == [DISEASE, TOLD]


def test_rules_that_name_a_rule_which_asks_for_context() -> None:
    first = rule(
        "t.first", "MEDICAL", 0.5, (CLAIM,), Instruction(Op.ANY, a=0), Instruction(Op.ANY, a=5), Instruction(Op.AND)
    )
    second = rule("t.second", "ABSOLUTE", 0.5, (CLAIM,), Instruction(Op.RULE, a=0), Instruction(Op.NOT))
    rules = RuleSet.from_bytes(build(replace(sample_source(), rules=[first, second], list_allows={})))
    batch = rules.check_batch(["根治", "根治，谣言"])
    assert batch.fired_rule.tolist() == [1, 0]


def test_many_context_hits_leave_the_triggers(sample: Image) -> None:
    """Matches of context are capped apart: they take no trigger's room."""
    rules = RuleSet.from_bytes(build(sample_source()))
    batch = rules.check_batch(["请问" * 5000 + "根治"], max_characters=20_000)
    assert {rules.rule_ids[k] for k in batch.fired_rule} >= {"t.told"}
    assert batch.flags[0] & 1


@pytest.mark.parametrize("cmp", list(Cmp))
def test_rules_that_commerce_bars_are_those_that_do_not_hold(cmp: Cmp) -> None:
    """Every comparison, below, at and above its number, with and without a seller."""
    values = (0.25, 0.5)
    code = [
        (Instruction(Op.COMMERCE, cmp, value=value), *more)
        for value in values
        for more in ((), (Instruction(Op.NOT),), (Instruction(Op.ANY, a=0), Instruction(Op.AND)))
    ]
    seller = [
        (Instruction(Op.STRIKES, cmp, a=255, n=n), Instruction(Op.REGISTERED), Instruction(Op.NOT), Instruction(Op.AND))
        for n in (0, 1)
    ]
    rules = [rule("t.sell", "COMMERCE", 0.5, (DISEASE,), Instruction(Op.ANY, a=1))]
    rules += [rule("t.less", "COMMERCE", 0.25, (CLAIM,), Instruction(Op.ANY, a=0))]
    rules += [rule(f"t.{k}", "MEDICAL", 0.5, None, *steps) for k, steps in enumerate([*code, *seller])]
    batch = RuleSet.from_bytes(build(replace(sample_source(), rules=rules, list_allows={}))).check_batch(
        ["没有", "根治", "糖尿病", "根治糖尿病"]
    )
    holds = {Cmp.GE: np.greater_equal, Cmp.GT: np.greater, Cmp.LE: np.less_equal, Cmp.LT: np.less, Cmp.EQ: np.equal}[
        cmp
    ]
    for k, (commerce, claims) in enumerate([(0.0, 0), (0.25, 1), (0.5, 0), (0.625, 1)]):
        assert batch.commerce[k] == commerce
        expected = [
            answer
            for value in values
            for is_so in [bool(holds(commerce, value))]
            for answer in (is_so, not is_so, is_so and claims)
        ]
        expected += [bool(holds(0, n)) for n in (0, 1)]
        found = batch.fired_rule[batch.fired_begin[k] : batch.fired_begin[k + 1]]
        assert [number - 2 for number in found if number >= 2] == np.flatnonzero(expected).tolist()
