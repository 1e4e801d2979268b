"""Judged posts that count against their seller, or that people are to look at: what is recorded of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fairpost.engine.offending import Held, Offending
from fairpost.engine.vocabulary import (
    CATEGORIES,
    ENFORCEMENT,
    LICENCES,
    LISTING,
    REGISTRATION,
    Action,
)
from fairpost.server.posts import made_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fairpost.engine import RuleSet, StandingView, VerdictBatch
    from fairpost.v1 import post_pb2

__all__ = ["Charge", "Offence", "held_posts", "offence_of", "offending_posts", "standing_of_case", "texts_of"]


@dataclass(frozen=True, slots=True)
class Charge:
    """A label that leads to SHIELD or BLOCK by itself. action: "SHIELD" or "BLOCK"."""

    category: str
    score: float
    action: str


@dataclass(frozen=True, slots=True)
class Offence:
    """A post of a registered seller whose verdict was SHIELD or BLOCK.

    charges: at least one; rules: ids of the enforced rules in evidence; concerned: those of them that belong to a
    charge; day: days since 1970, for which it was judged; seller: his standing in the verdict, as packs write it.
    """

    seller_id: str
    post_id: str
    texts: tuple[str, ...]
    channel: str
    language: str
    created_at: int | None
    day: int
    action: str
    charges: tuple[Charge, ...]
    rules: tuple[str, ...]
    concerned: tuple[str, ...]
    seller: dict[str, Any]
    decision_id: str
    revision: str

    @property
    def category(self) -> str:
        """That with the highest score among those that led to the action."""
        return max((c for c in self.charges if c.action == self.action), key=lambda c: c.score).category


def offending_posts(batch: VerdictBatch, view: StandingView, decision_ids: Sequence[str]) -> list[Offending]:
    """The judged posts of known sellers whose action is SHIELD or BLOCK."""
    found = (batch.action >= Action.SHIELD) & (batch.status == 0) & (view.sellers >= 0)
    offending = []
    for k in np.flatnonzero(found).tolist():
        labels = slice(int(batch.label_begin[k]), int(batch.label_begin[k + 1]))
        rows = slice(int(batch.evidence_begin[k]), int(batch.evidence_begin[k + 1]))
        rules = batch.evidence_rule[rows][batch.evidence_shadow[rows] == 0].tolist()
        offending.append(
            Offending(
                index=k,
                day=batch.day(k),
                action=Action(int(batch.action[k])),
                labels=tuple(
                    zip(batch.label_category[labels].tolist(), batch.label_score[labels].tolist(), strict=True)
                ),
                rules=tuple(dict.fromkeys(rules)),
                standing=view.standings[view.sellers[k]],
                decision_id=decision_ids[k],
            )
        )
    return offending


def held_posts(batch: VerdictBatch, view: StandingView, decision_ids: Sequence[str], actions: np.ndarray) -> list[Held]:
    """The judged posts with one of the actions, for people to look at."""
    found = np.isin(batch.action, actions) & (batch.status == 0)
    held = []
    for k in np.flatnonzero(found).tolist():
        seller = int(view.sellers[k])
        standing = view.standings[seller].tobytes() if seller >= 0 else b""
        held.append(Held(k, batch.day(k), seller, standing, decision_ids[k], 0, 0))
    return held


def offence_of(rule_set: RuleSet, offending: Offending, post: post_pb2.Post) -> Offence:
    """What the registry records of an offending post."""
    charges = _charges_of(rule_set, offending, post.channel)
    return Offence(
        seller_id=post.seller_id,
        post_id=post.id,
        texts=texts_of(post),
        # One that the rules do not name is judged as the default.
        channel=post.channel if rule_set.channel_id(post.channel) else "",
        language=post.language,
        created_at=made_at(post),
        day=offending.day,
        action=offending.action.name,
        charges=charges,
        rules=_rules_of(rule_set, offending),
        concerned=_rules_of(rule_set, offending, [charge.category for charge in charges]),
        seller=standing_of_case(offending.standing),
        decision_id=offending.decision_id,
        revision=rule_set.revision,
    )


def texts_of(post: post_pb2.Post) -> tuple[str, ...]:
    """All texts of a post, the main one first."""
    return (post.text, *(extra.text for extra in post.extra_texts))


def _charges_of(rule_set: RuleSet, offending: Offending, channel: str) -> tuple[Charge, ...]:
    """The labels of a post by themselves, as far as they lead to SHIELD or BLOCK in its channel."""
    thresholds = rule_set.thresholds(channel)
    found = []
    for category, score in offending.labels:
        # As the engine does it: float32 against float32, the most severe action that the score reaches.
        for action in (Action.BLOCK, Action.SHIELD):
            if np.float32(score) >= thresholds[category, action]:
                found.append(Charge(CATEGORIES[category], score, action.name))
                break
    return tuple(found)


def _rules_of(rule_set: RuleSet, offending: Offending, categories: Sequence[str] | None = None) -> tuple[str, ...]:
    """Ids of the enforced rules in a post's evidence, of some categories or of all."""
    return tuple(
        rule_set.rule_ids[number]
        for number in offending.rules
        if categories is None or rule_set.rule_category(number) in categories
    )


def standing_of_case(row: np.void) -> dict[str, Any]:
    """A record of STANDING_DTYPE as the cases of packs write it."""
    bits = int(row["licences"])
    strikes = row["strikes"]
    standing: dict[str, Any] = {
        "registration": REGISTRATION[row["registration"]],
        "enforcement": ENFORCEMENT[row["enforcement"]],
        "listing": LISTING[row["listing"]],
        "licences": [scope for bit, scope in enumerate(LICENCES) if bits >> bit & 1],
        "strikes": {CATEGORIES[k]: int(strikes[k]) for k in np.flatnonzero(strikes[: len(CATEGORIES)])},
        "tenure_days": int(row["tenure_days"]),
    }
    return standing
