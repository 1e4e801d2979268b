"""DecideReview: a person says what the rules could not; what follows from it is written in the same transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import sqlalchemy as sa

from fairpost.engine.dates import date_of_day, day_of_date
from fairpost.engine.vocabulary import SELLER_NONE, SELLER_NOT_FOUND, STANDING_DTYPE, Action
from fairpost.server import messages
from fairpost.server.errors import Violation, invalid_fields
from fairpost.server.faults import Faults, given_id_fault, request_id_fault
from fairpost.server.offences import Charge, Offence, standing_of_case, texts_of
from fairpost.server.posts import made_at
from fairpost.server.registry.appeals import overturn_violation
from fairpost.server.registry.regression import case_pack
from fairpost.server.registry.reviewed_posts import open_post
from fairpost.server.registry.transaction import expect_version
from fairpost.server.registry.violations import record_violation, violation_of
from fairpost.server.reviews import rows
from fairpost.server.reviews.claims import check_pending, check_unclaimed
from fairpost.server.store import schema
from fairpost.server.store.review_schema import reviews
from fairpost.v1 import review_pb2, verdict_pb2

if TYPE_CHECKING:
    from fairpost.server.registry.core import Core
    from fairpost.server.registry.reviewed_posts import KeptPost
    from fairpost.server.registry.transaction import Transaction

__all__ = ["Decisions"]

_UPHELD: Final = review_pb2.REVIEW_STATE_UPHELD
_OVERTURNED: Final = review_pb2.REVIEW_STATE_OVERTURNED
_PUNISHING: Final = (verdict_pb2.ACTION_SHIELD, verdict_pb2.ACTION_BLOCK)
_REASON: Final = 300
"""Characters of the note in the reason of the violation, which has 1,000 with the rest."""


class Decisions:
    """Thread-safe."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def decide(self, request: review_pb2.DecideReviewRequest) -> review_pb2.DecideReviewResponse:
        _check(request)

        def work(transaction: Transaction) -> tuple[str, review_pb2.DecideReviewResponse]:
            row = rows.existing(transaction.connection, request.review_id)
            expect_version("the review", row.version, request.expected_version)
            check_pending(row, "decided")
            check_unclaimed(row, request.actor, transaction.now)
            return row.seller_id, self._decide(transaction, row, request)

        answer = self._core.answer("DecideReview", request, review_pb2.DecideReviewResponse, work)
        if request.state == _OVERTURNED:
            # Not in the remembered answer, for it has the post's text.
            answer.regression_case = self._case(request.review_id)
        return answer

    def _decide(
        self, transaction: Transaction, row: Any, request: review_pb2.DecideReviewRequest
    ) -> review_pb2.DecideReviewResponse:
        kept = open_post(transaction.keys, row)
        before = transaction.sequence
        values: dict[str, Any] = {"outcome": verdict_pb2.ACTION_ALLOW, "violation": 0}
        if request.state == _UPHELD:
            values["outcome"] = _action(row, request)
            if kept is not None and _is_registered(transaction, row.seller_id):
                offence = _offence(row, kept, rows.action_of(values["outcome"]), request)
                reason = f"review {row.review_id} upheld: {offence.category}"
                if request.note:
                    reason += f". {_one_line(request.note)}"
                values["violation"] = record_violation(transaction, offence, actor=request.actor, reason=reason)
        elif kept is not None and _is_registered(transaction, row.seller_id):
            found = violation_of(transaction, row.seller_id, kept.post.id, texts_of(kept.post))
            if found is not None:
                overturn_violation(
                    transaction, row.seller_id, found, actor=request.actor, decision=request.note.strip()
                )
                values["violation"] = found
        answer = review_pb2.DecideReviewResponse()
        if transaction.sequence > before:
            record, standing = transaction.settle(row.seller_id)
            day = day_of_date(transaction.day)
            answer.standing.CopyFrom(messages.standing_of(record.seller_id, standing.packed(), day))
        values |= {
            "state": request.state,
            "version": row.version + 1,
            "decided": transaction.take_sequence(),
            "decided_at": transaction.now,
            "note": request.note,
            "actor": request.actor,
            "claimed_by": "",
            "claimed_until": 0,
        }
        mine = reviews.c.review_id == row.review_id
        transaction.connection.execute(sa.update(reviews).where(mine), values)
        transaction.note(f"review {row.review_id} {rows.state_word(request.state)}")
        decided = rows.existing(transaction.connection, row.review_id)
        answer.review.CopyFrom(rows.message(decided, transaction.now))
        answer.consistency_token = self._core.token(transaction.sequence)
        return answer

    def _case(self, review_id: str) -> str:
        """The regression case of an overturned review; "" where nothing led to it, or its post is gone."""
        with self._core.store.read() as connection:
            row = rows.existing(connection, review_id)
        kept = open_post(self._core.keys, row)
        if kept is None:
            return ""
        rules = _concerned(kept, [label.category for label in kept.verdict.labels])
        if not rules:
            return ""
        description = {
            "zh": f"人工审核 {review_id}：内容没有问题，下列规则不应命中。",
            "en": f"Review {review_id} found the post in order: these rules must not fire on it.",
        }
        post = {
            "texts": texts_of(kept.post),
            "channel": kept.channel,
            "language": kept.post.language,
            "day": date_of_day(kept.day).isoformat(),
            "revision": kept.verdict.revision,
            "rules": rules,
            "seller": _seller_of_case(kept),
        }
        return case_pack(f"review-{review_id}", description, post)


