"""A shadow rule changes nothing of a verdict, to the last bit: only its own evidence and its own firing are there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from reference.batches import check
from reference.sources import rule_of
from reference.strategies import examples, posts, sources

from fairpost.engine import Flag, RuleSet, VerdictBatch
from fairpost.engine.build import build
from fairpost.engine.folds import DEFAULT
from fairpost.engine.layout import Op
from fairpost.engine.source import Instruction, Pattern, Policy, Rule, RuleSetSource
from fairpost.engine.vocabulary import MAX_CATEGORIES, RECOGNISERS
from fairpost.rules import bundle_of
from fairpost.rules import expression as e
from fairpost.rules.source import Source

FIXED = ("status", "status_offset", "status_text", "action", "risk", "commerce", "exposure", "model", "flags")


def columns(batch: VerdictBatch, name: str = "") -> dict[str, Any]:
    """All columns of a batch, without what rule `name` has in them."""
    number = batch.ruleset.rule_ids.index(name) if name else -1
    found: dict[str, Any] = {column: getattr(batch, column).tolist() for column in FIXED}
    found["labels"] = [batch[k].labels for k in range(len(batch))]
    ids = batch.ruleset.rule_ids
    fired = batch.fired_rule != number
    owner = np.repeat(np.arange(len(batch)), np.diff(batch.fired_begin))
    found["fired"] = [(int(k), ids[rule]) for k, rule in zip(owner[fired], batch.fired_rule[fired], strict=True)]
    found["evidence"] = [[x for x in batch.evidence(k) if x.rule != name] for k in range(len(batch))]
    return found


CONDITIONS: list[e.Node] = [
    e.Any(e.Operand("a.one")),
    e.Not(e.Any(e.Operand("a.two"))),
    e.Near(e.Operand("a.one"), e.Operand("b.three"), 3),
    e.Count(e.Operand("b.three", "a.one", 2), True, ">=", 1),
    e.Or((e.Unregistered(), e.Channel("moments"))),
]


@examples(80)
@given(
    source=sources(),
    batch=st.lists(posts(), min_size=1, max_size=6),
    condition=st.sampled_from(CONDITIONS),
    category=st.sampled_from(["COMMERCE", "MEDICAL", "DIVERT"]),
    last=st.booleans(),
    group=st.sampled_from([None, "a.x"]),
)
def test_a_shadow_rule_more(
    source: Source, batch: list[dict[str, Any]], condition: e.Node, category: str, last: bool, group: str | None
) -> None:
    extra = rule_of(
        "a.extra", category, condition, weight=1.0, severity="critical", mode="shadow", group=group,
    )  # fmt: skip
    # First or last of its kind: COMMERCE rules stand before all others.
    commerce = [rule for rule in source.rules if rule.category == "COMMERCE"]
    others = [rule for rule in source.rules if rule.category != "COMMERCE"]
    own = commerce if category == "COMMERCE" else others
    own.insert(len(own) if last else 0, extra)
    without = RuleSet.from_bytes(bundle_of(source))
    with_extra = RuleSet.from_bytes(bundle_of(replace(source, rules=(*commerce, *others))))
    batch = [post for post in batch if any(post["texts"])] or batch
    assert columns(check(with_extra, batch), "a.extra") == columns(check(without, batch))


def rule(name: str, mode: int, code: list[Instruction], list_id: int) -> Rule:
    return Rule(name, 1, 1, mode, 0.5, -1, -(2**31), 2**31 - 1, (list_id,), code)


def built(rules: list[Rule], operands: int) -> RuleSet:
    """Two lists, 甲 and 乙; operand k is list k % 2."""
    first = len(RECOGNISERS)
    thresholds = np.full((1, MAX_CATEGORIES, 5), np.inf, np.float32)
    exposure = dict.fromkeys(
        ("limit", "review", "unregistered", "clean", "per_year", "per_strike", "max", "commerce", "per_complaint"), 0.0
    )
    return RuleSet.from_bytes(
        build(
            RuleSetSource(
                patterns=[Pattern(word, DEFAULT, False, (first + k,)) for k, word in enumerate("甲乙")],
                lists=[*RECOGNISERS, "one", "two"],
                list_allows={},
                operands=[(first + k % 2, -1, 0) for k in range(operands)],
                rules=rules,
                channels=["default"],
                languages=[""],
                policy=Policy([0.1, 0.2, 0.3, 0.4], [], thresholds, {**exposure, "clean_risk": 0.0}),
                meta={},
            )
        )
    )


def test_pairs_that_a_shadow_rule_looks_at_are_missing_to_no_other() -> None:
    """The post is crafted: `甲` 2,000 times, `乙` 2,000 times, never near; a rule looks at millions of pairs."""
    first = len(RECOGNISERS)
    near = [Instruction(Op.NEAR, a=0, b=1, n=1)]
    some = [Instruction(Op.NEAR, a=0, b=1, n=4000), Instruction(Op.ANY, a=0), Instruction(Op.AND)]
    text = "甲" * 2000 + "丙" * 50 + "乙" * 2000
    alone = built([rule("r.some", 0, some, first)], 2).check_batch([text])
    shadowed = built([rule("r.greedy", 1, near, first), rule("r.some", 0, some, first)], 2).check_batch([text])
    greedy = built([rule("r.greedy", 0, near, first), rule("r.some", 0, some, first)], 2).check_batch([text])
    assert greedy.flags[0] & Flag.WORK_CAPPED
    assert not alone.flags[0]
    assert len(alone.fired_rule) == 1
    assert columns(shadowed, "r.greedy") == columns(alone)


def test_evidence_of_shadow_rules_leaves_room_for_the_others() -> None:
    """400 rules with four witnesses each are more than a verdict holds."""
    first = len(RECOGNISERS)
    code = [Instruction(Op.ANY, a=0)]
    shadows = [rule(f"r.{k}", 1, code, first) for k in range(400)]
    text = "甲丙甲丙甲丙甲丙甲"
    batch = built([*shadows, rule("r.own", 0, code, first)], 1).check_batch([text])
    assert not batch.flags[0]
    assert [x.rule for x in batch.evidence(0) if not x.shadow] == ["r.own"] * 4
    assert 1000 < int(batch.evidence_shadow.sum()) <= 1024
    enforced = [rule(f"r.{k}", 0, code, first) for k in range(400)]
    assert built(enforced, 1).check_batch([text]).flags[0] == Flag.EVIDENCE_CAPPED
