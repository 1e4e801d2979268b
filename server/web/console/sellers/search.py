"""Sellers by name, id and standing; by identity number or credit code, which is sent by a form: it is personal, and
belongs in no address, history or log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException
from starlette.routing import Route

from fairpost.server.errors import ServiceError
from fairpost.server.web.console.desk import Desk, Given, back_to, for_staff
from fairpost.server.web.console.words import choices, number_of
from fairpost.v1 import registry_pb2, standing_pb2

if TYPE_CHECKING:
    from google.protobuf.descriptor import EnumDescriptor
    from starlette.responses import Response
    from starlette.routing import BaseRoute

__all__ = ["ENUMS", "routes"]

ENUMS: Final[dict[str, EnumDescriptor]] = {
    name.lower(): standing_pb2.DESCRIPTOR.enum_types_by_name[name]
    for name in ("Registration", "Enforcement", "Listing")
}
"""Of the three axes of a standing, by the names of their fields."""


def routes() -> list[BaseRoute]:
    return [
        Route("/console/sellers", for_staff(show), methods=["GET"]),
        Route("/console/sellers/by-number", for_staff(by_number), methods=["POST"]),
        Route("/console/sellers/by-number", back_to("/console/sellers"), methods=["GET"]),
    ]


async def show(desk: Desk) -> Response:
    query = desk.query
    request = registry_pb2.ListSellersRequest(
        query=query.text("query"), category=query.text("category"), page_size=50, page_token=query.text("page")
    )
    return await _found(desk, request, query)


async def by_number(desk: Desk) -> Response:
    given = await desk.form()
    number = given.text("number").upper()
    if not number:
        raise HTTPException(400)
    # What was typed is not shown again.
    return await _found(desk, registry_pb2.ListSellersRequest(number=number, page_size=1000), Given({}), by_number=True)


async def _found(
    desk: Desk, request: registry_pb2.ListSellersRequest, given: Given, *, by_number: bool = False
) -> Response:
    for name, enum in ENUMS.items():
        if number := number_of(enum, given.text(name)):
            getattr(request, f"{name}s").append(number)
    error: ServiceError | None = None
    answer = registry_pb2.ListSellersResponse()
    try:
        answer = await desk.calls.registry.ListSellers(request)
    except ServiceError as refusal:
        if not refusal.violations:
            raise
        error = refusal
    return desk.page(
        "sellers.html",
        error=error,
        given=given,
        axes={name: choices(enum) for name, enum in ENUMS.items()},
        sellers=answer.sellers,
        # By number there is one page: accounts of one person or enterprise.
        next_page="" if by_number else answer.next_page_token,
        by_number=by_number,
    )
