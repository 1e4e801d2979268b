"""Sellers' records: registering, changing, showing, listing."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from fairpost.server import messages
from fairpost.server.errors import AlreadyExists, FailedPrecondition, Violation, invalid_fields
from fairpost.server.faults import Faults, request_id_fault, seller_id_fault
from fairpost.server.registry import accounts, log, persons
from fairpost.server.registry.numbers import compact_credit_code, compact_identity_number
from fairpost.server.registry.paging import Pages
from fairpost.server.registry.penalties import overturned
from fairpost.server.registry.records import LicenceRecord
from fairpost.server.registry.standing import derive
from fairpost.server.registry.transaction import expect_version
from fairpost.server.registry.validation import category_fault, licence_records, registration_faults
from fairpost.server.store import schema
from fairpost.v1 import reason_pb2, registry_pb2, standing_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from fairpost.server.registry.core import Core
    from fairpost.server.registry.records import SellerRecord
    from fairpost.server.registry.transaction import Transaction

__all__ = ["CHANGEABLE", "Sellers", "blank_columns", "like_pattern", "register"]

CHANGEABLE: Final = ("kind", "name", "identity_number", "credit_code", "categories", "exempt_reason", "contacts")
_LISTED: Final = {
    "registrations": (standing_pb2.Registration, schema.sellers.c.registration),
    "enforcements": (standing_pb2.Enforcement, schema.sellers.c.enforcement),
    "listings": (standing_pb2.Listing, schema.sellers.c.listing),
}


class Sellers:
    """Thread-safe."""

    def __init__(self, core: Core, *, verification_days: int = 183) -> None:
        self._core = core
        self._verification = timedelta(days=verification_days)

    # ---- writes -----------------------------------------------------------------------------------------

    def register(self, request: registry_pb2.RegisterSellerRequest) -> registry_pb2.RegisterSellerResponse:
        if violations := registration_faults(request):
            raise invalid_fields(violations)

        def work(transaction: Transaction) -> tuple[str, registry_pb2.RegisterSellerResponse]:
            asked = self._core.must_acknowledge.on_registration
            register(transaction, request, transaction.day + self._verification, asked)
            record, standing = transaction.settle(request.seller_id)
            seller = messages.seller(record, standing, transaction.day)
            seller.contacts.CopyFrom(request.contacts)
            seller.same_person.extend(persons.same_person(transaction.connection, request.seller_id))
            token = self._core.token(transaction.sequence)
            return request.seller_id, registry_pb2.RegisterSellerResponse(seller=seller, consistency_token=token)

        return self._core.answer("RegisterSeller", request, registry_pb2.RegisterSellerResponse, work)

    def update(self, request: registry_pb2.UpdateSellerRequest) -> registry_pb2.UpdateSellerResponse:
        faults = Faults()
        faults.add("request_id", request_id_fault(request.request_id))
        faults.add("seller_id", seller_id_fault(request.seller_id))
        faults.text("actor", request.actor, 128, required=True)
        faults.text("reason", request.reason, 1000, required=True)
        if not request.fields:
            faults.add("fields", f"is required: which of {', '.join(CHANGEABLE)} to replace")
        for i, name in enumerate(request.fields):
            if name not in CHANGEABLE:
                faults.add(f"fields[{i}]", f"{name[:40]!r} is none of {', '.join(CHANGEABLE)}")
        faults.raise_if_any()

        def work(transaction: Transaction) -> tuple[str, registry_pb2.UpdateSellerResponse]:
            record = transaction.record(request.seller_id)
            expect_version("the seller", record.version, request.expected_version)
            self._update(transaction, record, request)
            record, standing = transaction.settle(request.seller_id)
            seller = messages.seller(record, standing, transaction.day)
            keys, connection = self._core.keys, transaction.connection
            seller.contacts.CopyFrom(persons.contacts_of(connection, keys, request.seller_id))
            token = self._core.token(transaction.sequence)
            return request.seller_id, registry_pb2.UpdateSellerResponse(seller=seller, consistency_token=token)

        return self._core.answer("UpdateSeller", request, registry_pb2.UpdateSellerResponse, work)

    def _update(
        self, transaction: Transaction, record: SellerRecord, request: registry_pb2.UpdateSellerRequest
    ) -> None:
        if record.erased_on is not None:
            raise FailedPrecondition(reason_pb2.REASON_ERASED, "seller_id: this seller's data were erased")
        connection, keys, seller_id = transaction.connection, self._core.keys, record.seller_id
        fields = set(request.fields)
        # The record as it will be must be as faultless as a new one: a natural person needs a number...
        whole = registry_pb2.RegisterSellerRequest(
            seller_id=seller_id,
            kind=record.kind,  # type: ignore[arg-type]
            name=record.name,
            identity_number=persons.number_of(connection, keys, seller_id),
            credit_code=record.credit_code,
            categories=record.categories,
            exempt_reason=record.exempt_reason,
            contacts=persons.contacts_of(connection, keys, seller_id),
        )
        hashed_only = not whole.identity_number and bool(record.number_masked) and "identity_number" not in fields
        for name in fields:
            whole.ClearField(name)  # type: ignore[arg-type]
            if name == "categories":
                whole.categories.extend(request.record.categories)
            elif name == "contacts":
                whole.contacts.CopyFrom(request.record.contacts)
            else:
                setattr(whole, name, getattr(request.record, name))
        found = registration_faults(whole)
        if hashed_only:  # of the first store, which kept no number to check again
            found = [fault for fault in found if fault.field != "identity_number"]
        if found:
            raise invalid_fields(Violation(f"record.{field}", description) for field, description in found)
        columns: dict[str, Any] = {
            "kind": whole.kind,
            "name": whole.name.strip(),
            "credit_code": compact_credit_code(whole.credit_code) or None,
            "categories": list(whole.categories),
            "exempt_reason": whole.exempt_reason.strip() or None,
        }
        table = schema.sellers
        connection.execute(sa.update(table).where(table.c.seller_id == seller_id), columns)
        persons.put_person(
            connection,
            keys,
            seller_id,
            number=whole.identity_number if "identity_number" in fields else None,
            contacts=whole.contacts if "contacts" in fields else None,
        )
        number_hash = connection.execute(
            sa.select(schema.persons.c.number_hash).where(schema.persons.c.seller_id == seller_id)
        ).scalar_one()
        contacts = whole.contacts.SerializeToString(deterministic=True)
        body = {
            "fields": sorted(fields),
            "kind": whole.kind,
            "categories": list(whole.categories),
            "personal": persons.personal_digest(
                keys, columns["name"], columns["exempt_reason"] or "", number_hash, contacts
            ),
        }
        transaction.append(seller_id, "record", body, actor=request.actor, reason=request.reason)
        if fields & {"identity_number", "credit_code"}:
            accounts.recognise(transaction, [seller_id])

    # ---- reads ------------------------------------------------------------------------------------------

    def get(self, request: registry_pb2.GetSellerRequest) -> registry_pb2.GetSellerResponse:
        if fault := seller_id_fault(request.seller_id):
            raise invalid_fields([Violation("seller_id", fault)])
        day = self._core.today()
        with self._core.store.read() as connection:
            record = log.existing(connection, request.seller_id)
            seller = messages.seller(record, derive(record, day, log.ladders(connection)), day)
            if record.erased_on is None:
                seller.contacts.CopyFrom(persons.contacts_of(connection, self._core.keys, record.seller_id))
            seller.same_person.extend(persons.same_person(connection, record.seller_id))
            token = self._core.token(log.head_sequence(connection))
        return registry_pb2.GetSellerResponse(seller=seller, consistency_token=token)

    def search(self, request: registry_pb2.ListSellersRequest) -> registry_pb2.ListSellersResponse:
        faults, pages = Faults(), Pages(self._core.keys, self._core.store.store_id, request)
        pages.check(faults)
        faults.text("query", request.query, 100)
        faults.text("number", request.number, 40)
        if request.category:
            faults.add("category", category_fault(request.category))
        for field, (enum, _) in _LISTED.items():
            faults.choices(field, getattr(request, field), enum)
        faults.raise_if_any()
        table = schema.sellers
        query = sa.select(table.c.seller_id)
        for condition in self._conditions(request):
            query = query.where(condition)
        day = self._core.today()
        answer = registry_pb2.ListSellersResponse()
        with self._core.store.read() as connection:
            shown, answer.next_page_token = pages.take(connection, query, table.c.seller_id)
            known = log.ladders(connection)
            for record in log.load(connection, [row.seller_id for row in shown]):
                answer.sellers.append(messages.seller(record, derive(record, day, known), day))
        return answer

    def _conditions(self, request: registry_pb2.ListSellersRequest) -> list[sa.ColumnElement[bool]]:
        table = schema.sellers
        conditions: list[sa.ColumnElement[bool]] = []
        if request.query:
            conditions.append(
                # Whether LIKE tells capital letters apart depends on the store; ILIKE never does.
                table.c.name.ilike(like_pattern(request.query), escape="\\")
                | table.c.seller_id.ilike(like_pattern(request.query)[1:], escape="\\")
            )
        if request.number:
            by_number = sa.select(schema.persons.c.seller_id).where(
                schema.persons.c.number_hash == self._core.keys.hash_number(request.number)
            )
            code = compact_credit_code(request.number)
            conditions.append(table.c.seller_id.in_(by_number) | (table.c.credit_code == code))
        for field, (_, column) in _LISTED.items():
            if wanted := getattr(request, field):
                conditions.append(column.in_([value - 1 for value in wanted]))
        if request.category:
            # A JSON array of words without quotes or backslashes: the word in quotes occurs if it is one of them.
            text = sa.cast(table.c.categories, sa.Text)
            conditions.append(text.like(like_pattern(f'"{request.category}"'), escape="\\"))
        return conditions

    def events(self, request: registry_pb2.ListEventsRequest) -> registry_pb2.ListEventsResponse:
        faults, pages = Faults(), Pages(self._core.keys, self._core.store.store_id, request)
        pages.check(faults)
        faults.add("seller_id", seller_id_fault(request.seller_id))
        faults.raise_if_any()
        after = pages.begin() or 0
        with self._core.store.read() as connection:
            record = log.existing(connection, request.seller_id)
        gone = overturned(record.events)
        rest = [event for event in record.events if event.sequence > after]
        shown = rest[: pages.size]
        answer = registry_pb2.ListEventsResponse(
            events=[messages.event(record.seller_id, event, gone) for event in shown]
        )
        if len(rest) > len(shown):
            answer.next_page_token = pages.token(shown[-1].sequence)
        return answer


def register(
    transaction: Transaction,
    request: registry_pb2.RegisterSellerRequest,
    verify_by: date,
    must_acknowledge: Sequence[str] = (),
) -> None:
    """Write a new seller; the request is without faults.

    Raises:
        AlreadyExists: the id is taken.
    """
    connection = transaction.connection
    table = schema.sellers
    if connection.execute(sa.select(table.c.seller_id).where(table.c.seller_id == request.seller_id)).first():
        raise AlreadyExists(
            reason_pb2.REASON_SELLER_EXISTS,
            f"seller_id: {request.seller_id!r} is registered already; choose another, or repeat the first request "
            "with its request_id",
        )
    licences = licence_records(request.licences, Faults())
    seller, person, body = rows(transaction, request, licences, verify_by)
    connection.execute(table.insert(), seller)
    connection.execute(schema.persons.insert(), person)
    if licences:
        connection.execute(schema.licences.insert(), licence_rows(request.seller_id, licences))
    if must_acknowledge:
        body["must_acknowledge"] = list(must_acknowledge)
    transaction.append(request.seller_id, "registration", body, actor="seller", reason="registered")
    accounts.recognise(transaction, [request.seller_id])


def rows(
    transaction: Transaction,
    request: registry_pb2.RegisterSellerRequest,
    licences: tuple[LicenceRecord, ...],
    verify_by: date,
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """A new seller's row of `sellers`, of `persons`, and the body of the first event."""
    keys = transaction.keys
    number = compact_identity_number(request.identity_number)
    seller = blank_columns(transaction.day) | {
        "seller_id": request.seller_id,
        "kind": request.kind,
        "name": request.name.strip(),
        "credit_code": compact_credit_code(request.credit_code) or None,
        "categories": list(request.categories),
        "exempt_reason": request.exempt_reason.strip() or None,
        "registered_at": transaction.now,
        # Of the event that follows; unique, so it cannot be left at zero.
        "version": transaction.sequence + 1,
    }
    person = persons.person_row(keys, request.seller_id, number, request.contacts)
    contacts = request.contacts.SerializeToString(deterministic=True)
    body = {
        "state": "active",
        "next_verification": verify_by.isoformat(),
        "kind": request.kind,
        "categories": seller["categories"],
        "licences": [licence.body for licence in licences],
        "personal": persons.personal_digest(
            keys, seller["name"], seller["exempt_reason"] or "", person["number_hash"], contacts
        ),
    }
    return seller, person, body


def licence_rows(seller_id: str, licences: tuple[LicenceRecord, ...]) -> list[dict[str, Any]]:
    return [
        {name: getattr(licence, name) for name in LicenceRecord.__slots__}
        | {"seller_id": seller_id, "position": position}
        for position, licence in enumerate(licences)
    ]


def blank_columns(day: date) -> dict[str, Any]:
    """Columns of `sellers` that settling fills."""
    return {
        "closed_on": None,
        "erased_on": None,
        "purged_on": None,
        "standing": b"",
        "standing_day": day,
        "registration": 0,
        "enforcement": 0,
        "listing": 0,
        "next_change": None,
        "digest": bytes(16),
    }


def like_pattern(text: str) -> str:
    """LIKE pattern for texts that contain `text`, with backslash as escape."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
