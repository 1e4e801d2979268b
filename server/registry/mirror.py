"""Changes for those who keep a copy of the standings: a stream, a snapshot, and differences with a checksum.

A seller's row holds the sequence of its last change, so what changed after a cursor is one range of an index, each
seller once and as they stand now; no cursor is ever too old for that (`watching`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from fairpost.server import messages
from fairpost.server.faults import Faults, seller_id_fault
from fairpost.server.registry import log
from fairpost.server.store import schema
from fairpost.v1 import registry_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fairpost.server.registry.core import Core
    from fairpost.server.registry.watching import Watching

__all__ = ["Mirrors"]

_PART: Final = 1000
_DIFF: Final = 10_000
_MOST_WATCHED: Final = 1000


class Mirrors:
    """WatchSellers, GetSnapshot, DiffSellers. Thread-safe."""

    def __init__(self, core: Core, watching: Watching) -> None:
        self._core = core
        self._watching = watching

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

        def read(connection: sa.Connection, after: int) -> tuple[list[registry_pb2.MirrorEntry], int, bool]:
            return self._entries(connection, after, _PART, wanted)

        for entries, upto in self._watching.follow(after, read, active):
            yield registry_pb2.WatchSellersResponse(entries=entries, cursor=self._core.token(upto))

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
        return self._watching.after(cursor, "Take a snapshot (GetSnapshot) and go on from its cursor")

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
