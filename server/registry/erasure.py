"""One person's data: given out, erased, and blocked where a law orders to keep them.

The Personal Information Protection Law gives a person a copy of what is kept (Art. 45), and its erasure when the
purpose is gone (Art. 47): for a seller, when the registration is closed. Two other norms order to keep for three years
at least: the identity of a seller, from leaving the platform on, and what was traded, after-sales matters included,
from the end of the trade on (E-commerce Law, Art. 31; Measures for the Supervision and Administration of Online
Transactions, Art. 31). What they mean is blocked until then (Art. 47 again): out of the record, encrypted in
`archives`, shown by nothing but ExportPerson, whose use is in the log.

    erased at once      telephone, e-mail, answered requests, texts of violations and of
                        reviewed posts, statements of appeals
    blocked             name, identity number, credit code, reason of exemption, business address, answers to complaints
    kept as it is       the log, licences and categories, complaints of consumers: no data of the person are in them

While a person is blacklisted, the keyed hash of their number, or their public credit code, stays, so that they are
recognised.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from google.protobuf.json_format import MessageToDict

from fairpost.engine.vocabulary import LISTING, REGISTRATION
from fairpost.server import messages
from fairpost.server.errors import FailedPrecondition
from fairpost.server.faults import Faults, request_id_fault, seller_id_fault
from fairpost.server.registry import persons
from fairpost.server.registry.ciphers import APPEAL_STATEMENT, ARCHIVE, POST
from fairpost.server.registry.reviewed_posts import open_post
from fairpost.server.store import schema
from fairpost.server.store.review_schema import reviews
from fairpost.v1 import appeal_pb2, complaint_pb2, reason_pb2, registry_pb2

if TYPE_CHECKING:
    from datetime import date

    from fairpost.server.registry.core import Core
    from fairpost.server.registry.keys import Keys
    from fairpost.server.registry.records import SellerRecord
    from fairpost.server.registry.standing import Standing
    from fairpost.server.registry.transaction import Transaction

__all__ = ["YEARS_KEPT", "Erasure", "erase_person", "kept_until", "pending"]

YEARS_KEPT: Final = 3
_LISTED: Final = LISTING.index("blacklisted")
_CLOSED: Final = REGISTRATION.index("closed")
_ENDED: Final = (complaint_pb2.COMPLAINT_STATE_RESOLVED, complaint_pb2.COMPLAINT_STATE_WITHDRAWN)
_BASIS: Final = "Measures for the Supervision and Administration of Online Transactions, Art. 31"

_OF_COMPLAINTS: Final = (
    "complaint_id",
    "kind",
    "state",
    "outcome",
    "post_id",
    "answer",
    "resolution",
    "filed_on",
    "ended_on",
)
"""What of a complaint is about the seller and not the consumer."""
_OF_APPEALS: Final = ("appeal_id", "against", "state", "evidence", "decision")


def kept_until(day: date) -> date:
    """Last day of the term that begins with what happened on `day`. A 29 February without a counterpart ends on the
    28th (Civil Code, Art. 202)."""
    try:
        return day.replace(year=day.year + YEARS_KEPT)
    except ValueError:
        return day.replace(year=day.year + YEARS_KEPT, day=28)


class Erasure:
    """ExportPerson, ErasePerson. Thread-safe."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def export(self, request: registry_pb2.ExportPersonRequest) -> registry_pb2.ExportPersonResponse:
        _check(request)

        def work(transaction: Transaction) -> tuple[str, registry_pb2.ExportPersonResponse]:
            seller_id = request.seller_id
            transaction.record(seller_id)
            body = {"fields": ["all"]}
            transaction.append(seller_id, "export", body, actor=request.actor, reason=request.reason)
            record, standing = transaction.settle(seller_id)
            content = json.dumps(_everything(transaction, record, standing), ensure_ascii=False, indent=1)
            return seller_id, registry_pb2.ExportPersonResponse(content=content.encode())

        return self._core.answer("ExportPerson", request, registry_pb2.ExportPersonResponse, work)

    def erase(self, request: registry_pb2.ErasePersonRequest) -> registry_pb2.ErasePersonResponse:
        _check(request)

        def work(transaction: Transaction) -> tuple[str, registry_pb2.ErasePersonResponse]:
            seller_id = request.seller_id
            record, standing = transaction.settle(seller_id)
            if record.erased_on is not None:
                raise FailedPrecondition(reason_pb2.REASON_ERASED, "seller_id: this seller's data were erased before")
            if standing.closed_on is None:
                state = REGISTRATION[standing.registration]
                raise _wrong(state, f"the registration is {state}; data are erased after it was closed")
            if open_ones := pending(transaction.connection, seller_id):
                raise _wrong(open_ones, f"{open_ones}: what it is about is still needed; end it first")
            end = kept_until(standing.closed_on)
            until = end if end >= transaction.day else None
            erased, kept = erase_person(
                transaction, record, standing, until, actor=request.actor, reason=request.reason
            )
            transaction.settle(seller_id)
            answer = registry_pb2.ErasePersonResponse(
                erased=erased,
                kept=kept,
                kept_until=until.isoformat() if until else "",
                consistency_token=self._core.token(transaction.sequence),
            )
            return seller_id, answer

        answer = self._core.answer("ErasePerson", request, registry_pb2.ErasePersonResponse, work)
        self._core.store.scrub()
        return answer


