"""Rows of the review queue as messages, and posts as rows."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from fairpost.engine.vocabulary import CATEGORIES, COMMERCE, Action
from fairpost.server.errors import NotFound
from fairpost.server.registry.reviewed_posts import open_post, seal_post
from fairpost.server.store.review_schema import review_rules, reviews
from fairpost.v1 import reason_pb2, review_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fairpost.server.faults import Faults
    from fairpost.server.registry.keys import Keys
    from fairpost.server.registry.reviewed_posts import KeptPost
    from fairpost.server.registry.transaction import Transaction
    from fairpost.server.reviews.judging import Entry
    from fairpost.v1 import verdict_pb2

__all__ = [
    "DECIDED",
    "PENDING",
    "SHOWN",
    "action_of",
    "conditions",
    "content_conditions",
    "decision",
    "existing",
    "filter_faults",
    "message",
    "new",
    "of_labels",
    "rules_of",
    "state_word",
    "with_post",
]

PENDING: Final = review_pb2.REVIEW_STATE_PENDING
DECIDED: Final = (review_pb2.REVIEW_STATE_UPHELD, review_pb2.REVIEW_STATE_OVERTURNED)
SHOWN: Final = tuple(column for column in reviews.c if column.name != "post_cipher")
"""What is read of a review, all but its post."""
_VIOLATIONS: Final = tuple(category for category in CATEGORIES if category != CATEGORIES[COMMERCE])
_RISKS: Final = 1_000_000
"""Risks that are told apart in the order of urgency."""
_PLACES: Final = 1 << 43
"""Reviews that are told apart among those of one risk."""


def new(transaction: Transaction, entry: Entry, kept: KeptPost, queued: int) -> dict[str, Any]:
    """The row of a post that enters the queue."""
    review_id, verdict = secrets.token_hex(12), kept.verdict
    labels = of_labels(verdict)
    enforced = dict.fromkeys(found.rule for found in verdict.evidence if not found.shadow)
    shadow = dict.fromkeys(found.rule for found in verdict.evidence if found.shadow)
    return {
        "review_id": review_id,
        "post_key": entry.key,
        "queued": queued,
        "urgency": round(verdict.risk * _RISKS) * _PLACES + _PLACES - 1 - queued,
        "version": 1,
        "state": PENDING,
        "seller_id": entry.seller_id,
        "post_id": entry.post_id,
        "channel": _word(entry.post.channel),
        "language": _word(entry.post.language),
        "action": verdict.action,
        "risk": float(verdict.risk),
        "labels": [[label.category, label.score, label.severity] for label in labels],
        "rules": [list(enforced), list(shadow)],
        "categories": sum(1 << CATEGORIES.index(label.category) for label in labels),
        "revision": verdict.revision,
        "decision_id": verdict.decision_id,
        "queued_at": transaction.now,
        "claimed_by": "",
        "claimed_until": 0,
        "decided": None,
        "decided_at": None,
        "outcome": 0,
        "note": "",
        "actor": "",
        "violation": 0,
        "post_cipher": seal_post(transaction.keys, review_id, kept),
    }


def rules_of(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Rows of `review_rules`; a rule in both is enforced."""
    enforced, shadow = row["rules"]
    for rule in enforced:
        yield {"rule": rule[:200], "queued": row["queued"], "shadow": False}
    for rule in shadow:
        if rule not in enforced:
            yield {"rule": rule[:200], "queued": row["queued"], "shadow": True}


def of_labels(verdict: verdict_pb2.Verdict) -> list[verdict_pb2.Label]:
    """The labels, the highest score first."""
    return sorted(verdict.labels, key=lambda label: (-label.score, CATEGORIES.index(label.category)))


