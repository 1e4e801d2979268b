"""What all pages have in common: `request.app.state.site`."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from fairpost.server.web.limits import Limit, Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from fairpost.server.config import Config
    from fairpost.server.web.app import Workers
    from fairpost.server.web.clients import Clients
    from fairpost.server.web.services import Calls, Services

__all__ = ["LIMITS", "Site", "site_of", "visitor"]

LIMITS: Final = {
    # Any page, feed or form. Static files are not counted.
    "page": Limit(20.0, 100.0),
    "check": Limit(1.0, 20.0),
    # Looking through the registry id by id is not what the lookup is for.
    "seller": Limit(0.5, 30.0),
    "complaint": Limit(1 / 60, 5.0),
    "login": Limit(1 / 20, 10.0),
}
"""What one client (an address, or an IPv6 network) may ask for."""


_CHECKS: Final = 4
"""Posts checked at a time: each is short, and the workers have the platform's own to judge."""


class Site:
    """services: how the pages ask; workers: what the supervisor tells of each worker; checks: held while a
    post is checked."""

    def __init__(
        self,
        config: Config,
        services: Services,
        workers: Workers,
        clients: Clients,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.config = config
        self.services = services
        self.workers = workers
        self.clients = clients
        self.limits = Limits(LIMITS, clock=clock)
        self.checks = asyncio.Semaphore(_CHECKS)


def site_of(request: Request) -> Site:
    site: Site = request.app.state.site
    return site


def visitor(request: Request) -> Calls:
    """The services as whoever reads this page may use them."""
    return site_of(request).services.visitor(request.state.client.peer)
