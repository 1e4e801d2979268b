"""Penalties as the ladder's text says them: for each strike, sum the weights of all that count on its day."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from fairpost.server.registry.penalties import Penalty

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fairpost.server.registry.ladder import Ladder
    from fairpost.server.registry.records import EventRecord

__all__ = ["penalties_of"]


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
