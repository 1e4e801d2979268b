"""The job of the review queue.

lapsed      reviews that nobody has decided on in time, or whose post was erased with its seller's data: an end of their
            own, which WatchReviews tells
texts       posts of ended reviews, after their term
reviews     whole reviews, three years after they ended (E-commerce Law, Art. 31)
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import sqlalchemy as sa

from fairpost.server.registry.jobs import Job
from fairpost.server.reviews import rows
from fairpost.server.store import schema
from fairpost.server.store.review_schema import review_rules, reviews
from fairpost.v1 import review_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

    from fairpost.server.registry.core import Core
    from fairpost.server.registry.transaction import Transaction

__all__ = ["Terms", "review_job"]

_MOST: Final = 200
"""Rows in one transaction."""
_DAY_MS: Final = 86_400_000
_KEPT_DAYS: Final = 3 * 366
_LAPSED: Final = review_pb2.REVIEW_STATE_LAPSED


class Terms(NamedTuple):
    """Days. open: until a pending review lapses; text: for which the post of an ended one is kept."""

    open: int = 30
    text: int = 90


def review_job(terms: Terms) -> Job:
    """Run every minute by one server."""

    def due(core: Core) -> bool:
        return any(core.store.has(find(core, terms)) for find, _ in _STEPS.values())

    def part(core: Core) -> tuple[Counter[str], bool]:
        counts: Counter[str] = Counter()
        for name, (find, end) in _STEPS.items():
            query = find(core, terms)
            if core.store.has(query):
                counts[name] = core.write(lambda transaction, query=query, end=end: _end(transaction, query, end))  # type: ignore[misc]
        more = _MOST in counts.values()
        if counts and not more:
            core.store.scrub()
        return +counts, more

    return Job("reviews", due, part, every=60.0)


def _end(transaction: Transaction, query: sa.Select[Any], end: Callable[[Transaction, list[Any]], str]) -> int:
    found = list(transaction.connection.execute(query.limit(_MOST)))
    if found:
        transaction.note(end(transaction, found))
    return len(found)


def _unanswered(core: Core, terms: Terms) -> sa.Select[Any]:
    columns = reviews.c
    late = columns.queued_at < core.now() - terms.open * _DAY_MS
    # Who works on it at the moment may end that.
    free = columns.claimed_until <= core.now()
    return sa.select(columns.review_id, columns.action).where(
        columns.state == rows.PENDING, (late & free) | columns.post_cipher.is_(None)
    )


def _lapse(transaction: Transaction, found: list[Any]) -> str:
    for row in found:
        values = {
            "state": _LAPSED,
            "version": reviews.c.version + 1,
            "decided": transaction.take_sequence(),
            "decided_at": transaction.now,
            "outcome": row.action,
            "claimed_by": "",
            "claimed_until": 0,
            "post_cipher": None,
        }
        mine = reviews.c.review_id == row.review_id
        transaction.connection.execute(sa.update(reviews).where(mine).values(**values))
    return f"{len(found)} reviews lapsed"


def _old_texts(core: Core, terms: Terms) -> sa.Select[Any]:
    columns = reviews.c
    before = core.now() - terms.text * _DAY_MS
    return sa.select(columns.review_id).where(columns.decided_at < before, columns.post_cipher.is_not(None))


def _erase_texts(transaction: Transaction, found: list[Any]) -> str:
    mine = reviews.c.review_id.in_([row.review_id for row in found])
    transaction.connection.execute(sa.update(reviews).where(mine), {"post_cipher": None})
    return f"{len(found)} texts of reviewed posts erased"


def _old_reviews(core: Core, _terms: Terms) -> sa.Select[Any]:
    columns = reviews.c
    # The last of the log stays: `registry verify` finds where the log ends by it.
    last = sa.select(schema.head.c.sequence).scalar_subquery()
    return sa.select(columns.review_id, columns.queued).where(
        columns.decided_at < core.now() - _KEPT_DAYS * _DAY_MS, columns.decided < last
    )


def _erase_reviews(transaction: Transaction, found: list[Any]) -> str:
    connection = transaction.connection
    connection.execute(sa.delete(review_rules).where(review_rules.c.queued.in_([row.queued for row in found])))
    connection.execute(sa.delete(reviews).where(reviews.c.review_id.in_([row.review_id for row in found])))
    return f"{len(found)} reviews erased"


_STEPS: Final[dict[str, tuple[Callable[[Core, Terms], sa.Select[Any]], Callable[[Transaction, list[Any]], str]]]] = {
    "lapsed": (_unanswered, _lapse),
    "texts": (_old_texts, _erase_texts),
    "reviews": (_old_reviews, _erase_reviews),
}
