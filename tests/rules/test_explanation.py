"""Explanations agree with the engine and with the reference, on random packs and on the shipped ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.conditions import Facts, evaluate
from reference.hits import find_hits
from reference.strategies import examples, posts, sources
from reference.variants import written
from reference.verdict import is_examined, judge, model_of, read_passages

from fairpost.engine import STANDING_DTYPE, InvalidPost, RuleSet
from fairpost.engine.model import probability
from fairpost.engine.vocabulary import CATEGORIES, SEVERITIES, Action
from fairpost.rules import bundle_of, load_packs, shipped_bundle
from fairpost.rules import expression as e
from fairpost.rules.explanation import Explainer, Explanation, Node
from fairpost.rules.explanation.document import document
from fairpost.rules.explanation.parts import Bundle
from fairpost.rules.render import render
from fairpost.rules.source import Source

POSTS = [
    "今天天气好",
    "最高人民法院：这款茶根*治糖尿病，Ｖ信 abc12345，98元一盒包邮，全国第一",
    "祖传秘方，包治百病，无效退款，加微信 wx888888",
    "保本保息，年化30%，稳赚不赔，加群领取",
    "手工辣椒酱，一瓶15元，三瓶40元包邮",
]


def agrees(found: Explanation, rules: RuleSet, request: dict[str, Any]) -> None:
    """Every number of an explanation is the verdict's, to the last bit."""
    verdict = found.verdict
    batch = rules.check_batch([found.text], **request)
    assert [answer.id for answer in found.rules if answer.fired] == [rules.rule_ids[k] for k in batch.fired_rule]
    for answer in found.rules:
        assert answer.fired == (answer.condition.holds and answer.in_force), answer
        joints_hold(answer.condition)
    assert [(CATEGORIES[s.category], np.float32(s.score), SEVERITIES[s.severity]) for s in found.scores] == [
        (label.category, np.float32(label.score), label.severity) for label in verdict.labels
    ]
    keep = 1.0
    for score in found.scores:
        keep *= 1.0 - score.score * found.severity_weights[SEVERITIES[score.severity]]
        rest = 1.0
        for part in score.parts:
            rest *= 1.0 - part.score
        assert 1.0 - rest == score.score
    assert np.float32(1.0 - keep) == np.float32(verdict.risk)
    assert np.float32(commerce_of(found)) == pytest.approx(
        verdict.commerce, rel=1e-6 if found.signals is not None else 0
    )
    assert np.float32(found.exposure[-1][1]) == np.float32(verdict.exposure)
    reached = [action for steps in found.thresholds.values() for action, _, is_reached in steps if is_reached]
    assert max(reached, default=Action.ALLOW) == verdict.action
    spans = {(x.begin, x.end) for x in verdict.evidence if x.end > x.begin}
    assert spans <= {(hit.begin, hit.end) for hit in found.hits}
    assert document(found)["exposure"] == verdict.exposure


def commerce_of(found: Explanation) -> float:
    """The noisy-or of COMMERCE rules, or the probability of the text model's logit and what they add to it."""
    if found.signals is not None and found.model is not None:
        return float(probability(np.array(found.model[0] + sum(signal for _, signal in found.signals))))
    return found.commerce.score if found.commerce is not None else 0.0


def joints_hold(node: Node) -> None:
    """A joint part is what its parts make it."""
    truths = [part.holds for part in node.parts]
    joints: dict[str, Callable[[list[bool]], bool]] = {"and": all, "or": any, "not": lambda xs: not xs[0]}
    if node.op in joints:
        assert node.holds == joints[node.op](truths), node
    for part in node.parts:
        joints_hold(part)


def leaves(node: Node) -> list[Node]:
    return [leaf for part in node.parts for leaf in leaves(part)] if node.parts else [node]


