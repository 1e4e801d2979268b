"""Triggers are sound: where a condition holds, one of its trigger lists has a hit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairpost.engine import RuleSet
from fairpost.engine.build import build
from fairpost.rules import expression as e
from fairpost.rules import load_packs, shipped_bundle, shipped_packs
from fairpost.rules.compiler import lower
from fairpost.rules.source import ListSource
from fairpost.rules.triggers import trigger_lists

DATA = Path(__file__).resolve().parent.parent / "data" / "packs"
NAMES = ["a.one", "a.two", "a.three", "price"]
LISTS = {
    name: ListSource(name, tuple("甲乙丙丁"[: size + 1]), frozenset(), True)
    for size, name in enumerate(NAMES)
    if name != "price"
}


@dataclass(frozen=True)
class Post:
    """Hits as (begin, end, pattern) by list, and the truth of everything that is no hit."""

    hits: dict[str, list[tuple[int, int, int]]]
    other: bool
    commerce: float
    fired: frozenset[str]


def hits_of(x: e.Operand, post: Post) -> list[tuple[int, int, int]]:
    found = post.hits.get(x.list, [])
    if x.free_of is None:
        return found
    return [h for h in found if not any(o[1] <= h[0] <= o[1] + x.within for o in post.hits.get(x.free_of, []))]


def holds(node: e.Node, post: Post) -> bool:
    match node:
        case e.Any(x):
            return bool(hits_of(x, post))
        case e.Count(x, distinct, cmp, n):
            found = hits_of(x, post)
            return e.compare(len({h[2] for h in found}) if distinct else len(found), cmp, n)
        case e.Near(x, y, n):
            return any(
                max(0, max(p[0], q[0]) - min(p[1], q[1])) <= n for p in hits_of(x, post) for q in hits_of(y, post)
            )
        case e.Before(x, y, n):
            return any(p[1] <= q[0] <= p[1] + n for p in hits_of(x, post) for q in hits_of(y, post))
        case e.RuleFired(rule):
            return rule in post.fired
        case e.Commerce(cmp, value):
            return e.compare(post.commerce, cmp, value)
        case e.Not(x):
            return not holds(x, post)
        case e.And(xs):
            return all(holds(x, post) for x in xs)
        case e.Or(xs):
            return any(holds(x, post) for x in xs)
        case _:
            return post.other


@pytest.mark.parametrize("packs", [DATA, shipped_packs()], ids=["small", "shipped"])
def test_triggers_change_no_verdict(packs: Path) -> None:
    """Every rule evaluated on every post gives what its triggers give."""
    source = load_packs(packs)
    lowered = lower(source)
    always = replace(lowered, rules=[replace(rule, triggers=None) for rule in lowered.rules])
    texts = [case.text for rule in source.rules for case in rule.cases]
    compiled = RuleSet.open(shipped_bundle()) if packs == shipped_packs() else RuleSet.from_bytes(build(lowered))
    by_trigger, by_all = (each.check_batch(texts, days=20454) for each in (compiled, RuleSet.from_bytes(build(always))))
    assert by_trigger.fired_rule.tolist() == by_all.fired_rule.tolist()
    assert by_trigger.fired_begin.tolist() == by_all.fired_begin.tolist()
    assert by_trigger.action.tolist() == by_all.action.tolist()


names = st.sampled_from(NAMES)
operand = st.builds(e.Operand, names) | st.builds(e.Operand, names, names, st.integers(0, 3))
comparison = st.sampled_from(e.COMPARISONS)
leaf = st.one_of(
    st.builds(e.Any, operand),
    st.builds(e.Count, operand, st.booleans(), comparison, st.integers(0, 3)),
    st.builds(e.Near, operand, operand, st.integers(0, 3)),
    st.builds(e.Before, operand, operand, st.integers(0, 3)),
    st.builds(e.Commerce, comparison, st.sampled_from([0.0, 0.5, 1.0])),
    st.just(e.Registered()),
    st.just(e.Licence("food")),
)


def tree(leaves: st.SearchStrategy[e.Node]) -> st.SearchStrategy[e.Node]:
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(e.Not, inner),
            st.lists(inner, min_size=2, max_size=3).map(lambda xs: e.And(tuple(xs))),
            st.lists(inner, min_size=2, max_size=3).map(lambda xs: e.Or(tuple(xs))),
        ),
        max_leaves=8,
    )


hit = st.tuples(st.integers(0, 6), st.integers(1, 2), st.integers(0, 2)).map(lambda t: (t[0], t[0] + t[1], t[2]))
hits = st.dictionaries(names, st.lists(hit, min_size=1, max_size=3), max_size=3)


@given(tree(leaf), tree(leaf | st.just(e.RuleFired("a.first"))), hits, st.booleans(), st.sampled_from([0.0, 0.5, 1.0]))
def test_a_condition_that_holds_has_a_trigger_hit(
    first: e.Node, second: e.Node, hits: dict[str, list[tuple[int, int, int]]], other: bool, commerce: float
) -> None:
    signals = frozenset({"a.three"})  # the lists of the COMMERCE rules: without a hit of them the score is 0
    commerce = commerce if "a.three" in hits else 0.0
    post = Post(hits, other, commerce, frozenset())
    first_triggers = trigger_lists(first, {}, LISTS, signals)
    fired = holds(first, post)
    if fired:
        assert first_triggers is None or first_triggers & set(hits)
        post = Post(hits, other, commerce, frozenset({"a.first"}))
    second_triggers = trigger_lists(second, {"a.first": first_triggers}, LISTS, signals)
    if holds(second, post):
        assert second_triggers is None or second_triggers & set(hits)


def test_examples() -> None:
    one, two, price = e.Operand("a.one"), e.Operand("a.two"), e.Operand("price")
    table: list[tuple[e.Node, set[str] | None]] = [
        (e.Any(one), {"a.one"}),
        (e.Near(two, one, 3), {"a.one"}),  # the rarer list
        (e.And((e.Any(price), e.Any(two))), {"a.two"}),
        (e.And((e.Commerce(">=", 0.5), e.Any(two))), {"a.two"}),
        (e.Or((e.Any(price), e.Any(two))), {"a.two", "price"}),
        (e.Or((e.Any(price), e.Registered())), None),
        (e.Not(e.Any(one)), None),
        (e.Not(e.Not(e.Any(one))), {"a.one"}),
        (e.Not(e.Or((e.Any(one), e.Not(e.Any(two))))), {"a.two"}),
        (e.Count(one, False, ">=", 1), {"a.one"}),
        (e.Count(one, False, ">=", 0), None),
        (e.Count(one, False, "<", 2), None),
        (e.Not(e.Count(one, False, "<", 2)), {"a.one"}),
        (e.RuleFired("x.y"), {"price"}),
        (e.And((e.Commerce(">=", 0.5), e.Registered())), {"a.three"}),
        (e.Commerce(">=", 0.0), None),
        (e.Commerce("<", 0.5), None),
        (e.Not(e.Commerce("<", 0.5)), {"a.three"}),
    ]
    for node, expected in table:
        found = trigger_lists(node, {"x.y": frozenset({"price"})}, LISTS, frozenset({"a.three"}))
        assert (None if found is None else set(found)) == expected, node
