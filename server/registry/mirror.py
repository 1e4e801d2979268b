"""Changes for those who keep a copy of the standings: a stream, a snapshot, and differences with a checksum.

A seller's row holds the sequence of its last change, so what changed after a cursor is one range of an index, each
seller once and as they stand now; no cursor is ever too old for that. Only one that lies ahead of the log is refused:
the store was restored from a backup, and the copy knows what it has forgotten.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from fairpost.server import messages
from fairpost.server.errors import OutOfRange
from fairpost.server.faults import Faults, seller_id_fault
from fairpost.server.registry import log
from fairpost.server.store import schema
from fairpost.v1 import reason_pb2, registry_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fairpost.server.registry.core import Core

__all__ = ["Mirrors"]

_PART: Final = 1000
_DIFF: Final = 10_000
_CHECKPOINT_SECONDS: Final = 5.0
_MOST_WATCHED: Final = 1000


class Mirrors:
    """WatchSellers, GetSnapshot, DiffSellers. Thread-safe."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._changed = threading.Condition()
        self._turn = 0
        self._ended = False

    def wake(self) -> None:
        """Something was committed: watchers look."""
        with self._changed:
            self._turn += 1
            self._changed.notify_all()

    def end(self) -> None:
        """Let all watchers end."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def watch(
        self, request: registry_pb2.WatchSellersRequest, active: Callable[[], bool]
    ) -> Iterator[registry_pb2.WatchSellersResponse]:
        """Parts until the server stops or `active` says that nobody listens any more."""
        faults = Faults()
        if len(request.seller_ids) > _MOST_WATCHED:
            faults.add("seller_ids", f"has {len(request.seller_ids)} entries; at most {_MOST_WATCHED} are taken")
        for i, seller_id in enumerate(request.seller_ids[:_MOST_WATCHED]):
            faults.add(f"seller_ids[{i}]", seller_id_fault(seller_id))
        faults.raise_if_any()
        after = self._after(request.cursor) if request.cursor else self._core.store.sequence()
        wanted = list(request.seller_ids)
        while not self._ended and active():
            with self._changed:
                turn = self._turn
            with self._core.store.read() as connection:
                entries, after, more = self._entries(connection, after, _PART, wanted)
            yield registry_pb2.WatchSellersResponse(entries=entries, cursor=self._core.token(after))
            if not more:
                self._wait(turn, active)

    def _wait(self, turn: int, active: Callable[[], bool]) -> None:
        """Until something was committed, or it is time for a checkpoint."""
        left = _CHECKPOINT_SECONDS
        with self._changed:
            while self._turn == turn and not self._ended and left > 0 and active():
                # A caller who leaves wakes nobody: look from time to time.
                self._changed.wait(0.2)
                left -= 0.2

    def snapshot(self, request: registry_pb2.GetSnapshotRequest) -> Iterator[registry_pb2.GetSnapshotResponse]:
        """All standings at one sequence; the last part has cursor and checksum."""
        columns = schema.sellers.c
        with self._core.store.read() as connection:
            head = connection.execute(sa.select(schema.head.c.sequence, schema.head.c.checksum)).one()
            query = sa.select(columns.seller_id, columns.standing).order_by(columns.seller_id)
            result = connection.execute(query.execution_options(yield_per=_PART))
            for part in result.partitions():
                yield registry_pb2.GetSnapshotResponse(entries=[messages.mirror_entry(*row) for row in part])
        yield registry_pb2.GetSnapshotResponse(cursor=self._core.token(head.sequence), checksum=head.checksum)

    def diff(self, request: registry_pb2.DiffSellersRequest) -> registry_pb2.DiffSellersResponse:
        faults = Faults()
        faults.text("cursor", request.cursor, 64, required=True)
        faults.raise_if_any()
        after = self._after(request.cursor)
        with self._core.store.read() as connection:
            entries, upto, more = self._entries(connection, after, _DIFF, [])
            checksum = connection.execute(sa.select(schema.head.c.checksum)).scalar_one()
        return registry_pb2.DiffSellersResponse(
            entries=entries, cursor=self._core.token(upto), checksum=b"" if more else checksum, more=more
        )

    def _after(self, cursor: str) -> int:
        sequence = self._core.sequence_of(cursor, "cursor")
        last = self._core.store.sequence()
        if sequence > last:
            raise OutOfRange(
                reason_pb2.REASON_CURSOR_EXPIRED,
                f"cursor: is at {sequence}, the log ends at {last}: the registry was restored from an earlier state. "
                "Take a snapshot (GetSnapshot) and go on from its cursor",
                metadata={"sequence": str(last)},
            )
        return sequence

    def _entries(
        self, connection: sa.Connection, after: int, most: int, wanted: list[str]
    ) -> tuple[list[registry_pb2.MirrorEntry], int, bool]:
        """Changes after a sequence: entries, the sequence up to which they are whole, whether there are more."""
        columns = schema.sellers.c
        query = sa.select(columns.seller_id, columns.standing, columns.version).where(columns.version > after)
        if wanted:
            query = query.where(columns.seller_id.in_(wanted))
        rows = connection.execute(query.order_by(columns.version).limit(most)).all()
        more = len(rows) == most
        upto = int(rows[-1].version) if more else log.head_sequence(connection)
        return [messages.mirror_entry(row.seller_id, row.standing) for row in rows], upto, more
