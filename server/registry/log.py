"""Queries: whole seller records out of the store, and rows of the log into it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from fairpost.server.errors import NotFound
from fairpost.server.registry.ladder import Ladder
from fairpost.server.registry.records import EventRecord, LicenceRecord, SellerRecord
from fairpost.server.store import schema
from fairpost.v1 import reason_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["event_of", "existing", "head_sequence", "ladders", "load", "load_one"]

_EVENT_FIELDS = EventRecord.__slots__
_MANY = 500


def head_sequence(connection: sa.Connection) -> int:
    """Sequence of the last event."""
    return int(connection.execute(sa.select(schema.head.c.sequence)).scalar_one())


def ladders(connection: sa.Connection) -> dict[str, Ladder]:
    """All ladders that strikes may name, by revision."""
    rows = connection.execute(sa.select(schema.ladders.c.revision, schema.ladders.c.content))
    return {row.revision: Ladder.model_validate(row.content) for row in rows}


def existing(connection: sa.Connection, seller_id: str) -> SellerRecord:
    """One record.

    Raises:
        NotFound: there is none.
    """
    record = load_one(connection, seller_id)
    if record is None:
        raise NotFound(reason_pb2.REASON_SELLER_NOT_FOUND, f"seller_id: no seller {seller_id!r} is registered here")
    return record


def load_one(connection: sa.Connection, seller_id: str) -> SellerRecord | None:
    return next(iter(load(connection, [seller_id])), None)


def load(connection: sa.Connection, seller_ids: Sequence[str]) -> list[SellerRecord]:
    """Whole records of the sellers that are there, in the order given."""
    found: dict[str, SellerRecord] = {}
    for start in range(0, len(seller_ids), _MANY):
        for record in _load(connection, seller_ids[start : start + _MANY]):
            found[record.seller_id] = record
    return [found[seller_id] for seller_id in seller_ids if seller_id in found]


def _load(connection: sa.Connection, seller_ids: Sequence[str]) -> Iterator[SellerRecord]:
    licences: defaultdict[str, list[LicenceRecord]] = defaultdict(list)
    events: defaultdict[str, list[EventRecord]] = defaultdict(list)
    for row in _rows(connection, schema.licences, seller_ids, schema.licences.c.position):
        licences[row.seller_id].append(
            LicenceRecord(row.scope, row.number, row.valid_from, row.valid_until, row.evidence)
        )
    for row in _rows(connection, schema.events, seller_ids, schema.events.c.sequence):
        events[row.seller_id].append(event_of(row))
    joined = schema.sellers.outerjoin(schema.persons)
    wanted = sa.select(schema.sellers, schema.persons.c.number_masked)
    query = wanted.select_from(joined).where(schema.sellers.c.seller_id.in_(seller_ids))
    for row in connection.execute(query):
        yield SellerRecord(
            seller_id=row.seller_id,
            kind=row.kind,
            name=row.name,
            credit_code=row.credit_code or "",
            categories=tuple(row.categories),
            exempt_reason=row.exempt_reason or "",
            registered_at=row.registered_at,
            version=row.version,
            number_masked=row.number_masked or "",
            closed_on=row.closed_on,
            erased_on=row.erased_on,
            licences=tuple(licences[row.seller_id]),
            events=tuple(events[row.seller_id]),
        )


def _rows(
    connection: sa.Connection, table: sa.Table, seller_ids: Iterable[str], order: sa.ColumnElement[Any]
) -> sa.CursorResult[Any]:
    return connection.execute(sa.select(table).where(table.c.seller_id.in_(list(seller_ids))).order_by(order))


def event_of(row: sa.Row[Any]) -> EventRecord:
    """A row of `events` as a record."""
    return EventRecord(**{name: getattr(row, name) for name in _EVENT_FIELDS})
