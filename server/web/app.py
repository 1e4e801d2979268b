"""The HTTP side's routes, and where they are put together: probes and metrics, static files, pages.

A route that tells something of all workers asks them: `await workers.gather("rules.status")`. What a worker can be
asked is added to `Server.questions`.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Protocol

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from fairpost.server.observe.web import metrics_routes
from fairpost.server.web import console, public
from fairpost.server.web.headers import Guarded
from fairpost.server.web.refusals import HANDLERS
from fairpost.server.web.rendering import static_files, static_version

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from fairpost.server.web.site import Site

__all__ = ["Workers", "make_app", "routes"]


class Workers(Protocol):
    """All workers of this server, as the HTTP side sees them."""

    count: int
    """How many there are to be."""

    async def gather(self, question: str, content: Any = None, *, timeout: float = ...) -> dict[int, dict[str, Any]]:
        """What each answers, by its number; {"error": why} for one that does not. To each pid, started_at (ms) and
        replaced are added."""


class AskedWorkers:
    """gather: the same without asyncio: (question, content, timeout) -> answers."""

    def __init__(self, count: int, gather: Callable[[str, Any, float], dict[int, dict[str, Any]]]) -> None:
        self.count = count
        self._gather = gather

    async def gather(self, question: str, content: Any = None, *, timeout: float = 5.0) -> dict[int, dict[str, Any]]:
        return await run_in_threadpool(self._gather, question, content, timeout)


def routes(workers: Workers) -> list[BaseRoute]:
    """What is there without pages."""
    return [*_probes(workers), *metrics_routes(workers)]


def make_app(workers: Workers, site: Site | None = None) -> ASGIApp:
    """The whole HTTP side. site: what the pages need; None: probes and metrics alone."""
    if site is None:
        return Starlette(routes=routes(workers))
    parts = [*routes(workers), *_static(), *public.routes()]
    desk = console.Console(site.config, workers) if site.config.console else None

    @contextlib.asynccontextmanager
    async def serving(_app: Starlette) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(site.services.close)
            if desk is not None:
                await stack.enter_async_context(desk.running())
            yield

    if desk is not None:
        parts += console.routes()
    app = Starlette(routes=parts, exception_handlers=HANDLERS, lifespan=serving)
    app.state.site = site
    app.state.console = desk
    return Guarded(app, site.clients)


def _static() -> list[BaseRoute]:
    async def file(request: Request) -> Response:
        found = static_files().get(request.path_params["name"])
        if found is None or request.path_params["version"] != static_version():
            raise HTTPException(404)
        content, kind = found
        return Response(content, headers={"Content-Type": kind, "Cache-Control": "public, max-age=31536000, immutable"})

    return [Route("/static/{version}/{name:path}", file)]


def _probes(workers: Workers) -> list[BaseRoute]:
    async def healthz(_request: Request) -> JSONResponse:
        """200 if every worker answers; 503 with those that do not."""
        answers = await workers.gather("ping")
        return _verdict("ok", workers.count, {n: answer.get("error", "") for n, answer in answers.items()})

    async def readyz(_request: Request) -> JSONResponse:
        """200 if a rule set is active in every worker and none drains; 503 with those of which that is not so."""
        answers = await workers.gather("rules.status")
        return _verdict("ready", workers.count, {n: _unready(answer) for n, answer in answers.items()})

    return [Route("/healthz", healthz), Route("/readyz", readyz)]


def _unready(answer: dict[str, Any]) -> str:
    """Why a worker takes no posts; "" if it does."""
    if "error" in answer:
        return str(answer["error"])
    if answer["draining"]:
        return "it is draining"
    return "" if answer["revision"] else "no rule set is active"


def _verdict(good: str, count: int, faults: dict[int, str]) -> JSONResponse:
    fine = len(faults) == count and not any(faults.values())
    content = {
        "status": good if fine else f"not {good}",
        "workers": {str(number): why or good for number, why in sorted(faults.items())},
    }
    return JSONResponse(content, status_code=200 if fine else 503, headers={"Cache-Control": "no-store"})
