"""Rule sets: status, history and candidates; a bundle is uploaded, an earlier revision activated again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.routing import Route

from fairpost.server.errors import PermissionDenied, ServiceError, Violation, invalid_fields
from fairpost.server.web.console.desk import NOTHING_GIVEN, Desk, Given, back_to, for_staff
from fairpost.v1 import rules_pb2

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

__all__ = ["COMPARE", "PAGE", "activation_failed", "routes"]

PAGE: Final = "/console/rules"
COMPARE: Final = "/console/rules/compare"
_FORM_BYTES: Final = 1 << 20
"""What a form has besides the bundle."""
ACTIVATION_SECONDS: Final = 120.0


def routes() -> list[BaseRoute]:
    return [
        Route(PAGE, for_staff(show), methods=["GET"]),
        Route(f"{PAGE}/upload", for_staff(upload), methods=["POST"]),
        Route(f"{PAGE}/rollback", for_staff(roll_back), methods=["POST"]),
        *(Route(f"{PAGE}/{name}", back_to(PAGE), methods=["GET"]) for name in ("upload", "rollback")),
    ]


async def show(desk: Desk) -> Response:
    return await _page(desk)


async def _page(desk: Desk, error: ServiceError | None = None, given: Given = NOTHING_GIVEN) -> Response:
    status = await desk.calls.rules.GetStatus(rules_pb2.GetStatusRequest())
    revisions = rules_pb2.ListRevisionsResponse()
    if desk.may("RulesService/ListRevisions"):
        request = rules_pb2.ListRevisionsRequest(page_size=50, page_token=desk.query.text("page"))
        revisions = await desk.calls.rules.ListRevisions(request)
    return desk.page(
        "rules.html",
        error=error,
        given=given,
        rule_status=status,
        revisions=revisions.revisions,
        candidates=revisions.candidates,
        next_page=revisions.next_page_token,
        needs_notice=activation_failed(error),
    )


def activation_failed(error: ServiceError | None) -> str:
    """What an activation that was refused lacks, for the page to offer it: "notice", "force" or nothing."""
    if error is None:
        return ""
    return {
        "REASON_NOTICE_REQUIRED": "notice",
        "REASON_RULE_SET_EMPTY": "force",
        "REASON_RULE_SET_SHRUNK": "force",
    }.get(error.reason_name, "")


async def upload(desk: Desk) -> Response:
    """Keep a bundle as a candidate, and show what it would change."""
    largest = desk.console.config.max_bundle_bytes + _FORM_BYTES
    given = await desk.form(largest=largest, files=2)
    try:
        request = rules_pb2.KeepBundleRequest(
            bundle=await given.file("bundle"),
            source=given.file_name("bundle"),
            signature=await _signature(given),
            key_id=given.text("key_id"),
        )
        answer = await desk.calls.rules.KeepBundle(request, timeout=ACTIVATION_SECONDS)
    except PermissionDenied:
        raise
    except ServiceError as error:
        return await _page(desk, error, given)
    return desk.went(COMPARE, "kept", revision=answer.candidate.revision)


async def _signature(given: Given) -> bytes:
    """A signature file's bytes: raw, or as `fairpost rules sign` writes it, hexadecimal.

    Raises:
        InvalidArgument: it is none.
    """
    content = await given.file("signature")
    if len(content) in (0, 64):
        return content
    try:
        return bytes.fromhex(content.decode("ascii").strip().split()[-1])
    except (UnicodeDecodeError, ValueError, IndexError):
        raise invalid_fields([Violation("signature", "is no signature as `fairpost rules sign` makes it")]) from None


async def roll_back(desk: Desk) -> Response:
    given = await desk.form()
    request: Any = rules_pb2.RollBackRequest(
        revision=given.text("revision"), emergency_reason=given.text("emergency_reason"), actor=desk.actor
    )
    try:
        await desk.calls.rules.RollBack(request, timeout=ACTIVATION_SECONDS)
    except PermissionDenied:
        raise
    except ServiceError as error:
        return await _page(desk, error, given)
    return desk.went(PAGE, "rolled_back")
