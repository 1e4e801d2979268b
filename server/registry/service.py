"""The registry put together: sellers, decisions, complaints, appeals, lookups, jobs; no transport.

It takes and gives the messages of fairpost.v1 and raises ServiceError. Whatever a method acknowledges is on disk, and
in every later lookup of this process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairpost.engine.dates import today
from fairpost.server.registry.appeals import Appeals
from fairpost.server.registry.complaints import Complaints
from fairpost.server.registry.core import Core
from fairpost.server.registry.days import turn_days
from fairpost.server.registry.decisions import Decisions
from fairpost.server.registry.erasure import Erasure
from fairpost.server.registry.jobs import Jobs
from fairpost.server.registry.lookups import Lookups
from fairpost.server.registry.mirror import Mirrors
from fairpost.server.registry.sellers import Sellers
from fairpost.server.registry.snapshots import Snapshots
from fairpost.server.registry.violations import Violations

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date
    from pathlib import Path

    from fairpost.server.registry.keys import Keys
    from fairpost.server.registry.ladder import Ladder
    from fairpost.server.store import Store

__all__ = ["Registry"]


class Registry:
    """Thread-safe. snapshot_dir: where the table is kept for a quick start; None: it is not."""

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
        answer_days: int = 7,
        snapshot_dir: Path | None = None,
        snapshot_seconds: float = 3600.0,
        clock: Callable[[], date] = today,
    ) -> None:
        self.core = Core(store, keys, ladder=ladder, answer_days=answer_days, clock=clock)
        self.lookups = Lookups(
            self.core,
            snapshots=Snapshots(self.core, snapshot_dir) if snapshot_dir else None,
            snapshot_seconds=snapshot_seconds,
            lookup_ttl=lookup_ttl,
            missing_ttl=missing_ttl,
            max_items=max_items,
        )
        self.sellers = Sellers(self.core, verification_days=verification_days)
        self.decisions = Decisions(self.core)
        self.complaints = Complaints(self.core)
        self.appeals = Appeals(self.core)
        self.erasure = Erasure(self.core)
        self.violations = Violations(self.core)
        self.mirrors = Mirrors(self.core)
        self.lookups.on_change = self.mirrors.wake
        self._jobs = Jobs(self.core)

    def start(self) -> None:
        """
        Raises:
            Unavailable: the store cannot be read, or its keys are others.
        """
        self.core.check_keys()
        turn_days(self.core)
        self.lookups.start()
        self.violations.start()
        self._jobs.start()

    def drain(self) -> None:
        """End the streams of changes."""
        self.mirrors.end()

    def close(self) -> None:
        self.violations.close()  # writes what still waits
        self.drain()
        self._jobs.close()
        self.lookups.close()
        self.core.store.close()
