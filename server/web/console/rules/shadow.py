"""What the rules on trial hit, with examples from the review queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.routing import Route

from fairpost.server.web.console.desk import Desk, for_staff
from fairpost.server.web.console.reviews.evidence import pieces
from fairpost.v1 import rules_pb2

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

__all__ = ["routes"]

_EXAMPLES: Final = 5
_SECONDS: Final = 60.0


def routes() -> list[BaseRoute]:
    return [Route("/console/rules/shadow", for_staff(show), methods=["GET"])]


async def show(desk: Desk) -> Response:
    request = rules_pb2.ListShadowResultsRequest(examples=_EXAMPLES)
    answer = await desk.calls.rules.ListShadowResults(request, timeout=_SECONDS)
    return desk.page(
        "shadow.html", results=answer, pieces=lambda flip: pieces(flip.text, (flip.new or flip.old).evidence, 0)
    )