@examples(60)
@given(source=sources(), post=posts())
def test_random_packs(source: Source, post: dict[str, Any]) -> None:
    explainer = Explainer(bundle_of(source))
    text, seller = post["texts"][0], post["seller"]
    given_seller = None if seller.answer == -1 else seller.answer if seller.answer is not None else seller.row()[0]
    request = {"channels": post["channel"], "languages": post["language"], "days": post["day"]}
    options = {"channel": post["channel"], "language": post["language"], "day": post["day"]}
    if not text:
        with pytest.raises(InvalidPost):
            explainer.explain(text, **options)
        return
    found = explainer.explain(text, seller=given_seller, **options)
    if given_seller is None:
        sellers = {}
    elif seller.answer is not None:
        sellers = {"sellers": np.array([seller.answer], np.int32), "standings": np.zeros(0, STANDING_DTYPE)}
    else:
        sellers = {"sellers": np.zeros(1, np.int32), "standings": seller.row()}
    agrees(found, explainer.rules, {**request, **sellers})
    # The truth of every leaf, by the reference; and that the tree is the condition that its author wrote.
    channel = post["channel"] if post["channel"] in ("moments", "group-chat") else "default"
    expected = judge(source, [text], seller, channel, post["language"], post["day"])
    facts = Facts(
        find_hits(source.lists, [text], is_examined(source, [text]), read_passages(source, [text])),
        seller,
        channel,
        post["language"],
        fired=frozenset(expected.fired),
        model=float(model_of(source, [text])),
    )
    commerce = commerce_of(found)
    for answer in found.rules:
        rule = source.rule(answer.id)
        conditions = {render(part, rule.pack): part for part in e.walk(rule.condition)}
        for leaf in leaves(answer.condition):
            truth, witnesses = evaluate(conditions[leaf.text], Facts(**{**vars(facts), "commerce": commerce}))
            assert leaf.holds == truth, (answer.id, leaf)
            assert {span[1:] for span in leaf.witnesses} == {(hit.begin, hit.end) for hit in witnesses}
    for rule in source.rules:  # what is left out of the explanation could not fire
        assert rule.id in {answer.id for answer in found.rules} or rule.id not in expected.fired


@pytest.fixture(scope="module")
def explainer() -> Explainer:
    return Explainer(shipped_bundle().read_bytes())


@examples(40)
@given(
    text=st.sampled_from(POSTS),
    channel=st.sampled_from(["", "moments", "group-chat", "nowhere"]),
    days=st.integers(0, 5000),
    strikes=st.integers(0, 9),
    complaints=st.integers(0, 9),
    registration=st.integers(0, 4),
    enforcement=st.integers(0, 4),
)
def test_shipped_packs(explainer: Explainer, text: str, channel: str, **standing: int) -> None:
    record = np.zeros(1, STANDING_DTYPE)
    record["tenure_days"] = standing["days"]
    record["strikes"][0, 3] = standing["strikes"]
    for name in ("complaints", "registration", "enforcement"):
        record[name] = standing[name]
    found = explainer.explain(text, seller=record[0], channel=channel, day=20454)
    request = {"channels": channel or None, "days": 20454, "sellers": np.zeros(1, np.int32), "standings": record}
    agrees(found, explainer.rules, request)


def test_hits_say_how_they_came_about(explainer: Explainer) -> None:
    found = explainer.explain(POSTS[1])
    hits = {(hit.list, hit.word): hit for hit in found.hits}
    cure = hits["medical.strict_cure", "根治"]
    assert (cure.matched, cure.folded, cure.begin, cure.end) == ("根*治", "根治", 10, 13)
    assert hits["price", "price"].is_recogniser
    folded = [found.folded[k] for k, origin in enumerate(found.origins) if 17 <= origin < 19]
    assert folded == ["v", "信"]


def test_removed_hits(tmp_path: Path) -> None:
    explainer = Explainer(bundle_of(load_packs(written(tmp_path, "base"))))
    found = explainer.explain("一元旦，一元")
    (removed,) = found.removed
    assert (removed.hit.list, removed.hit.begin, removed.hit.end) == ("probe.sold", 0, 2)
    assert (removed.by.list, removed.by.matched) == ("probe.sold:allow", "一元旦")
    assert [hit.begin for hit in found.hits if hit.list == "probe.sold"] == [4]


def test_more_parts_than_evidence_holds() -> None:
    """A condition whose witnesses do not fit into one verdict is asked in pieces."""
    bundle = Bundle(shipped_bundle().read_bytes())
    text = POSTS[1] * 3
    rules = range(bundle.rules.rule_count)
    conditions = {rule: bundle.condition(rule) for rule in rules}
    truths = bundle.truths(conditions, text, {"days": 20454})
    for rule in rules[::80]:
        alone = bundle.truths({rule: conditions[rule]}, text, {"days": 20454})
        assert alone == {key: spans for key, spans in truths.items() if key[0] == rule}
