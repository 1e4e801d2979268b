"""The file of one seller: record, standing, licences, timeline, complaints, appeals, reviewed posts."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from starlette.routing import Route

from fairpost.engine.vocabulary import CATEGORIES, LICENCES
from fairpost.server.errors import ServiceError
from fairpost.server.web.console.desk import NOTHING_GIVEN, Desk, Given, for_staff
from fairpost.server.web.console.sellers.events import MOST, events_of, told
from fairpost.server.web.console.sellers.search import ENUMS
from fairpost.server.web.console.words import choices, code
from fairpost.server.web.rendering import CHINA
from fairpost.v1 import appeal_pb2, complaint_pb2, registry_pb2, review_pb2

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

__all__ = ["FILE", "routes", "show_file"]

FILE: Final = "/console/sellers/file"
_SHOWN: Final = 50
_SETTLED: Final = {"registration": ("active", "lapsed", "closed"), "listing": ("blacklisted", "rehabilitated")}
"""Values of an axis that a moderator's event may have; of the others all."""


def routes() -> list[BaseRoute]:
    return [Route(FILE, for_staff(show), methods=["GET"])]


async def show(desk: Desk) -> Response:
    return await show_file(desk, desk.query.text("id"))


async def show_file(
    desk: Desk, seller_id: str, error: ServiceError | None = None, given: Given = NOTHING_GIVEN
) -> Response:
    """The page, also with what was wrong in a form of it."""
    answer = await desk.calls.registry.GetSeller(registry_pb2.GetSellerRequest(seller_id=seller_id))
    seller = answer.seller
    events = await events_of(desk, seller_id)
    shown = events if desk.query.text("all") else events[:_SHOWN]
    return desk.page(
        "seller.html",
        error=error,
        given=given,
        seller=seller,
        today=datetime.now(CHINA).date().isoformat(),
        timeline=[(event, code(event, "change"), told(event, desk.language)) for event in shown],
        event_count=len(events),
        is_cut=len(events) == MOST,
        may_record=desk.may("RegistryService/RecordEvent") and not seller.erased,
        axes={name: _SETTLED.get(name) or choices(enum) for name, enum in ENUMS.items()},
        categories=CATEGORIES[1:],
        scopes=LICENCES,
        **await _cases(desk, seller_id),
    )


async def _cases(desk: Desk, seller_id: str) -> dict[str, Any]:
    """What is or was under way about them, as far as this person may see it."""
    found: dict[str, Any] = {"complaints": None, "appeals": None, "reviews": None}
    if desk.may("ComplaintService/ListComplaints"):
        request = complaint_pb2.ListComplaintsRequest(seller_id=seller_id, page_size=_SHOWN)
        found["complaints"] = (await desk.calls.complaints.ListComplaints(request)).complaints
    if desk.may("AppealService/ListAppeals"):
        asked = appeal_pb2.ListAppealsRequest(seller_id=seller_id, page_size=_SHOWN)
        found["appeals"] = (await desk.calls.appeals.ListAppeals(asked)).appeals
    if desk.may("ReviewService/ListReviews"):
        wanted = review_pb2.ListReviewsRequest(
            filter=review_pb2.ReviewFilter(seller_id=seller_id),
            order=review_pb2.REVIEW_ORDER_LATEST_FIRST,
            page_size=_SHOWN,
        )
        found["reviews"] = (await desk.calls.reviews.ListReviews(wanted)).reviews
    return found
