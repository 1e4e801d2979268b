"""Many new sellers at once: the same checks, rows and events as RegisterSeller, a thousand in a transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import sqlalchemy as sa

from fairpost.server.errors import Violation
from fairpost.server.messages import entry_digest
from fairpost.server.registry import accounts
from fairpost.server.registry.records import EventRecord, SellerRecord
from fairpost.server.registry.sellers import licence_rows, rows
from fairpost.server.registry.standing import Standing, derive
from fairpost.server.registry.transaction import derived_columns
from fairpost.server.registry.validation import check_registration
from fairpost.server.store import schema
from fairpost.server.store.bulk import insert_many

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import date

    from fairpost.server.registry.core import Core
    from fairpost.server.registry.records import LicenceRecord
    from fairpost.server.registry.transaction import Transaction
    from fairpost.v1 import registry_pb2

__all__ = ["ImportRow", "Imported", "import_sellers"]

PART: Final = 1000


class ImportRow(NamedTuple):
    """A row of a file. faults: what is wrong with it already, as values that cannot be read."""

    number: int
    request: registry_pb2.RegisterSellerRequest
    registered_on: date | None = None
    """Since when the seller has been registered elsewhere; default: today."""
    faults: tuple[Violation, ...] = ()


@dataclass
class Imported:
    """What came of an import."""

    taken: int = 0
    refused: int = 0
    parts: int = 0
    names: dict[str, int] = field(default_factory=dict)
    """Rows refused, by the field that was at fault first."""


class _Sound(NamedTuple):
    row: ImportRow
    licences: tuple[LicenceRecord, ...]


def import_sellers(
    core: Core,
    source: Iterable[ImportRow],
    *,
    verify_by: date,
    refuse: Callable[[ImportRow, list[Violation]], None],
    after_part: Callable[[Imported], None] = lambda imported: None,
) -> Imported:
    """Register the sellers of all rows that are without fault.

    Each part of 1,000 rows is one transaction: after an interruption, what was reported by `after_part` is there, and
    the same import again refuses those rows as registered already and takes the others.

    Args:
        verify_by: day by which the records are to be verified again.
        refuse: is called for each row that is not taken, with everything that is wrong with it.

    Raises:
        ServiceError: of the store; the parts before are there.
    """
    imported = Imported()

    def refused(row: ImportRow, faults: list[Violation]) -> None:
        imported.refused += 1
        imported.names[faults[0].field] = imported.names.get(faults[0].field, 0) + 1
        refuse(row, faults)

    iterator = iter(source)
    while part := list(islice(iterator, PART)):
        sound: dict[str, _Sound] = {}
        for row in part:
            found, licences = check_registration(row.request)
            faults = [*row.faults, *found]
            if not faults and row.registered_on and row.registered_on > core.today():
                faults.append(Violation("registered_on", f"{row.registered_on} is in the future"))
            if not faults and row.request.seller_id in sound:
                first = sound[row.request.seller_id].row.number
                faults.append(Violation("seller_id", f"is in row {first}, too"))
            if faults:
                refused(row, faults)
            else:
                sound[row.request.seller_id] = _Sound(row, licences)
        taken = core.write(lambda transaction, sound=sound: _write(transaction, sound, verify_by))  # type: ignore[misc]
        for seller_id in taken:
            refused(sound[seller_id].row, [Violation("seller_id", "is registered already")])
        imported.taken += len(sound) - len(taken)
        imported.parts += 1
        after_part(imported)
    return imported


def _write(transaction: Transaction, sound: dict[str, _Sound], verify_by: date) -> list[str]:
    """Write the new ones; gives the ids that are taken."""
    connection, table = transaction.connection, schema.sellers
    known = sa.select(table.c.seller_id).where(table.c.seller_id.in_(list(sound)))
    taken = set(connection.execute(known).scalars()) if sound else set()
    into: dict[sa.Table, list[dict[str, Any]]] = {
        schema.sellers: [],
        schema.persons: [],
        schema.licences: [],
        schema.events: [],
    }
    derived: dict[tuple[Any, ...], tuple[Standing, bytes]] = {}
    for seller_id, (row, licences) in sound.items():
        if seller_id in taken:
            continue
        seller, person, body = rows(transaction, row.request, licences, verify_by)
        effective = row.registered_on or transaction.day
        event = transaction.event(
            seller_id, "registration", body, actor="import", reason="imported", effective=effective
        )
        # Sellers with the same goods and terms of licences stand alike.
        terms = tuple((licence.scope, licence.valid_from, licence.valid_until) for licence in licences)
        alike = (effective, tuple(seller["categories"]), terms)
        if alike not in derived:
            standing = _derive(transaction, seller, licences, event)
            derived[alike] = standing, standing.packed()
        standing, packed = derived[alike]
        digest = entry_digest(seller_id, packed)
        transaction.stands(seller_id, packed, bytes(16), digest)
        into[schema.sellers].append(
            seller | derived_columns(standing, packed, digest, transaction.day) | {"version": event["sequence"]}
        )
        into[schema.persons].append(person)
        into[schema.licences] += licence_rows(seller_id, licences)
        into[schema.events].append(event)
    for each, values in into.items():
        insert_many(connection, each, values)
    accounts.recognise(transaction, [seller["seller_id"] for seller in into[schema.sellers]])
    return sorted(taken)


def _derive(
    transaction: Transaction, seller: dict[str, Any], licences: tuple[LicenceRecord, ...], event: dict[str, Any]
) -> Standing:
    first = EventRecord(event["sequence"], event["kind"], event["body"], event["effective"])
    record = SellerRecord(
        seller_id=seller["seller_id"],
        kind=seller["kind"],
        name="",
        credit_code="",
        categories=tuple(seller["categories"]),
        exempt_reason="",
        registered_at=0,
        licences=licences,
        events=(first,),
    )
    return derive(record, transaction.day, {})
