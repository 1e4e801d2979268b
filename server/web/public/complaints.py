"""A complaint is filed by whoever bought something."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any, Final

from starlette.routing import BaseRoute, Route

from fairpost.server.errors import FailedPrecondition, InvalidArgument, NotFound
from fairpost.server.web.forms import read_form
from fairpost.server.web.phrases import localised
from fairpost.server.web.rendering import language_of, message, render
from fairpost.server.web.site import site_of, visitor
from fairpost.v1 import complaint_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from fairpost.server.web.catalogue import Language

__all__ = ["routes"]

KINDS: Final = {
    "return": complaint_pb2.COMPLAINT_KIND_RETURN,
    "quality": complaint_pb2.COMPLAINT_KIND_QUALITY,
    "false-claim": complaint_pb2.COMPLAINT_KIND_FALSE_CLAIM,
    "delivery": complaint_pb2.COMPLAINT_KIND_DELIVERY,
    "counterfeit": complaint_pb2.COMPLAINT_KIND_COUNTERFEIT,
    "safety": complaint_pb2.COMPLAINT_KIND_SAFETY,
    "other": complaint_pb2.COMPLAINT_KIND_OTHER,
}
_TEXTS: Final = ("seller_id", "consumer_id", "statement", "consumer_contact", "post_id", "order_id", "received_on")
_MOST_STATEMENT: Final = 4000
_REQUEST_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_CLOCKS: Final = ("return-period", "seller-answer", "handling")


def routes() -> list[BaseRoute]:
    return [Route("/complaints/new", complain, methods=["GET", "POST"])]


async def complain(request: Request) -> Response:
    site = site_of(request)
    site.limits.take("page", request)
    if request.method != "POST":
        given = {"seller_id": request.query_params.get("seller", ""), "post_id": request.query_params.get("post", "")}
        return _page(request, given, {})
    form = await read_form(request)
    given = {name: str(form.get(name, "")).replace("\r\n", "\n").strip() for name in (*_TEXTS, "kind", "evidence")}
    language = language_of(request)
    if faults := _missing(given, language):
        return _page(request, given, faults)
    site.limits.take("complaint", request)
    wanted = str(form.get("request_id", ""))
    asked = complaint_pb2.FileComplaintRequest(
        # Of the page on which the form stood: sent twice it is filed once.
        request_id=f"page-{wanted}" if _REQUEST_ID.fullmatch(wanted) else f"page-{secrets.token_hex(16)}",
        kind=KINDS[given["kind"]],
        evidence=[line.strip() for line in given["evidence"].split("\n") if line.strip()],
        **{name: given[name] for name in _TEXTS},
    )
    try:
        answer = await visitor(request).complaints.FileComplaint(asked)
    except InvalidArgument as error:
        return _page(request, given, _refused(error, language))
    except NotFound:
        return _page(request, given, {"seller_id": message(language, "complaint.unknown_seller")})
    except FailedPrecondition:
        return _page(request, given, {"seller_id": message(language, "complaint.erased_seller")})
    filed = answer.complaint
    return render(
        request,
        "public/complaint_filed.html",
        complaint=filed,
        kind=given["kind"],
        clocks=[clock for clock in filed.clocks if clock.name in _CLOCKS],
    )


def _page(request: Request, given: Mapping[str, str], faults: Mapping[str, str]) -> Response:
    return render(
        request,
        "public/complaint.html",
        status=422 if faults else 200,
        given={name: given.get(name, "") for name in (*_TEXTS, "kind", "evidence")},
        faults=faults,
        kinds=list(KINDS),
        request_id=secrets.token_hex(16),
        most_statement=_MOST_STATEMENT,
    )


def _missing(given: Mapping[str, str], language: Language) -> dict[str, str]:
    required = [
        "seller_id",
        "kind",
        "consumer_id",
        "statement",
        *(["received_on"] if given["kind"] == "return" else []),
    ]
    faults = {name: message(language, "complaint.required") for name in required if not given[name]}
    if given["kind"] and given["kind"] not in KINDS:
        faults["kind"] = message(language, "complaint.required")
    if len(given["statement"]) > _MOST_STATEMENT:
        faults["statement"] = message(language, "complaint.long", most=_MOST_STATEMENT, length=len(given["statement"]))
    return faults


def _refused(error: InvalidArgument, language: Language) -> dict[str, str]:
    """The service's own words, behind the reader's."""
    found: dict[str, Any] = {}

    def wrong(why: str) -> str:
        return message(language, "complaint.wrong", why=localised(why, language))

    for violation in error.violations:
        name = violation.field.partition("[")[0]
        if name not in (*_TEXTS, "kind", "evidence"):
            name = "statement"
        found.setdefault(name, wrong(violation.description))
    return found or {"statement": wrong(error.message)}
