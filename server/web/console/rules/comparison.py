"""A rule set that may come, against the active one: its notice, whether it may be activated, which verdicts flip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException
from starlette.routing import Route

from fairpost.server.bulletin.html import html_of
from fairpost.server.errors import PermissionDenied, ServiceError
from fairpost.server.web.console.desk import NOTHING_GIVEN, Desk, Given, back_to, for_staff
from fairpost.server.web.console.reviews.evidence import pieces
from fairpost.server.web.console.rules.status import ACTIVATION_SECONDS, COMPARE, PAGE, activation_failed
from fairpost.v1 import post_pb2, rules_pb2

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

__all__ = ["routes"]

_REVIEWED: Final = 1_000
"""Reviewed posts that are judged by both, unless the page's reader asks for another number."""
_SAMPLES: Final = 3
_COMPARE_SECONDS: Final = 60.0
_TEXTS_BYTES: Final = 1 << 20
_MOST_TEXTS: Final = 2_000


def routes() -> list[BaseRoute]:
    return [
        Route(COMPARE, for_staff(show), methods=["GET"]),
        Route(COMPARE, for_staff(with_posts), methods=["POST"]),
        Route(f"{COMPARE}/activate", for_staff(activate), methods=["POST"]),
        Route(f"{COMPARE}/activate", back_to(COMPARE), methods=["GET"]),
    ]


async def show(desk: Desk) -> Response:
    return await _compared(desk, [])


async def with_posts(desk: Desk) -> Response:
    """The same over posts that the reader gives, one a line, too."""
    given = await desk.form(largest=_TEXTS_BYTES)
    texts = [line.strip() for line in given.text("posts").split("\n") if line.strip()][:_MOST_TEXTS]
    posts = [post_pb2.Post(id=str(number), text=text) for number, text in enumerate(texts, 1)]
    return await _compared(desk, posts, given=given)


async def _compared(
    desk: Desk, posts: list[post_pb2.Post], *, error: ServiceError | None = None, given: Given = NOTHING_GIVEN
) -> Response:
    revision = desk.query.text("revision")
    if not revision:
        raise HTTPException(404)
    request = rules_pb2.CompareRulesRequest(
        revision=revision,
        posts=posts,
        reviewed_posts=desk.query.number("reviewed") or _REVIEWED,
        samples=_SAMPLES,
    )
    answer = await desk.calls.rules.CompareRules(request, timeout=_COMPARE_SECONDS)
    body = answer.notice.body.zh if desk.language == "zh" else answer.notice.body.en or answer.notice.body.zh
    return desk.page(
        "comparison.html",
        error=error,
        given=given,
        revision=revision,
        compared=answer,
        notice_html=html_of(body, marks_chinese=desk.language == "en"),
        backtests=[(name, getattr(answer, name)) for name in ("sent", "reviewed") if answer.HasField(name)],
        pieces=lambda flip, verdict: pieces(flip.text, verdict.evidence, 0),
        reviewed=request.reviewed_posts,
        needs=activation_failed(error),
    )


async def activate(desk: Desk) -> Response:
    given = await desk.form()
    request = rules_pb2.ActivateBundleRequest(
        revision=desk.query.text("revision"),
        force=bool(given.text("force")),
        emergency_reason=given.text("emergency_reason"),
        actor=desk.actor,
    )
    try:
        await desk.calls.rules.ActivateBundle(request, timeout=ACTIVATION_SECONDS)
    except PermissionDenied:
        raise
    except ServiceError as error:
        return await _compared(desk, [], error=error, given=given)
    return desk.went(PAGE, "activated")
