"""The audit log, for who may read it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from starlette.routing import Route

from fairpost.server.errors import InvalidArgument, Violation, invalid_fields
from fairpost.server.web.console.desk import Desk, for_staff
from fairpost.server.web.rendering import CHINA
from fairpost.v1 import audit_pb2

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

__all__ = ["routes"]

_TEXTS = ("actor", "method", "subject", "outcome")


def routes() -> list[BaseRoute]:
    return [Route("/console/audit", for_staff(show), methods=["GET"])]


async def show(desk: Desk) -> Response:
    query = desk.query
    request = audit_pb2.ListAuditRequest(page_size=50, page_token=query.text("page"))
    for name in _TEXTS:
        setattr(request, name, query.text(name))
    try:
        for name, later in (("since", 0), ("until", 1)):
            if text := query.text(name):
                getattr(request, name).FromDatetime(_midnight(name, text) + timedelta(days=later))
        answer = await desk.calls.audit.ListAudit(request)
    except InvalidArgument as error:
        return desk.page("audit.html", error=error, given=query, entries=[], next_page="")
    return desk.page("audit.html", given=query, entries=answer.entries, next_page=answer.next_page_token)


def _midnight(name: str, text: str) -> datetime:
    """The beginning of a day in China.

    Raises:
        InvalidArgument: it is no day.
    """
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=CHINA)
    except ValueError:
        raise invalid_fields([Violation(name, f"{text[:20]!r} is no day; write 2026-01-31")]) from None
