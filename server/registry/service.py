"""The registry put together: sellers, decisions, complaints, appeals, lookups, jobs; no transport.

It takes and gives the messages of fairpost.v1 and raises ServiceError. Whatever a method acknowledges is on disk, and
in every later lookup of this process.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import structlog

from fairpost.engine.dates import today
from fairpost.server.errors import ServiceError
from fairpost.server.registry.appeals import Appeals
from fairpost.server.registry.complaints import Complaints
from fairpost.server.registry.core import Core
from fairpost.server.registry.days import turn_days
from fairpost.server.registry.decisions import Decisions
from fairpost.server.registry.lookups import Lookups
from fairpost.server.registry.mirror import Mirrors
from fairpost.server.registry.sellers import Sellers
from fairpost.server.registry.violations import Violations

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from fairpost.server.registry.keys import Keys
    from fairpost.server.registry.ladder import Ladder
    from fairpost.server.store import Store

__all__ = ["Registry"]

log = structlog.get_logger(__name__)


class Registry:
    """Thread-safe."""

    def __init__(
        self,
        store: Store,
        keys: Keys,
        *,
        ladder: Ladder | None = None,
        verification_days: int = 183,
        lookup_ttl: int = 60,
        missing_ttl: int = 10,
        max_items: int = 10_000,
        clock: Callable[[], date] = today,
    ) -> None:
        self.core = Core(store, keys, ladder=ladder, clock=clock)
        self.lookups = Lookups(self.core, lookup_ttl=lookup_ttl, missing_ttl=missing_ttl, max_items=max_items)
        self.sellers = Sellers(self.core, verification_days=verification_days)
        self.decisions = Decisions(self.core)
        self.complaints = Complaints(self.core)
        self.appeals = Appeals(self.core)
        self.violations = Violations(self.core)
        self.mirrors = Mirrors(self.core)
        self.lookups.on_change = self.mirrors.wake
        self._stop = threading.Event()
        self._jobs: threading.Thread | None = None

    def start(self) -> None:
        """
        Raises:
            Unavailable: the store cannot be read.
        """
        turn_days(self.core)
        self.lookups.start()
        self.violations.start()
        self._jobs = threading.Thread(target=self._run_jobs, name="registry-jobs", daemon=True)
        self._jobs.start()

    def _run_jobs(self) -> None:
        while not self._stop.wait(1.0):
            try:
                turn_days(self.core)
            except ServiceError as error:
                log.error("registry job failed", job="days", reason=error.reason_name)

    def drain(self) -> None:
        """End the streams of changes."""
        self.mirrors.end()

    def close(self) -> None:
        self.violations.close()  # writes what still waits
        self.drain()
        self._stop.set()
        if self._jobs:
            self._jobs.join()
        self.lookups.close()
        self.core.store.close()
