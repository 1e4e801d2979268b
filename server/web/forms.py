"""Forms: read within bounds, and only if our own page has sent them.

Three things must be right, each of which would do in most browsers: `Sec-Fetch-Site` or else `Origin` say that the
request comes from these pages; the form's token fits the reader's cookie (double submit, for visitors as well: what
they file is filed from their address); and the content is what an HTML form sends, so that no other kind of request can
stand for one. The cookie is HttpOnly, SameSite=Strict and, under https, bound to this very host by its prefix.

The token is an HMAC of a purpose under the cookie's secret. `bind` ties it to something more, such as a session:
forms of before a login are good no longer after it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request

if TYPE_CHECKING:
    from starlette.datastructures import FormData
    from starlette.responses import Response
    from starlette.types import Message

    from fairpost.server.web.clients import Clients

__all__ = ["FIELD", "FormRefused", "bind", "keep_cookie", "read_form", "token_of"]

FIELD: Final = "form_token"
LARGEST: Final = 64 * 1024
_SECRET: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_MOST_FIELDS: Final = 200
_TYPES: Final = ("application/x-www-form-urlencoded", "multipart/form-data")


class FormRefused(HTTPException):
    """A form that is not taken. reason: key of the message that says so to its sender ("form.foreign")."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason)
        self.reason = reason


def token_of(request: Request) -> str:
    """What a page's forms carry in the field FIELD."""
    binding = getattr(request.state, "form_binding", "")
    return hmac.new(_secret(request).encode(), f"form {binding}".encode(), hashlib.sha256).hexdigest()


def bind(request: Request, binding: str) -> None:
    """Tie the tokens of this request's page, and what it sends, to a session or the like."""
    request.state.form_binding = binding


def keep_cookie(request: Request, response: Response) -> None:
    """Give the reader the cookie that `token_of` has made, if it has."""
    if getattr(request.state, "form_secret_is_new", False):
        response.set_cookie(
            _cookie(request),
            request.state.form_secret,
            path="/",
            secure=request.state.client.secure,
            httponly=True,
            samesite="strict",
        )


async def read_form(request: Request, *, largest: int = LARGEST, files: int = 0) -> FormData:
    """The form that a request carries. largest: bytes of all; files: most that may come with it.

    Raises:
        FormRefused: 403: it is not from these pages, or its token does not fit; 413: too large; 415: no form.
    """
    clients: Clients = request.app.state.site.clients
    if not _is_own(request, clients):
        raise FormRefused(403, "form.foreign")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _TYPES or (kind == _TYPES[1] and not files):
        raise FormRefused(415, "form.kind")
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared) > largest:
        raise FormRefused(413, "form.large")
    taken = 0

    async def receive() -> Message:
        nonlocal taken
        message = await request.receive()
        taken += len(message.get("body", b""))
        if taken > largest:
            raise FormRefused(413, "form.large")
        return message

    form = await Request(request.scope, receive).form(max_files=files, max_fields=_MOST_FIELDS, max_part_size=largest)
    given = form.get(FIELD)
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), token_of(request).encode()):
        raise FormRefused(403, "form.token")
    return form


def _is_own(request: Request, clients: Clients) -> bool:
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None and site != "same-origin":
        return False
    if origin is not None:
        return origin.lower() == clients.origin(request.scope, request.headers)
    # No browser of today leaves out both; what does is none, and has no cookies of anybody's.
    return True


def _cookie(request: Request) -> str:
    return "__Host-fairpost-form" if request.state.client.secure else "fairpost-form"


def _secret(request: Request) -> str:
    known = getattr(request.state, "form_secret", "")
    if known:
        return str(known)
    found = request.cookies.get(_cookie(request), "")
    if not _SECRET.fullmatch(found):
        found = secrets.token_hex(32)
        request.state.form_secret_is_new = True
    request.state.form_secret = found
    return found
