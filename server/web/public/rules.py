"""The rules in force, by category: what is not allowed and why, with examples and the law."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Route

from fairpost.server.errors import FailedPrecondition
from fairpost.server.web.public.glossary import VIOLATIONS
from fairpost.server.web.rendering import language_of, render
from fairpost.server.web.site import site_of, visitor
from fairpost.v1 import rules_pb2, verdict_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from fairpost.server.web.catalogue import Language

__all__ = ["SEVERITIES", "routes", "said"]

SEVERITIES: Final = {
    verdict_pb2.SEVERITY_LOW: "low",
    verdict_pb2.SEVERITY_MEDIUM: "medium",
    verdict_pb2.SEVERITY_HIGH: "high",
    verdict_pb2.SEVERITY_CRITICAL: "critical",
}
_PAGE: Final = 50
_MOST_QUERY: Final = 100
_ACTIONS: Final = ("LIMIT", "REVIEW", "SHIELD", "BLOCK")


def routes() -> list[BaseRoute]:
    return [Route("/rules", rules), Route("/rules/{rule}", rule)]


async def rules(request: Request) -> Response:
    """All categories; with one chosen, or a query, its rules."""
    site_of(request).limits.take("page", request)
    language = language_of(request)
    category = request.query_params.get("category", "")
    wanted = request.query_params.get("q", "").strip()[:_MOST_QUERY]
    if category and category not in VIOLATIONS:
        raise HTTPException(404)
    chosen = bool(category or wanted)
    asked = rules_pb2.ListRulesRequest(
        category=category,
        query=wanted,
        page_size=_PAGE if chosen else 1,
        page_token=request.query_params.get("page", "") if chosen else "",
    )
    try:
        answer = await visitor(request).rules.ListRules(asked)
    except FailedPrecondition:
        return render(request, "public/rules_none.html")
    titles = {each.category: said(each.title, language) for each in answer.categories}
    return render(
        request,
        "public/rules.html",
        category=category,
        wanted=wanted,
        chosen=chosen,
        is_first=not asked.page_token,
        rules=[_shown(each, titles, language) for each in answer.rules] if chosen else [],
        categories=[
            {"code": each.category, "title": titles[each.category], "count": each.rule_count}
            for each in answer.categories
        ],
        thresholds=_thresholds(answer, category),
        revision=answer.revision,
        activated_at=answer.activated_at,
        next_page=answer.next_page_token if chosen else "",
        title=titles.get(category, ""),
    )


async def rule(request: Request) -> Response:
    site_of(request).limits.take("page", request)
    language = language_of(request)
    asked = rules_pb2.ListRulesRequest(rule=request.path_params["rule"])
    answer = await visitor(request).rules.ListRules(asked)
    if not answer.rules:
        raise HTTPException(404)
    titles = {each.category: said(each.title, language) for each in answer.categories}
    found = answer.rules[0]
    return render(
        request,
        "public/rule.html",
        rule=_shown(found, titles, language),
        thresholds=_thresholds(answer, found.category),
        revision=answer.revision,
        activated_at=answer.activated_at,
    )


def said(text: Any, language: Language) -> str:
    """A LocalisedText in a language; Chinese where there is no other."""
    return str(getattr(text, language) or text.zh)


def _shown(found: rules_pb2.Rule, titles: Mapping[str, str], language: Language) -> Mapping[str, Any]:
    return {
        "id": found.rule,
        "category": found.category,
        "category_title": titles.get(found.category, found.category),
        "severity": SEVERITIES.get(found.severity, "low"),
        "message": said(found.message, language),
        "laws": [
            {"article": law.article, "citation": said(law.citation, language), "summary": said(law.summary, language)}
            for law in found.laws
        ],
        "not_allowed": list(found.not_allowed),
        "allowed": list(found.allowed),
        "effective_from": found.effective_from,
        "effective_until": found.effective_until,
        "is_shadow": found.shadow,
    }


def _thresholds(answer: rules_pb2.ListRulesResponse, category: str) -> list[tuple[str, float]]:
    """(action, score from which it is taken) of a category, from mild to severe."""
    for each in answer.categories:
        if each.category == category:
            return [(action, each.thresholds[action]) for action in _ACTIONS if action in each.thresholds]
    return []
