"""Documents: the list, one with its versions, withdrawal, and who has accepted it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.routing import Route

from fairpost.server.bulletin.html import html_of
from fairpost.server.errors import NotFound, PermissionDenied, ServiceError
from fairpost.server.web.console.desk import NOTHING_GIVEN, Desk, Given, back_to, for_staff
from fairpost.server.web.console.words import choices, number_of
from fairpost.v1 import bulletin_pb2

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

__all__ = ["KINDS", "LIST", "ONE", "routes", "scheduled_of"]

LIST: Final = "/console/bulletin"
ONE: Final = "/console/bulletin/document"
KINDS: Final = bulletin_pb2.DESCRIPTOR.enum_types_by_name["DocumentKind"]
_PAGE: Final = 50


def routes() -> list[BaseRoute]:
    return [
        Route(LIST, for_staff(show_list), methods=["GET"]),
        Route(ONE, for_staff(show), methods=["GET"]),
        Route(f"{ONE}/withdraw", for_staff(withdraw), methods=["POST"]),
        Route(f"{ONE}/withdraw", back_to(ONE), methods=["GET"]),
    ]


async def show_list(desk: Desk) -> Response:
    query = desk.query
    kind: Any = number_of(KINDS, query.text("kind"))
    request = bulletin_pb2.ListDocumentsRequest(
        kinds=[kind] if kind else [],
        query=query.text("query"),
        withdrawn=True,
        titles_only=True,
        page_size=_PAGE,
        page_token=query.text("page"),
    )
    answer = await desk.calls.bulletin.List(request)
    return desk.page(
        "bulletin.html",
        given=query,
        kinds=choices(KINDS),
        documents=answer.documents,
        next_page=answer.next_page_token,
        scheduled=await _scheduled(desk),
    )


async def _scheduled(desk: Desk) -> list[bulletin_pb2.Document]:
    """All versions that are to come, as far as this person may see them."""
    found: list[bulletin_pb2.Document] = []
    if not desk.may("BulletinService/ListScheduled"):
        return found
    request = bulletin_pb2.ListScheduledRequest(page_size=1000)
    while True:
        answer = await desk.calls.bulletin.ListScheduled(request)
        found += answer.documents
        if not answer.next_page_token:
            return found
        request.page_token = answer.next_page_token


async def scheduled_of(desk: Desk, document_id: str) -> bulletin_pb2.Document | None:
    """The version of a document that is to come."""
    return next((each for each in await _scheduled(desk) if each.document_id == document_id), None)


async def show(desk: Desk) -> Response:
    return await _one(desk)


async def _one(desk: Desk, error: ServiceError | None = None, given: Given = NOTHING_GIVEN) -> Response:
    document_id = desk.query.text("id")
    scheduled = await scheduled_of(desk, document_id)
    document: bulletin_pb2.Document | None = None
    versions: list[bulletin_pb2.Document] = []
    try:
        document = (await desk.calls.bulletin.Get(bulletin_pb2.GetDocumentRequest(document_id=document_id))).document
        request = bulletin_pb2.ListVersionsRequest(document_id=document_id, page_size=1000)
        versions = list((await desk.calls.bulletin.ListVersions(request)).versions)[::-1]
    except NotFound:
        if scheduled is None:
            raise
    acknowledgements = None
    if document is not None and desk.may("BulletinService/ListAcknowledgements"):
        asked = bulletin_pb2.ListAcknowledgementsRequest(document_id=document_id, page_size=_PAGE)
        asked.page_token = desk.query.text("page")
        acknowledgements = await desk.calls.bulletin.ListAcknowledgements(asked)
    shown = document or scheduled
    assert shown is not None
    body = shown.content.body
    return desk.page(
        "document.html",
        error=error,
        given=given,
        document=document,
        scheduled=scheduled,
        shown=shown,
        versions=versions,
        acknowledgements=acknowledgements,
        html=html_of(body.zh if desk.language == "zh" else body.en or body.zh, marks_chinese=desk.language == "en"),
        may_publish=desk.may("BulletinService/Publish"),
    )


async def withdraw(desk: Desk) -> Response:
    given = await desk.form()
    request = bulletin_pb2.WithdrawRequest(
        request_id=given.text("request_id"),
        document_id=desk.query.text("id"),
        scheduled_only=bool(given.text("scheduled_only")),
        actor=desk.actor,
        reason=given.text("reason"),
        expected_version=given.number("version"),
    )
    try:
        answer = await desk.calls.bulletin.Withdraw(request)
    except PermissionDenied:
        raise
    except ServiceError as error:
        return await _one(desk, error, given)
    if not answer.document.HasField("published_at"):  # it was to come, and nobody ever saw it
        return desk.went(LIST, "withdrawn")
    return desk.went(ONE, "withdrawn", id=request.document_id)
