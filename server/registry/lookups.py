"""Lookups of standing: from the table in memory, kept current from the log.

Whatever is committed, by this process or another one on the same store, is in the table within a
poll (20 ms) of its commit; what this process itself has committed is there before it is acknowledged.
"""

from __future__ import annotations

import re
import threading
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import sqlalchemy as sa
import structlog

from fairpost.engine.dates import LAW_ZONE
from fairpost.engine.vocabulary import SELLER_RECORD_DTYPE
from fairpost.server import answers
from fairpost.server.errors import InvalidArgument, ServiceError, Violation, invalid_fields
from fairpost.server.faults import Faults, seller_id_fault
from fairpost.server.registry import log as records
from fairpost.server.store import schema
from fairpost.server.table import KEY_BYTES, SellerTable
from fairpost.v1 import reason_pb2, registry_pb2, standing_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

    from fairpost.server.registry.core import Core
    from fairpost.server.registry.snapshots import Snapshots
    from fairpost.server.registry.transaction import Transaction

__all__ = ["Lookups", "load_table"]

log = structlog.get_logger(__name__)

POLL_SECONDS: Final = 0.02
_RETRY_SECONDS: Final = 1.0
_SOUND_IDS: Final = re.compile(r"(?:[!-~]{1,128}(?:\n(?!\Z)|\Z))*", re.ASCII)
_ROWS: Final = 50_000


def load_table(table: SellerTable, connection: sa.Connection) -> None:
    """Fill a table with all standings of the store, at one sequence."""
    sequence = records.head_sequence(connection)
    columns = schema.sellers.c
    query = sa.select(columns.seller_id, columns.standing).execution_options(yield_per=_ROWS)
    result = connection.execute(query)
    ids: list[str] = []
    packed: list[bytes] = []
    for part in result.partitions():
        for seller_id, standing in part:
            ids.append(seller_id)
            packed.append(standing)
    table.replace(sequence, ids, unpacked(packed))


def unpacked(packed: list[bytes]) -> np.ndarray:
    """SELLER_RECORD_DTYPE[n]."""
    return np.frombuffer(b"".join(packed), SELLER_RECORD_DTYPE)


