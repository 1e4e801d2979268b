"""What webhooks and the platform's account were told of publications, and what could not be delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.routing import Route

from fairpost.server.errors import PermissionDenied, ServiceError
from fairpost.server.web.console.desk import NOTHING_GIVEN, Desk, Given, back_to, for_staff
from fairpost.server.web.console.words import choices, number_of
from fairpost.v1 import bulletin_pb2

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

__all__ = ["routes"]

PAGE: Final = "/console/bulletin/deliveries"
_STATES: Final = bulletin_pb2.DESCRIPTOR.enum_types_by_name["DeliveryState"]


def routes() -> list[BaseRoute]:
    return [
        Route(PAGE, for_staff(show), methods=["GET"]),
        Route(f"{PAGE}/retry", for_staff(retry), methods=["POST"]),
        Route(f"{PAGE}/retry", back_to(PAGE), methods=["GET"]),
    ]


async def show(desk: Desk) -> Response:
    return await _page(desk)


async def _page(desk: Desk, error: ServiceError | None = None, given: Given = NOTHING_GIVEN) -> Response:
    query = desk.query
    state: Any = number_of(_STATES, query.text("state"))
    request = bulletin_pb2.ListDeliveriesRequest(
        receiver=query.text("receiver"), states=[state] if state else [], page_size=50, page_token=query.text("page")
    )
    answer = await desk.calls.bulletin.ListDeliveries(request)
    return desk.page(
        "deliveries.html",
        error=error,
        given=given or query,
        states=choices(_STATES),
        deliveries=answer.deliveries,
        next_page=answer.next_page_token,
        may_retry=desk.may("BulletinService/RetryDelivery"),
    )


async def retry(desk: Desk) -> Response:
    given = await desk.form()
    request = bulletin_pb2.RetryDeliveryRequest(
        receiver=given.text("receiver"), sequence=given.number("sequence"), actor=desk.actor
    )
    try:
        await desk.calls.bulletin.RetryDelivery(request)
    except PermissionDenied:
        raise
    except ServiceError as error:
        return await _page(desk, error)
    return desk.went(PAGE, "retried", state=desk.query.text("state"))
