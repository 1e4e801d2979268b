"""The review queue: posts that the rules could not settle, for people to decide on. Nothing of it makes a verdict wait.

intake.py     from calls into the queue, in a thread of its own
judging.py    a post that was handed over, judged once more: the verdict with its evidence
rows.py       rows of the store as messages
reading.py    ListReviews, GetReview, GetReviewQueue
claims.py     ClaimReviews, ReleaseReview
decisions.py  DecideReview
stream.py     WatchReviews
retention.py  the job: what nobody decides on in time, and texts after their term
service.py    all of it put together
"""

from __future__ import annotations

from fairpost.server.reviews.service import Reviews

__all__ = ["Reviews"]
