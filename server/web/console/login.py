"""Logging in and out: by API key, or by OpenID Connect where a provider is configured."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import structlog
from starlette.responses import RedirectResponse
from starlette.routing import Route

from fairpost.server.access.exposure import is_loopback
from fairpost.server.errors import PermissionDenied, ServiceError, Unauthenticated
from fairpost.server.web import forms
from fairpost.server.web.console.console import CALLBACK, console_of
from fairpost.server.web.console.oidc import LoginRefused
from fairpost.server.web.console.sessions import Session
from fairpost.server.web.refusals import status_of
from fairpost.server.web.rendering import render, url_of
from fairpost.server.web.site import site_of
from fairpost.v1 import reason_pb2

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

__all__ = ["HOME", "LOGIN", "log_in_again", "routes", "session_cookie"]

log = structlog.get_logger(__name__)

HOME: Final = "/console"
LOGIN: Final = "/console/login"
_OWN_PATH: Final = re.compile(r"/console(?:[/?][!-\[\]-~]*)?", re.ASCII)
_FLOW_SECONDS: Final = 600
_REASONS: Final = frozenset({"login.needed", "login.ended", "login.key_ended", "login.out"})
"""What an address may say of why somebody is to log in."""


def routes() -> list[BaseRoute]:
    return [
        Route(LOGIN, show, methods=["GET"]),
        Route(LOGIN, by_key, methods=["POST"]),
        Route(f"{LOGIN}/oidc", to_provider, methods=["POST"]),
        Route(CALLBACK, from_provider, methods=["GET"]),
        Route("/console/logout", log_out, methods=["POST"]),
    ]


def session_cookie(request: Request) -> str:
    """The session's id that the browser sent; "" for none."""
    return request.cookies.get(_cookie_name(request), "")


def log_in_again(request: Request, why: str) -> Response:
    """What somebody gets who has no session: the way to the login, and back to where they wanted to go. why: a
    message's key."""
    if request.method == "GET":
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        if request.headers.get("sec-fetch-site") == "cross-site" and not session_cookie(request):
            # A link from elsewhere: the browser keeps a strict cookie to itself, and gives it to our own page's link.
            return _continue(request, target)
        return RedirectResponse(url_of(LOGIN, next=own_path(target), why=why), 303)
    # What was filled in is lost; better said than sent again unseen.
    return _page(request, HOME, why, 401)


def own_path(target: str) -> str:
    """A path of the console; its first page for anything else, such as another site's address."""
    return target if _OWN_PATH.fullmatch(target) and "//" not in target.partition("?")[0] else HOME


async def show(request: Request) -> Response:
    target = own_path(request.query_params.get("next", ""))
    cookie = session_cookie(request)
    if cookie and console_of(request).sessions.find(cookie) is not None:
        return RedirectResponse(target, 303)
    why = request.query_params.get("why", "")
    return _page(request, target, why if why in _REASONS else "", 200)


async def by_key(request: Request) -> Response:
    """Log in with an API key. It is looked at like any caller's; nothing of it is logged or shown again."""
    form = await forms.read_form(request)
    target = own_path(str(form.get("next", "")))
    if not _is_private(request):
        return _page(request, target, "login.insecure", 403)
    site, peer = site_of(request), request.state.client.peer
    site.limits.take("login", request)
    key = str(form.get("key", "")).strip()
    try:
        who = await console_of(request).look_at_key(site.services.key(key or "none", peer))
        if not who.roles:
            raise PermissionDenied(reason_pb2.REASON_ROLE_MISSING, "the key has no role")
    except (Unauthenticated, PermissionDenied) as error:
        log.warning("console: login refused", peer=peer, reason=error.reason_name)
        return _page(request, target, "login.wrong_key", 401)
    except ServiceError as error:
        return _page(request, target, "login.unavailable", status_of(error))
    name = who.actor.partition("/")[2] or who.actor
    return _begun(request, Session(who.actor, frozenset(who.roles), name, key), RedirectResponse(target, 303))


