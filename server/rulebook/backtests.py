"""Back-tests over posts in memory, as messages: which verdicts flip from one rule set to another, by rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from fairpost.engine.vocabulary import Action
from fairpost.rules.backtest import Backtest, Posts, Words
from fairpost.server.kept import invalid_bundle
from fairpost.server.posts import PostColumns, seller_columns
from fairpost.v1 import review_pb2, rules_pb2, verdict_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fairpost.engine import RuleSet, Verdict
    from fairpost.v1 import post_pb2

__all__ = ["Tried", "agreement", "backtest", "check_compiled", "columns_of", "verdict_message"]

_PART: Final = 1000
"""Posts judged in one pass."""
_FLIPPED: Final = 200
"""Rules told of, those with most flips."""
_NEEDED: Final = ("groups", "thresholds", "severity_weights", "exposure")
_SAMPLES: Final = 500
"""Flips shown in all: an answer has to fit into a message."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A post to try rules on.

    seller, standing: as in `fairpost.engine.offending.Held`. day: days since 1970, for which it is judged. review_id,
    state: of its review; "" and 0 where there is none.
    """

    post: post_pb2.Post
    seller: int
    standing: bytes
    day: int
    review_id: str = ""
    state: int = 0


def check_compiled(*rule_sets: RuleSet) -> None:
    """Back-tests read what the compiler notes of rules, groups and thresholds.

    Raises:
        InvalidArgument: it did not make one of the rule sets.
    """
    for rule_set in rule_sets:
        missing = [name for name in _NEEDED if name not in rule_set.meta]
        if missing or any("mode" not in rule for rule in rule_set.meta["rules"]):
            raise invalid_bundle(
                f"{rule_set.revision} says too little of its rules to be tried out ({', '.join(missing) or 'modes'} "
                "missing); make it with `fairpost rules compile`"
            )


def backtest(old: RuleSet, new: RuleSet, tried: Sequence[Tried], samples: int) -> rules_pb2.Backtest:
    """Judge all by both. samples: flips shown of each rule and kind of change.

    Raises:
        InvalidArgument: as `check_compiled`.
    """
    check_compiled(old, new)
    run = Backtest(old, new, samples=samples)
    actions: list[np.ndarray] = []
    for begin in range(0, len(tried), _PART):
        part = tried[begin : begin + _PART]
        judged = run.add(columns_of(part, begin))
        actions.append(judged.new.action)
    counts = run.counts
    answer = rules_pb2.Backtest(
        posts=counts.posts,
        at_fault=counts.at_fault,
        flips=counts.flips,
        stricter=counts.stricter,
        milder=counts.milder,
    )
    for before, after in np.argwhere(counts.matrix).tolist():
        answer.actions.add(old=before + 1, new=after + 1, posts=int(counts.matrix[before, after]))
    flips = counts.change.sum(axis=1)
    shown = [k for k in np.argsort(-flips, kind="stable").tolist() if flips[k]][:_FLIPPED]
    for k in shown:
        name = run.table.names[k]
        answer.rules.add(
            rule=name,
            category=run.table.category.get(name, ""),
            appeared=int(counts.change[k, 2]),
            vanished=int(counts.change[k, 0]),
            redefined=int(counts.change[k, 1]),
            stricter=int(counts.rule_stricter[k]),
            milder=int(counts.rule_milder[k]),
            alone=int(counts.alone[k]),
        )
    for sample in run.samples.all()[:_SAMPLES]:
        each = tried[int(sample.name)]
        answer.samples.add(
            post_id=each.post.id,
            review_id=each.review_id,
            rule=sample.cause,
            change=sample.change,
            text=each.post.text,
            old=verdict_message(old, sample.old),
            new=verdict_message(new, sample.new),
        )
    effects = run.shadows.effects
    for number in np.argsort(-effects.fired, kind="stable").tolist():
        if effects.fired[number] and not run.table.enforced_new[number]:
            answer.shadows.add(
                rule=new.rule_ids[number],
                category=new.rule_category(number),
                posts=int(effects.fired[number]),
                decides=int(effects.decides[number]),
            )
    states = [each.state for each in tried]
    if any(states):
        answer.agreement.CopyFrom(agreement(states, np.concatenate(actions)))
    return answer


def agreement(states: Sequence[int], actions: np.ndarray) -> rules_pb2.Agreement:
    """What people decided (ReviewState of each post) against actions: REVIEW and worse is "held"."""
    found = rules_pb2.Agreement()
    for state, action in zip(states, actions.tolist(), strict=True):
        held = action >= Action.REVIEW
        if state == review_pb2.REVIEW_STATE_UPHELD:
            found.upheld_held += held
            found.upheld_passed += not held
        elif state == review_pb2.REVIEW_STATE_OVERTURNED:
            found.overturned_held += held
            found.overturned_passed += not held
    return found


def verdict_message(rule_set: RuleSet, verdict: Verdict) -> verdict_pb2.Verdict:
    """A verdict of `check_batch` with spans in code points, without post and decision."""
    message = verdict_pb2.Verdict(
        action=verdict_pb2.Action.Name(verdict.action + 1),  # type: ignore[arg-type]
        risk=verdict.risk,
        commerce=verdict.commerce,
        exposure=verdict.exposure,
        revision=verdict.revision,
    )
    for label in verdict.labels:
        severity = verdict_pb2.Severity.Value(f"SEVERITY_{label.severity.upper()}")
        message.labels.add(category=label.category, score=label.score, severity=severity)
    for each in verdict.evidence:
        message.evidence.add(
            rule=each.rule,
            category=each.category,
            text_index=each.text,
            begin=each.begin,
            end=each.end,
            matched=each.matched,
            folded=each.folded,
            basis=each.basis,
            message=verdict_pb2.LocalisedText(
                zh=each.message, en=rule_set.message(rule_set.rule_ids.index(each.rule), "en")
            ),
            shadow=each.shadow,
        )
    return message


def columns_of(tried: Sequence[Tried], begin: int = 0) -> Posts:
    """The posts as a back-test takes them, by the names `begin`, `begin + 1`, ..."""
    columns = PostColumns([each.post for each in tried])
    rows, records = seller_columns([each.seller for each in tried], [each.standing for each in tried])
    words = sorted({each.post.channel for each in tried})
    codes = np.array([words.index(each.post.channel) for each in tried], np.int64)
    return Posts(
        columns.texts,
        names=lambda i: str(begin + i),
        rows=rows,
        standings=records,
        channels=Words(words, codes),
        segments=columns.segments,
        languages=[each.post.language for each in tried],
        days=np.array([each.day for each in tried], np.int32),
    )
