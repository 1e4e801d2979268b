"""A new version of a document: written in both languages, previewed as readers will see it, published or scheduled.

The notice of a rule change is made from two rule sets; what is written here stands before it.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from starlette.exceptions import HTTPException
from starlette.routing import Route

from fairpost.server.bulletin.html import html_of
from fairpost.server.errors import NotFound, PermissionDenied, ServiceError, Violation, invalid_fields
from fairpost.server.web.console.bulletin.documents import KINDS, ONE, scheduled_of
from fairpost.server.web.console.desk import Desk, Given, for_staff
from fairpost.server.web.console.words import choices, code, number_of
from fairpost.server.web.rendering import CHINA
from fairpost.v1 import bulletin_pb2, rules_pb2

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

__all__ = ["routes"]

EDIT: Final = "/console/bulletin/edit"
_LARGEST: Final = 8 << 20
"""Two texts of 200,000 characters of up to four bytes, each byte written as three by an HTML form."""
_SECONDS: Final = 60.0


def routes() -> list[BaseRoute]:
    return [
        Route(EDIT, for_staff(show), methods=["GET"]),
        Route(EDIT, for_staff(save), methods=["POST"]),
        Route(f"{EDIT}/preview", for_staff(preview), methods=["POST"]),
    ]


async def _editor(desk: Desk, **values: Any) -> Response:
    if not desk.may("BulletinService/Publish"):
        raise HTTPException(403)
    candidates: list[rules_pb2.Revision] = []
    if desk.may("RulesService/ListRevisions"):
        answer = await desk.calls.rules.ListRevisions(rules_pb2.ListRevisionsRequest(page_size=20))
        candidates = [*answer.candidates, *(each for each in answer.revisions if not each.active)]
    return desk.page("editor.html", kinds=choices(KINDS), candidates=candidates, **values)


async def show(desk: Desk) -> Response:
    document_id = desk.query.text("id")
    if not document_id:
        values = {"kind": desk.query.text("kind") or "guideline", "revision": desk.query.text("revision")}
        return await _editor(desk, given=Given(values), preview=None)
    document = await scheduled_of(desk, document_id)
    if document is None:
        try:
            request = bulletin_pb2.GetDocumentRequest(document_id=document_id)
            document = (await desk.calls.bulletin.Get(request)).document
        except NotFound:
            raise HTTPException(404) from None
    given = _given_of(document)
    # Of a rule change the rest is made anew, which takes its time: the button asks for it.
    is_made = given.text("kind") == "rule_change"
    return await _editor(desk, given=given, preview=None if is_made else _shown(_request(desk, given).content))


def _given_of(document: bulletin_pb2.Document) -> Given:
    """The form of the version that is there."""
    content, kind = document.content, code(document, "kind")
    values: dict[str, Any] = {
        "document": document.document_id,
        "kind": kind,
        "version": str(document.version),
        "effective_from": content.effective_from,
        "effective_until": content.effective_until,
    }
    if kind == "rule_change":
        # The rest is made anew.
        values["revision"] = document.rule_change.new_revision
        return Given(values)
    for name in ("categories", "laws", "rules"):
        values[name] = "\n".join(getattr(content, name))
    for name in ("title", "body"):
        text = getattr(content, name)
        values |= {f"{name}_zh": text.zh, f"{name}_en": text.en}
    return Given(values)


def _request(desk: Desk, given: Given) -> bulletin_pb2.PublishRequest:
    kind = given.text("kind")
    content = bulletin_pb2.DocumentContent(
        title=bulletin_pb2.LocalText(zh=given.text("title_zh"), en=given.text("title_en")),
        body=bulletin_pb2.LocalText(zh=given.text("body_zh"), en=given.text("body_en")),
        effective_from=given.text("effective_from"),
        effective_until=given.text("effective_until"),
        categories=given.lines("categories"),
        laws=given.lines("laws"),
        rules=given.lines("rules"),
    )
    return bulletin_pb2.PublishRequest(
        request_id=given.text("request_id"),
        document_id=given.text("document"),
        kind=number_of(KINDS, kind),  # type: ignore[arg-type]
        content=content,
        note=given.text("note"),
        actor=desk.actor,
        expected_version=given.number("version"),
        revision=given.text("revision") if kind == "rule_change" else "",
    )


def _moment(text: str) -> datetime:
    """A local time of an HTML form, in China.

    Raises:
        InvalidArgument: it is none.
    """
    try:
        return datetime.fromisoformat(text).replace(tzinfo=CHINA)
    except ValueError:
        raise invalid_fields([Violation("publish_at", "is no time; write 2026-01-31T09:00")]) from None


async def save(desk: Desk) -> Response:
    """Publish, schedule, or show how it will look, as the button says."""
    given = await desk.form(largest=_LARGEST)
    if given.text("do") == "preview":
        return await _preview(desk, given, "editor")
    request = _request(desk, given)
    try:
        if given.text("do") == "schedule":
            scheduling = bulletin_pb2.ScheduleRequest(request_id=request.request_id, document=request)
            scheduling.document.request_id = ""
            scheduling.publish_at.FromDatetime(_moment(given.text("publish_at")))
            answer = await desk.calls.bulletin.Schedule(scheduling, timeout=_SECONDS)
            done = "scheduled"
        else:
            answer = await desk.calls.bulletin.Publish(request, timeout=_SECONDS)
            done = "published"
    except PermissionDenied:
        raise
    except ServiceError as error:
        return await _editor(desk, error=error, given=given, preview=None)
    return desk.went(ONE, done, id=answer.document.document_id)


async def preview(desk: Desk) -> Response:
    """The preview alone, for the editor's script."""
    given = await desk.form(largest=_LARGEST)
    return await _preview(desk, given, "part")


async def _preview(desk: Desk, given: Given, where: str) -> Response:
    """With the very renderer of the public pages."""
    content, error = _request(desk, given).content, None
    if given.text("kind") == "rule_change":
        content, error = await _made(desk, given, content)
    shown = _shown(content)
    if where == "part":
        return desk.page("preview.html", preview=shown, error=error, headers={"Cache-Control": "no-store"})
    return await _editor(desk, given=given, preview=shown, error=error)


def _shown(content: bulletin_pb2.DocumentContent) -> dict[str, tuple[str, str]]:
    """Title and HTML of each language that has any."""
    return {
        language: (
            getattr(content.title, language),
            html_of(getattr(content.body, language), marks_chinese=language == "en"),
        )
        for language in ("zh", "en")
        if getattr(content.title, language) or getattr(content.body, language)
    }


async def _made(
    desk: Desk, given: Given, content: bulletin_pb2.DocumentContent
) -> tuple[bulletin_pb2.DocumentContent, ServiceError | None]:
    """The notice that would be made, after what was written."""
    request = bulletin_pb2.DraftNoticeRequest(
        revision=given.text("revision"), effective_from=given.text("effective_from")
    )
    try:
        made = (await desk.calls.bulletin.DraftNotice(request, timeout=_SECONDS)).content
    except PermissionDenied:
        raise
    except ServiceError as error:
        return content, error
    for language in ("zh", "en"):
        before = getattr(content.body, language) or content.body.zh
        body = getattr(made.body, language)
        setattr(made.body, language, f"{before}\n\n{body}" if before else body)
    return made, None
