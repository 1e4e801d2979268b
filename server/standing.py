"""How a seller stands on a day: a pure function of the record, the licences and the event log.

Nothing here is stored, so replaying the log gives the same standing again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from fairpost.engine.dates import day_of_date
from fairpost.engine.vocabulary import (
    CATEGORIES,
    ENFORCEMENT,
    LICENCES,
    LISTING,
    MAX_CATEGORIES,
    REGISTRATION,
    SELLER_RECORD_DTYPE,
    SINCE_NEVER,
    STANDING_DTYPE,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

__all__ = ["REQUIRED_LICENCES", "EventRecord", "LicenceRecord", "SellerRecord", "Standing", "derive"]

REQUIRED_LICENCES: Mapping[str, tuple[str, ...]] = {
    "food": ("food", "prepackaged-food", "food-production"),
    "health-food": ("health-food",),
    "cosmetics": ("cosmetics",),
    "drugs": ("drug-retail",),
    "medical-devices": ("medical-device",),
    "tobacco": ("tobacco",),
    "publications": ("publications",),
    "finance": ("finance",),
    "education": ("education",),
    "travel": ("travel",),
}
"""For goods categories that need a licence: the scopes of which one is enough. Other categories need none."""

_DRAFT, _PENDING, _ACTIVE, _LAPSED, _CLOSED = range(len(REGISTRATION))
_SUSPENDED = ENFORCEMENT.index("suspended")
_BLACKLISTED = LISTING.index("blacklisted")


@dataclass(frozen=True, slots=True)
class LicenceRecord:
    scope: str
    number: str
    valid_from: date
    valid_until: date | None
    evidence: str = ""

    def valid_on(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_until is None or day <= self.valid_until)


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One entry of the log. `body` by kind: registration {state, next_verification?}, verification
    {next_verification}, enforcement {state}, listing {state}, strike {category, weight}; states and categories by
    their words, so that the log can be read without this code."""

    sequence: int
    kind: str
    body: Mapping[str, Any]
    effective: date
    expires: date | None = None

    def in_force_on(self, day: date) -> bool:
        return self.effective <= day and (self.expires is None or day <= self.expires)


