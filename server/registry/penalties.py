"""What strikes lead to, by the ladder; and what appeals undo.

A penalty of the ladder is no event: it follows from the strikes that count, so an overturned strike takes with it what
it led to, and what later strikes would not have led to without it.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fairpost.server.registry.ladder import Ladder
    from fairpost.server.registry.records import EventRecord

__all__ = ["Penalty", "overturned", "penalties_of"]

_LIFTED_BY = {"listing": ("none", "rehabilitated"), "enforcement": ("none",)}


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
    lifting = {
        kind: [event for event in ordered if event.kind == kind and event.body["state"] in states]
        for kind, states in _LIFTED_BY.items()
    }
    found = []
    total = 0
    running: list[tuple[date, int]] = []  # a heap: last day and weight of the strikes in `total` that have an end
    for strike in ordered:
        if strike.kind != "strike":
            continue
        day, weight = strike.effective, strike.body["weight"]
        while running and running[0][0] < day:
            total -= heapq.heappop(running)[1]
        if strike.in_force_on(day):
            total += weight
            if strike.expires is not None:
                heapq.heappush(running, (strike.expires, weight))
        if "ladder" not in strike.body:
            continue  # of the first store, in which every penalty was an event of its own
        ladder = ladders[strike.body["ladder"]]
        rung = ladder.rung(total)
        if rung is None or rung.penalty == "delete":
            continue
        until = day + timedelta(days=rung.days - 1) if rung.days else strike.expires
        if rung.penalty == "blacklisted" and not rung.days:
            until = None
        lifted = _lifted(lifting["listing" if rung.penalty == "blacklisted" else "enforcement"], strike)
        if lifted is not None:
            if lifted <= day:
                continue
            last = lifted - timedelta(days=1)
            until = last if until is None else min(until, last)
        found.append(Penalty(strike.sequence, rung.penalty, day, until))
    return tuple(found)


def _lifted(decisions: Sequence[EventRecord], strike: EventRecord) -> date | None:
    """The day from which a later decision has lifted a strike's penalty: reinstated, or taken off the blacklist."""
    return next((event.effective for event in decisions if event.sequence > strike.sequence), None)
