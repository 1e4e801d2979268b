"""Complaints: the list with its clocks, one complaint, and the steps that its state allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.exceptions import HTTPException
from starlette.routing import Route

from fairpost.engine.vocabulary import CATEGORIES
from fairpost.server.errors import PermissionDenied, ServiceError
from fairpost.server.web.console.desk import NOTHING_GIVEN, Desk, Given, for_staff
from fairpost.server.web.console.words import choices, code, number_of
from fairpost.v1 import complaint_pb2

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

__all__ = ["routes"]

LIST: Final = "/console/complaints"
ONE: Final = "/console/complaints/one"
NEW: Final = "/console/complaints/new"
_STATES: Final = complaint_pb2.DESCRIPTOR.enum_types_by_name["ComplaintState"]
_KINDS: Final = complaint_pb2.DESCRIPTOR.enum_types_by_name["ComplaintKind"]
_OUTCOMES: Final = complaint_pb2.DESCRIPTOR.enum_types_by_name["ComplaintOutcome"]
_OPEN: Final = ("filed", "assigned", "answered")
STEPS: Final = {
    "assign": ("AssignComplaint", _OPEN),
    "answer": ("AnswerComplaint", ("filed", "assigned")),
    "resolve": ("ResolveComplaint", ("assigned", "answered")),
    "withdraw": ("WithdrawComplaint", _OPEN),
}
"""Method of each step, and the states in which a page offers it."""


def routes() -> list[BaseRoute]:
    return [
        Route(LIST, for_staff(show_list), methods=["GET"]),
        Route(NEW, for_staff(show_new), methods=["GET"]),
        Route(NEW, for_staff(file), methods=["POST"]),
        Route(ONE, for_staff(show), methods=["GET"]),
        Route(ONE, for_staff(step), methods=["POST"]),
    ]


async def show_list(desk: Desk) -> Response:
    query = desk.query
    state = query.text("state") or "open"
    wanted = _OPEN if state == "open" else [state]
    request = complaint_pb2.ListComplaintsRequest(
        seller_id=query.text("seller"),
        states=[number for name in wanted if (number := number_of(_STATES, name))],  # type: ignore[misc]
        overdue=bool(query.text("overdue")),
        handler=desk.actor if query.text("mine") else "",
        page_size=50,
        page_token=query.text("page"),
    )
    answer = await desk.calls.complaints.ListComplaints(request)
    return desk.page(
        "complaints.html",
        given=query,
        state=state,
        states=choices(_STATES),
        complaints=answer.complaints,
        next_page=answer.next_page_token,
    )


async def show_new(desk: Desk) -> Response:
    return _new(desk, given=Given({"seller": desk.query.text("seller")}))


def _new(desk: Desk, **values: Any) -> Response:
    if not desk.may("ComplaintService/FileComplaint"):
        raise HTTPException(403)
    return desk.page("complaint_new.html", kinds=choices(_KINDS), **values)


async def file(desk: Desk) -> Response:
    """Take a complaint in for a consumer who came another way than by the public form."""
    given = await desk.form()
    request = complaint_pb2.FileComplaintRequest(
        request_id=given.text("request_id"),
        seller_id=given.text("seller"),
        kind=number_of(_KINDS, given.text("kind")),  # type: ignore[arg-type]
        post_id=given.text("post_id"),
        order_id=given.text("order_id"),
        consumer_id=given.text("consumer_id"),
        statement=given.text("statement"),
        consumer_contact=given.text("consumer_contact"),
        evidence=given.lines("evidence"),
        received_on=given.text("received_on"),
    )
    try:
        answer = await desk.calls.complaints.FileComplaint(request)
    except ServiceError as error:
        return _new(desk, error=error, given=given)
    return desk.went(ONE, "filed", id=answer.complaint.complaint_id)


async def show(desk: Desk) -> Response:
    return await _one(desk, desk.query.text("id"))


async def _one(
    desk: Desk, complaint_id: str, error: ServiceError | None = None, given: Given = NOTHING_GIVEN
) -> Response:
    request = complaint_pb2.GetComplaintRequest(complaint_id=complaint_id)
    complaint = (await desk.calls.complaints.GetComplaint(request)).complaint
    state = code(complaint, "state")
    steps = [
        name for name, (method, states) in STEPS.items() if state in states and desk.may(f"ComplaintService/{method}")
    ]
    return desk.page(
        "complaint.html",
        error=error,
        given=given,
        complaint=complaint,
        steps=steps,
        outcomes=choices(_OUTCOMES),
        categories=CATEGORIES[1:],
    )


async def step(desk: Desk) -> Response:
    given = await desk.form()
    name, complaint_id = given.text("step"), desk.query.text("id")
    if name not in STEPS:
        raise HTTPException(400)
    common: dict[str, Any] = {
        "request_id": given.text("request_id"),
        "complaint_id": complaint_id,
        "expected_version": given.number("version"),
        "actor": desk.actor,
    }
    request: Any
    match name:
        case "assign":
            request = complaint_pb2.AssignComplaintRequest(**common, handler=given.text("handler") or desk.actor)
        case "answer":
            request = complaint_pb2.AnswerComplaintRequest(**common, answer=given.text("answer"))
        case "resolve":
            request = complaint_pb2.ResolveComplaintRequest(
                **common,
                outcome=number_of(_OUTCOMES, given.text("outcome")),  # type: ignore[arg-type]
                resolution=given.text("resolution"),
                strike_category=given.text("strike_category"),
                strike_weight=given.number("strike_weight") if given.text("strike_category") else 0,
            )
        case _:
            request = complaint_pb2.WithdrawComplaintRequest(**common)
    try:
        await getattr(desk.calls.complaints, STEPS[name][0])(request)
    except PermissionDenied:
        raise
    except ServiceError as error:
        return await _one(desk, complaint_id, error, given)
    return desk.went(ONE, f"complaint_{name}", id=complaint_id)
