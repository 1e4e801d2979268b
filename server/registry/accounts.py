"""What one account of a person means for their others: who is on the blacklist does not leave it by a new account.

Accounts are of the same person or enterprise if the keyed hash of the identity number or the credit code is the same.
An entry that follows from another account's is a `listing` event with that one's sequence as its cause; it ends when
that one ends, and can be appealed against like any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from fairpost.engine.vocabulary import LISTING
from fairpost.server.registry.penalties import overturned, penalties_of
from fairpost.server.store import schema

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from fairpost.server.registry.records import SellerRecord
    from fairpost.server.registry.transaction import Transaction

__all__ = ["Entry", "entry_of", "recognise", "release"]

ACTOR: Final = "registry"
_BLACKLISTED: Final = LISTING.index("blacklisted")
_MOST_LOOKED_AT: Final = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """Why and for how long an account is on the blacklist. cause: sequence of the listing or the strike that put it or,
    if it only follows, the other account there."""

    cause: int
    follows: bool
    until: date | None
    review: str


def entry_of(transaction: Transaction, record: SellerRecord) -> Entry | None:
    """The account's entry today, None if it is not on the blacklist."""
    gone = overturned(record.events)
    ordered = sorted(
        (event for event in record.events if event.sequence not in gone),
        key=lambda event: (event.effective, event.sequence),
    )
    day = transaction.day
    listings = [event for event in ordered if event.kind == "listing" and event.in_force_on(day)]
    if listings and (last := listings[-1]).body["state"] == "blacklisted":
        cause = last.body.get("cause", last.sequence)
        return Entry(cause, "cause" in last.body, last.expires, last.body.get("review", ""))
    for penalty in penalties_of(ordered, transaction.ladders_of(record)):
        if penalty.state == "blacklisted" and penalty.in_force_on(day):
            return Entry(penalty.strike, False, penalty.until, "")
    return None


def recognise(transaction: Transaction, seller_ids: Sequence[str]) -> list[str]:
    """Blacklist those of the accounts, new ones or with a new number, whose person is blacklisted under another one;
    gives them."""
    found: dict[str, list[str]] = {}
    for mine, other in _listed_others(transaction, seller_ids):
        found.setdefault(mine, []).append(other)
    listed = []
    for seller_id, others in found.items():
        record = transaction.record(seller_id)
        if entry_of(transaction, record) is not None:
            continue
        # The account's own entry rather than one that follows from it. An enterprise may have hundreds of accounts.
        entries: list[Entry] = []
        for other in others[:_MOST_LOOKED_AT]:
            if entry := entry_of(transaction, transaction.record(other)):
                entries.append(entry)
                if not entry.follows:
                    break
        entries.sort(key=lambda entry: (entry.follows, entry.cause))
        if not entries or _decided_before(record, entries[0].cause):
            continue
        _append(transaction, seller_id, entries[0])
        listed.append(seller_id)
    return listed


def release(transaction: Transaction, seller_id: str) -> list[str]:
    """Take the accounts off the blacklist whose entry followed from this one's, which has ended; gives them."""
    record = transaction.record(seller_id)
    if entry_of(transaction, record) is not None:
        return []
    own = {event.sequence for event in record.events}
    listings = [event.body["state"] for event in record.events if event.kind == "listing"]
    state = "rehabilitated" if listings and listings[-1] == "rehabilitated" else "none"
    released = []
    for _, other in _listed_others(transaction, [seller_id]):
        entry = entry_of(transaction, transaction.record(other))
        if entry is None or not entry.follows or entry.cause not in own:
            continue
        body = {"state": state, "cause": entry.cause}
        reason = f"event {entry.cause} of another account, from which the entry followed, is no longer in force"
        transaction.append(other, "listing", body, actor=ACTOR, reason=reason)
        released.append(other)
    return released


def _append(transaction: Transaction, seller_id: str, entry: Entry) -> None:
    body: dict[str, Any] = {"state": "blacklisted", "cause": entry.cause}
    if entry.review:
        body["review"] = entry.review
    elif entry.until is None:
        body["permanent"] = True
    transaction.append(
        seller_id,
        "listing",
        body,
        actor=ACTOR,
        reason=f"the same identity number or credit code as an account that is blacklisted by event {entry.cause}",
        expires=entry.until,
        appeal_until=transaction.appeal_until,
    )


def _decided_before(record: SellerRecord, cause: int) -> bool:
    """Whether the account was listed for this cause before: what ended that entry, an appeal say, stands."""
    return any(event.kind == "listing" and event.body.get("cause") == cause for event in record.events)


def _listed_others(transaction: Transaction, seller_ids: Sequence[str]) -> list[tuple[str, str]]:
    """(account, other account of the same person that is blacklisted, or may be today)."""
    values = {"ids": list(seller_ids), "day": transaction.day}
    found = [row for query in _queries() for row in transaction.connection.execute(query, values)]
    return sorted({(mine, other) for mine, other in found})


@cache
def _queries() -> tuple[sa.Select[Any], sa.Select[Any]]:
    """By identity number and by credit code. Made once: every alias copies the columns of its table."""
    sellers, others = schema.sellers.alias("mine"), schema.sellers.alias("theirs")
    numbers, same = schema.persons.alias("number"), schema.persons.alias("same")
    ids: sa.BindParameter[Any] = sa.bindparam("ids", expanding=True)
    # `listing` is as of the last time it was derived; on the turn of a day it may not be of today yet.
    listed = (others.c.listing == _BLACKLISTED) | (others.c.next_change <= sa.bindparam("day", type_=sa.Date))
    by_number = (
        sa.select(numbers.c.seller_id, others.c.seller_id)
        .join_from(numbers, same, same.c.number_hash == numbers.c.number_hash)
        .join(others, others.c.seller_id == same.c.seller_id)
        .where(numbers.c.seller_id.in_(ids), others.c.seller_id != numbers.c.seller_id, listed)
    )
    by_code = (
        sa.select(sellers.c.seller_id, others.c.seller_id)
        .join_from(sellers, others, others.c.credit_code == sellers.c.credit_code)
        .where(sellers.c.seller_id.in_(ids), others.c.seller_id != sellers.c.seller_id, listed)
    )
    return by_number, by_code
