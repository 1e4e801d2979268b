"""A server whose console is switched off has none."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from fairpost.server.config import Config
from fairpost.server.web.app import make_app
from fairpost.server.web.clients import Clients
from fairpost.server.web.services import Services
from fairpost.server.web.site import Site


class Workers:
    count = 1

    async def gather(self, question: str, content: Any = None, *, timeout: float = 5.0) -> dict[int, dict[str, Any]]:
        return {}


def test_no_console() -> None:
    async def status(console: bool) -> int:
        site = Site(Config(console=console), Services(["/nowhere"], "token"), Workers(), Clients())
        transport = httpx.ASGITransport(app=make_app(Workers(), site))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return (await client.get("/console/login")).status_code

    assert asyncio.run(status(False)) == 404
    assert asyncio.run(status(True)) == 200
