"""Posts as data, judged by the engine in one call and by the reference one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fairpost.engine import RuleSet, Status, VerdictBatch
from fairpost.engine.vocabulary import CATEGORIES, SEVERITIES, STANDING_DTYPE, Action
from fairpost.rules.source import Source

from .verdict import judge

__all__ = ["assert_verdicts_equal", "check"]


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
        assert (result.risk[k], result.commerce[k], result.exposure[k], result.model[k]) == (
            expected.risk,
            expected.commerce,
            expected.exposure,
            expected.model,
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