async def to_provider(request: Request) -> Response:
    """Begin a login by OpenID Connect."""
    form = await forms.read_form(request)
    target, oidc = own_path(str(form.get("next", ""))), console_of(request).oidc
    if oidc is None:
        return _page(request, target, "login.oidc.none", 404)
    site_of(request).limits.take("login", request)
    try:
        address, cookie = await oidc.begin(target)
    except LoginRefused as error:
        log.error("console: provider cannot be used", detail=error.detail)
        return _page(request, target, error.reason, 503)
    response = RedirectResponse(address, 303)
    # Lax: the provider sends the browser back from another site.
    response.set_cookie(
        _flow_name(request),
        cookie,
        max_age=_FLOW_SECONDS,
        path="/",
        secure=request.state.client.secure,
        httponly=True,
        samesite="lax",
    )
    return response


async def from_provider(request: Request) -> Response:
    """End a login by OpenID Connect."""
    oidc, peer = console_of(request).oidc, request.state.client.peer
    if oidc is None:
        return _page(request, HOME, "login.oidc.none", 404)
    site_of(request).limits.take("login", request)
    try:
        found = await oidc.finish(request.cookies.get(_flow_name(request), ""), request.query_params)
    except LoginRefused as error:
        log.warning("console: login refused", peer=peer, reason=error.reason, detail=error.detail)
        response = _page(request, HOME, error.reason, 403)
    else:
        session = Session(f"oidc:{found.subject}", found.roles, found.name)
        # Not a redirect: the browser came from another site, and would not show the new cookie on the way.
        response = _begun(request, session, _continue(request, found.target))
    response.delete_cookie(
        _flow_name(request), path="/", secure=request.state.client.secure, httponly=True, samesite="lax"
    )
    return response


async def log_out(request: Request) -> Response:
    console, cookie = console_of(request), session_cookie(request)
    session = console.sessions.find(cookie) if cookie else None
    if session is not None:
        forms.bind(request, session.binding)
        await forms.read_form(request)
        console.sessions.end(cookie)
        log.info("console: logged out", actor=session.actor)
    response = RedirectResponse(url_of(LOGIN, why="login.out"), 303)
    response.delete_cookie(
        _cookie_name(request), path="/", secure=request.state.client.secure, httponly=True, samesite="strict"
    )
    return response


def _begun(request: Request, session: Session, response: Response) -> Response:
    console = console_of(request)
    if before := session_cookie(request):
        console.sessions.end(before)  # whosever it was: the browser has another one from now on
    text = console.sessions.begin(session)
    log.info("console: logged in", actor=session.actor, roles=sorted(session.roles), peer=request.state.client.peer)
    response.set_cookie(
        _cookie_name(request),
        text,
        path="/",
        secure=request.state.client.secure,
        httponly=True,
        samesite="strict",
    )
    return response


def _page(request: Request, target: str, why: str, status: int) -> Response:
    return render(
        request,
        "console/login.html",
        status=status,
        target=target,
        why=why,
        has_oidc=console_of(request).oidc is not None,
        is_private=_is_private(request),
    )


def _continue(request: Request, target: str) -> Response:
    return render(request, "console/continue.html", target=own_path(target), headers={"Cache-Control": "no-store"})


def _is_private(request: Request) -> bool:
    """Whether nobody on the way reads what is typed: https, or this very machine."""
    if request.state.client.secure or site_of(request).config.insecure:
        return True
    return is_loopback(urlsplit(f"//{request.headers.get('host', '')}").hostname or "")


def _cookie_name(request: Request) -> str:
    # The prefix has browsers refuse it from any other host, and without https.
    return "__Host-fairpost-console" if request.state.client.secure else "fairpost-console"


def _flow_name(request: Request) -> str:
    return "__Host-fairpost-login" if request.state.client.secure else "fairpost-login"
