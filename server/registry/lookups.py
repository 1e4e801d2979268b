"""Lookups of standing: from the table in memory, kept current from the log.

Whatever is committed, by this process or another one on the same store, is in the table within a
poll (20 ms) of its commit; what this process itself has committed is there before it is acknowledged.
"""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import sqlalchemy as sa
import structlog

from fairpost.engine.seller_wire import BATCH_LOOKUP_SELLERS, LOOKUP_SELLER, SellerWire
from fairpost.engine.vocabulary import SELLER_NOT_FOUND, SELLER_RECORD_DTYPE
from fairpost.server import messages, wire
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

    Request = registry_pb2.LookupSellerRequest | registry_pb2.BatchLookupSellersRequest
    Response = registry_pb2.LookupSellerResponse | registry_pb2.BatchLookupSellersResponse

__all__ = ["Lookups", "load_table"]

log = structlog.get_logger(__name__)

POLL_SECONDS: Final = 0.02
_RETRY_SECONDS: Final = 1.0
_ZONE_SECONDS: Final = 8 * 3600
"""China's time is so far ahead of UTC."""
_ROWS: Final = 50_000
# By LOOKUP_SELLER and BATCH_LOOKUP_SELLERS.
_REQUESTS: Final[tuple[Any, ...]] = (registry_pb2.LookupSellerRequest, registry_pb2.BatchLookupSellersRequest)
_RESPONSES: Final[tuple[Any, ...]] = (registry_pb2.LookupSellerResponse, registry_pb2.BatchLookupSellersResponse)


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
        writes_snapshots: Callable[[], bool] = lambda: True,
        lookup_ttl: int = 60,
        missing_ttl: int = 10,
        max_items: int = 10_000,
    ) -> None:
        self._core = core
        self._snapshots = snapshots
        self._snapshot_seconds = snapshot_seconds
        self._writes_snapshots = writes_snapshots
        self._lookup_ttl, self._missing_ttl = lookup_ttl, missing_ttl
        self._max_items = max_items
        self._bringing = threading.Lock()
        self._last_try = 0.0
        self.table = SellerTable(core.keys.derived(f"standing-table:{core.store.store_id}", KEY_BYTES), core.today)
        self.on_change: Callable[[], None] = lambda: None
        """Called when the table has moved to a later sequence."""
        self.seen = 0
        """The last event that the store was seen to have."""
        self.current_at = time.monotonic()
        """When the table was last known to show all that the store has."""
        self._wire = SellerWire(core.store.store_id, most=max_items)
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
            if self._snapshots and self._writes_snapshots():
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
                if self._writes_snapshots():
                    saving = partial(self._snapshots.save, self.table, wait=False)
                    threading.Thread(target=saving, name="registry-snapshot").start()
                next_snapshot = time.monotonic() + self._snapshot_seconds
            try:
                looked_at = time.monotonic()
                self.seen = self._core.store.sequence()
                if not self.table.available or self.seen > self.table.sequence:
                    self.catch_up()
                self.current_at = looked_at
                failed = False
            except ServiceError as error:
                if not failed:
                    log.error("registry cannot be followed", reason=error.reason_name)
                failed = True
            except Exception:
                failed = True
                self.table.available = False
                log.exception("registry table is behind the store", sequence=self.table.sequence)

    # ---- bytes -> bytes -----------------------------------------------------------------------------------

    def lookup_bytes(self, content: bytes) -> bytes:
        """LookupSeller."""
        return self._answered(LOOKUP_SELLER, content)

    def batch_bytes(self, content: bytes) -> bytes:
        """BatchLookupSellers."""
        return self._answered(BATCH_LOOKUP_SELLERS, content)

    def _answered(self, kind: int, content: bytes) -> bytes:
        answer = self._from_table(kind, content, is_fresh=False) if self.table.available else None
        if answer is not None:
            return answer
        # Something is wrong with the request or the table, or it asks for more than speed.
        request: Request = wire.parse(_REQUESTS[kind], content)
        seller_ids = self._sound_ids(request)
        is_fresh = self._be_fresh(request.consistency)
        if is_fresh and (answer := self._from_table(kind, content, is_fresh=True)) is not None:
            return answer
        response: Response = _RESPONSES[kind]()
        self._fill(response, seller_ids, is_fresh)
        return response.SerializeToString()

    def _from_table(self, kind: int, content: bytes, *, is_fresh: bool) -> bytes | None:
        table, left = self.table, _seconds_left()
        found, missing = min(self._lookup_ttl, left), min(self._missing_ttl, left)
        return self._wire.answer(kind, content, table.engine_table, table.day, found, missing, is_fresh)

    # ---- messages -> messages -----------------------------------------------------------------------------

    def lookup(self, request: registry_pb2.LookupSellerRequest) -> registry_pb2.LookupSellerResponse:
        """What `lookup_bytes` must equal."""
        response = registry_pb2.LookupSellerResponse()
        self._fill(response, self._sound_ids(request), self._be_fresh(request.consistency))
        return response

    def lookup_batch(self, request: registry_pb2.BatchLookupSellersRequest) -> registry_pb2.BatchLookupSellersResponse:
        """What `batch_bytes` must equal."""
        response = registry_pb2.BatchLookupSellersResponse()
        self._fill(response, self._sound_ids(request), self._be_fresh(request.consistency))
        return response

    def _sound_ids(self, request: Request) -> list[str]:
        """
        Raises:
            InvalidArgument: too many, or one that is no seller's id.
        """
        if isinstance(request, registry_pb2.LookupSellerRequest):
            if fault := seller_id_fault(request.seller_id):
                raise invalid_fields([Violation("seller_id", fault)])
            return [request.seller_id]
        if len(request.seller_ids) > self._max_items:
            raise InvalidArgument(
                reason_pb2.REASON_TOO_MANY_ITEMS,
                f"seller_ids: {len(request.seller_ids)} ids in one request; at most {self._max_items} are taken",
                metadata={"limit": str(self._max_items), "size": str(len(request.seller_ids))},
            )
        faults = Faults()
        for i, seller_id in enumerate(request.seller_ids):
            faults.add(f"seller_ids[{i}]", seller_id_fault(seller_id))
        faults.raise_if_any()
        return list(request.seller_ids)

    def _fill(self, response: Response, seller_ids: list[str], is_fresh: bool) -> None:
        view, left = self.table.view(seller_ids), _seconds_left()
        response.consistency_token = self._core.token(view.sequence)
        for seller_id, row in zip(seller_ids, view.sellers.tolist(), strict=True):
            if isinstance(response, registry_pb2.LookupSellerResponse):
                answer = response.answer
            else:
                answer = response.answers.add()
            answer.seller_id = seller_id
            if is_fresh and row >= 0:
                answer.outcome, answer.ttl.seconds = standing_pb2.LOOKUP_OUTCOME_OK, min(self._lookup_ttl, left)
                answer.standing.CopyFrom(messages.standing(seller_id, view.standings[row]))
            elif is_fresh and row == SELLER_NOT_FOUND:
                answer.outcome, answer.ttl.seconds = standing_pb2.LOOKUP_OUTCOME_NOT_FOUND, min(self._missing_ttl, left)
            else:
                answer.outcome, answer.ttl.seconds = standing_pb2.LOOKUP_OUTCOME_UNAVAILABLE, 0

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


def _seconds_left() -> int:
    """Until midnight in China: standing may change at the turn of the day without any event."""
    return int(86_400 - (time.time() + _ZONE_SECONDS) % 86_400)
