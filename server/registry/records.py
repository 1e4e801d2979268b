"""A seller as the store has them: the record, the licences, the log."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

__all__ = ["EventRecord", "LicenceRecord", "SellerRecord"]


@dataclass(frozen=True, slots=True)
class LicenceRecord:
    scope: str
    number: str
    valid_from: date
    valid_until: date | None
    evidence: str = ""

    def valid_on(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_until is None or day <= self.valid_until)

    @property
    def body(self) -> dict[str, str]:
        """As it stands in events."""
        return {
            "scope": self.scope,
            "number": self.number,
            "valid_from": self.valid_from.isoformat(),
            "valid_until": self.valid_until.isoformat() if self.valid_until else "",
            "evidence": self.evidence,
        }


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One entry of the log.

    `body` by kind; states and categories are words, so that the log can be read without this code:
        registration    {state, next_verification?}; the first one also has what `record` has
        verification    {next_verification}
        record          {fields, kind?, categories?, licences?, personal?}: what is there replaces what was;
                        personal: keyed hash (hex) of the personal fields, none of which is here
        licence         a licence, held from now on
        licence_ended   {scope, number}
        enforcement     {state}
        listing         {state, review?, permanent?, cause?}: cause: sequence of the event by which another account of
                        the person is blacklisted
        strike          {category, weight, ladder, cause?}: revision of the ladder; sequence of a violation, or a
                        complaint's id
        violation       {category, post_id, rules, action, strike}
        complaint       {complaint_id, state}; "filed" also has {kind, received_on, answer_due, handling_due},
                        "resolved" {outcome}, "overdue" {clock}, which changes no state
        appeal          {appeal_id, against, state}
        turned          {changes}: the day changed the standing
        erasure         {fields, kept?}: what was erased, and what is blocked until its term ends
        export          {fields}: the personal data were given out
        acknowledgement {document_id, number}: a document of the bulletin was read and accepted
    Those of registration, enforcement and listing may have must_acknowledge: documents that the seller must acknowledge
    after it.
    """

    sequence: int
    kind: str
    body: Mapping[str, Any]
    effective: date
    expires: date | None = None
    actor: str = ""
    reason: str = ""
    evidence: str = ""
    appeal_until: date | None = None
    decision_id: str = ""
    revision: str = ""
    recorded_at: int = 0

    def in_force_on(self, day: date) -> bool:
        return self.effective <= day and (self.expires is None or day <= self.expires)


@dataclass(frozen=True, slots=True)
class SellerRecord:
    """A seller as stored. `events` in the order of the log. `number_masked` is all there is of the number here."""

    seller_id: str
    kind: int
    name: str
    credit_code: str
    categories: tuple[str, ...]
    exempt_reason: str
    registered_at: int
    version: int = 0
    number_masked: str = ""
    closed_on: date | None = None
    erased_on: date | None = None
    licences: tuple[LicenceRecord, ...] = ()
    events: tuple[EventRecord, ...] = field(default=())
