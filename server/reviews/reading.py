"""ListReviews, GetReview, GetReviewQueue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from fairpost.engine.vocabulary import CATEGORIES
from fairpost.server.errors import Violation, invalid_fields
from fairpost.server.faults import Faults, given_id_fault
from fairpost.server.registry.paging import Pages
from fairpost.server.reviews import rows
from fairpost.server.store.review_schema import review_rules, reviews
from fairpost.v1 import review_pb2

if TYPE_CHECKING:
    from fairpost.server.registry.core import Core
    from fairpost.server.reviews.intake import Intake

__all__ = ["ORDERS", "Reading", "order_fault"]

_OTHERS: Final = 20
_LOOKED_AT: Final = 200
"""Of a seller's other posts, those among which the most alike are found."""
ORDERS: Final[dict[int, tuple[sa.Column[Any], bool]]] = {
    review_pb2.REVIEW_ORDER_UNSPECIFIED: (reviews.c.queued, False),
    review_pb2.REVIEW_ORDER_OLDEST_FIRST: (reviews.c.queued, False),
    review_pb2.REVIEW_ORDER_RISKIEST_FIRST: (reviews.c.urgency, True),
    review_pb2.REVIEW_ORDER_LATEST_FIRST: (reviews.c.queued, True),
    review_pb2.REVIEW_ORDER_LATEST_DECISION_FIRST: (reviews.c.decided, True),
}
"""A unique column, and whether the greatest comes first."""


def order_fault(order: int) -> str | None:
    return None if order in ORDERS else f"{order} is none of {', '.join(review_pb2.ReviewOrder.keys())}"


class Reading:
    """Thread-safe."""

    def __init__(self, core: Core, intake: Intake) -> None:
        self._core = core
        self._intake = intake

    def list(self, request: review_pb2.ListReviewsRequest) -> review_pb2.ListReviewsResponse:
        faults, pages = Faults(), Pages(self._core.keys, self._core.store.store_id, request)
        pages.check(faults)
        rows.filter_faults(faults, request.filter)
        faults.add("order", order_fault(request.order))
        faults.raise_if_any()
        now = self._core.now()
        column, descending = ORDERS[request.order]
        query = sa.select(*rows.SHOWN).where(*rows.conditions(request.filter, now))
        if column is reviews.c.decided:
            query = query.where(column.is_not(None))
        with self._core.store.read() as connection:
            shown, after = pages.take(connection, query, column, descending=descending)
        return review_pb2.ListReviewsResponse(reviews=[rows.message(row, now) for row in shown], next_page_token=after)

    def get(self, request: review_pb2.GetReviewRequest) -> review_pb2.GetReviewResponse:
        if fault := given_id_fault(request.review_id):
            raise invalid_fields([Violation("review_id", fault)])
        now = self._core.now()
        with self._core.store.read() as connection:
            row = rows.existing(connection, request.review_id)
            answer = review_pb2.GetReviewResponse(review=rows.with_post(row, now, self._core.keys))
            if row.seller_id:
                answer.others.extend(rows.message(other, now) for other in _others(connection, row))
                mine = (reviews.c.seller_id == row.seller_id) & (reviews.c.review_id != row.review_id)
                counts = sa.select(reviews.c.state, sa.func.count()).where(mine).group_by(reviews.c.state)
                for state, count in sorted(connection.execute(counts)):
                    answer.other_counts.add(state=state, count=count)
        return answer

    def queue(self, _request: review_pb2.GetReviewQueueRequest) -> review_pb2.GetReviewQueueResponse:
        columns, now = reviews.c, self._core.now()
        answer = review_pb2.GetReviewQueueResponse(lost=self._intake.lost)
        with self._core.store.read() as connection:
            by_state = sa.select(columns.state, sa.func.count()).group_by(columns.state)
            for state, count in sorted(connection.execute(by_state)):
                answer.counts.add(state=state, count=count)
            pending = columns.state == rows.PENDING
            query = sa.select(sa.func.count()).where(pending, columns.claimed_until > now)
            answer.claimed = connection.execute(query).scalar_one()
            oldest = sa.select(columns.queued_at).where(pending).order_by(columns.queued).limit(1)
            if (at := connection.execute(oldest).scalar_one_or_none()) is not None:
                answer.oldest_queued_at.FromMilliseconds(at)
            kinds = sa.select(columns.categories, columns.channel, sa.func.count()).where(pending)
            for bits, channel, count in connection.execute(kinds.group_by(columns.categories, columns.channel)):
                answer.channels[channel or "default"] += count
                for k, category in enumerate(CATEGORIES):
                    if bits >> k & 1:
                        answer.categories[category] += count
        return answer


def _others(connection: sa.Connection, row: Any) -> list[Any]:
    """The seller's other posts: those that share most rules first, then the latest."""
    mine = (reviews.c.seller_id == row.seller_id) & (reviews.c.review_id != row.review_id)
    latest = sa.select(*rows.SHOWN).where(mine).order_by(reviews.c.queued.desc()).limit(_LOOKED_AT)
    found = list(connection.execute(latest))
    shared = (
        sa.select(review_rules.c.queued, sa.func.count())
        .where(
            review_rules.c.queued.in_([other.queued for other in found]),
            review_rules.c.rule.in_([*row.rules[0], *row.rules[1]]),
        )
        .group_by(review_rules.c.queued)
    )
    alike: dict[int, int] = {row[0]: row[1] for row in connection.execute(shared)}
    return sorted(found, key=lambda other: (-alike.get(other.queued, 0), -other.queued))[:_OTHERS]
