"""The first page: what is new, which rules change, where to go."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from starlette.routing import BaseRoute, Route

from fairpost.server.errors import FailedPrecondition
from fairpost.server.web.public.documents import shown
from fairpost.server.web.rendering import render
from fairpost.server.web.site import site_of, visitor
from fairpost.v1 import bulletin_pb2, rules_pb2

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["routes"]

_LATEST: Final = 8
_CHANGES: Final = 5


def routes() -> list[BaseRoute]:
    return [Route("/", home)]


async def home(request: Request) -> Response:
    site_of(request).limits.take("page", request)
    calls = visitor(request)
    latest, changes, rules = await asyncio.gather(
        calls.bulletin.List(bulletin_pb2.ListDocumentsRequest(titles_only=True, page_size=_LATEST)),
        calls.bulletin.List(
            bulletin_pb2.ListDocumentsRequest(
                kinds=[bulletin_pb2.DOCUMENT_KIND_RULE_CHANGE], titles_only=True, page_size=_CHANGES
            )
        ),
        _categories(request),
    )
    return render(
        request,
        "public/home.html",
        documents=[shown(request, document) for document in latest.documents],
        changes=[shown(request, document) for document in changes.documents],
        categories=rules.categories,
        activated_at=rules.activated_at,
    )


async def _categories(request: Request) -> rules_pb2.ListRulesResponse:
    try:
        answer = await visitor(request).rules.ListRules(rules_pb2.ListRulesRequest(page_size=1))
    except FailedPrecondition:  # no rule set is active yet
        return rules_pb2.ListRulesResponse()
    assert isinstance(answer, rules_pb2.ListRulesResponse)
    return answer
