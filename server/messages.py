"""Messages of fairpost.v1 from the records of the registry. Enum values are positions of the vocabulary plus one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fairpost.engine.vocabulary import CATEGORIES, LICENCES, SELLER_NONE, SELLER_NOT_FOUND
from fairpost.v1 import registry_pb2, standing_pb2, verdict_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fairpost.engine import StandingView
    from fairpost.server.standing import SellerRecord, Standing

__all__ = ["seller", "seller_standings", "standing"]


def standing(seller_id: str, row: np.ndarray | np.void) -> standing_pb2.Standing:
    """A record of STANDING_DTYPE in words."""
    bits = int(row["licences"])
    message = standing_pb2.Standing(
        seller_id=seller_id,
        registration=int(row["registration"]) + 1,  # type: ignore[arg-type]
        enforcement=int(row["enforcement"]) + 1,  # type: ignore[arg-type]
        listing=int(row["listing"]) + 1,  # type: ignore[arg-type]
        licences=[scope for bit, scope in enumerate(LICENCES) if bits >> bit & 1],
        tenure_days=int(row["tenure_days"]),
        open_complaints=int(row["complaints"]),
    )
    for category in np.flatnonzero(row["strikes"][: len(CATEGORIES)]):
        message.strikes.add(category=CATEGORIES[category], count=int(row["strikes"][category]))
    return message


def seller_standings(seller_ids: Sequence[str], view: StandingView) -> list[verdict_pb2.SellerStanding]:
    """What a batch saw of its sellers; one message object for all mentions of a seller."""
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
                message = verdict_pb2.SellerStanding(outcome=standing_pb2.LOOKUP_OUTCOME_UNAVAILABLE)
            made[key] = message
        answers.append(message)
    return answers


def seller(record: SellerRecord, derived: Standing) -> registry_pb2.Seller:
    """The whole record as callers see it."""
    message = registry_pb2.Seller(
        seller_id=record.seller_id,
        kind=record.kind,  # type: ignore[arg-type]
        name=record.name,
        identity_masked=record.identity_masked,
        credit_code=record.credit_code,
        categories=record.categories,
        exempt_reason=record.exempt_reason,
        standing=standing(record.seller_id, derived.row()),
        requirements=registry_pb2.Requirements(
            currently_due=derived.currently_due,
            past_due=derived.past_due,
            deadline=derived.deadline.isoformat() if derived.deadline else "",
            disabled_reason=derived.disabled_reason,
        ),
        next_verification=derived.next_verification.isoformat() if derived.next_verification else "",
    )
    message.registered_at.FromMilliseconds(record.registered_at)
    for licence in record.licences:
        message.licences.add(
            scope=licence.scope,
            number=licence.number,
            valid_from=licence.valid_from.isoformat(),
            valid_until=licence.valid_until.isoformat() if licence.valid_until else "",
            evidence=licence.evidence,
        )
    return message
