"""The methods of ReviewService, whose fields are given by name. `reviews_async.py` has the same for asyncio."""

# Which message a method answers with follows from its name, which mypy does not know.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fairpost.client.listening import WATCH_REVIEWS
from fairpost.v1 import review_pb2

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from google.protobuf.message import Message

    from fairpost.client.catalogue import Rpc

__all__ = ["ReviewCalls"]


class ReviewCalls:
    """Of a `Client`, which has the calls themselves."""

    if TYPE_CHECKING:

        def call(self, method: str, request: Message) -> Any: ...

        def _pages(self, method: str, request: Any, field: str) -> Iterator[Any]: ...

        def _followed(self, rpc: Rpc, request: Any) -> Generator[Any, None, None]: ...

    def reviews(self, order: int = 0, **conditions: Any) -> Iterator[review_pb2.Review]:
        """All that meet the conditions of ReviewFilter, without their posts. order: a ReviewOrder."""
        wanted = review_pb2.ReviewFilter(**conditions)
        request = review_pb2.ListReviewsRequest(filter=wanted, order=order)  # type: ignore[arg-type]
        return self._pages("ListReviews", request, "reviews")

    def review(self, review_id: str) -> review_pb2.GetReviewResponse:
        """One with its post, its verdict, and what else of the seller was reviewed."""
        return self.call("GetReview", review_pb2.GetReviewRequest(review_id=review_id))

    def review_queue(self) -> review_pb2.GetReviewQueueResponse:
        """How long the queue is, and of what."""
        return self.call("GetReviewQueue", review_pb2.GetReviewQueueRequest())

    def claim_reviews(self, actor: str, **fields: Any) -> list[review_pb2.Review]:
        """The next ones, or review_id, with posts and verdicts: nobody else gets them until the lease ends. filter,
        order, count, lease_seconds, request_id."""
        return list(self.call("ClaimReviews", review_pb2.ClaimReviewsRequest(actor=actor, **fields)).reviews)

    def release_review(self, review_id: str, *, actor: str) -> review_pb2.Review:
        """Give a claimed one back."""
        request = review_pb2.ReleaseReviewRequest(review_id=review_id, actor=actor)
        return self.call("ReleaseReview", request).review

    def decide_review(self, review_id: str, **fields: Any) -> review_pb2.DecideReviewResponse:
        """state, actor; action and category of one that is upheld; note; expected_version, request_id."""
        return self.call("DecideReview", review_pb2.DecideReviewRequest(review_id=review_id, **fields))

    def watch_reviews(self, cursor: str = "", **fields: Any) -> Generator[review_pb2.WatchReviewsResponse, None, None]:
        """What is decided after the cursor, for as long as it is taken, across broken connections; close the generator
        to end. from_beginning."""
        return self._followed(WATCH_REVIEWS, review_pb2.WatchReviewsRequest(cursor=cursor, **fields))
