"""Queries of the registry: whole seller records out of the store, events and answered requests into it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from fairpost.server import storage
from fairpost.server.errors import InvalidArgument, NotFound
from fairpost.server.standing import EventRecord, LicenceRecord, SellerRecord
from fairpost.v1 import reason_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

__all__ = ["answered", "append", "existing", "last_sequence", "load", "load_one"]


def answered(connection: sa.Connection, request_id: str, method: str, digest: bytes) -> bytes | None:
    query = sa.select(storage.requests).where(storage.requests.c.request_id == request_id)
    earlier = connection.execute(query).one_or_none()
    if earlier is None:
        return None
    if earlier.method != method or earlier.digest != digest:
        raise InvalidArgument(
            reason_pb2.REASON_REQUEST_ID_REUSED,
            "request_id: was used before for another request; take a new one for each new request",
        )
    return bytes(earlier.response)


def append(
    connection: sa.Connection, seller_id: str, kind: str, body: dict[str, Any], effective: date, **rest: Any
) -> int:
    row = {"expires": None, "evidence": "", "decision_id": "", "revision": ""} | rest
    row |= {"seller_id": seller_id, "kind": kind, "body": body, "effective": effective}
    result = connection.execute(storage.events.insert(), row | {"recorded_at": storage.now_ms()})
    inserted = result.inserted_primary_key
    assert inserted is not None
    return int(inserted[0])


def last_sequence(connection: sa.Connection) -> int:
    return int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(storage.events.c.sequence), 0))).scalar_one())


def existing(connection: sa.Connection, seller_id: str) -> SellerRecord:
    record = load_one(connection, seller_id)
    if record is None:
        raise NotFound(reason_pb2.REASON_SELLER_NOT_FOUND, f"seller_id: no seller {seller_id!r} is registered here")
    return record


def load_one(connection: sa.Connection, seller_id: str) -> SellerRecord | None:
    return next(load(connection, [seller_id]), None)


def load(connection: sa.Connection, seller_ids: Iterable[str] | sa.Select[Any] | None = None) -> Iterator[SellerRecord]:
    """Whole records of the given sellers, or of all."""
    tables = (storage.licences, storage.events, storage.sellers)
    selects = [sa.select(table) for table in tables]
    if seller_ids is not None:
        selects = [query.where(table.c.seller_id.in_(seller_ids)) for query, table in zip(selects, tables, strict=True)]
    licences: defaultdict[str, list[LicenceRecord]] = defaultdict(list)
    events: defaultdict[str, list[EventRecord]] = defaultdict(list)
    for row in connection.execute(selects[0].order_by(storage.licences.c.position)):
        licence = LicenceRecord(row.scope, row.number, row.valid_from, row.valid_until, row.evidence)
        licences[row.seller_id].append(licence)
    for row in connection.execute(selects[1].order_by(storage.events.c.sequence)):
        event = EventRecord(row.sequence, row.kind, row.body, row.effective, row.expires)
        events[row.seller_id].append(event)
    for row in connection.execute(selects[2]):
        yield SellerRecord(
            seller_id=row.seller_id,
            kind=row.kind,
            name=row.name,
            identity_masked=row.identity_masked or "",
            credit_code=row.credit_code or "",
            categories=tuple(row.categories),
            exempt_reason=row.exempt_reason or "",
            registered_at=row.registered_at,
            licences=tuple(licences[row.seller_id]),
            events=tuple(events[row.seller_id]),
        )
