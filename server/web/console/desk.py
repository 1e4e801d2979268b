"""A request of somebody who has logged in: what they may do, the services in their name, the pages they see."""

from __future__ import annotations

import functools
import secrets
from typing import TYPE_CHECKING, Any, Final

from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse

from fairpost.server.access.roles import METHODS
from fairpost.server.errors import ServiceError, Unauthenticated
from fairpost.server.web import forms
from fairpost.server.web.catalogue import messages
from fairpost.server.web.console.console import Console, console_of
from fairpost.server.web.console.login import log_in_again, session_cookie
from fairpost.server.web.console.sellers.events import told
from fairpost.server.web.console.words import Words
from fairpost.server.web.refusals import retry_headers, status_of, titled
from fairpost.server.web.rendering import language_of, render, url_of
from fairpost.server.web.site import site_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from fairpost.server.web.catalogue import Language
    from fairpost.server.web.console.sessions import Session
    from fairpost.server.web.services import Calls

__all__ = ["Desk", "Given", "back_to", "for_staff", "may"]

MOST_BYTES: Final = 64 * 1024
_PACKAGE: Final = "fairpost.v1."


def may(session: Session, method: str) -> bool:
    """Whether a session's roles let it call a method ("ComplaintService/ResolveComplaint"), as the services' own table
    says. For what a page offers: the services look again."""
    access = METHODS.get(_PACKAGE + method)
    return access is not None and not access.roles.isdisjoint(session.roles)


class Given:
    """What a form has sent. Line ends are "\\n", spaces around a text are gone."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self._content = content

    def text(self, name: str) -> str:
        """A field; "" if it was not sent."""
        value = self._content.get(name, "")
        return value.replace("\r\n", "\n").strip() if isinstance(value, str) else ""

    def number(self, name: str) -> int:
        """A whole number; 0 for what is none."""
        text = self.text(name)
        return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0

    def lines(self, name: str) -> list[str]:
        """Of a field with one thing a line (or between commas, if it has no line ends)."""
        text = self.text(name)
        parts = text.split("\n") if "\n" in text else text.replace("，", ",").split(",")
        return [part.strip() for part in parts if part.strip()]

    def all(self, name: str) -> list[str]:
        """All values of a field that may be chosen several times."""
        getlist = getattr(self._content, "getlist", None)
        found = getlist(name) if getlist is not None else [self._content.get(name)]
        return [value for value in found if isinstance(value, str) and value]

    def count(self, *, but: str = "") -> int:
        """How many fields say something, one of them aside."""
        return sum(bool(self.text(name)) for name in self._content if name != but)

    async def file(self, name: str) -> bytes:
        """A file's bytes; none if none was chosen."""
        value = self._content.get(name)
        return await value.read() if isinstance(value, UploadFile) else b""

    def file_name(self, name: str) -> str:
        value = self._content.get(name)
        return (value.filename or "")[:120] if isinstance(value, UploadFile) else ""

    def __bool__(self) -> bool:
        return bool(self._content)


NOTHING_GIVEN: Final = Given({})


class Desk:
    """One request.

    Attributes:
        calls: the services as this person may use them.
        actor: as whom they are named where a request says who acts.
    """

    def __init__(self, request: Request, session: Session) -> None:
        self.request = request
        self.session = session
        self.actor = session.actor
        self.language: Language = language_of(request)
        site = site_of(request)
        peer = request.state.client.peer
        self.calls: Calls = (
            site.services.key(session.key, peer)
            if session.key
            else site.services.actor(session.actor, session.roles, peer)
        )

    @property
    def console(self) -> Console:
        return console_of(self.request)

    @property
    def query(self) -> Given:
        """What the address says."""
        return Given(self.request.query_params)

    def may(self, method: str) -> bool:
        return may(self.session, method)

    async def form(self, *, largest: int = MOST_BYTES, files: int = 0) -> Given:
        """
        Raises:
            FormRefused: it is none of our pages', or too large.
        """
        return Given(await forms.read_form(self.request, largest=largest, files=files))

    def page(
        self,
        template: str,
        *,
        error: ServiceError | None = None,
        given: Given = NOTHING_GIVEN,
        headers: Mapping[str, str] | None = None,
        **values: Any,
    ) -> Response:
        """A page of templates/console. error: a refusal that it tells at its top, with the fields that are at fault;
        given: what the form had sent, to be mended."""
        status = 200 if error is None else status_of(error)
        return render(
            self.request,
            f"console/{template}",
            status=status,
            headers=dict(headers or {}) | (retry_headers(error) if error is not None else {}),
            may=self.may,
            words=Words(self.language),
            known_messages=messages(self.language),
            told=functools.partial(told, language=self.language),
            same_page=self._same_page,
            error=error,
            given=given,
            done=self.query.text("done"),
            new_id=lambda: secrets.token_hex(16),
            **values,
        )

    def _same_page(self, **changes: str) -> str:
        """This page's address with another part of its query, without what it said had been done."""
        return url_of(self.request.url.path, **(dict(self.request.query_params) | {"done": ""} | changes))

    def went(self, path: str, done: str, **query: Any) -> Response:
        """To another page after something was done, which it says: `done` is a message's key under console.done."""
        return RedirectResponse(url_of(path, done=done, **query), 303)


def back_to(path: str) -> Callable[[Request], Awaitable[Response]]:
    """What an address that takes forms alone answers to a link (the other language's, of a page that said what was
    wrong in a form): the page that the form is on, with the same query."""

    async def endpoint(request: Request) -> Response:
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(path + query, 303)

    return endpoint


def for_staff(
    handler: Callable[[Desk], Awaitable[Response]], *, is_use: bool = True
) -> Callable[[Request], Awaitable[Response]]:
    """A route for who has logged in; others are asked to, and come back.

    is_use: False for what a page asks for by itself, without anybody at it: it keeps no session from ending.

    A key is looked at each time, so that a revoked or expired one ends its session with the next request.
    """

    @functools.wraps(handler)
    async def endpoint(request: Request) -> Response:
        console = console_of(request)
        cookie = session_cookie(request)
        session = console.sessions.find(cookie, is_use=is_use) if cookie else None
        if session is None:
            return log_in_again(request, "login.needed" if not cookie else "login.ended")
        request.state.user = session
        forms.bind(request, session.binding)
        desk = Desk(request, session)
        try:
            if session.key:
                await console.look_at_key(desk.calls)
            return await handler(desk)
        except Unauthenticated:
            console.sessions.end(cookie)
            request.state.user = None
            return log_in_again(request, "login.key_ended")
        except ServiceError as error:  # which the handler does not tell on a page of its own
            status = status_of(error)
            return desk.page("refused.html", error=error, status_code=status, told_as=titled(status))

    return endpoint
