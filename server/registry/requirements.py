"""What a registration needs, and what of it is missing or ran out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fairpost.server.registry.records import EventRecord, SellerRecord

__all__ = ["REQUIRED_LICENCES", "Requirements", "requirements_of", "unacknowledged"]

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


@dataclass(frozen=True, slots=True)
class Requirements:
    """currently_due: was never there; past_due: ran out; deadline: the next day on which something will."""

    currently_due: tuple[str, ...] = ()
    past_due: tuple[str, ...] = ()
    deadline: date | None = None
    next_verification: date | None = None


def requirements_of(record: SellerRecord, day: date) -> Requirements:
    """The requirements on `day`."""
    next_verification = _next_verification(record.events)
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
    currently_due += [f"acknowledgement: {document_id}" for document_id in unacknowledged(record.events, day)]
    if next_verification is not None:
        if day > next_verification:
            past_due.append(f"verification: was due by {next_verification.isoformat()}")
        else:
            ends.append(next_verification)
    return Requirements(tuple(currently_due), tuple(past_due), min(ends, default=None), next_verification)


def unacknowledged(events: Sequence[EventRecord], day: date) -> list[str]:
    """Documents of the bulletin that an event asks for, and that the seller has not acknowledged since."""
    asked: dict[str, None] = {}
    for event in events:
        if event.kind == "acknowledgement":
            asked.pop(event.body["document_id"], None)
        elif event.effective <= day:
            asked |= dict.fromkeys(event.body.get("must_acknowledge", ()))
    return list(asked)


def _next_verification(events: Sequence[EventRecord]) -> date | None:
    for event in reversed(events):
        if "next_verification" in event.body:
            return date.fromisoformat(event.body["next_verification"])
    return None
