"""How a seller stands on a day: a pure function of the log, the goods categories and licences, and the ladders.

Deriving is the only way to a standing, so replaying the log gives it again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from fairpost.engine.vocabulary import (
    CATEGORIES,
    ENFORCEMENT,
    LICENCES,
    LISTING,
    MAX_CATEGORIES,
    REGISTRATION,
    SELLER_RECORD_DTYPE,
    SINCE_NEVER,
)
from fairpost.server.registry.penalties import Penalty, overturned, penalties_of
from fairpost.server.registry.requirements import Requirements, requirements_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fairpost.server.registry.ladder import Ladder
    from fairpost.server.registry.records import EventRecord, SellerRecord

__all__ = ["Standing", "derive"]

_DRAFT, _PENDING, _ACTIVE, _LAPSED, _CLOSED = range(len(REGISTRATION))
_SUSPENDED = ENFORCEMENT.index("suspended")
_BLACKLISTED = LISTING.index("blacklisted")
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Standing:
    """Derived state on one day; numbers are positions in the vocabulary's tuples."""

    registration: int
    enforcement: int
    listing: int
    licences: int
    since: date | None
    complaints: int
    strikes: tuple[int, ...]
    requirements: Requirements
    penalties: tuple[Penalty, ...] = field(default=())
    next_change: date | None = None
    """The next day on which it may be different without any event."""
    disabled_reason: str = ""
    closed_on: date | None = None
    """Day on which the registration was closed; None while it is not."""

    def packed(self) -> bytes:
        """A record of SELLER_RECORD_DTYPE."""
        record = np.zeros((), SELLER_RECORD_DTYPE)
        record["licences"] = self.licences
        record["since_day"] = (self.since - _EPOCH).days if self.since else SINCE_NEVER
        record["registration"] = self.registration
        record["enforcement"] = self.enforcement
        record["listing"] = self.listing
        record["complaints"] = min(255, self.complaints)
        record["strikes"] = self.strikes
        return record.tobytes()


def derive(record: SellerRecord, day: date, ladders: Mapping[str, Ladder]) -> Standing:
    """The standing of a seller on `day` (in China).

    Args:
        ladders: by revision; must have all that the strikes name.
    """
    gone = overturned(record.events)
    counted = [event for event in record.events if event.sequence not in gone]
    # The event that took effect last decides its axis; of several on one day, the one recorded last.
    ordered = sorted(counted, key=lambda event: (event.effective, event.sequence))
    in_force = [event for event in ordered if event.in_force_on(day)]
    requirements = requirements_of(record, day)
    missing, ran_out = bool(requirements.currently_due), bool(requirements.past_due)
    registration, since, closed_on = _registration(in_force, missing, ran_out)
    penalties = penalties_of(ordered, ladders)
    enforcement = _axis(in_force, "enforcement", ENFORCEMENT)
    listing = _axis(in_force, "listing", LISTING)
    for penalty in penalties:
        if penalty.in_force_on(day):
            if penalty.state == "blacklisted":
                listing = _BLACKLISTED
            else:
                enforcement = max(enforcement, ENFORCEMENT.index(penalty.state))
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
        since=since,
        complaints=_open_complaints(counted),
        strikes=tuple(strikes),
        requirements=requirements,
        penalties=penalties,
        next_change=_next_change(record, ordered, penalties, requirements, day),
        disabled_reason=_disabled(registration, enforcement, listing, ran_out),
        closed_on=closed_on,
    )


def _axis(in_force: list[EventRecord], kind: str, words: tuple[str, ...]) -> int:
    return next((words.index(event.body["state"]) for event in reversed(in_force) if event.kind == kind), 0)


def _registration(in_force: list[EventRecord], missing: bool, ran_out: bool) -> tuple[int, date | None, date | None]:
    """State of the registration; the day since which the seller is registered without a break; that of the closing."""
    state, since, closed_on = _DRAFT, None, None
    for event in in_force:
        if event.kind == "registration":
            before, state = state, REGISTRATION.index(event.body["state"])
            if state == _CLOSED:
                since = None
                closed_on = event.effective if before != _CLOSED else closed_on
            elif state == _ACTIVE and since is None:
                since = event.effective
    if state == _ACTIVE and ran_out:
        state = _LAPSED
    elif state == _ACTIVE and missing:
        state = _PENDING
    return state, since if state in (_ACTIVE, _LAPSED) else None, closed_on if state == _CLOSED else None


def _open_complaints(events: list[EventRecord]) -> int:
    states = {event.body["complaint_id"]: event.body["state"] for event in events if event.kind == "complaint"}
    return sum(state not in ("resolved", "withdrawn") for state in states.values())


def _next_change(
    record: SellerRecord,
    ordered: list[EventRecord],
    penalties: tuple[Penalty, ...],
    requirements: Requirements,
    day: date,
) -> date | None:
    """The first day after `day` on which something begins or has ended."""
    days = [event.effective for event in ordered]
    ends = [event.expires for event in ordered] + [penalty.until for penalty in penalties]
    days += [penalty.since for penalty in penalties]
    days += [licence.valid_from for licence in record.licences]
    ends += [licence.valid_until for licence in record.licences]
    ends.append(requirements.next_verification)
    days += [end + timedelta(days=1) for end in ends if end is not None and end < date.max]
    return min((each for each in days if each > day), default=None)


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
