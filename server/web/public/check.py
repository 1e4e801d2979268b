"""A post is checked before it is published: the verdict, the evidence in the text, what to change, the law.

Nothing is recorded of it (`dry_run`), and no seller is named: what would count against one, or tell of one's record, is
for the platform's own calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.routing import BaseRoute, Route

from fairpost.engine.vocabulary import CATEGORIES, COMMERCE
from fairpost.server.errors import FailedPrecondition, InvalidArgument
from fairpost.server.web.forms import read_form
from fairpost.server.web.phrases import localised
from fairpost.server.web.public.advice import Advice, advise, counts
from fairpost.server.web.public.glossary import Glossary, category_name, glossary_of
from fairpost.server.web.public.marking import marked
from fairpost.server.web.public.rules import SEVERITIES, said
from fairpost.server.web.rendering import html_lang, language_of, message, render
from fairpost.server.web.site import site_of, visitor
from fairpost.v1 import filter_pb2, post_pb2, verdict_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from fairpost.server.web.catalogue import Language

__all__ = ["routes"]

_MOST: Final = 20_000
"""Characters of a post here: a form that is sent in percent-encoding has nine bytes for each Chinese one."""
_BYTES: Final = 256 * 1024
_ACTIONS: Final = {
    verdict_pb2.ACTION_ALLOW: "allow",
    verdict_pb2.ACTION_LIMIT: "limit",
    verdict_pb2.ACTION_REVIEW: "review",
    verdict_pb2.ACTION_SHIELD: "shield",
    verdict_pb2.ACTION_BLOCK: "block",
}
_COMMERCE: Final = CATEGORIES[COMMERCE]


def routes() -> list[BaseRoute]:
    return [Route("/check", check, methods=["GET", "POST"])]


async def check(request: Request) -> Response:
    site = site_of(request)
    if request.method != "POST":
        site.limits.take("page", request)
        return _page(request)
    site.limits.take("check", request)
    form = await read_form(request, largest=_BYTES)
    # Browsers send line ends as CR LF; spans are counted in what is shown.
    text = str(form.get("text", "")).replace("\r\n", "\n")
    language = language_of(request)
    if not text.strip():
        return _page(request, text=text, fault=message(language, "check.empty"))
    if len(text) > _MOST:
        return _page(request, text=text, fault=message(language, "check.long", most=_MOST, length=len(text)))
    asked = filter_pb2.CheckPostRequest(
        post=post_pb2.Post(text=text), unit=post_pb2.SPAN_UNIT_CODE_POINTS, dry_run=True
    )
    calls = visitor(request)

    async def judge(other: str) -> verdict_pb2.Verdict | None:
        asked_again = filter_pb2.CheckPostRequest(post=post_pb2.Post(text=other), dry_run=True)
        try:
            judged: verdict_pb2.Verdict = (await calls.filter.CheckPost(asked_again)).verdict
        except InvalidArgument:
            return None
        return judged

    try:
        async with site.checks:
            answer = await calls.filter.CheckPost(asked)
            advice = await advise(text, answer.verdict, judge)
    except FailedPrecondition:
        return _page(request, status=503, text=text, fault=message(language, "check.not_ready"))
    except InvalidArgument as error:
        return _page(
            request, text=text, fault=message(language, "check.refused", why=localised(error.message, language))
        )
    names = await glossary_of(request)
    return _page(request, text=text, result=_result(text, answer.verdict, advice, language, names))


def _page(
    request: Request,
    *,
    status: int = 200,
    text: str = "",
    fault: str = "",
    result: Mapping[str, Any] | None = None,
) -> Response:
    if fault and status == 200:
        status = 422
    return render(request, "public/check.html", status=status, text=text, fault=fault, result=result, most=_MOST)


def _result(
    text: str, verdict: verdict_pb2.Verdict, advice: Advice, language: Language, names: Glossary
) -> Mapping[str, Any]:
    """What the page shows of a verdict; evidence of the same rule is one reason."""
    reasons: dict[str, dict[str, Any]] = {}
    spans = []
    for evidence in filter(counts, verdict.evidence):
        reason = reasons.setdefault(
            evidence.rule,
            {
                "number": len(reasons) + 1,
                "rule": evidence.rule if evidence.rule in names.rules else "",
                "category": category_name(language, evidence.category),
                "message": said(evidence.message, language),
                "words": advice.words[evidence.rule],
                "laws": {},
            },
        )
        for law in evidence.basis:
            citation, its_language = names.cited(law, language)
            reason["laws"].setdefault(citation, html_lang(its_language))
        if evidence.text_index == 0 and evidence.matched in reason["words"]:
            spans.append((evidence.begin, evidence.end, reason["number"]))
    labels = [
        {
            "category": category_name(language, label.category),
            "score": label.score,
            "severity": SEVERITIES.get(label.severity, "low"),
        }
        for label in verdict.labels
        if label.category != _COMMERCE
    ]
    return {
        "action": _ACTIONS.get(verdict.action, "review"),
        "commerce": verdict.commerce,
        "labels": labels,
        "reasons": list(reasons.values()),
        "pieces": marked(text, spans),
        "revision": verdict.revision,
        "without": _ACTIONS.get(advice.without, "") if advice.without is not None else "",
        "is_partial": bool(verdict.bounds_reached),
    }
