"""WatchReviews: what became of held posts, in the order of the decisions, across restarts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from fairpost.server.registry import log
from fairpost.server.reviews import rows
from fairpost.server.store.review_schema import reviews
from fairpost.v1 import review_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fairpost.server.registry.core import Core
    from fairpost.server.registry.watching import Watching

__all__ = ["Stream"]

_PART: Final = 500


class Stream:
    """Thread-safe."""

    def __init__(self, core: Core, watching: Watching) -> None:
        self._core = core
        self._watching = watching

    def watch(
        self, request: review_pb2.WatchReviewsRequest, active: Callable[[], bool]
    ) -> Iterator[review_pb2.WatchReviewsResponse]:
        """Parts until the server stops or `active` says that nobody listens any more."""
        if request.cursor:
            resync = "List the decided reviews (ListReviews), and watch anew without a cursor"
            after = self._watching.after(request.cursor, resync)
        else:
            after = 0 if request.from_beginning else self._core.store.sequence()

        def read(connection: sa.Connection, after: int) -> tuple[list[review_pb2.ReviewDecision], int, bool]:
            query = sa.select(*rows.SHOWN).where(reviews.c.decided > after).order_by(reviews.c.decided).limit(_PART)
            found = connection.execute(query).all()
            more = len(found) == _PART
            upto = int(found[-1].decided) if more else log.head_sequence(connection)
            return [rows.decision(row) for row in found], upto, more

        for decisions, upto in self._watching.follow(after, read, active):
            yield review_pb2.WatchReviewsResponse(decisions=decisions, cursor=self._core.token(upto))
