"""The bulletin as feeds, per language and category, for readers that ask again and again."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from fairpost.server.bulletin.feeds import Feed, atom, json_feed
from fairpost.server.web.rendering import language_of, message
from fairpost.server.web.site import site_of, visitor
from fairpost.v1 import bulletin_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

__all__ = ["routes"]

_ENTRIES: Final = 50
_FORMS: Final = {
    "feed.atom": (atom, "application/atom+xml; charset=utf-8"),
    "feed.json": (json_feed, "application/feed+json; charset=utf-8"),
}


def routes() -> list[BaseRoute]:
    return [Route(f"/bulletin/{name}", feed) for name in _FORMS]


async def feed(request: Request) -> Response:
    site = site_of(request)
    site.limits.take("page", request)
    language, category = language_of(request), request.query_params.get("category", "")
    answer = await visitor(request).bulletin.List(
        bulletin_pb2.ListDocumentsRequest(
            category=category, withdrawn=True, latest_change_first=True, page_size=_ENTRIES
        )
    )
    address = site.clients.public_url or site.clients.origin(request.scope, request.headers)
    described = Feed(
        source=answer.cursor.partition(".")[0],  # the store's id
        language=language,
        title=message(language, "site.name"),
        author=message(language, "site.name"),
        base_url=f"{address}/bulletin",
        category=category,
    )
    make, kind = _FORMS[request.url.path.rpartition("/")[2]]
    content = make(described, answer.documents)
    changed = _changed(answer.documents)
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {
        "ETag": tag,
        "Last-Modified": format_datetime(changed, usegmt=True),
        "Cache-Control": "public, max-age=60",
        "Content-Language": language,
        "Vary": "Accept-Language, Cookie",
    }
    if _is_known(request, tag, changed):
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=kind)


def _changed(documents: Sequence[bulletin_pb2.Document]) -> datetime:
    """When any of them was published or withdrawn last, in whole seconds, as HTTP has them."""
    latest = max(
        (max(each.published_at.ToMilliseconds(), each.withdrawn_at.ToMilliseconds()) for each in documents), default=0
    )
    return datetime.fromtimestamp(latest // 1000, UTC)


def _is_known(request: Request, tag: str, changed: datetime) -> bool:
    """Whether the reader has it already (RFC 9110, 13.2.2: a tag counts before a date)."""
    if tags := request.headers.get("if-none-match"):
        return tags.strip() == "*" or tag in [each.strip().removeprefix("W/") for each in tags.split(",")]
    try:
        return changed <= parsedate_to_datetime(request.headers.get("if-modified-since", ""))
    except (ValueError, TypeError):
        return False