def pending(connection: sa.Connection, seller_id: str) -> str:
    """What of a seller is not ended: "complaint 1f..", "appeal 2e.."; "" if nothing is."""
    table = schema.complaints
    query = sa.select(table.c.complaint_id).where(table.c.seller_id == seller_id, table.c.state.not_in(_ENDED))
    if found := connection.execute(query.limit(1)).scalar_one_or_none():
        return f"complaint {found} is open"
    appeals = schema.appeals
    query = sa.select(appeals.c.appeal_id).where(
        appeals.c.seller_id == seller_id, appeals.c.state == appeal_pb2.APPEAL_STATE_FILED
    )
    found = connection.execute(query.limit(1)).scalar_one_or_none()
    return f"appeal {found} is not decided" if found else ""


def erase_person(
    transaction: Transaction, record: SellerRecord, standing: Standing, until: date | None, *, actor: str, reason: str
) -> tuple[list[str], list[str]]:
    """Erase a person's data; those that a law orders to keep are blocked until the end of `until`, or erased with the
    rest if it is None. Gives what was erased, and what is kept and why."""
    connection, seller_id = transaction.connection, record.seller_id
    erased = _erase_texts(connection, seller_id)
    blocked, contacts = _blocked(transaction, record)
    erased += [name for name in ("phone", "email") if getattr(contacts, name)]
    listed = standing.listing == _LISTED
    person: dict[str, Any] = {"number_masked": "", "number_cipher": None, "contacts_cipher": None}
    seller: dict[str, Any] = {"name": "", "exempt_reason": None, "erased_on": transaction.day}
    if not listed:
        person["number_hash"], seller["credit_code"] = None, None
    connection.execute(sa.update(schema.persons).where(schema.persons.c.seller_id == seller_id), person)
    connection.execute(sa.update(schema.sellers).where(schema.sellers.c.seller_id == seller_id), seller)
    mine = schema.complaints.c.seller_id == seller_id
    connection.execute(sa.update(schema.complaints).where(mine), {"answer": ""})
    names = sorted(blocked)
    kept = []
    if until is not None:
        content = json.dumps(blocked, ensure_ascii=False).encode()
        cipher = ARCHIVE.seal(transaction.keys, content, seller_id)
        row = {"seller_id": seller_id, "kept_until": until, "content_cipher": cipher}
        connection.execute(schema.archives.insert(), row)
        kept = [f"{name}: blocked, for the law orders to keep it ({_BASIS})" for name in names]
        kept.append(
            "licences, log, complaints: records of the trade, without the person's data (E-commerce Law, Art. 31)"
        )
    else:
        erased += names
    if listed and (record.credit_code or record.number_masked):
        kept.append(
            "keyed hash of the number, or public credit code: while the person is blacklisted, to recognise them"
        )
    body = {"fields": sorted(erased)} | ({"kept": names} if until is not None else {})
    transaction.append(seller_id, "erasure", body, actor=actor, reason=reason)
    return sorted(erased), kept