class Lookups:
    """Thread-safe. `table` is what the engine's batches read."""

    def __init__(
        self,
        core: Core,
        *,
        snapshots: Snapshots | None = None,
        snapshot_seconds: float = 3600.0,
        lookup_ttl: int = 60,
        missing_ttl: int = 10,
        max_items: int = 10_000,
    ) -> None:
        self._core = core
        self._snapshots = snapshots
        self._snapshot_seconds = snapshot_seconds
        self._ttls: dict[int, int] = {
            standing_pb2.LOOKUP_OUTCOME_OK: lookup_ttl,
            standing_pb2.LOOKUP_OUTCOME_NOT_FOUND: missing_ttl,
            standing_pb2.LOOKUP_OUTCOME_UNAVAILABLE: 0,
        }
        self._max_items = max_items
        self._bringing = threading.Lock()
        self._last_try = 0.0
        self.table = SellerTable(core.keys.derived(f"standing-table:{core.store.store_id}", KEY_BYTES), core.today)
        self.on_change: Callable[[], None] = lambda: None
        """Called when the table has moved to a later sequence."""
        self._stop = threading.Event()
        self._follower: threading.Thread | None = None
        core.on_commit = self._committed

    # ---- keeping current --------------------------------------------------------------------------------

    def start(self) -> None:
        """Fill the table, and follow the log from now on.

        Raises:
            Unavailable: the store cannot be read.
        """
        self.fill()
        self._follower = threading.Thread(target=self._follow, name="registry-log", daemon=True)
        self._follower.start()

    def close(self) -> None:
        self._stop.set()
        if self._follower:
            self._follower.join()
            if self._snapshots:
                self._snapshots.save(self.table)

    def fill(self) -> None:
        """Fill the table from a snapshot and what came after it; without one, from the store."""
        started = time.monotonic()
        with self._bringing, self._core.store.read() as connection:
            restored = self._snapshots is not None and self._snapshots.restore(self.table, connection)
        if not restored:
            self.reload()
            return
        self.catch_up()
        seconds = round(time.monotonic() - started, 3)
        log.info("registry restored", sellers=len(self.table), sequence=self.table.sequence, seconds=seconds)

    def reload(self) -> None:
        """Fill the table from nothing."""
        started = time.monotonic()
        with self._bringing, self._core.store.read() as connection:
            load_table(self.table, connection)
            self.table.available = True
        seconds = round(time.monotonic() - started, 3)
        log.info("registry loaded", sellers=len(self.table), sequence=self.table.sequence, seconds=seconds)

    def catch_up(self) -> None:
        """Take over what is committed and not yet in the table.

        Raises:
            Unavailable: the store cannot be read.
        """
        if not self.table.available:
            self.reload()
            return
        columns = schema.sellers.c
        moved = False
        with self._bringing, self._core.store.read() as connection:
            last = records.head_sequence(connection)
            if last > self.table.sequence:
                query = sa.select(columns.seller_id, columns.standing).where(columns.version > self.table.sequence)
                changed = connection.execute(query).all()
                self.table.apply(last, [row.seller_id for row in changed], unpacked([row.standing for row in changed]))
                moved = True
        if moved:
            self.on_change()

    def _committed(self, transaction: Transaction) -> None:
        try:
            with self._bringing:
                direct = self.table.available and self.table.sequence == transaction.first
                if direct:
                    changed = transaction.changed
                    self.table.apply(transaction.sequence, list(changed), unpacked(list(changed.values())))
            if direct:
                self.on_change()
            else:
                self.catch_up()  # another process has written in between
        except Exception:
            # The change is acknowledged but not in the table: no answer is better than an old one.
            self.table.available = False
            log.exception("registry table is behind the store", sequence=transaction.sequence)

    def _follow(self) -> None:
        failed = False
        next_snapshot = time.monotonic() + self._snapshot_seconds
        while not self._stop.wait(_RETRY_SECONDS if failed else POLL_SECONDS):
            if self._snapshots and time.monotonic() >= next_snapshot:
                # In a thread of its own: with many sellers it takes a second or two.
                threading.Thread(target=self._snapshots.save, args=(self.table,), name="registry-snapshot").start()
                next_snapshot = time.monotonic() + self._snapshot_seconds
            try:
                if not self.table.available or self._core.store.sequence() > self.table.sequence:
                    self.catch_up()
                failed = False
            except ServiceError as error:
                if not failed:
                    log.error("registry cannot be followed", reason=error.reason_name)
                failed = True
            except Exception:
                failed = True
                self.table.available = False
                log.exception("registry table is behind the store", sequence=self.table.sequence)

    # ---- answers ----------------------------------------------------------------------------------------

    def lookup(self, request: registry_pb2.LookupSellerRequest) -> registry_pb2.LookupSellerResponse:
        if fault := seller_id_fault(request.seller_id):
            raise invalid_fields([Violation("seller_id", fault)])
        content = self._look_up([request.seller_id], request.consistency)
        several = registry_pb2.BatchLookupSellersResponse.FromString(content)
        return registry_pb2.LookupSellerResponse(answer=several.answers[0], consistency_token=several.consistency_token)

    def lookup_batch(self, request: registry_pb2.BatchLookupSellersRequest) -> registry_pb2.BatchLookupSellersResponse:
        return registry_pb2.BatchLookupSellersResponse.FromString(self.serialised_batch(request))

    def serialised_batch(self, request: registry_pb2.BatchLookupSellersRequest) -> bytes:
        """The same as bytes, which is what a transport sends."""
        if len(request.seller_ids) > self._max_items:
            raise InvalidArgument(
                reason_pb2.REASON_TOO_MANY_ITEMS,
                f"seller_ids: {len(request.seller_ids)} ids in one request; at most {self._max_items} are taken",
                metadata={"limit": str(self._max_items), "size": str(len(request.seller_ids))},
            )
        ids = list(request.seller_ids)
        if not _SOUND_IDS.fullmatch("\n".join(ids)):
            faults = Faults()
            for i, seller_id in enumerate(ids):
                faults.add(f"seller_ids[{i}]", seller_id_fault(seller_id))
            faults.raise_if_any()
        return self._look_up(ids, request.consistency)

    def _look_up(self, seller_ids: list[str], consistency: registry_pb2.Consistency) -> bytes:
        fresh = self._be_fresh(consistency)
        view = self.table.view(seller_ids)
        return answers.serialised(seller_ids, view, fresh, self._seconds(), self._core.token(view.sequence))

    def _be_fresh(self, consistency: registry_pb2.Consistency) -> bool:
        """Bring the table to what the caller asks for; False if that was not possible."""
        requirement = consistency.WhichOneof("requirement")
        if requirement in (None, "minimise_latency"):
            if self.table.available:
                return True
            # The table is behind after a fault; whoever comes by tries to mend it, but not all the time.
            if time.monotonic() - self._last_try < _RETRY_SECONDS:
                return False
            self._last_try = time.monotonic()
        wanted = 0
        if requirement == "at_least_as_fresh":
            wanted = self._core.sequence_of(consistency.at_least_as_fresh, "consistency.at_least_as_fresh")
            if self.table.available and wanted <= self.table.sequence:
                return True
        try:
            self.catch_up()
        except ServiceError:
            return False
        return self.table.available and wanted <= self.table.sequence

    def _seconds(self) -> dict[int, int]:
        """How long answers may be kept, by outcome: standing may change at the turn of the day without any event."""
        now = datetime.now(LAW_ZONE)
        midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), LAW_ZONE)
        left = int((midnight - now).total_seconds())
        return {outcome: min(seconds, left) for outcome, seconds in self._ttls.items()}