@dataclass(frozen=True, slots=True)
class SellerRecord:
    """A seller as stored. `events` in the order of the log. `identity_masked` is all there is of the number."""

    seller_id: str
    kind: int
    name: str
    identity_masked: str
    credit_code: str
    categories: tuple[str, ...]
    exempt_reason: str
    registered_at: int
    licences: tuple[LicenceRecord, ...] = ()
    events: tuple[EventRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """Derived state on one day; numbers are positions in the vocabulary's tuples."""

    registration: int
    enforcement: int
    listing: int
    licences: int
    tenure_days: int
    strikes: tuple[int, ...]
    next_verification: date | None
    since: date | None = None
    """First day of the registration that `tenure_days` counts."""
    currently_due: tuple[str, ...] = field(default=())
    past_due: tuple[str, ...] = field(default=())
    deadline: date | None = None
    disabled_reason: str = ""

    def row(self) -> np.ndarray:
        """One record of STANDING_DTYPE (shape ())."""
        record = np.zeros((), STANDING_DTYPE)
        record["licences"] = self.licences
        record["tenure_days"] = self.tenure_days
        record["registration"] = self.registration
        record["enforcement"] = self.enforcement
        record["listing"] = self.listing
        record["strikes"] = self.strikes
        return record

    def record(self) -> np.ndarray:
        """One record of SELLER_RECORD_DTYPE (shape ()): the same, with the tenure of any day."""
        record = np.zeros((), SELLER_RECORD_DTYPE)
        record["licences"] = self.licences
        record["since_day"] = SINCE_NEVER if self.since is None else day_of_date(self.since)
        record["registration"] = self.registration
        record["enforcement"] = self.enforcement
        record["listing"] = self.listing
        record["strikes"] = self.strikes
        return record


def derive(record: SellerRecord, day: date) -> Standing:
    """The standing of a seller on `day` (UTC)."""
    # The event that took effect last decides its axis; of several on one day, the one recorded last.
    ordered = sorted(record.events, key=lambda event: (event.effective, event.sequence))
    in_force = [event for event in ordered if event.in_force_on(day)]
    next_verification = _next_verification(record)
    currently_due, past_due, deadline = _requirements(record, day, next_verification)
    registration, since = _registration(in_force, bool(currently_due), bool(past_due))
    enforcement = _axis(in_force, "enforcement", ENFORCEMENT)
    listing = _axis(in_force, "listing", LISTING)
    licences = 0
    for licence in record.licences:
        if licence.valid_on(day):
            licences |= 1 << LICENCES.index(licence.scope)
    strikes = [0] * MAX_CATEGORIES
    for event in in_force:
        if event.kind == "strike":
            category = CATEGORIES.index(event.body["category"])
            strikes[category] = min(255, strikes[category] + event.body["weight"])
    return Standing(
        registration=registration,
        enforcement=enforcement,
        listing=listing,
        licences=licences,
        tenure_days=(day - since).days if since else 0,
        since=since,
        strikes=tuple(strikes),
        next_verification=next_verification,
        currently_due=currently_due,
        past_due=past_due,
        deadline=deadline,
        disabled_reason=_disabled(registration, enforcement, listing, bool(past_due)),
    )


def _axis(in_force: list[EventRecord], kind: str, words: tuple[str, ...]) -> int:
    return next((words.index(event.body["state"]) for event in reversed(in_force) if event.kind == kind), 0)


def _registration(in_force: list[EventRecord], missing: bool, ran_out: bool) -> tuple[int, date | None]:
    """State of the registration, and the day since which the seller is registered without a break."""
    state, since = _DRAFT, None
    for event in in_force:
        if event.kind == "registration":
            state = REGISTRATION.index(event.body["state"])
            if state == _CLOSED:
                since = None
            elif state == _ACTIVE and since is None:
                since = event.effective
    if state == _ACTIVE and ran_out:
        state = _LAPSED
    elif state == _ACTIVE and missing:
        state = _PENDING
    return state, since if state in (_ACTIVE, _LAPSED) else None


def _next_verification(record: SellerRecord) -> date | None:
    for event in reversed(record.events):
        if "next_verification" in event.body:
            return type(event.effective).fromisoformat(event.body["next_verification"])
    return None


def _requirements(
    record: SellerRecord, day: date, next_verification: date | None
) -> tuple[tuple[str, ...], tuple[str, ...], date | None]:
    """What is missing, what ran out, and the next day on which something will."""
    currently_due, past_due, ends = [], [], []
    for category in record.categories:
        scopes = REQUIRED_LICENCES.get(category)
        if scopes is None:
            continue
        held = [licence for licence in record.licences if licence.scope in scopes]
        valid = [licence for licence in held if licence.valid_on(day)]
        wanted = f"licence: {' or '.join(scopes)} (for goods category {category})"
        if valid:
            if all(licence.valid_until for licence in valid):
                ends.append(max(licence.valid_until for licence in valid if licence.valid_until))
        elif any(licence.valid_until and licence.valid_until < day for licence in held):
            past_due.append(wanted)
        else:
            currently_due.append(wanted)
    if next_verification is not None:
        if day > next_verification:
            past_due.append(f"verification: was due by {next_verification.isoformat()}")
        else:
            ends.append(next_verification)
    return tuple(currently_due), tuple(past_due), min(ends, default=None)


def _disabled(registration: int, enforcement: int, listing: int, ran_out: bool) -> str:
    if listing == _BLACKLISTED:
        return "listing.blacklisted"
    if enforcement == _SUSPENDED:
        return "enforcement.suspended"
    if registration == _LAPSED and ran_out:
        return "requirements.past_due"
    if registration == _PENDING:
        return "requirements.currently_due"
    if registration != _ACTIVE:
        return f"registration.{REGISTRATION[registration]}"
    return ""
