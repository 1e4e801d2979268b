"""Appeals: the list, one appeal with the event that it is against, and the decision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException
from starlette.routing import Route

from fairpost.server.errors import PermissionDenied, ServiceError
from fairpost.server.web.console.desk import NOTHING_GIVEN, Desk, Given, for_staff
from fairpost.server.web.console.sellers.events import event_of
from fairpost.server.web.console.words import choices, number_of
from fairpost.v1 import appeal_pb2

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

__all__ = ["routes"]

LIST: Final = "/console/appeals"
ONE: Final = "/console/appeals/one"
NEW: Final = "/console/appeals/new"
_STATES: Final = appeal_pb2.DESCRIPTOR.enum_types_by_name["AppealState"]


def routes() -> list[BaseRoute]:
    return [
        Route(LIST, for_staff(show_list), methods=["GET"]),
        Route(NEW, for_staff(show_new), methods=["GET"]),
        Route(NEW, for_staff(file), methods=["POST"]),
        Route(ONE, for_staff(show), methods=["GET"]),
        Route(ONE, for_staff(decide), methods=["POST"]),
    ]


async def show_list(desk: Desk) -> Response:
    query = desk.query
    state = query.text("state") or "filed"
    number = number_of(_STATES, state)
    request = appeal_pb2.ListAppealsRequest(
        seller_id=query.text("seller"),
        states=[number] if number else [],  # type: ignore[list-item]
        page_size=50,
        page_token=query.text("page"),
    )
    answer = await desk.calls.appeals.ListAppeals(request)
    return desk.page(
        "appeals.html",
        given=query,
        state=state,
        states=choices(_STATES),
        appeals=answer.appeals,
        next_page=answer.next_page_token,
    )


async def show_new(desk: Desk) -> Response:
    return await _new(desk, Given({"seller": desk.query.text("seller"), "against": desk.query.text("against")}))


async def _new(desk: Desk, given: Given, error: ServiceError | None = None) -> Response:
    if not desk.may("AppealService/FileAppeal"):
        raise HTTPException(403)
    event = await event_of(desk, given.text("seller"), given.number("against"))
    return desk.page("appeal_new.html", given=given, error=error, event=event)


async def file(desk: Desk) -> Response:
    """Take an appeal in for a seller."""
    given = await desk.form()
    request = appeal_pb2.FileAppealRequest(
        request_id=given.text("request_id"),
        seller_id=given.text("seller"),
        against=given.number("against"),
        statement=given.text("statement"),
        evidence=given.lines("evidence"),
    )
    try:
        answer = await desk.calls.appeals.FileAppeal(request)
    except ServiceError as error:
        return await _new(desk, given, error)
    return desk.went(ONE, "filed", id=answer.appeal.appeal_id)


async def show(desk: Desk) -> Response:
    return await _one(desk, desk.query.text("id"))


async def _one(
    desk: Desk,
    appeal_id: str,
    error: ServiceError | None = None,
    given: Given = NOTHING_GIVEN,
    regression_case: str = "",
) -> Response:
    answer = await desk.calls.appeals.GetAppeal(appeal_pb2.GetAppealRequest(appeal_id=appeal_id))
    appeal = answer.appeal
    return desk.page(
        "appeal.html",
        error=error,
        given=given,
        appeal=appeal,
        event=await event_of(desk, appeal.seller_id, appeal.against),
        may_decide=appeal.state == appeal_pb2.APPEAL_STATE_FILED and desk.may("AppealService/DecideAppeal"),
        regression_case=regression_case,
    )


async def decide(desk: Desk) -> Response:
    given = await desk.form()
    appeal_id = desk.query.text("id")
    request = appeal_pb2.DecideAppealRequest(
        request_id=given.text("request_id"),
        appeal_id=appeal_id,
        expected_version=given.number("version"),
        state=number_of(_STATES, given.text("state")),  # type: ignore[arg-type]
        decision=given.text("decision"),
        actor=desk.actor,
    )
    try:
        answer = await desk.calls.appeals.DecideAppeal(request)
    except PermissionDenied:
        raise
    except ServiceError as error:
        return await _one(desk, appeal_id, error, given)
    if answer.regression_case:
        # It is in no store: whoever decides hands it to those who write rules.
        return await _one(desk, appeal_id, regression_case=answer.regression_case)
    return desk.went(ONE, "decided", id=appeal_id)
