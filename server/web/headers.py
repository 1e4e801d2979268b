"""What every answer of the HTTP side says to browsers, and which hosts are answered at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from fairpost.server.web.clients import Clients

__all__ = ["POLICY", "Guarded"]

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Nothing inline, nothing from elsewhere, in nobody's frame."""
_ALWAYS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Frame-Options": "DENY",
}
_HSTS: Final = "max-age=31536000"
_FOR_MACHINES: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""Probes and Prometheus name hosts as they like; there is nothing in them that a browser could be made to do."""


class Guarded:
    """The application with headers added, `scope["state"]["client"]` set, and foreign hosts refused (421)."""

    def __init__(self, app: ASGIApp, clients: Clients) -> None:
        self._app = app
        self._clients = clients

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        client = self._clients.client_of(scope, headers)
        scope.setdefault("state", {})["client"] = client

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                found = MutableHeaders(scope=message)
                for name, value in _ALWAYS.items():
                    found.setdefault(name, value)
                if client.secure:
                    found.setdefault("Strict-Transport-Security", _HSTS)
                if found.get("content-type", "").startswith("text/html"):
                    # Pages hold a form's token, and what only their reader may see.
                    found.setdefault("Cache-Control", "private, no-cache")
                    found.add_vary_header("Accept-Language, Cookie")
            await send(message)

        host = headers.get("host", "")
        for_machines = scope["path"] in _FOR_MACHINES
        if not for_machines and not self._clients.is_ours(host):
            refusal = PlainTextResponse(
                f"This server has no pages for the host {host[:100]!r}; set public_url to the address that readers "
                "use, or ask for an address or localhost.\n",
                421,
            )
            await refusal(scope, receive, send_with_headers)
        elif for_machines and client.forwarded and scope["path"] == "/metrics":
            await PlainTextResponse("Not found\n", 404)(scope, receive, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)
