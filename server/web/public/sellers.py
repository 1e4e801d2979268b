"""What everybody may know of a seller's standing, and nothing else.

The E-commerce Law has operators make public who is registered and licensed (Articles 15 and 76 on what must be shown),
and platforms what they decided against them (Article 36: warning, suspension or end of service). Strikes, complaints,
milder measures and everything about persons are nobody's business here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.routing import BaseRoute, Route

from fairpost.server.errors import InvalidArgument
from fairpost.server.web.rendering import render
from fairpost.server.web.site import site_of, visitor
from fairpost.v1 import registry_pb2, standing_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["public_standing", "routes"]

_REGISTRATIONS: Final = {
    standing_pb2.REGISTRATION_DRAFT: "none",
    standing_pb2.REGISTRATION_PENDING: "pending",
    standing_pb2.REGISTRATION_ACTIVE: "active",
    standing_pb2.REGISTRATION_LAPSED: "lapsed",
    standing_pb2.REGISTRATION_CLOSED: "closed",
}
_MOST_ID: Final = 128


def routes() -> list[BaseRoute]:
    return [Route("/sellers", sellers)]


async def sellers(request: Request) -> Response:
    """The form; with `id`, what is public of that seller."""
    site = site_of(request)
    seller_id = request.query_params.get("id", "").strip()
    if not seller_id:
        site.limits.take("page", request)
        return render(request, "public/sellers.html", seller_id="", state="", standing=None)
    site.limits.take("seller", request)
    try:
        response = await visitor(request).registry.LookupSeller(registry_pb2.LookupSellerRequest(seller_id=seller_id))
    except InvalidArgument:
        state, standing = "invalid", None
    else:
        answer = response.answer
        state, standing = _state(answer), None
        if state == "known":
            standing = public_standing(answer.standing)
            if standing["registration"] == "none":  # begun and never handed in: nothing is registered
                state, standing = "unknown", None
    status = {"invalid": 422, "unavailable": 503, "unknown": 404}.get(state, 200)
    return render(
        request,
        "public/sellers.html",
        status=status,
        seller_id=seller_id[:_MOST_ID],
        state=state,
        standing=standing,
    )


def _state(answer: registry_pb2.SellerAnswer) -> str:
    if answer.outcome == standing_pb2.LOOKUP_OUTCOME_OK:
        return "known"
    return "unknown" if answer.outcome == standing_pb2.LOOKUP_OUTCOME_NOT_FOUND else "unavailable"


def public_standing(standing: standing_pb2.Standing) -> Mapping[str, Any]:
    """registration, licences that are valid today, and whether a decision suspended or blacklisted them."""
    return {
        "registration": _REGISTRATIONS.get(standing.registration, "none"),
        "licences": list(standing.licences),
        "is_suspended": standing.enforcement == standing_pb2.ENFORCEMENT_SUSPENDED,
        "is_blacklisted": standing.listing == standing_pb2.LISTING_BLACKLISTED,
    }
