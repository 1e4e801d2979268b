"""The queue as a list, and the next post to be taken from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.responses import RedirectResponse
from starlette.routing import Route

from fairpost.engine.vocabulary import CATEGORIES
from fairpost.server.errors import ServiceError
from fairpost.server.web.console.desk import Desk, Given, back_to, for_staff
from fairpost.server.web.console.words import choices, number_of, value_name
from fairpost.server.web.rendering import url_of
from fairpost.v1 import review_pb2

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

__all__ = ["FILTERS", "LIST", "ONE", "filter_of", "order_of", "routes", "taken"]

LIST: Final = "/console/reviews"
ONE: Final = "/console/reviews/one"
FILTERS: Final = ("category", "channel", "seller", "rule")
"""What a queue is narrowed by, besides its state; kept from one post to the next."""
_STATES: Final = review_pb2.DESCRIPTOR.enum_types_by_name["ReviewState"]
_ORDERS: Final = review_pb2.DESCRIPTOR.enum_types_by_name["ReviewOrder"]


def routes() -> list[BaseRoute]:
    return [
        Route(LIST, for_staff(show), methods=["GET"]),
        Route(f"{LIST}/next", for_staff(take), methods=["POST"]),
        Route(f"{LIST}/next", back_to(LIST), methods=["GET"]),
    ]


def filter_of(given: Given) -> review_pb2.ReviewFilter:
    return review_pb2.ReviewFilter(
        category=given.text("category"),
        channel=given.text("channel"),
        seller_id=given.text("seller"),
        rule=given.text("rule"),
    )


def order_of(given: Given) -> Any:
    return number_of(_ORDERS, given.text("order"))


async def show(desk: Desk) -> Response:
    query = desk.query
    state = query.text("state") or "pending"
    request = review_pb2.ListReviewsRequest(
        filter=filter_of(query), order=order_of(query), page_size=50, page_token=query.text("page")
    )
    if number := number_of(_STATES, state):
        request.filter.states.append(number)  # type: ignore[arg-type]
    if query.text("mine"):
        request.filter.claimed_by = desk.actor
    error: ServiceError | None = None
    answer = review_pb2.ListReviewsResponse()
    try:
        answer = await desk.calls.reviews.ListReviews(request)
    except ServiceError as refusal:
        if not refusal.violations:
            raise
        error = refusal
    queue = await desk.calls.reviews.GetReviewQueue(review_pb2.GetReviewQueueRequest())
    return desk.page(
        "reviews.html",
        error=error,
        given=query,
        state=state,
        states=choices(_STATES),
        orders=choices(_ORDERS),
        filters=FILTERS,
        categories=CATEGORIES[1:],
        reviews=answer.reviews,
        next_page=answer.next_page_token,
        queue=queue,
        counts={value_name(_STATES, each.state): each.count for each in queue.counts},
    )


async def take(desk: Desk) -> Response:
    """Take the next post by filter and order, and show it."""
    given = await desk.form()
    return await taken(desk, given)


async def taken(desk: Desk, given: Given, done: str = "") -> Response:
    """The next post; the list if there is none."""
    request = review_pb2.ClaimReviewsRequest(
        request_id=given.text("next_request_id") or given.text("request_id"),
        actor=desk.actor,
        filter=filter_of(given),
        order=order_of(given),
        count=1,
    )
    answer = await desk.calls.reviews.ClaimReviews(request)
    kept = {name: given.text(name) for name in (*FILTERS, "order")}
    if not answer.reviews:
        return RedirectResponse(url_of(LIST, done=done or "no_more", **kept), 303)
    return RedirectResponse(url_of(ONE, id=answer.reviews[0].review_id, done=done, **kept), 303)
