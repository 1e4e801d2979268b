"""How sellers stand, the slow and obvious way: every day from the first to the last is lived through.

Knows nothing of the store, of sequences in tables or of derived columns: facts go in, and a day's standing comes out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

__all__ = ["RUNGS", "Fact", "Model", "Seller"]

RUNGS = [(1, "delete", None), (2, "warned", None), (3, "limited", 7), (5, "shielded", 14), (7, "suspended", 30)]
RUNGS += [(10, "blacklisted", None)]
SEVERITY = ["none", "warned", "limited", "shielded", "suspended"]
NEEDED = {"food": {"food", "prepackaged-food", "food-production"}, "cosmetics": {"cosmetics"}}


@dataclass
class Fact:
    """Something that was recorded. number: the how-manieth."""

    number: int
    kind: str
    body: dict[str, Any]
    begin: date
    end: date | None = None
    undone: bool = False

    def holds(self, day: date) -> bool:
        return self.begin <= day and (self.end is None or day <= self.end)


@dataclass
class Seller:
    categories: list[str]
    licences: dict[tuple[str, str], tuple[date, date | None]]
    facts: list[Fact] = field(default_factory=list)
    complaints: dict[str, str] = field(default_factory=dict)
    personal: dict[str, str] = field(default_factory=dict)


class Model:
    """Sellers by id."""

    def __init__(self) -> None:
        self.sellers: dict[str, Seller] = {}

    def standing(self, seller_id: str, day: date) -> dict[str, Any]:
        """Words and numbers: registration, since, enforcement, listing, licences, strikes, complaints."""
        seller = self.sellers[seller_id]
        facts = [fact for fact in seller.facts if not fact.undone]
        held = {scope for (scope, _), (begin, end) in seller.licences.items() if _within(day, begin, end)}
        strikes: dict[str, int] = {}
        for fact in facts:
            if fact.kind == "strike" and fact.holds(day):
                category = fact.body["category"]
                strikes[category] = min(255, strikes.get(category, 0) + fact.body["weight"])
        enforcement = _latest(facts, "enforcement", day) or "none"
        listing = _latest(facts, "listing", day) or "none"
        for state in _penalties(facts, day):
            if state == "blacklisted":
                listing = state
            elif SEVERITY.index(state) > SEVERITY.index(enforcement):
                enforcement = state
        registration, since = self._registration(seller, facts, day)
        return {
            "registration": registration,
            "since": since if registration in ("active", "lapsed") and since else None,
            "enforcement": enforcement,
            "listing": listing,
            "licences": held,
            "strikes": strikes,
            "complaints": sum(state not in ("resolved", "withdrawn") for state in seller.complaints.values()),
        }

    def _registration(self, seller: Seller, facts: list[Fact], day: date) -> tuple[str, date | None]:
        state = _latest(facts, "registration", day) or "draft"
        missing = ran_out = False
        for category in seller.categories:
            if wanted := NEEDED.get(category):
                mine = [term for (scope, _), term in seller.licences.items() if scope in wanted]
                if not any(_within(day, *term) for term in mine):
                    if any(end is not None and end < day for _, end in mine):
                        ran_out = True
                    else:
                        missing = True
        due = [fact.body["next"] for fact in seller.facts if "next" in fact.body]
        if due and due[-1] < day:
            ran_out = True
        since = self._since(facts, day)
        if state == "active" and ran_out:
            return "lapsed", since
        if state == "active" and missing:
            return "pending", None
        return state, since

    def _since(self, facts: list[Fact], day: date) -> date | None:
        since = None
        changes = [fact for fact in facts if fact.kind == "registration" and fact.holds(day)]
        for fact in sorted(changes, key=lambda fact: (fact.begin, fact.number)):
            if fact.body["state"] == "closed":
                since = None
            elif fact.body["state"] == "active" and since is None:
                since = fact.begin
        return since


def _within(day: date, begin: date, end: date | None) -> bool:
    return begin <= day and (end is None or day <= end)


def _latest(facts: list[Fact], kind: str, day: date) -> str | None:
    found = [fact for fact in facts if fact.kind == kind and fact.holds(day)]
    return max(found, key=lambda fact: (fact.begin, fact.number)).body["state"] if found else None


def _penalties(facts: list[Fact], day: date) -> list[str]:
    """Penalties of the ladder that hold on `day`."""
    if not facts:
        return []
    open_: list[tuple[Fact, str, date | None]] = []
    now = min(fact.begin for fact in facts)
    while now <= day:
        today = sorted((fact for fact in facts if fact.begin == now), key=lambda fact: fact.number)
        # What the day's strikes lead to, in the order in which they were recorded.
        for strike in (fact for fact in today if fact.kind == "strike"):
            earlier = [f for f in facts if f.kind == "strike" and (f.begin, f.number) <= (now, strike.number)]
            total = sum(fact.body["weight"] for fact in earlier if fact.holds(now))
            rung = [rung for rung in RUNGS if rung[0] <= total][-1]
            if rung[1] == "delete":
                continue
            last = now + timedelta(days=rung[2] - 1) if rung[2] else strike.end
            open_.append((strike, rung[1], None if rung[1] == "blacklisted" else last))
        # Lifted from this day on: penalties for strikes recorded before the decision, whenever it takes effect.
        for lift in facts:
            if lift.begin <= now:
                open_ = [entry for entry in open_ if not _lifts(lift, entry)]
        open_ = [entry for entry in open_ if entry[2] is None or entry[2] >= now]
        now += timedelta(days=1)
    return [state for _, state, _ in open_]


def _lifts(lift: Fact, entry: tuple[Fact, str, date | None]) -> bool:
    strike, state, _ = entry
    if lift.number < strike.number:
        return False
    if state == "blacklisted":
        return lift.kind == "listing" and lift.body["state"] in ("none", "rehabilitated")
    return lift.kind == "enforcement" and lift.body["state"] == "none"
