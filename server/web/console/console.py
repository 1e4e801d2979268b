"""What all pages of the console have in common: `request.app.state.console`."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from fairpost.server.config import StartError
from fairpost.server.web.console.oidc import Oidc, OidcSettings
from fairpost.server.web.console.overview.history import History
from fairpost.server.web.console.sessions import Sessions
from fairpost.v1 import access_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from fairpost.server.config import Config
    from fairpost.server.web.app import Workers
    from fairpost.server.web.services import Calls

__all__ = ["CALLBACK", "Console", "console_of", "oidc_settings"]

CALLBACK = "/console/login/oidc/callback"


class Console:
    """sessions: of who has logged in. oidc: None where no provider is configured. history: what workers counted.

    Raises:
        StartError: the provider's secret cannot be read.
    """

    def __init__(self, config: Config, workers: Workers) -> None:
        self.config = config
        self.sessions = Sessions(config.console_idle_seconds, config.console_seconds)
        settings = oidc_settings(config)
        self.oidc = Oidc(settings) if settings is not None else None
        self.history = History(workers)

    async def look_at_key(self, calls: Calls) -> access_pb2.WhoAmIResponse:
        """
        Raises:
            Unauthenticated: the key is none, or good no longer.
        """
        answer: access_pb2.WhoAmIResponse = await calls.access.WhoAmI(access_pb2.WhoAmIRequest())
        return answer

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While the pages are served."""
        looking = asyncio.create_task(self.history.keep_looking())
        try:
            yield
        finally:
            looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await looking
            if self.oidc is not None:
                await self.oidc.close()


def console_of(request: Request) -> Console:
    console: Console = request.app.state.console
    return console


def oidc_settings(config: Config) -> OidcSettings | None:
    """How to log in by OpenID Connect; None where no issuer is set.

    Raises:
        StartError: the secret's file cannot be read.
    """
    if not config.oidc_issuer:
        return None
    secret = ""
    if config.oidc_client_secret_file is not None:
        try:
            secret = config.oidc_client_secret_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            file = config.oidc_client_secret_file
            raise StartError(f"{file}: the secret of oidc_client_id cannot be read: {error}") from None
    return OidcSettings(
        issuer=config.oidc_issuer,
        client_id=config.oidc_client_id,
        client_secret=secret,
        redirect_uri=config.public_url.rstrip("/") + CALLBACK,
        scopes=config.oidc_scopes,
        roles_claim=config.oidc_roles_claim,
        roles=config.oidc_roles,
    )