def message(row: Any, now: int) -> review_pb2.Review:
    """A row of SHOWN, or of all columns, without its post. now: milliseconds, for the lease."""
    made = review_pb2.Review(
        review_id=row.review_id,
        state=row.state,
        post_id=row.post_id,
        seller_id=row.seller_id,
        channel=row.channel,
        language=row.language,
        action=row.action,
        risk=row.risk,
        rules=row.rules[0],
        shadow_rules=row.rules[1],
        revision=row.revision,
        decision_id=row.decision_id,
        outcome=row.outcome,
        note=row.note,
        actor=row.actor,
        violation=row.violation,
        version=row.version,
    )
    for category, score, severity in row.labels:
        made.labels.add(category=category, score=score, severity=severity)
    made.queued_at.FromMilliseconds(row.queued_at)
    if row.state == PENDING and row.claimed_until > now:
        made.claimed_by = row.claimed_by
        made.claimed_until.FromMilliseconds(row.claimed_until)
    if row.decided_at is not None:
        made.decided_at.FromMilliseconds(row.decided_at)
    return made


def with_post(row: Any, now: int, keys: Keys) -> review_pb2.Review:
    """A row of all columns with its post and verdict, where they are still kept."""
    made = message(row, now)
    if (kept := open_post(keys, row)) is not None:
        made.post.CopyFrom(kept.post)
        made.verdict.CopyFrom(kept.verdict)
    return made


def decision(row: Any) -> review_pb2.ReviewDecision:
    """What became of it, for those who hold the post back."""
    made = review_pb2.ReviewDecision(
        sequence=row.decided,
        review_id=row.review_id,
        post_id=row.post_id,
        seller_id=row.seller_id,
        decision_id=row.decision_id,
        state=row.state,
        action=row.outcome,
    )
    made.decided_at.FromMilliseconds(row.decided_at)
    return made


def existing(connection: sa.Connection, review_id: str) -> Any:
    """All columns of a review.

    Raises:
        NotFound: there is none.
    """
    row = connection.execute(sa.select(reviews).where(reviews.c.review_id == review_id)).one_or_none()
    if row is None:
        raise NotFound(reason_pb2.REASON_REVIEW_NOT_FOUND, f"review_id: no review {review_id!r} is here")
    return row


def filter_faults(faults: Faults, wanted: review_pb2.ReviewFilter) -> None:
    """What is wrong with a filter."""
    faults.choices("filter.states", wanted.states, review_pb2.ReviewState)
    if wanted.category and wanted.category not in _VIOLATIONS:
        faults.add("filter.category", f"{wanted.category[:40]!r} is none of {', '.join(_VIOLATIONS)}")
    for name, limit in (("channel", 64), ("seller_id", 128), ("rule", 200), ("claimed_by", 128)):
        faults.text(f"filter.{name}", getattr(wanted, name), limit)
    if wanted.claimed_by and wanted.unclaimed:
        faults.add("filter.unclaimed", "contradicts claimed_by; give one of the two")


def conditions(wanted: review_pb2.ReviewFilter, now: int) -> Sequence[sa.ColumnElement[bool]]:
    """A checked filter on `reviews`; states and claims too."""
    columns = reviews.c
    found = content_conditions(wanted)
    if wanted.states:
        found.append(columns.state.in_(sorted(set(wanted.states))))
    claimed = (columns.state == PENDING) & (columns.claimed_until > now)
    if wanted.claimed_by:
        found.append(claimed & (columns.claimed_by == wanted.claimed_by))
    if wanted.unclaimed:
        found.append(~claimed)
    return found


def content_conditions(wanted: review_pb2.ReviewFilter) -> list[sa.ColumnElement[bool]]:
    """The conditions on posts: neither states nor claims."""
    columns = reviews.c
    found: list[sa.ColumnElement[bool]] = []
    if wanted.category:
        bit = 1 << CATEGORIES.index(wanted.category)
        found.append(columns.categories.bitwise_and(bit) != 0)
    if wanted.channel:
        found.append(columns.channel == ("" if wanted.channel == "default" else wanted.channel))
    if wanted.seller_id:
        found.append(columns.seller_id == wanted.seller_id)
    if wanted.rule:
        mine = (review_rules.c.queued == columns.queued) & (review_rules.c.rule == wanted.rule)
        found.append(sa.exists().where(mine))
    return found


def state_word(state: int) -> str:
    """As errors and the audit log name it: "pending", ..."""
    return review_pb2.ReviewState.Name(state).removeprefix("REVIEW_STATE_").lower()  # type: ignore[arg-type]


def action_of(number: int) -> Action:
    """The engine's action of one of fairpost.v1."""
    return Action(number - 1)


def _word(text: str) -> str:
    return text if text.isprintable() else ""
