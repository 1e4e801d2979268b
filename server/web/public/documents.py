"""The bulletin's pages: lists and search, a document, its earlier versions, and what differs between two of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Route

from fairpost.server.bulletin.html import html_of
from fairpost.server.bulletin.texts import Language, body_in, language_of, title_in
from fairpost.server.web.public.differences import differences
from fairpost.server.web.public.glossary import VIOLATIONS, category_name, glossary_of
from fairpost.server.web.rendering import html_lang, render
from fairpost.server.web.rendering import language_of as reader_language
from fairpost.server.web.site import site_of, visitor
from fairpost.v1 import bulletin_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["KINDS", "page_body", "routes", "shown"]

KINDS: Final = {
    "guideline": bulletin_pb2.DOCUMENT_KIND_GUIDELINE,
    "regulation": bulletin_pb2.DOCUMENT_KIND_REGULATION,
    "rule-change": bulletin_pb2.DOCUMENT_KIND_RULE_CHANGE,
    "notice": bulletin_pb2.DOCUMENT_KIND_NOTICE,
}
"""Kinds by the names that addresses and messages have for them."""
_KIND_NAMES: Final = {number: name for name, number in KINDS.items()}
_PAGE: Final = 20
_VERSIONS: Final = 1000
_MOST_QUERY: Final = 100
_HEADING: Final = re.compile(r"<(/?)h([1-6])>")


def routes() -> list[BaseRoute]:
    return [
        Route("/documents", documents),
        Route("/documents/{document_id}", document),
        Route("/documents/{document_id}/versions/{number:int}", document),
        Route("/documents/{document_id}/differences", difference),
        # What feeds and notices link to.
        Route("/bulletin", _moved),
        Route("/bulletin/{document_id}", _moved),
    ]


async def documents(request: Request) -> Response:
    site_of(request).limits.take("page", request)
    query = request.query_params
    kind, category = query.get("kind", ""), query.get("category", "")
    wanted = query.get("q", "").strip()[:_MOST_QUERY]
    asked = bulletin_pb2.ListDocumentsRequest(
        kinds=[KINDS[kind]] if kind in KINDS else [],
        category=category,
        law=query.get("law", ""),
        rule=query.get("rule", ""),
        query=wanted,
        withdrawn=query.get("withdrawn") == "1",
        titles_only=True,
        page_size=_PAGE,
        page_token=query.get("page", ""),
    )
    answer = await visitor(request).bulletin.List(asked)
    language = reader_language(request)
    chosen = {"kind": kind, "category": category, "q": wanted, "withdrawn": query.get("withdrawn", "")}
    return render(
        request,
        "public/documents.html",
        documents=[shown(request, each) for each in answer.documents],
        kinds=list(KINDS),
        categories=[(code, category_name(language, code)) for code in VIOLATIONS],
        chosen=chosen | {"law": asked.law, "rule": asked.rule},
        next_page=answer.next_page_token,
        is_first=not asked.page_token,
    )


async def document(request: Request) -> Response:
    site_of(request).limits.take("page", request)
    document_id, number = request.path_params["document_id"], request.path_params.get("number", 0)
    calls = visitor(request)
    answer = await calls.bulletin.Get(bulletin_pb2.GetDocumentRequest(document_id=document_id, number=number))
    versions = await _versions(request, document_id)
    found, language = answer.document, reader_language(request)
    names = await glossary_of(request)
    return render(
        request,
        "public/document.html",
        document=shown(request, found),
        message=found,
        body=await run_in_threadpool(page_body, body_in(found, language), language),
        versions=versions,
        newest=versions[-1].number,
        laws=[(law, names.citation(law, language)) for law in found.content.laws],
        known_rules=names.rules,
    )


async def difference(request: Request) -> Response:
    site_of(request).limits.take("page", request)
    document_id = request.path_params["document_id"]
    versions = {version.number: version for version in await _versions(request, document_id)}
    newest = max(versions)
    new = _number(request, "to", newest)
    old = _number(request, "from", max((number for number in versions if number < new), default=new))
    if old not in versions or new not in versions:
        raise HTTPException(404)
    language = reader_language(request)
    lines = await run_in_threadpool(differences, _whole(versions[old], language), _whole(versions[new], language))
    return render(
        request,
        "public/differences.html",
        document=shown(request, versions[new]),
        versions=list(versions.values()),
        old=versions[old],
        new=versions[new],
        lines=lines,
        is_same=all(line.way == "same" for line in lines),
    )


def shown(request: Request, found: bulletin_pb2.Document) -> Mapping[str, Any]:
    """What lists and heads show of a document, in the reader's language."""
    language = reader_language(request)
    text_language = language_of(found, language)
    return {
        "id": found.document_id,
        "title": title_in(found, language),
        "html_lang": html_lang(text_language),
        "is_other_language": text_language != language,
        "kind": _KIND_NAMES.get(found.kind, "notice"),
        "number": found.number,
        "is_withdrawn": found.state == bulletin_pb2.DOCUMENT_STATE_WITHDRAWN,
        "is_superseded": found.state == bulletin_pb2.DOCUMENT_STATE_SUPERSEDED,
        "withdrawal_reason": found.withdrawal_reason,
        "withdrawn_at": found.withdrawn_at,
        "published_at": found.published_at,
        "first_published_at": found.first_published_at,
        "effective_from": found.content.effective_from,
        "effective_until": found.content.effective_until,
        "categories": [(code, category_name(language, code)) for code in found.content.categories],
        "note": found.note,
    }


def page_body(markdown: str, language: Language) -> Markup:
    """A document's body as part of a page in this language: its headings are below the page's own, wide tables can be
    scrolled."""
    # Whatever an author writes is escaped, so that a tag in what comes out is the renderer's.
    html = _HEADING.sub(
        lambda found: f"<{found[1]}h{min(6, int(found[2]) + 1)}>", html_of(markdown, marks_chinese=language == "en")
    )
    html = html.replace("<table>", '<div class="table-scroll" role="group" tabindex="0"><table>')
    return Markup(html.replace("</table>", "</table></div>"))


async def _versions(request: Request, document_id: str) -> list[bulletin_pb2.Document]:
    asked = bulletin_pb2.ListVersionsRequest(document_id=document_id, page_size=_VERSIONS)
    answer = await visitor(request).bulletin.ListVersions(asked)
    return list(answer.versions)


def _whole(version: bulletin_pb2.Document, language: Language) -> str:
    return f"{title_in(version, language)}\n\n{body_in(version, language)}"


def _number(request: Request, name: str, otherwise: int) -> int:
    text = request.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else otherwise


async def _moved(request: Request) -> Response:
    document_id = request.path_params.get("document_id", "")
    # An id has no slashes; what is no id is looked up, and not found, like any other.
    return RedirectResponse("/documents" + (f"/{document_id}" if document_id else ""), 308)
