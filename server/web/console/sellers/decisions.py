"""Events that a moderator records in a seller's log: penalties, strikes, listings, licences, registration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.exceptions import HTTPException
from starlette.routing import Route

from fairpost.server.errors import PermissionDenied, ServiceError
from fairpost.server.web.console.desk import Desk, Given, back_to, for_staff
from fairpost.server.web.console.sellers.file import FILE, show_file
from fairpost.server.web.console.sellers.search import ENUMS
from fairpost.server.web.console.words import number_of
from fairpost.v1 import registry_pb2, seller_event_pb2, seller_pb2

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

__all__ = ["KINDS", "routes"]

KINDS: Final = ("enforcement", "strike", "listing", "licence", "licence_ended", "verification", "registration")


def routes() -> list[BaseRoute]:
    return [
        Route(f"{FILE}/event", for_staff(record), methods=["POST"]),
        Route(f"{FILE}/event", back_to(FILE), methods=["GET"]),
    ]


async def record(desk: Desk) -> Response:
    given = await desk.form()
    seller_id, kind = desk.query.text("id"), given.text("kind")
    if kind not in KINDS:
        raise HTTPException(400)
    event = seller_event_pb2.SellerEvent(
        actor=desk.actor,
        reason=given.text("reason"),
        evidence=given.text("evidence"),
        effective=given.text("effective"),
        expires=given.text("expires"),
        **{kind: _change(kind, given)},
    )
    request = registry_pb2.RecordEventRequest(
        request_id=given.text("request_id"),
        seller_id=seller_id,
        event=event,
        expected_version=given.number("version"),
    )
    try:
        await desk.calls.registry.RecordEvent(request)
    except PermissionDenied:
        raise
    except ServiceError as error:
        return await show_file(desk, seller_id, error, given)
    return desk.went(FILE, "recorded", id=seller_id)


def _change(kind: str, given: Given) -> Any:
    state: Any = number_of(ENUMS[kind], given.text("state")) if kind in ENUMS else 0
    match kind:
        case "enforcement":
            return seller_event_pb2.EnforcementChange(state=state)
        case "registration":
            return seller_event_pb2.RegistrationChange(state=state)
        case "listing":
            return seller_event_pb2.ListingChange(
                state=state, review=given.text("review"), permanent=bool(given.text("permanent"))
            )
        case "strike":
            return seller_event_pb2.Strike(category=given.text("category"), weight=given.number("weight"))
        case "verification":
            return seller_event_pb2.Verification(next_verification=given.text("next_verification"))
    return seller_pb2.Licence(
        scope=given.text("scope"),
        number=given.text("number"),
        valid_from=given.text("valid_from"),
        valid_until=given.text("valid_until"),
        evidence=given.text("licence_evidence"),
    )
