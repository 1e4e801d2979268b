"""Posts that were queued for review, to try rules on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from fairpost.server.registry.reviewed_posts import open_post
from fairpost.server.rulebook.backtests import Tried
from fairpost.server.store.review_schema import reviews

if TYPE_CHECKING:
    from fairpost.server.registry.core import Core

__all__ = ["latest_reviewed"]


def latest_reviewed(core: Core, most: int, day: int) -> list[Tried]:
    """The latest queued posts whose texts are still kept, with the standings of then.

    Args:
        day: for which they are to be judged, days since 1970.

    Raises:
        Unavailable: the store cannot be read.
    """
    columns = (reviews.c.review_id, reviews.c.state, reviews.c.post_cipher)
    query = sa.select(*columns).where(reviews.c.post_cipher.is_not(None)).order_by(reviews.c.queued.desc()).limit(most)
    with core.store.read() as connection:
        rows = connection.execute(query).all()
    return [
        Tried(kept.post, kept.seller, kept.standing, day, row.review_id, row.state)
        for row in rows
        if (kept := open_post(core.keys, row)) is not None
    ]
