"""Pages for what goes wrong: a service's refusal, a form's, an address without a page, a fault of ours."""

from __future__ import annotations

import math
import secrets
from typing import TYPE_CHECKING, Final

import structlog
from google.rpc import code_pb2
from starlette.exceptions import HTTPException

from fairpost.server.errors import ServiceError
from fairpost.server.web.catalogue import messages
from fairpost.server.web.forms import FormRefused
from fairpost.server.web.rendering import language_of, render

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["HANDLERS", "failed", "refused", "retry_headers", "status_of", "titled"]

log = structlog.get_logger(__name__)

_STATUSES: Final = {
    code_pb2.INVALID_ARGUMENT: 400,
    code_pb2.OUT_OF_RANGE: 400,
    code_pb2.UNAUTHENTICATED: 401,
    code_pb2.PERMISSION_DENIED: 403,
    code_pb2.NOT_FOUND: 404,
    code_pb2.ALREADY_EXISTS: 409,
    code_pb2.ABORTED: 409,
    code_pb2.FAILED_PRECONDITION: 409,
    code_pb2.RESOURCE_EXHAUSTED: 429,
    code_pb2.DEADLINE_EXCEEDED: 504,
    code_pb2.UNAVAILABLE: 503,
}


def status_of(error: ServiceError) -> int:
    """HTTP's status for a service's refusal."""
    return _STATUSES.get(error.code, 500)


def titled(status: int) -> int:
    """The status by whose title and text a page tells it: its own, or that of its kind."""
    if f"error.title_{status}" in messages("en"):
        return status
    return 500 if status >= 500 else 400


def retry_headers(error: ServiceError) -> dict[str, str]:
    """Retry-After, where the refusal says when."""
    return {} if error.retry_after is None else {"Retry-After": str(max(1, math.ceil(error.retry_after)))}


async def refused(request: Request, error: Exception) -> Response:
    """A service's refusal, or a limit. Its own message is shown: it is written for callers, and names no one."""
    assert isinstance(error, ServiceError)
    return _page(request, status_of(error), error.message, retry_headers(error))


async def http_refused(request: Request, error: Exception) -> Response:
    """An address without a page, a method that it has not, a form that is not taken."""
    assert isinstance(error, HTTPException)
    detail = messages(language_of(request))[error.reason] if isinstance(error, FormRefused) else ""
    return _page(request, error.status_code, detail, error.headers)


async def failed(request: Request, error: Exception) -> Response:
    """Our fault: an incident in the log, and nothing of it on the page."""
    incident = secrets.token_hex(6)
    log.error("page failed", incident=incident, path=request.url.path, exc_info=error)
    return _page(request, 500, incident)


def _page(request: Request, status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    told_as = titled(status)
    return render(
        request, "error.html", status=status, headers=headers, status_code=status, told_as=told_as, detail=detail
    )


HANDLERS: Final = {ServiceError: refused, HTTPException: http_refused, Exception: failed}
