"""Checks of registrations and of events."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

from fairpost.engine.vocabulary import CATEGORIES, COMMERCE, ENFORCEMENT, LICENCES, LISTING
from fairpost.server.faults import Faults, request_id_fault, seller_id_fault
from fairpost.server.registry.numbers import credit_code_fault, identity_number_fault
from fairpost.server.registry.records import LicenceRecord
from fairpost.v1 import registry_pb2, seller_event_pb2, seller_pb2, standing_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from fairpost.server.errors import Violation

__all__ = ["WRITABLE", "category_fault", "event_body", "licence_record", "licence_records", "registration_faults"]

WRITABLE = ("registration", "verification", "enforcement", "listing", "strike", "licence", "licence_ended")
"""What RecordEvent takes."""
_NATURAL_PERSON = seller_pb2.SELLER_KIND_NATURAL_PERSON
_EXEMPT = seller_pb2.SELLER_KIND_EXEMPT
_KINDS = {
    seller_pb2.SELLER_KIND_NATURAL_PERSON: "a natural person",
    seller_pb2.SELLER_KIND_INDIVIDUAL_BUSINESS: "an individual business",
    seller_pb2.SELLER_KIND_ENTERPRISE: "an enterprise",
    seller_pb2.SELLER_KIND_EXEMPT: "an exempt seller",
}
_MAX_CATEGORIES = 50
_MAX_LICENCES = 50
_PHONE = re.compile(r"\+?[0-9](?:[ -]?[0-9]){4,19}", re.ASCII)
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+")
_WORDS = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", re.ASCII)


def registration_faults(request: registry_pb2.RegisterSellerRequest) -> list[Violation]:
    """Everything wrong with a registration; neither the identity number nor contacts are quoted."""
    return check_registration(request)[0]


def check_registration(
    request: registry_pb2.RegisterSellerRequest,
) -> tuple[list[Violation], tuple[LicenceRecord, ...]]:
    """Everything wrong with a registration, and the licences that are without fault."""
    faults = Faults()
    faults.add("request_id", request_id_fault(request.request_id))
    faults.add("seller_id", seller_id_fault(request.seller_id))
    if request.kind not in _KINDS:
        names = ", ".join(seller_pb2.SellerKind.Name(kind) for kind in _KINDS)
        faults.add("kind", f"is required; one of {names}" if not request.kind else f"{request.kind} is none of {names}")
    faults.text("name", request.name, 200, required=True)
    _numbers(request, faults)
    _categories(request, faults)
    if request.kind == _EXEMPT:
        faults.text("exempt_reason", request.exempt_reason, 500, required=True)
    elif request.exempt_reason and request.kind in _KINDS:
        faults.add("exempt_reason", f"is for SELLER_KIND_EXEMPT; this is {_KINDS[request.kind]}")
    if request.HasField("contacts"):
        _contacts(request.contacts, faults)
    return faults.found, licence_records(request.licences, faults)


def _numbers(request: registry_pb2.RegisterSellerRequest, faults: Faults) -> None:
    if request.identity_number:
        faults.add("identity_number", identity_number_fault(request.identity_number))
    elif request.kind in (_NATURAL_PERSON, _EXEMPT):
        faults.add("identity_number", f"is required of {_KINDS[request.kind]} (18 characters, GB 11643)")
    if request.credit_code:
        faults.add("credit_code", credit_code_fault(request.credit_code))
    elif request.kind in _KINDS and request.kind not in (_NATURAL_PERSON, _EXEMPT):
        faults.add("credit_code", f"is required of {_KINDS[request.kind]} (18 characters, GB 32100-2015)")


def _contacts(contacts: seller_pb2.Contacts, faults: Faults) -> None:
    if contacts.phone and not _PHONE.fullmatch(contacts.phone):
        faults.add("contacts.phone", "must be 5 to 20 digits; + may stand before, single spaces or hyphens between")
    if contacts.email and not (
        len(contacts.email) <= 254 and _EMAIL.fullmatch(contacts.email) and contacts.email.isprintable()
    ):
        faults.add("contacts.email", "is no e-mail address; write name@example.com")
    faults.text("contacts.address", contacts.address, 300)


def _categories(request: registry_pb2.RegisterSellerRequest, faults: Faults) -> None:
    if not request.categories:
        faults.add("categories", 'is required: at least one goods category, as in "food"')
    if len(request.categories) > _MAX_CATEGORIES:
        faults.add("categories", f"has {len(request.categories)} entries; at most {_MAX_CATEGORIES} are taken")
    for i, category in enumerate(request.categories[:_MAX_CATEGORIES]):
        if fault := category_fault(category):
            faults.add(f"categories[{i}]", fault)
        elif category in request.categories[:i]:
            faults.add(f"categories[{i}]", f"{category!r} is there twice")


def category_fault(category: str) -> str | None:
    if _WORDS.fullmatch(category) and len(category) <= 64:
        return None
    return f"{category[:40]!r} is no category; write lower-case words joined by hyphens"


def licence_records(
    licences: Sequence[seller_pb2.Licence], faults: Faults, field: str = "licences"
) -> tuple[LicenceRecord, ...]:
    """The licences that are without fault."""
    records: dict[tuple[str, str], LicenceRecord] = {}
    if len(licences) > _MAX_LICENCES:
        faults.add(field, f"has {len(licences)} entries; at most {_MAX_LICENCES} are taken")
    for i, licence in enumerate(licences[:_MAX_LICENCES]):
        record = licence_record(licence, faults, f"{field}[{i}]")
        if record is None:
            continue
        if (record.scope, record.number) in records:
            faults.add(f"{field}[{i}]", f"{record.scope} {record.number} is there twice")
        records[record.scope, record.number] = record
    return tuple(records.values())


def licence_record(
    licence: seller_pb2.Licence, faults: Faults, path: str, *, dated: bool = True
) -> LicenceRecord | None:
    """One licence; None, with the faults noted, if there are any. dated: whether its term must be there."""
    before = len(faults.found)
    if licence.scope not in LICENCES:
        faults.add(f"{path}.scope", f"{licence.scope[:40]!r} is none of {', '.join(LICENCES)}")
    faults.text(f"{path}.number", licence.number, 64, required=True)
    faults.text(f"{path}.evidence", licence.evidence, 500)
    valid_from = faults.day(f"{path}.valid_from", licence.valid_from, required=dated)
    valid_until = faults.day(f"{path}.valid_until", licence.valid_until)
    if valid_from and valid_until and valid_until < valid_from:
        faults.add(f"{path}.valid_until", f"{valid_until} is before valid_from ({valid_from})")
    if len(faults.found) > before:
        return None
    return LicenceRecord(licence.scope, licence.number.strip(), valid_from or date.min, valid_until, licence.evidence)


def event_body(event: seller_event_pb2.SellerEvent, faults: Faults) -> dict[str, Any]:
    """The log's form of what happened; {} with the faults noted if it is not valid."""
    change = event.WhichOneof("change")
    if change == "registration":
        states = {
            standing_pb2.REGISTRATION_ACTIVE: "active",
            standing_pb2.REGISTRATION_LAPSED: "lapsed",
            standing_pb2.REGISTRATION_CLOSED: "closed",
        }
        if event.registration.state in states:
            return {"state": states[event.registration.state]}
        allowed = ", ".join(standing_pb2.Registration.Name(state) for state in states)
        faults.add("event.registration.state", f"must be one of {allowed}")
    elif change == "verification":
        due = faults.day("event.verification.next_verification", event.verification.next_verification, required=True)
        if due:
            return {"next_verification": due.isoformat()}
    elif change == "enforcement":
        if 1 <= event.enforcement.state <= len(ENFORCEMENT):
            return {"state": ENFORCEMENT[event.enforcement.state - 1]}
        faults.add("event.enforcement.state", f"must be one of {_names(standing_pb2.Enforcement)}")
    elif change == "listing":
        if 1 <= event.listing.state <= len(LISTING):
            return _listing_body(event, faults)
        faults.add("event.listing.state", f"must be one of {_names(standing_pb2.Listing)}")
    elif change == "strike":
        strike = event.strike
        violations = [category for category in CATEGORIES if category != CATEGORIES[COMMERCE]]
        if strike.category not in violations:
            faults.add("event.strike.category", f"{strike.category[:40]!r} is none of {', '.join(violations)}")
        if strike.weight > 10:
            faults.add("event.strike.weight", f"is {strike.weight}; at most 10")
        return {"category": strike.category, "weight": strike.weight or 1}
    elif change == "licence":
        record = licence_record(event.licence, faults, "event.licence")
        return record.body if record else {}
    elif change == "licence_ended":
        record = licence_record(event.licence_ended, faults, "event.licence_ended", dated=False)
        return {"scope": record.scope, "number": record.number} if record else {}
    else:
        faults.add("event", f"is required: one of {', '.join(WRITABLE)}")
    return {}


def _listing_body(event: seller_event_pb2.SellerEvent, faults: Faults) -> dict[str, Any]:
    listing = event.listing
    body: dict[str, Any] = {"state": LISTING[listing.state - 1]}
    review = faults.day("event.listing.review", listing.review)
    if listing.state != standing_pb2.LISTING_BLACKLISTED:
        if review or listing.permanent:
            faults.add("event.listing", "review and permanent are for LISTING_BLACKLISTED")
    elif listing.permanent:
        if review or event.expires:
            faults.add("event.listing.permanent", "an entry with an end or a review is not permanent")
        body["permanent"] = True
    elif review:
        body["review"] = review.isoformat()
    elif not event.expires:
        faults.add("event.listing.review", "is required of an entry without end (event.expires), unless permanent")
    return body


def _names(enum: Any) -> str:
    return ", ".join(name for name, number in enum.items() if number)
