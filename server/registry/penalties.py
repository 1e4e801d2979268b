"""What strikes lead to, by the ladder; and what appeals undo.

A penalty of the ladder is no event: it follows from the strikes that count, so an overturned strike takes with it what
it led to, and what later strikes would not have led to without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fairpost.server.registry.ladder import Ladder
    from fairpost.server.registry.records import EventRecord

__all__ = ["Penalty", "overturned", "penalties_of"]


@dataclass(frozen=True, slots=True)
class Penalty:
    """A rung that a strike reached. state: "warned", "limited", "shielded", "suspended" or "blacklisted"."""

    strike: int
    """Sequence of the strike."""
    state: str
    since: date
    until: date | None

    def in_force_on(self, day: date) -> bool:
        return self.since <= day and (self.until is None or day <= self.until)


def overturned(events: Iterable[EventRecord]) -> set[int]:
    """Sequences of the events that count for nothing: overturned on appeal, and what they were the cause of."""
    known = list(events)
    gone = {event.body["against"] for event in known if event.kind == "appeal" and event.body["state"] == "overturned"}
    if gone:
        gone |= {event.sequence for event in known if event.kind == "strike" and event.body.get("cause") in gone}
    return gone


def penalties_of(ordered: Sequence[EventRecord], ladders: Mapping[str, Ladder]) -> tuple[Penalty, ...]:
    """The penalties that the strikes led to, but for those lifted since.

    Args:
        ordered: the events that count, by the day on which they take effect, then by sequence.
    """
    strikes = [event for event in ordered if event.kind == "strike"]
    found = []
    for number, strike in enumerate(strikes):
        if "ladder" not in strike.body:
            continue  # of the first store, in which every penalty was an event of its own
        ladder = ladders[strike.body["ladder"]]
        day = strike.effective
        total = sum(each.body["weight"] for each in strikes[: number + 1] if each.in_force_on(day))
        rung = ladder.rung(total)
        if rung is None or rung.penalty == "delete":
            continue
        until = day + timedelta(days=rung.days - 1) if rung.days else strike.expires
        if rung.penalty == "blacklisted" and not rung.days:
            until = None
        lifted = _lifted(ordered, strike, rung.penalty)
        if lifted is not None:
            if lifted <= day:
                continue
            last = lifted - timedelta(days=1)
            until = last if until is None else min(until, last)
        found.append(Penalty(strike.sequence, rung.penalty, day, until))
    return tuple(found)


def _lifted(ordered: Sequence[EventRecord], strike: EventRecord, penalty: str) -> date | None:
    """The day from which a later decision has lifted the penalty: reinstated, or taken off the blacklist."""
    kind, states = ("listing", ("none", "rehabilitated")) if penalty == "blacklisted" else ("enforcement", ("none",))
    return next(
        (
            event.effective
            for event in ordered
            if event.kind == kind and event.sequence > strike.sequence and event.body["state"] in states
        ),
        None,
    )
