"""Messages of fairpost.v1 from the records of the registry. Enum values are positions of the vocabulary plus one."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from fairpost.engine.dates import date_of_day, day_of_date
from fairpost.engine.vocabulary import (
    CATEGORIES,
    ENFORCEMENT,
    LICENCES,
    LISTING,
    REGISTRATION,
    SELLER_NONE,
    SELLER_NOT_FOUND,
    SELLER_RECORD_DTYPE,
    SINCE_NEVER,
)
from fairpost.server.wire import varint
from fairpost.v1 import registry_pb2, seller_event_pb2, seller_pb2, standing_pb2, verdict_pb2

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import date

    from fairpost.engine import StandingView
    from fairpost.server.registry.records import EventRecord, SellerRecord
    from fairpost.server.registry.standing import Standing

__all__ = ["entry_digest", "event", "mirror_entry", "seller", "seller_standings", "standing", "standing_of"]


def standing(seller_id: str, row: np.ndarray | np.void, *, tenure_days: int | None = None) -> standing_pb2.Standing:
    """A record of STANDING_DTYPE in words; or of SELLER_RECORD_DTYPE, whose tenure depends on the day."""
    bits = int(row["licences"])
    message = standing_pb2.Standing(
        seller_id=seller_id,
        registration=int(row["registration"]) + 1,  # type: ignore[arg-type]
        enforcement=int(row["enforcement"]) + 1,  # type: ignore[arg-type]
        listing=int(row["listing"]) + 1,  # type: ignore[arg-type]
        licences=[scope for bit, scope in enumerate(LICENCES) if bits >> bit & 1],
        tenure_days=int(row["tenure_days"]) if tenure_days is None else tenure_days,
        open_complaints=int(row["complaints"]),
    )
    for category in np.flatnonzero(row["strikes"][: len(CATEGORIES)]):
        message.strikes.add(category=CATEGORIES[category], count=int(row["strikes"][category]))
    return message


def seller_standings(
    seller_ids: Sequence[str],
    view: StandingView,
    policy: verdict_pb2.FailPolicy.ValueType = verdict_pb2.FAIL_POLICY_UNSPECIFIED,
) -> list[verdict_pb2.SellerStanding]:
    """What a batch saw of its sellers; one message object for all mentions of a seller. policy: what was done where the
    registry could not answer."""
    made: dict[str | int, verdict_pb2.SellerStanding] = {}
    answers = []
    for seller_id, row in zip(seller_ids, view.sellers.tolist(), strict=True):
        # Each mention of a seller has a row of its own.
        key = seller_id if row >= 0 else row
        message = made.get(key)
        if message is None:
            if row >= 0:
                known = standing(seller_id, view.standings[row])
                message = verdict_pb2.SellerStanding(outcome=standing_pb2.LOOKUP_OUTCOME_OK, standing=known)
            elif row == SELLER_NONE:
                message = verdict_pb2.SellerStanding()
            elif row == SELLER_NOT_FOUND:
                message = verdict_pb2.SellerStanding(outcome=standing_pb2.LOOKUP_OUTCOME_NOT_FOUND)
            else:
                unavailable = standing_pb2.LOOKUP_OUTCOME_UNAVAILABLE
                message = verdict_pb2.SellerStanding(outcome=unavailable, policy_applied=policy)
            made[key] = message
        answers.append(message)
    return answers


def standing_of(seller_id: str, packed: bytes, day: int) -> standing_pb2.Standing:
    """A packed standing in words, with the tenure of `day` (since 1970)."""
    (row,) = np.frombuffer(packed, SELLER_RECORD_DTYPE)
    since = int(row["since_day"])
    return standing(seller_id, row, tenure_days=max(0, day - since) if since != SINCE_NEVER else 0)


def mirror_entry(seller_id: str, packed: bytes) -> registry_pb2.MirrorEntry:
    """A packed standing as mirrors keep it: the same on every day."""
    entry = registry_pb2.MirrorEntry(seller_id=seller_id)
    entry.MergeFromString(_nameless_entry(packed))
    return entry


def entry_digest(seller_id: str, packed: bytes) -> bytes:
    """16 bytes: a mirror's checksum is their sum modulo 2^128 over all sellers (GetSnapshotResponse.checksum)."""
    name = seller_id.encode()
    # The id is the entry's first field: tag, length, bytes.
    return hashlib.sha256(b"\x0a" + varint(len(name)) + name + _nameless_entry(packed)).digest()[:16]


