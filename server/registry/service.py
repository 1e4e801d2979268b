"""The registry put together: sellers, decisions, complaints, appeals, lookups, jobs; no transport.

It takes and gives the messages of fairpost.v1 and raises ServiceError. Whatever a method acknowledges is on disk, and
in every later lookup of this process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairpost.engine.dates import today
from fairpost.server import audit
from fairpost.server.registry.appeals import Appeals
from fairpost.server.registry.complaints import Complaints
from fairpost.server.registry.core import Core, MustAcknowledge
from fairpost.server.registry.days import turn_days
from fairpost.server.registry.decisions import Decisions
from fairpost.server.registry.erasure import Erasure
from fairpost.server.registry.jobs import Jobs
from fairpost.server.registry.lookups import Lookups
from fairpost.server.registry.mirror import Mirrors
from fairpost.server.registry.sellers import Sellers
from fairpost.server.registry.snapshots import Snapshots
from fairpost.server.registry.violations import Violations
from fairpost.server.registry.watching import Watching
from fairpost.server.store import now_ms

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date
    from pathlib import Path

    from fairpost.server.registry.keys import Keys
    from fairpost.server.registry.ladder import Ladder
    from fairpost.server.store import Store

__all__ = ["Registry"]


class Registry:
    """Thread-safe. snapshot_dir: where the table is kept for a quick start; None: it is not. writes_snapshots: whether
    this process is the one that does; asked each time."""

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
        writes_snapshots: Callable[[], bool] = lambda: True,
        clock: Callable[[], date] = today,
        now: Callable[[], int] = now_ms,
        must_acknowledge: MustAcknowledge | None = None,
    ) -> None:
        self.core = Core(
            store,
            keys,
            ladder=ladder,
            answer_days=answer_days,
            clock=clock,
            now=now,
            must_acknowledge=must_acknowledge,
        )
        self.lookups = Lookups(
            self.core,
            snapshots=Snapshots(self.core, snapshot_dir) if snapshot_dir else None,
            snapshot_seconds=snapshot_seconds,
            writes_snapshots=writes_snapshots,
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
        self.watching = Watching(self.core)
        self.mirrors = Mirrors(self.core, self.watching)
        self.lookups.on_change = self.watching.wake
        self.jobs = Jobs(self.core)

    def start(self) -> None:
        """
        Raises:
            Unavailable: the store cannot be read, or its keys are others.
        """
        self.core.check_keys()
        with audit.acting("job days"):
            turn_days(self.core)
        self.lookups.start()
        self.violations.start()
        self.jobs.start()

    def drain(self) -> None:
        """End the streams of changes."""
        self.watching.end()

    def close(self) -> None:
        self.violations.close()  # writes what still waits
        self.drain()
        self.jobs.close()
        self.lookups.close()
        self.core.store.close()