def _erase_texts(connection: sa.Connection, seller_id: str) -> list[str]:
    """What is not blocked either way; gives what there was."""
    erased = []
    gone = connection.execute(sa.delete(schema.requests).where(schema.requests.c.seller_id == seller_id))
    if gone.rowcount:
        erased.append("answered requests")
    table = schema.violations
    texts = (table.c.seller_id == seller_id) & table.c.post_cipher.is_not(None)
    if connection.execute(sa.update(table).where(texts), {"post_cipher": None}).rowcount:
        erased.append("texts of violations")
    held = (reviews.c.seller_id == seller_id) & reviews.c.post_cipher.is_not(None)
    blank = {"post_cipher": None, "note": ""}
    if connection.execute(sa.update(reviews).where(held), blank).rowcount:
        erased.append("texts of reviewed posts")
    table = schema.appeals
    said = (table.c.seller_id == seller_id) & table.c.statement_cipher.is_not(None)
    if connection.execute(sa.update(table).where(said), {"statement_cipher": None, "evidence": []}).rowcount:
        erased.append("statements of appeals")
    return erased


def _blocked(transaction: Transaction, record: SellerRecord) -> tuple[dict[str, Any], Any]:
    """What the law orders to keep, as far as it is there; and the contacts, of which the address is part of it."""
    connection, keys, seller_id = transaction.connection, transaction.keys, record.seller_id
    contacts = persons.contacts_of(connection, keys, seller_id)
    number = persons.number_of(connection, keys, seller_id)
    table = schema.complaints
    query = sa.select(table.c.complaint_id, table.c.answer).where(table.c.seller_id == seller_id, table.c.answer != "")
    answers = {row.complaint_id: row.answer for row in connection.execute(query)}
    found = {
        "name": record.name,
        "identity_number": number or record.number_masked,
        "credit_code": record.credit_code,
        "exempt_reason": record.exempt_reason,
        "address": contacts.address,
        "answers to complaints": answers,
    }
    return {name: value for name, value in found.items() if value}, contacts


def _everything(transaction: Transaction, record: SellerRecord, standing: Standing) -> dict[str, Any]:
    connection, keys, seller_id = transaction.connection, transaction.keys, record.seller_id
    seller = messages.seller(record, standing, transaction.day)
    seller.contacts.CopyFrom(persons.contacts_of(connection, keys, seller_id))
    seller.same_person.extend(persons.same_person(connection, seller_id))
    content = MessageToDict(seller, preserving_proto_field_name=True)
    content["identity_number"] = persons.number_of(connection, keys, seller_id)
    gone = frozenset[int]()
    content["events"] = [
        MessageToDict(messages.event(seller_id, event, gone), preserving_proto_field_name=True)
        for event in record.events
    ]
    content["complaints"] = [_plain(row, _OF_COMPLAINTS) for row in _rows(connection, schema.complaints, seller_id)]
    content["appeals"] = [
        _plain(row, _OF_APPEALS)
        | {"statement": APPEAL_STATEMENT.open(keys, row.statement_cipher, row.appeal_id).decode()}
        for row in _rows(connection, schema.appeals, seller_id)
    ]
    content["violations"] = [
        {"sequence": row.sequence, "post": POST.open(keys, row.post_cipher, row.sequence).decode()}
        for row in _rows(connection, schema.violations, seller_id)
    ]
    content["reviews"] = [_review(keys, row) for row in _rows(connection, reviews, seller_id)]
    for row in _rows(connection, schema.archives, seller_id):
        blocked = json.loads(ARCHIVE.open(keys, row.content_cipher, seller_id))
        content["blocked"] = blocked | {"kept_until": row.kept_until.isoformat()}
    return content


def _review(keys: Keys, row: Any) -> dict[str, Any]:
    found = {"review_id": row.review_id, "post_id": row.post_id, "state": row.state, "note": row.note}
    kept = open_post(keys, row)
    if kept is None:
        return found
    return found | {"post": MessageToDict(kept.post, preserving_proto_field_name=True)}


def _rows(connection: sa.Connection, table: sa.Table, seller_id: str) -> list[Any]:
    return list(connection.execute(sa.select(table).where(table.c.seller_id == seller_id)))


def _plain(row: Any, names: tuple[str, ...]) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in names}
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in values.items()}


def _check(request: Any) -> None:
    faults = Faults()
    faults.add("request_id", request_id_fault(request.request_id))
    faults.add("seller_id", seller_id_fault(request.seller_id))
    faults.text("actor", request.actor, 128, required=True)
    faults.text("reason", request.reason, 1000, required=True)
    faults.raise_if_any()


def _wrong(state: str, why: str) -> FailedPrecondition:
    return FailedPrecondition(reason_pb2.REASON_WRONG_STATE, f"seller_id: {why}", metadata={"state": state})
