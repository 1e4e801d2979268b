"""Judged posts that count against their seller: what the registry records of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fairpost.engine.vocabulary import (
    CATEGORIES,
    ENFORCEMENT,
    LICENCES,
    LISTING,
    REGISTRATION,
    Action,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fairpost.engine import RuleSet, VerdictBatch

__all__ = ["Charge", "Offence", "charges_of", "offending_posts", "standing_of_case"]


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


def offending_posts(batch: VerdictBatch, sellers: np.ndarray) -> list[int]:
    """Indexes of the judged posts of known sellers whose action is SHIELD or BLOCK. sellers: int32[n], rows of the
    standings."""
    found = (batch.action >= Action.SHIELD) & (batch.status == 0) & (sellers >= 0)
    return np.flatnonzero(found).tolist()


def charges_of(rule_set: RuleSet, batch: VerdictBatch, index: int, channel: str) -> tuple[Charge, ...]:
    """The labels of a post by themselves, as far as they lead to SHIELD or BLOCK in its channel."""
    thresholds = rule_set.thresholds(channel)
    begin, end = int(batch.label_begin[index]), int(batch.label_begin[index + 1])
    found = []
    for category, score in zip(batch.label_category[begin:end], batch.label_score[begin:end], strict=True):
        # As the engine does it: float32 against float32, the most severe action that the score reaches.
        for action in (Action.BLOCK, Action.SHIELD):
            if score >= thresholds[category, action]:
                found.append(Charge(CATEGORIES[category], float(score), action.name))
                break
    return tuple(found)


def rules_of(batch: VerdictBatch, index: int, categories: Sequence[str] | None = None) -> tuple[str, ...]:
    """Ids of the enforced rules in a post's evidence, of some categories or of all, each once."""
    begin, end = int(batch.evidence_begin[index]), int(batch.evidence_begin[index + 1])
    rule_set = batch.ruleset
    numbers = batch.evidence_rule[begin:end][batch.evidence_shadow[begin:end] == 0].tolist()
    return tuple(
        rule_set.rule_ids[number]
        for number in dict.fromkeys(numbers)
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
