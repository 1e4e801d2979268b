"""Scores are monotone: more evidence never lowers risk or raises exposure; strikes and complaints never raise it.

Numbers are compared with `<=`, not approximately: the order of factors is fixed, so the last bit holds too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairpost.engine import RuleSet, Verdict
from fairpost.engine.build import build
from fairpost.engine.folds import DEFAULT
from fairpost.engine.source import Cmp, Instruction, Op, Pattern, Policy, Rule, RuleSetSource
from fairpost.engine.vocabulary import CATEGORIES, ENFORCEMENT, LISTING, MAX_CATEGORIES, RECOGNISERS, STANDING_DTYPE
from fairpost.rules import load_packs, shipped_bundle, shipped_packs

WORDS = [chr(0x4E00 + k) * 2 for k in range(40)]
"""Rule number k fires where word number k stands."""
DAY = 20454
fractions = st.sampled_from([0.05, 0.1, 0.3, 0.45, 0.7, 0.85, 0.99, 1.0]) | st.floats(0.001, 1.0)


@dataclass(frozen=True)
class Scored:
    """A rule set of rules that fire by a word each, and the words in order."""

    ruleset: RuleSet
    count: int

    def check(self, chosen: set[int], seller: Any = None) -> Verdict:
        text = "。".join(WORDS[k] for k in sorted(chosen)) or "。"
        return self.ruleset.check(text, seller=seller, day=DAY)


@st.composite
def rule_sets(draw: st.DrawFn) -> Scored:
    categories = ["COMMERCE", "ABSOLUTE", "MEDICAL"]
    count = draw(st.integers(1, 10))
    caps = draw(st.lists(fractions, min_size=1, max_size=3))
    first = len(RECOGNISERS)
    chosen = sorted(draw(st.lists(st.integers(0, 2), min_size=count, max_size=count)))
    rules = [
        Rule(
            id=f"r{k}",
            category=CATEGORIES.index(categories[category]),
            severity=draw(st.integers(0, 3)),
            mode=draw(st.sampled_from([0, 0, 0, 1])),
            weight=draw(fractions),
            group=draw(st.integers(-1, len(caps) - 1)),
            from_day=-(2**31),
            until_day=2**31 - 1,
            triggers=(first + k,),
            code=(Instruction(Op.ANY, Cmp.GE, k, 0, 0, 0.0),),
        )
        for k, category in enumerate(chosen)
    ]
    thresholds = np.full((1, MAX_CATEGORIES, 5), np.inf, dtype=np.float32)
    for category in categories[1:]:
        ladder = sorted(draw(st.lists(fractions, min_size=4, max_size=4)))
        thresholds[0, CATEGORIES.index(category), 1:] = ladder
    review, limit, floor = sorted(draw(st.lists(st.floats(0, 1), min_size=3, max_size=3)))
    clean = draw(st.floats(1, 2))
    exposure = {
        "review": review,
        "limit": limit,
        "unregistered": draw(st.sampled_from([floor, 1.0])),
        "floor": floor,
        "clean": clean,
        "max": draw(st.sampled_from([clean, clean + 0.5])),
        "per_year": draw(st.floats(0, 0.2)),
        "per_strike": draw(st.floats(0, 0.3)),
        "per_complaint": draw(st.floats(0, 0.1)),
        "clean_risk": draw(st.floats(0, 1)),
        "commerce": draw(fractions),
    }
    source = RuleSetSource(
        patterns=[Pattern(word, DEFAULT, True, (first + k,)) for k, word in enumerate(WORDS[:count])],
        lists=[*RECOGNISERS, *(f"list {k}" for k in range(count))],
        list_allows={},
        operands=[(first + k, -1, 0) for k in range(count)],
        rules=rules,
        channels=["default"],
        languages=[""],
        policy=Policy(sorted(draw(st.lists(fractions, min_size=4, max_size=4))), caps, thresholds, exposure),
        meta={"name": "test", "rules": [], "laws": {}, "packs": []},
    )
    return Scored(RuleSet.from_bytes(build(source)), count)


def standing(**fields: Any) -> Any:
    row = np.zeros(1, STANDING_DTYPE)
    row["registration"] = 2
    for name, value in fields.items():
        if name == "strikes":
            row["strikes"][0, CATEGORIES.index("MEDICAL")] = value
        else:
            row[name] = value
    return row


standings = st.builds(
    standing,
    registration=st.sampled_from([2, 2, 2, 0, 3]),
    tenure_days=st.integers(0, 9000),
    strikes=st.integers(0, 20),
    complaints=st.integers(0, 254),
    enforcement=st.sampled_from(range(len(ENFORCEMENT))),
    listing=st.sampled_from(range(len(LISTING))),
)


def scores(verdict: Verdict) -> dict[str, float]:
    return {label.category: label.score for label in verdict.labels}


@settings(max_examples=80, deadline=None)
@given(scored=rule_sets(), seller=st.none() | standings, choice=st.randoms(use_true_random=False))
def test_more_evidence_never_lowers_risk_and_never_raises_exposure(scored: Scored, seller: Any, choice: Any) -> None:
    """Rules are added one by one, in any order: violations (COMMERCE is no violation, and is fixed first)."""
    meta = scored.ruleset.meta
    assert meta["rule_ids"] == [f"r{k}" for k in range(scored.count)]
    signals = {k for k in range(scored.count) if scored.ruleset.check(WORDS[k], day=DAY).commerce > 0}
    found = {k for k in signals if choice.random() < 0.5}
    before = scored.check(found, seller)
    order = [k for k in range(scored.count) if k not in signals]
    choice.shuffle(order)
    for k in order:
        found = found | {k}
        after = scored.check(found, seller)
        assert after.risk >= before.risk
        assert after.action >= before.action
        assert after.exposure <= before.exposure
        for category, score in scores(before).items():
            assert scores(after)[category] >= score
        before = after


@settings(max_examples=60, deadline=None)
@given(scored=rule_sets(), choice=st.randoms(use_true_random=False))
def test_more_signals_never_lower_commerce(scored: Scored, choice: Any) -> None:
    found: set[int] = set()
    before = scored.check(found)
    order = list(range(scored.count))
    choice.shuffle(order)
    for k in order:
        found = found | {k}
        after = scored.check(found)
        assert after.commerce >= before.commerce
        before = after


@settings(max_examples=80, deadline=None)
@given(
    scored=rule_sets(),
    seller=standings,
    chosen=st.sets(st.integers(0, 9)),
    field=st.sampled_from(["strikes", "complaints", "enforcement", "listing"]),
)
def test_a_strike_or_complaint_never_raises_exposure(scored: Scored, seller: Any, chosen: set[int], field: str) -> None:
    worse = seller.copy()
    if field == "strikes":
        worse["strikes"][0, CATEGORIES.index("ABSOLUTE")] += 1
    elif field == "complaints":
        worse["complaints"] += 1
    elif field == "enforcement":
        worse["enforcement"] = np.minimum(seller["enforcement"] + 1, len(ENFORCEMENT) - 1)
    else:
        worse["listing"] = LISTING.index("blacklisted")
    found = {k for k in chosen if k < scored.count}
    assert scored.check(found, worse).exposure <= scored.check(found, seller).exposure


@settings(max_examples=60, deadline=None)
@given(scored=rule_sets(), seller=standings, chosen=st.sets(st.integers(0, 9)), days=st.integers(1, 5000))
def test_exposure_grows_with_tenure_and_is_bounded(scored: Scored, seller: Any, chosen: set[int], days: int) -> None:
    older = seller.copy()
    older["tenure_days"] += days
    found = {k for k in chosen if k < scored.count}
    young, old = scored.check(found, seller), scored.check(found, older)
    assert young.exposure <= old.exposure
    most = max(2.5, 1.0)
    assert 0.0 <= young.exposure <= most
    assert 0.0 <= old.exposure <= most


# -- the shipped policy ----------------------------------------------------------------------------------------------

OFFER = "新到云南普洱茶饼，一饼88元包邮，要的私聊下单"


@pytest.fixture(scope="module")
def shipped() -> RuleSet:
    return RuleSet.open(shipped_bundle())


@pytest.mark.parametrize(
    ("fields", "exposure"),
    [
        ({}, 1.2),
        ({"tenure_days": 731}, 1.2 + 0.05 * 731 / 365.25),
        ({"tenure_days": 9000}, 1.5),
        ({"tenure_days": 9000, "strikes": 2}, 1.3),
        ({"tenure_days": 9000, "complaints": 5}, 1.4),
        ({"strikes": 1, "complaints": 5}, 1.0),
        ({"strikes": 3}, 0.9),
        ({"strikes": 20}, 0.5),
        ({"complaints": 255}, 0.5),
    ],
)
def test_exposure_of_a_clean_offer(shipped: RuleSet, fields: dict[str, Any], exposure: float) -> None:
    verdict = shipped.check(OFFER, seller=standing(licences=0xFFFFFFFF, **fields), channel="moments", day=DAY)
    assert verdict.action.name == "ALLOW"
    assert verdict.risk <= 0.12
    assert verdict.exposure == pytest.approx(exposure)


def test_a_strike_never_raises_exposure_of_a_sample_post(shipped: RuleSet) -> None:
    """With the rules that read strikes, which the properties above do not have."""
    texts = [case.text for rule in load_packs(shipped_packs()).rules for case in rule.cases][::7]
    previous: Any = None
    for strikes in range(6):
        row = standing(licences=0xFFFFFFFF, strikes=strikes, tenure_days=800)
        sellers = np.zeros(len(texts), dtype=np.int32)
        exposure = shipped.check_batch(texts, sellers=sellers, standings=row, days=DAY).exposure
        if previous is not None:
            assert (exposure <= previous).all()
        previous = exposure


def test_the_shipped_policy_is_in_order() -> None:
    policy = load_packs(shipped_packs()).policy.exposure
    assert policy.review <= policy.limit <= policy.unregistered < 1 < policy.clean <= policy.max
    assert policy.limit <= policy.floor < 1
