"""Everything that is derived, derived again from the log and compared with what is stored: what differs is told.

How a seller stands is compared as of the day on which it was last derived. Personal data are in no event; the keyed
hash in the last one that speaks of them proves what they were. What it was is never told, only that it differs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import sqlalchemy as sa

from fairpost.engine.vocabulary import ENFORCEMENT, LISTING, REGISTRATION
from fairpost.server.messages import entry_digest
from fairpost.server.registry import log as records
from fairpost.server.registry import persons
from fairpost.server.registry.ciphers import CONTACTS, NUMBER
from fairpost.server.registry.keys import UnknownKey
from fairpost.server.registry.numbers import masked
from fairpost.server.registry.penalties import overturned
from fairpost.server.registry.records import LicenceRecord, SellerRecord
from fairpost.server.registry.standing import derive
from fairpost.server.store import schema
from fairpost.server.store.review_schema import reviews
from fairpost.v1 import appeal_pb2, complaint_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fairpost.server.registry.core import Core
    from fairpost.server.registry.keys import Keys
    from fairpost.server.registry.ladder import Ladder
    from fairpost.server.registry.records import EventRecord

__all__ = ["Difference", "Verified", "verify"]

_PART: Final = 500
_MODULUS: Final = 1 << 128


class Difference(NamedTuple):
    """A stored value that does not follow from the log. seller_id: "" for what is of the whole registry."""

    seller_id: str
    field: str
    stored: str
    derived: str

    def __str__(self) -> str:
        return f"{self.seller_id or 'registry'}: {self.field}: stored {self.stored}, derived {self.derived}"


@dataclass
class Verified:
    """What was looked at, and every difference found."""

    sellers: int = 0
    events: int = 0
    sequence: int = 0
    differences: list[Difference] = field(default_factory=list)


def verify(core: Core, *, after_part: Callable[[Verified], None] = lambda verified: None) -> Verified:
    """Compare all there is, at one state of the store; other servers may go on writing.

    Raises:
        ServiceError: the store cannot be read.
    """
    found = Verified()
    checksum = 0
    with core.store.read() as connection:
        ladders = records.ladders(connection)
        for revision, ladder in ladders.items():
            if ladder.revision != revision:
                _differ(found, "", f"ladders {revision}", "another content", ladder.revision)
        after = ""
        columns = schema.sellers.c
        while True:
            query = sa.select(schema.sellers).where(columns.seller_id > after).order_by(columns.seller_id).limit(_PART)
            rows = connection.execute(query).all()
            if not rows:
                break
            after = rows[-1].seller_id
            by_id = {record.seller_id: record for record in records.load(connection, [row.seller_id for row in rows])}
            others = _others(connection, list(by_id))
            for row in rows:
                checksum += _compare(found, core.keys, row, by_id[row.seller_id], others, ladders)
            after_part(found)
        _compare_head(found, connection, checksum)
    return found


def _differ(found: Verified, seller_id: str, name: str, stored: Any, derived: Any) -> None:
    if stored != derived:
        found.differences.append(Difference(seller_id, name, _shown(stored), _shown(derived)))


def _shown(value: Any) -> str:
    text = value.hex() if isinstance(value, bytes) else str(value)
    return text if len(text) <= 200 else text[:200] + "..."


def _compare_head(found: Verified, connection: sa.Connection, checksum: int) -> None:
    head = connection.execute(sa.select(schema.head)).one()
    # One log in three tables: of sellers, of the bulletin, and of reviews that were decided.
    last = max(
        int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(column), 0))).scalar_one())
        for column in (schema.events.c.sequence, schema.bulletin_log.c.sequence, reviews.c.decided)
    )
    found.sequence = int(head.sequence)
    _differ(found, "", "head.sequence", int(head.sequence), last)
    _differ(found, "", "head.checksum", bytes(head.checksum), (checksum % _MODULUS).to_bytes(16, "little"))
    strangers = sa.select(schema.events.c.sequence).where(
        ~sa.exists().where(schema.sellers.c.seller_id == schema.events.c.seller_id)
    )
    for sequence in connection.execute(strangers).scalars():
        _differ(found, "", f"events {sequence}", "of a seller who is not here", "of one who is")


def _compare(
    found: Verified,
    keys: Keys,
    row: Any,
    record: SellerRecord,
    others: dict[str, dict[str, list[Any]]],
    ladders: dict[str, Ladder],
) -> int:
    """One seller; gives their part of the checksum, derived."""
    found.sellers += 1
    found.events += len(record.events)
    seller_id = row.seller_id
    told = _told(record)
    recorded: dict[str, tuple[Any, Any]] = {
        "kind": (record.kind, told.kind),
        "categories": (record.categories, told.categories),
        "licences": (record.licences, told.licences),
        "version": (row.version, record.events[-1].sequence if record.events else 0),
    }
    unknown = {event.body["ladder"] for event in record.events if event.body.get("ladder")} - ladders.keys()
    if unknown:
        _differ(found, seller_id, "ladders", f"without {', '.join(sorted(unknown))}", "with all that strikes name")
        return int.from_bytes(row.digest, "little")
    # From the log alone: what is stored of goods and licences has been compared above.
    standing = derive(told, row.standing_day, ladders)
    packed = standing.packed()
    digest = entry_digest(seller_id, packed)
    recorded |= {
        "standing": (bytes(row.standing), packed),
        "registration": (_word(REGISTRATION, row.registration), REGISTRATION[standing.registration]),
        "enforcement": (_word(ENFORCEMENT, row.enforcement), ENFORCEMENT[standing.enforcement]),
        "listing": (_word(LISTING, row.listing), LISTING[standing.listing]),
        "next_change": (row.next_change, standing.next_change),
        "closed_on": (row.closed_on, standing.closed_on),
        "digest": (bytes(row.digest), digest),
    }
    for name, (stored, derived) in recorded.items():
        _differ(found, seller_id, name, stored, derived)
    mine = {name: rows.get(seller_id, []) for name, rows in others.items()}
    _compare_person(found, keys, row, record, mine["persons"])
    _compare_violations(found, record, mine["violations"])
    _compare_appeals(found, record, mine["appeals"])
    _compare_complaints(found, record, mine["complaints"])
    _compare_acknowledgements(found, record, mine["acknowledgements"])
    return int.from_bytes(digest, "little")


def _word(words: tuple[str, ...], number: int) -> str:
    return words[number] if 0 <= number < len(words) else str(number)


def _told(record: SellerRecord) -> SellerRecord:
    """The record as the events tell it."""
    kind = 0
    categories: tuple[str, ...] = ()
    licences: dict[tuple[str, str], LicenceRecord] = {}
    for event in record.events:
        body = event.body
        if event.kind in ("registration", "record"):  # a complaint's event has a kind, too
            kind = body.get("kind", kind)
            categories = tuple(body.get("categories", categories))
            if "licences" in body:
                licences = {(each["scope"], each["number"]): _licence(each) for each in body["licences"]}
        elif event.kind == "licence":
            licences[body["scope"], body["number"]] = _licence(body)
        elif event.kind == "licence_ended":
            licences.pop((body["scope"], body["number"]), None)
    return SellerRecord(
        seller_id=record.seller_id,
        kind=kind,
        name="",
        credit_code="",
        categories=categories,
        exempt_reason="",
        registered_at=0,
        licences=tuple(licences.values()),
        events=record.events,
    )


def _licence(body: Mapping[str, Any]) -> LicenceRecord:
    until = date.fromisoformat(body["valid_until"]) if body["valid_until"] else None
    begin = date.fromisoformat(body["valid_from"])
    return LicenceRecord(body["scope"], body["number"], begin, until, body["evidence"])


def _others(connection: sa.Connection, seller_ids: list[str]) -> dict[str, dict[str, list[Any]]]:
    """By table and seller."""
    found: dict[str, dict[str, list[Any]]] = {}
    for table in (schema.persons, schema.violations, schema.appeals, schema.complaints, schema.acknowledgements):
        query = sa.select(table).where(table.c.seller_id.in_(seller_ids)).order_by(table.c.seller_id)
        rows = connection.execute(query).all()
        found[table.name] = {name: list(mine) for name, mine in groupby(rows, lambda row: str(row.seller_id))}
    return found


def _compare_person(found: Verified, keys: Keys, row: Any, record: SellerRecord, rows: list[Any]) -> None:
    seller_id = row.seller_id
    if record.erased_on is not None:
        return
    digests = [event.body["personal"] for event in record.events if "personal" in event.body]
    if not rows:
        if digests:
            _differ(found, seller_id, "persons", "no row", "one")
        return
    (person,) = rows
    number_hash = bytes(person.number_hash) if person.number_hash is not None else None
    try:
        contacts = CONTACTS.open(keys, person.contacts_cipher, seller_id)
        if person.number_cipher is not None:
            number = NUMBER.open(keys, person.number_cipher, seller_id).decode()
            _differ(found, seller_id, "identity number: masked form", person.number_masked, masked(number))
            same = keys.hash_number(number) == number_hash
            _differ(found, seller_id, "identity number: hash", "of another number" if not same else "", "")
    except UnknownKey as error:
        _differ(found, seller_id, "personal data", error.message, "readable")
        return
    if digests:
        mine = persons.personal_digest(keys, row.name, row.exempt_reason or "", number_hash, contacts)
        # The hash is keyed, and shown by no answer; still only that it differs.
        stored = "as the log says" if mine == digests[-1] else "others"
        _differ(found, seller_id, "personal data", stored, "as the log says")


def _compare_violations(found: Verified, record: SellerRecord, rows: list[Any]) -> None:
    stored = sorted(int(row.sequence) for row in rows)
    derived = [event.sequence for event in record.events if event.kind == "violation"]
    _differ(found, record.seller_id, "violations", stored, derived)
    strikes = {event.sequence: event.body.get("cause") for event in record.events if event.kind == "strike"}
    for event in record.events:
        if event.kind == "violation" and (strike := event.body["strike"]):
            name = f"strike of violation {event.sequence}"
            _differ(found, record.seller_id, name, strikes.get(strike), event.sequence)


def _compare_acknowledgements(found: Verified, record: SellerRecord, rows: list[Any]) -> None:
    stored = sorted((row.sequence, row.document_id, row.number) for row in rows)
    derived = [
        (event.sequence, event.body["document_id"], event.body["number"])
        for event in record.events
        if event.kind == "acknowledgement"
    ]
    _differ(found, record.seller_id, "acknowledgements", stored, derived)


def _compare_appeals(found: Verified, record: SellerRecord, rows: list[Any]) -> None:
    words = {number: name.removeprefix("APPEAL_STATE_").lower() for name, number in appeal_pb2.AppealState.items()}
    stored = {
        row.appeal_id: (row.against, row.filed, row.version, words.get(row.state, str(row.state))) for row in rows
    }
    derived: dict[str, tuple[int, int, int, str]] = {}
    for event in record.events:
        if event.kind == "appeal":
            body = event.body
            filed = derived.get(body["appeal_id"], (0, event.sequence))[1]
            derived[body["appeal_id"]] = (body["against"], filed, event.sequence, body["state"])
    _by_id(found, record.seller_id, "appeal", stored, derived)


def _compare_complaints(found: Verified, record: SellerRecord, rows: list[Any]) -> None:
    stored = {
        row.complaint_id: (
            row.filed,
            row.version,
            complaint_pb2.ComplaintState.Name(row.state).removeprefix("COMPLAINT_STATE_").lower(),
            complaint_pb2.ComplaintOutcome.Name(row.outcome).removeprefix("COMPLAINT_OUTCOME_").lower(),
            row.filed_on,
            row.answered_on,
            row.ended_on,
            row.overdue,
        )
        for row in rows
    }
    _by_id(found, record.seller_id, "complaint", stored, dict(_complaints(record.events)))


def _complaints(events: tuple[EventRecord, ...]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    gone = overturned(events)
    steps: dict[str, list[EventRecord]] = {}
    for event in events:
        if event.kind == "complaint" and event.sequence not in gone:
            steps.setdefault(event.body["complaint_id"], []).append(event)
    for complaint_id, mine in steps.items():
        state, outcome, answered_on, ended_on = "filed", "unspecified", None, None
        for event in mine:
            step = event.body["state"]
            if step == "answered":
                state, answered_on = step, event.effective
            elif step in ("resolved", "withdrawn"):
                state, ended_on = step, event.effective
                outcome = event.body.get("outcome", outcome)
            elif step == "assigned" and state != "answered":
                state = step
        overdue = any(event.body["state"] == "overdue" for event in mine)
        first, last = mine[0], mine[-1]
        yield (
            complaint_id,
            (
                first.sequence,
                last.sequence,
                state,
                outcome,
                first.effective,
                answered_on,
                ended_on,
                overdue,
            ),
        )


def _by_id(found: Verified, seller_id: str, name: str, stored: dict[str, Any], derived: dict[str, Any]) -> None:
    for each in sorted(stored.keys() | derived.keys()):
        _differ(found, seller_id, f"{name} {each}", stored.get(each, "no row"), derived.get(each, "no event"))
