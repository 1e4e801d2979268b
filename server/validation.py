"""Checks of what callers send to the registry. Every fault of a request is collected, none is quoted if it may be
personal."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import TYPE_CHECKING

from stdnum.cn import ric, uscc

from fairpost.engine.vocabulary import CATEGORIES, COMMERCE, ENFORCEMENT, LICENCES, LISTING
from fairpost.server.errors import Violation
from fairpost.server.identity import credit_code_fault, identity_number_fault
from fairpost.server.standing import LicenceRecord
from fairpost.v1 import registry_pb2, standing_pb2

if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "STRIKE_YEARS",
    "Faults",
    "event_body",
    "licence_records",
    "registration_faults",
    "request_id_fault",
    "seller_id_fault",
]

STRIKE_YEARS = 2
"""Strikes are forgotten after two years, the span in which the Advertising Law (Art. 55) counts repeated violations."""

_NATURAL_PERSON = registry_pb2.SELLER_KIND_NATURAL_PERSON
_EXEMPT = registry_pb2.SELLER_KIND_EXEMPT
_KINDS = {
    registry_pb2.SELLER_KIND_NATURAL_PERSON: "a natural person",
    registry_pb2.SELLER_KIND_INDIVIDUAL_BUSINESS: "an individual business",
    registry_pb2.SELLER_KIND_ENTERPRISE: "an enterprise",
    registry_pb2.SELLER_KIND_EXEMPT: "an exempt seller",
}
_MAX_CATEGORIES = 50
_MAX_LICENCES = 50


class Faults:
    """Collects what is wrong, field by field."""

    def __init__(self) -> None:
        self.found: list[Violation] = []

    def add(self, field: str, description: str | None) -> None:
        if description:
            self.found.append(Violation(field, description))

    def text(self, field: str, value: str, limit: int, *, required: bool = False) -> None:
        """Length, emptiness and control characters."""
        if not value.strip():
            if required or value:
                self.add(field, "is required" if not value else "must not be blank")
        elif len(value) > limit:
            self.add(field, f"has {len(value)} characters; at most {limit} are taken")
        elif not value.isprintable():
            self.add(field, "has control characters")

    def day(self, field: str, value: str, *, required: bool = False) -> date | None:
        """An ISO 8601 day, or None with the fault noted (or nothing, if it is empty and need not be there)."""
        if not value:
            if required:
                self.add(field, "is required, as YYYY-MM-DD")
            return None
        try:
            if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
                raise ValueError
            return date.fromisoformat(value)
        except ValueError:
            self.add(field, f"{value[:20]!r} is no day; write YYYY-MM-DD, as in 2026-01-31")
            return None


def seller_id_fault(seller_id: str) -> str | None:
    if not seller_id:
        return "is required"
    if len(seller_id) > 128:
        return f"has {len(seller_id)} characters; at most 128 are taken"
    if not re.fullmatch(r"[!-~]+", seller_id, re.ASCII):
        return "must be visible ASCII characters without spaces"
    return None


def request_id_fault(request_id: str) -> str | None:
    if len(request_id) > 128:
        return f"has {len(request_id)} characters; at most 128 are taken"
    if request_id and not re.fullmatch(r"[!-~]+", request_id, re.ASCII):
        return "must be visible ASCII characters without spaces"
    return None


def registration_faults(request: registry_pb2.RegisterSellerRequest) -> list[Violation]:
    """Everything wrong with a registration; the identity number is not quoted."""
    faults = Faults()
    faults.add("request_id", request_id_fault(request.request_id))
    faults.add("seller_id", seller_id_fault(request.seller_id))
    if request.kind not in _KINDS:
        names = ", ".join(registry_pb2.SellerKind.Name(kind) for kind in _KINDS)
        faults.add("kind", f"is required; one of {names}" if not request.kind else f"{request.kind} is none of {names}")
    faults.text("name", request.name, 200, required=True)
    _numbers(request, faults)
    _categories(request, faults)
    if request.kind == _EXEMPT:
        faults.text("exempt_reason", request.exempt_reason, 500, required=True)
    elif request.exempt_reason and request.kind in _KINDS:
        faults.add("exempt_reason", f"is for SELLER_KIND_EXEMPT; this is {_KINDS[request.kind]}")
    licence_records(request, faults)
    return faults.found


def _numbers(request: registry_pb2.RegisterSellerRequest, faults: Faults) -> None:
    if request.identity_number:
        faults.add("identity_number", identity_number_fault(request.identity_number))
    elif request.kind in (_NATURAL_PERSON, _EXEMPT):
        faults.add("identity_number", f"is required of {_KINDS[request.kind]} (18 characters, GB 11643)")
    if request.credit_code:
        faults.add("credit_code", credit_code_fault(request.credit_code))
    elif request.kind in _KINDS and request.kind not in (_NATURAL_PERSON, _EXEMPT):
        faults.add("credit_code", f"is required of {_KINDS[request.kind]} (18 characters, GB 32100-2015)")


def _categories(request: registry_pb2.RegisterSellerRequest, faults: Faults) -> None:
    if not request.categories:
        faults.add("categories", 'is required: at least one goods category, as in "food"')
    if len(request.categories) > _MAX_CATEGORIES:
        faults.add("categories", f"has {len(request.categories)} entries; at most {_MAX_CATEGORIES} are taken")
    for i, category in enumerate(request.categories[:_MAX_CATEGORIES]):
        if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", category, re.ASCII) or len(category) > 64:
            faults.add(
                f"categories[{i}]", f"{category[:40]!r} is no category; write lower-case words joined by hyphens"
            )
        elif category in request.categories[:i]:
            faults.add(f"categories[{i}]", f"{category!r} is there twice")


def licence_records(request: registry_pb2.RegisterSellerRequest, faults: Faults) -> tuple[LicenceRecord, ...]:
    """The licences that are without fault."""
    records = []
    if len(request.licences) > _MAX_LICENCES:
        faults.add("licences", f"has {len(request.licences)} entries; at most {_MAX_LICENCES} are taken")
    for i, licence in enumerate(request.licences[:_MAX_LICENCES]):
        before = len(faults.found)
        path = f"licences[{i}]"
        if licence.scope not in LICENCES:
            faults.add(f"{path}.scope", f"{licence.scope[:40]!r} is none of {', '.join(LICENCES)}")
        faults.text(f"{path}.number", licence.number, 64, required=True)
        faults.text(f"{path}.evidence", licence.evidence, 500)
        valid_from = faults.day(f"{path}.valid_from", licence.valid_from, required=True)
        valid_until = faults.day(f"{path}.valid_until", licence.valid_until)
        if valid_from and valid_until and valid_until < valid_from:
            faults.add(f"{path}.valid_until", f"{valid_until} is before valid_from ({valid_from})")
        if valid_from and len(faults.found) == before:
            records.append(
                LicenceRecord(licence.scope, licence.number.strip(), valid_from, valid_until, licence.evidence)
            )
    return tuple(records)


def compact_identity_number(number: str) -> str:
    return str(ric.compact(number))


def compact_credit_code(code: str) -> str:
    return str(uscc.compact(code))


def event_body(event: registry_pb2.SellerEvent, faults: Faults) -> dict[str, Any]:
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
            return {"state": LISTING[event.listing.state - 1]}
        faults.add("event.listing.state", f"must be one of {_names(standing_pb2.Listing)}")
    elif change == "strike":
        strike = event.strike
        violations = [category for category in CATEGORIES if category != CATEGORIES[COMMERCE]]
        if strike.category not in violations:
            faults.add("event.strike.category", f"{strike.category[:40]!r} is none of {', '.join(violations)}")
        if strike.weight > 10:
            faults.add("event.strike.weight", f"is {strike.weight}; at most 10")
        return {"category": strike.category, "weight": strike.weight or 1}
    else:
        faults.add("event", "is required: one of registration, verification, enforcement, listing, strike")
    return {}


def strike_expiry(effective: date) -> date:
    """Last day on which a strike counts."""
    try:
        return effective.replace(year=effective.year + STRIKE_YEARS) - timedelta(days=1)
    except ValueError:  # 29 February
        return effective.replace(year=effective.year + STRIKE_YEARS, day=28)


def _names(enum: Any) -> str:
    return ", ".join(name for name, number in enum.items() if number)