@lru_cache(maxsize=10_000)
def _nameless_entry(packed: bytes) -> bytes:
    """The mirror's entry without the seller's id, serialised: many sellers stand alike."""
    (row,) = np.frombuffer(packed, SELLER_RECORD_DTYPE)
    since = int(row["since_day"])
    entry = registry_pb2.MirrorEntry(standing=standing("", row, tenure_days=0))
    if since != SINCE_NEVER:
        entry.since = date_of_day(since).isoformat()
    return entry.SerializeToString(deterministic=True)


def seller(record: SellerRecord, derived: Standing, day: date) -> seller_pb2.Seller:
    """The whole record as callers see it; without contacts."""
    needs = derived.requirements
    message = seller_pb2.Seller(
        seller_id=record.seller_id,
        kind=record.kind,  # type: ignore[arg-type]
        name=record.name,
        identity_masked=record.number_masked,
        # Of an erased seller it is kept while it serves to recognise a blacklisted one, and not shown.
        credit_code=record.credit_code if record.erased_on is None else "",
        categories=record.categories,
        exempt_reason=record.exempt_reason,
        standing=standing_of(record.seller_id, derived.packed(), day_of_date(day)),
        requirements=seller_pb2.Requirements(
            currently_due=needs.currently_due,
            past_due=needs.past_due,
            deadline=_iso(needs.deadline),
            disabled_reason=derived.disabled_reason,
        ),
        next_verification=_iso(needs.next_verification),
        version=record.version,
        erased=record.erased_on is not None,
    )
    message.registered_at.FromMilliseconds(record.registered_at)
    for licence in record.licences:
        message.licences.add(**licence.body)
    return message


def event(seller_id: str, record: EventRecord, gone: Collection[int]) -> seller_event_pb2.SellerEvent:
    """An entry of the log as callers see it. gone: sequences of the events that count for nothing."""
    message = seller_event_pb2.SellerEvent(
        seller_id=seller_id,
        sequence=record.sequence,
        actor=record.actor,
        reason=record.reason,
        evidence=record.evidence,
        effective=record.effective.isoformat(),
        expires=_iso(record.expires),
        appeal_until=_iso(record.appeal_until),
        decision_id=record.decision_id,
        revision=record.revision,
        overturned=record.sequence in gone,
    )
    message.recorded_at.FromMilliseconds(record.recorded_at)
    body, kind = record.body, record.kind
    message.must_acknowledge.extend(body.get("must_acknowledge", ()))
    if kind == "registration":
        message.registration.state = REGISTRATION.index(body["state"]) + 1  # type: ignore[assignment]
    elif kind == "verification":
        message.verification.next_verification = body["next_verification"]
    elif kind == "enforcement":
        message.enforcement.state = ENFORCEMENT.index(body["state"]) + 1  # type: ignore[assignment]
    elif kind == "listing":
        message.listing.state = LISTING.index(body["state"]) + 1  # type: ignore[assignment]
        message.listing.review = body.get("review", "")
        message.listing.permanent = body.get("permanent", False)
        message.listing.cause = body.get("cause", 0)
    elif kind == "strike":
        message.strike.category, message.strike.weight = body["category"], body["weight"]
        message.strike.cause = str(body.get("cause", ""))
    elif kind in ("licence", "licence_ended"):
        getattr(message, kind).MergeFrom(seller_pb2.Licence(**body))
    elif kind == "violation":
        message.violation.MergeFrom(seller_event_pb2.Violation(**body))
    elif kind == "complaint":
        message.complaint.complaint_id, message.complaint.state = body["complaint_id"], body["state"]
        message.complaint.clock = body.get("clock", "")
    elif kind == "appeal":
        message.appeal.MergeFrom(seller_event_pb2.AppealStep(**body))
    elif kind == "turned":
        message.turned.changes.extend(body["changes"])
    elif kind == "acknowledgement":
        message.acknowledgement.MergeFrom(seller_event_pb2.Acknowledgement(**body))
    elif kind in ("erasure", "export"):
        getattr(message, kind).fields.extend(body["fields"])
    else:
        message.record.fields.extend(body.get("fields", [kind]))
    return message


def _iso(day: date | None) -> str:
    return day.isoformat() if day else ""