def _check(request: review_pb2.DecideReviewRequest) -> None:
    faults = Faults()
    faults.add("request_id", request_id_fault(request.request_id))
    faults.add("review_id", given_id_fault(request.review_id))
    if request.state not in (_UPHELD, _OVERTURNED):
        faults.add("state", "must be one of REVIEW_STATE_UPHELD, REVIEW_STATE_OVERTURNED")
    if request.state == _OVERTURNED:
        for name in ("action", "category"):
            if getattr(request, name):
                faults.add(name, "is for REVIEW_STATE_UPHELD: an overturned post is allowed")
    elif request.action and request.action not in _PUNISHING:
        faults.add("action", "must be one of ACTION_SHIELD, ACTION_BLOCK")
    faults.text("category", request.category, 64)
    faults.text("note", request.note, 4000, required=request.state == _OVERTURNED, lines=True)
    faults.text("actor", request.actor, 128, required=True)
    faults.raise_if_any()


def _action(row: Any, request: review_pb2.DecideReviewRequest) -> int:
    if request.action:
        return int(request.action)
    return verdict_pb2.ACTION_BLOCK if row.action == verdict_pb2.ACTION_BLOCK else verdict_pb2.ACTION_SHIELD


def _is_registered(transaction: Transaction, seller_id: str) -> bool:
    """Whether there is a log into which it can be written."""
    if not seller_id:
        return False
    columns = schema.sellers.c
    query = sa.select(columns.seller_id).where(columns.seller_id == seller_id, columns.erased_on.is_(None))
    return transaction.connection.execute(query).first() is not None


def _offence(row: Any, kept: KeptPost, action: Action, request: review_pb2.DecideReviewRequest) -> Offence:
    """What the registry records of a post that was found to be a violation.

    Raises:
        InvalidArgument: it has no label of the category, or none at all.
    """
    scores = {label.category: label.score for label in rows.of_labels(kept.verdict)}
    if not scores:
        raise invalid_fields([Violation("state", "the verdict has no label, so there is no violation to record")])
    category = request.category or next(iter(scores))
    if category not in scores:
        fault = f"{category[:40]!r} is none of the review's labels: {', '.join(scores)}"
        raise invalid_fields([Violation("category", fault)])
    return Offence(
        seller_id=row.seller_id,
        post_id=kept.post.id,
        texts=texts_of(kept.post),
        channel=kept.channel,
        language=kept.post.language,
        created_at=made_at(kept.post),
        day=kept.day,
        action=action.name,
        charges=(Charge(category, scores[category], action.name),),
        rules=tuple(dict.fromkeys(found.rule for found in kept.verdict.evidence if not found.shadow)),
        concerned=_concerned(kept, [category]),
        seller=_standing(kept) or {},
        decision_id=row.decision_id,
        revision=row.revision,
    )


def _concerned(kept: KeptPost, categories: list[str]) -> tuple[str, ...]:
    """Enforced rules in evidence that belong to one of the categories."""
    evidence = kept.verdict.evidence
    return tuple(dict.fromkeys(each.rule for each in evidence if not each.shadow and each.category in categories))


def _standing(kept: KeptPost) -> dict[str, Any] | None:
    """The seller's standing at the time, as packs write it; None where the registry did not know him."""
    if kept.seller < 0:
        return None
    (row,) = np.frombuffer(kept.standing, STANDING_DTYPE)
    return standing_of_case(row)


def _seller_of_case(kept: KeptPost) -> dict[str, Any] | str | None:
    if (standing := _standing(kept)) is not None:
        return standing
    if kept.seller == SELLER_NONE:
        return None
    return "unknown" if kept.seller == SELLER_NOT_FOUND else "unavailable"


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _REASON else line[: _REASON - 1] + "…"
