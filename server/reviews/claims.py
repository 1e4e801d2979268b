"""ClaimReviews and ReleaseReview: who works on what, so that nobody looks at the same post beside somebody else.

A claim is a lease: it ends by itself, and then the review is the next one's.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from fairpost.server.errors import FailedPrecondition
from fairpost.server.faults import Faults, given_id_fault, request_id_fault
from fairpost.server.reviews import rows
from fairpost.server.reviews.reading import ORDERS, order_fault
from fairpost.server.store.review_schema import reviews
from fairpost.v1 import reason_pb2, review_pb2

if TYPE_CHECKING:
    from fairpost.server.registry.core import Core
    from fairpost.server.registry.transaction import Transaction

__all__ = ["Claims", "check_pending", "check_unclaimed"]

_MOST: Final = 50
_LEASE_SECONDS: Final = 600
_LEAST_LEASE, _LONGEST_LEASE = 30, 7200


class Claims:
    """Thread-safe."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def claim(self, request: review_pb2.ClaimReviewsRequest) -> review_pb2.ClaimReviewsResponse:
        faults = Faults()
        faults.add("request_id", request_id_fault(request.request_id))
        faults.text("actor", request.actor, 128, required=True)
        if request.review_id:
            faults.add("review_id", given_id_fault(request.review_id))
            if request.count > 1:
                faults.add("count", f"is {request.count}, and review_id names one")
        rows.filter_faults(faults, request.filter)
        faults.add("order", order_fault(request.order))
        if request.order == review_pb2.REVIEW_ORDER_LATEST_DECISION_FIRST:
            faults.add("order", "is one of decided reviews, which cannot be claimed")
        if request.count > _MOST:
            faults.add("count", f"is {request.count}; at most {_MOST}")
        seconds = request.lease_seconds or _LEASE_SECONDS
        if not _LEAST_LEASE <= seconds <= _LONGEST_LEASE:
            faults.add("lease_seconds", f"is {seconds}; {_LEAST_LEASE} to {_LONGEST_LEASE}")
        faults.raise_if_any()

        def work(transaction: Transaction) -> tuple[str, review_pb2.ClaimReviewsResponse]:
            found = [_named(transaction, request)] if request.review_id else _next(transaction, request)
            answer = review_pb2.ClaimReviewsResponse()
            for row in found:
                values = {"claimed_by": request.actor, "claimed_until": transaction.now + seconds * 1000}
                claimed = _update(transaction, row, values)
                answer.reviews.append(rows.message(claimed, transaction.now))
            if found:
                transaction.note(f"{_listed(found)} claimed")
            return "", answer

        answer = self._core.answer("ClaimReviews", request, review_pb2.ClaimReviewsResponse, work)
        # Answers are remembered for a while. The posts are not in them, so that they can be erased.
        with self._core.store.read() as connection:
            for review in answer.reviews:
                whole = rows.with_post(rows.existing(connection, review.review_id), self._core.now(), self._core.keys)
                if whole.HasField("post"):
                    review.post.CopyFrom(whole.post)
                    review.verdict.CopyFrom(whole.verdict)
        return answer

    def release(self, request: review_pb2.ReleaseReviewRequest) -> review_pb2.ReviewResponse:
        faults = Faults()
        faults.add("review_id", given_id_fault(request.review_id))
        faults.text("actor", request.actor, 128, required=True)
        faults.raise_if_any()

        def work(transaction: Transaction) -> review_pb2.ReviewResponse:
            row = rows.existing(transaction.connection, request.review_id)
            check_pending(row, "released")
            check_unclaimed(row, request.actor, transaction.now)
            if row.claimed_by:
                row = _update(transaction, row, {"claimed_by": "", "claimed_until": 0})
                transaction.note(f"{_listed([row])} released")
            return review_pb2.ReviewResponse(review=rows.message(row, transaction.now))

        return self._core.write(work, method="ReleaseReview")


def check_pending(row: Any, step: str) -> None:
    """
    Raises:
        FailedPrecondition: it is decided, or has lapsed.
    """
    if row.state != rows.PENDING:
        word = rows.state_word(row.state)
        raise FailedPrecondition(
            reason_pb2.REASON_WRONG_STATE,
            f"review_id: the review is {word}; it can be {step} while it is pending",
            metadata={"state": word},
        )


def check_unclaimed(row: Any, actor: str, now: int) -> None:
    """
    Raises:
        FailedPrecondition: somebody else works on it.
    """
    if row.claimed_until <= now or row.claimed_by.strip() == actor.strip():
        return
    until = datetime.fromtimestamp(row.claimed_until / 1000, UTC).isoformat(timespec="seconds")
    raise FailedPrecondition(
        reason_pb2.REASON_REVIEW_CLAIMED,
        f"review_id: {row.claimed_by} works on the review until {until}",
        metadata={"claimed_by": row.claimed_by, "until": until},
    )


def _named(transaction: Transaction, request: review_pb2.ClaimReviewsRequest) -> Any:
    row = rows.existing(transaction.connection, request.review_id)
    check_pending(row, "claimed")
    check_unclaimed(row, request.actor, transaction.now)
    return row


def _next(transaction: Transaction, request: review_pb2.ClaimReviewsRequest) -> list[Any]:
    columns = reviews.c
    column, descending = ORDERS[request.order]
    query = (
        sa.select(reviews)
        .where(
            columns.state == rows.PENDING,
            columns.claimed_until <= transaction.now,
            *rows.content_conditions(request.filter),
        )
        .order_by(column.desc() if descending else column)
        .limit(request.count or 1)
    )
    return list(transaction.connection.execute(query))


def _update(transaction: Transaction, row: Any, values: dict[str, Any]) -> Any:
    mine = reviews.c.review_id == row.review_id
    transaction.connection.execute(sa.update(reviews).where(mine), values | {"version": row.version + 1})
    return rows.existing(transaction.connection, row.review_id)


def _listed(found: list[Any]) -> str:
    shown = ", ".join(row.review_id for row in found[:5])
    more = f" and {len(found) - 5} more" if len(found) > 5 else ""
    return f"review {shown}{more}" if len(found) == 1 else f"reviews {shown}{more}"
