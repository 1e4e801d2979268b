"""A post of the queue: its texts with the evidence in them, the seller's other posts, and the decision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.exceptions import HTTPException
from starlette.routing import Route

from fairpost.server.errors import PermissionDenied, ServiceError
from fairpost.server.web.console.desk import NOTHING_GIVEN, Desk, Given, back_to, for_staff
from fairpost.server.web.console.reviews.evidence import texts_of
from fairpost.server.web.console.reviews.queue import FILTERS, LIST, ONE, taken
from fairpost.v1 import review_pb2, verdict_pb2

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

__all__ = ["routes"]

DECISIONS: Final = {
    "shield": (review_pb2.REVIEW_STATE_UPHELD, verdict_pb2.ACTION_SHIELD),
    "block": (review_pb2.REVIEW_STATE_UPHELD, verdict_pb2.ACTION_BLOCK),
    "overturn": (review_pb2.REVIEW_STATE_OVERTURNED, verdict_pb2.ACTION_UNSPECIFIED),
}


def routes() -> list[BaseRoute]:
    return [
        Route(ONE, for_staff(show), methods=["GET"]),
        Route(ONE, for_staff(decide), methods=["POST"]),
        Route(f"{ONE}/claim", for_staff(claim), methods=["POST"]),
        Route(f"{ONE}/release", for_staff(release), methods=["POST"]),
        Route(f"{ONE}/claim", back_to(ONE), methods=["GET"]),
        Route(f"{ONE}/release", back_to(ONE), methods=["GET"]),
    ]


async def show(desk: Desk) -> Response:
    return await _one(desk, desk.query.text("id"))


async def _one(
    desk: Desk,
    review_id: str,
    error: ServiceError | None = None,
    given: Given = NOTHING_GIVEN,
    regression_case: str = "",
) -> Response:
    answer = await desk.calls.reviews.GetReview(review_pb2.GetReviewRequest(review_id=review_id))
    review = answer.review
    is_pending = review.state == review_pb2.REVIEW_STATE_PENDING
    is_others = bool(review.claimed_by) and review.claimed_by != desk.actor
    kept = given if given else desk.query
    return desk.page(
        "review.html",
        error=error,
        given=given,
        review=review,
        texts=texts_of(review.post, review.verdict) if review.HasField("post") else [],
        others=answer.others,
        other_counts=answer.other_counts,
        may_decide=is_pending and not is_others and desk.may("ReviewService/DecideReview"),
        may_claim=is_pending and not is_others and desk.may("ReviewService/ClaimReviews"),
        is_mine=bool(review.claimed_by) and not is_others,
        is_others=is_others,
        kept=_listing(kept),
        regression_case=regression_case,
    )


async def decide(desk: Desk) -> Response:
    """Decide, and go on with the next one if that is wanted."""
    given = await desk.form()
    review_id, name = desk.query.text("id"), given.text("decision")
    if name not in DECISIONS:
        raise HTTPException(400)
    state, action = DECISIONS[name]
    request = review_pb2.DecideReviewRequest(
        request_id=given.text("request_id"),
        review_id=review_id,
        expected_version=given.number("version"),
        state=state,
        action=action,
        category=given.text("category") if name != "overturn" else "",
        note=given.text("note"),
        actor=desk.actor,
    )
    try:
        answer = await desk.calls.reviews.DecideReview(request)
    except PermissionDenied:
        raise
    except ServiceError as error:
        return await _one(desk, review_id, error, given)
    if answer.regression_case:
        # It is in no store: whoever decides hands it to those who write rules.
        return await _one(desk, review_id, given=Given(_listing(given)), regression_case=answer.regression_case)
    if given.text("go_on"):
        return await taken(desk, given, f"review_{name}")
    return desk.went(ONE, f"review_{name}", id=review_id)


def _listing(given: Given) -> dict[str, str]:
    """Which part of the queue somebody works on, in which order."""
    return {name: given.text(name) for name in (*FILTERS, "order")}


async def claim(desk: Desk) -> Response:
    given = await desk.form()
    request = review_pb2.ClaimReviewsRequest(
        request_id=given.text("request_id"), actor=desk.actor, review_id=desk.query.text("id")
    )
    return await _claimed(desk, given, desk.calls.reviews.ClaimReviews(request), "claimed")


async def release(desk: Desk) -> Response:
    given = await desk.form()
    request = review_pb2.ReleaseReviewRequest(review_id=desk.query.text("id"), actor=desk.actor)
    return await _claimed(desk, given, desk.calls.reviews.ReleaseReview(request), "released")


async def _claimed(desk: Desk, given: Given, call: Any, done: str) -> Response:
    try:
        await call
    except PermissionDenied:
        raise
    except ServiceError as error:
        return await _one(desk, desk.query.text("id"), error, given)
    if done == "released":
        return desk.went(LIST, done)
    return desk.went(ONE, done, id=desk.query.text("id"), **_listing(given))
