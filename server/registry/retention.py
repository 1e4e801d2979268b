"""What is kept no longer than its term: a job that erases it, and says how much of what.

answers     answered requests, after the days of `answer_days`
posts       texts of violations, when no appeal against them is possible or pending any more
consumers   what a complaint has of the consumer, and what was said in it, three years after it ended
archives    blocked data of erased persons, when the law's term has ended
hashes      by which an erased person is recognised, once they are no longer blacklisted
persons     the data of persons who stay blacklisted beyond the term; the hash of their number stays
records     the whole record of a seller three years after it was closed, log included. What stays is the id, that
            it was closed, and when: the id is not given out again, and copies of the standings stay right
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import sqlalchemy as sa

from fairpost.engine.vocabulary import LISTING, REGISTRATION
from fairpost.server.registry.erasure import YEARS_KEPT, erase_person
from fairpost.server.store import now_ms, schema
from fairpost.server.store.review_schema import reviews
from fairpost.v1 import appeal_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from fairpost.server.registry.core import Core
    from fairpost.server.registry.transaction import Transaction

__all__ = ["ACTOR", "due", "part"]

ACTOR: Final = "retention"
"""Who erases, in the log."""
_MOST: Final = 200
"""Rows or sellers in one transaction."""
_DAY_MS: Final = 86_400_000
_LISTED: Final = LISTING.index("blacklisted")
_CLOSED: Final = REGISTRATION.index("closed")


class _Step(NamedTuple):
    """find: keys of what is to be erased; each is erased for good, so that none is found again."""

    find: Callable[[Core], sa.Select[Any]]
    erase: Callable[[Transaction, Sequence[Any]], None]


def due(core: Core) -> bool:
    """Whether there is anything to erase: reads alone."""
    return any(_any(core, step) for step in _STEPS.values())


def part(core: Core) -> tuple[Counter[str], bool]:
    """Some of each; gives how much, by name, and whether there may be more.

    Raises:
        ServiceError: of the store; what was done so far stays.
    """
    counts: Counter[str] = Counter()
    for name, step in _STEPS.items():
        if _any(core, step):
            counts[name] = core.write(lambda transaction, name=name: _erase(transaction, core, name))  # type: ignore[misc]
    more = _MOST in counts.values()
    if counts and not more:
        core.store.scrub()
    return +counts, more


def _any(core: Core, step: _Step) -> bool:
    return core.store.has(step.find(core))


def _erase(transaction: Transaction, core: Core, name: str) -> int:
    step = _STEPS[name]
    found = transaction.connection.execute(step.find(core).limit(_MOST)).all()
    step.erase(transaction, found)
    if found:
        transaction.note(f"{len(found)} {name} erased")
    return len(found)


def _ended_before(day: date) -> date:
    """Terms of three years that began before this day have ended before `day`."""
    try:
        return day.replace(year=day.year - YEARS_KEPT)
    except ValueError:  # 29 February
        return day.replace(year=day.year - YEARS_KEPT, month=3, day=1)


# ---- rows -----------------------------------------------------------------------------------------------


def _old_answers(core: Core) -> sa.Select[Any]:
    table = schema.requests
    return sa.select(table.c.request_id).where(table.c.recorded_at < now_ms() - core.answer_days * _DAY_MS)


def _erase_answers(transaction: Transaction, found: Sequence[Any]) -> None:
    table = schema.requests
    transaction.connection.execute(sa.delete(table).where(table.c.request_id.in_([row.request_id for row in found])))


def _old_posts(core: Core) -> sa.Select[Any]:
    table, events, appeals = schema.violations, schema.events, schema.appeals
    pending = sa.exists().where(
        appeals.c.seller_id == table.c.seller_id, appeals.c.state == appeal_pb2.APPEAL_STATE_FILED
    )
    return (
        sa.select(table.c.sequence)
        .join(events, events.c.sequence == table.c.sequence)
        .where(table.c.post_cipher.is_not(None), events.c.appeal_until < core.today(), ~pending)
    )


def _erase_posts(transaction: Transaction, found: Sequence[Any]) -> None:
    table = schema.violations
    mine = table.c.sequence.in_([row.sequence for row in found])
    transaction.connection.execute(sa.update(table).where(mine), {"post_cipher": None})


def _old_complaints(core: Core) -> sa.Select[Any]:
    table = schema.complaints
    return sa.select(table.c.complaint_id).where(
        table.c.ended_on < _ended_before(core.today()), table.c.consumer_id != ""
    )


def _erase_complaints(transaction: Transaction, found: Sequence[Any]) -> None:
    table = schema.complaints
    values: dict[str, Any] = {"consumer_id": "", "statement_cipher": None, "contact_cipher": None, "evidence": []}
    values |= {"order_id": "", "answer": "", "resolution": ""}
    mine = table.c.complaint_id.in_([row.complaint_id for row in found])
    transaction.connection.execute(sa.update(table).where(mine), values)


# ---- sellers --------------------------------------------------------------------------------------------


def _old_archives(core: Core) -> sa.Select[Any]:
    table = schema.archives
    return sa.select(table.c.seller_id).where(table.c.kept_until < core.today())


def _erase_archives(transaction: Transaction, found: Sequence[Any]) -> None:
    table = schema.archives
    for row in found:
        transaction.connection.execute(sa.delete(table).where(table.c.seller_id == row.seller_id))
        _append(transaction, row.seller_id, ["blocked data"], "the term for keeping them has ended")


def _old_hashes(core: Core) -> sa.Select[Any]:
    table, people = schema.sellers, schema.persons
    return (
        sa.select(table.c.seller_id)
        .outerjoin(people)
        .where(
            table.c.erased_on.is_not(None),
            table.c.listing != _LISTED,
            people.c.number_hash.is_not(None) | table.c.credit_code.is_not(None),
        )
    )


def _erase_hashes(transaction: Transaction, found: Sequence[Any]) -> None:
    table, people = schema.sellers, schema.persons
    for row in found:
        connection, seller_id = transaction.connection, row.seller_id
        connection.execute(sa.update(people).where(people.c.seller_id == seller_id), {"number_hash": None})
        connection.execute(sa.update(table).where(table.c.seller_id == seller_id), {"credit_code": None})
        _append(transaction, seller_id, ["hash of the number"], "the person is no longer blacklisted")


def _old_persons(core: Core) -> sa.Select[Any]:
    table = schema.sellers
    return sa.select(table.c.seller_id).where(
        table.c.closed_on < _ended_before(core.today()),
        table.c.registration == _CLOSED,
        table.c.erased_on.is_(None),
        table.c.listing == _LISTED,
    )


def _erase_persons(transaction: Transaction, found: Sequence[Any]) -> None:
    for row in found:
        record, standing = transaction.settle(row.seller_id)
        reason = "the term for keeping the record has ended"
        erase_person(transaction, record, standing, None, actor=ACTOR, reason=reason)


def _old_records(core: Core) -> sa.Select[Any]:
    table, complaints, appeals = schema.sellers, schema.complaints, schema.appeals
    before = _ended_before(core.today())
    # A complaint has a term of its own, and somebody may still work on it.
    running = sa.exists().where(
        complaints.c.seller_id == table.c.seller_id,
        complaints.c.ended_on.is_(None) | (complaints.c.ended_on >= before),
    )
    pending = sa.exists().where(
        appeals.c.seller_id == table.c.seller_id, appeals.c.state == appeal_pb2.APPEAL_STATE_FILED
    )
    return sa.select(table.c.seller_id).where(
        table.c.closed_on < before,
        table.c.registration == _CLOSED,
        table.c.listing != _LISTED,
        table.c.purged_on.is_(None),
        ~running,
        ~pending,
    )


def _erase_records(transaction: Transaction, found: Sequence[Any]) -> None:
    connection, day = transaction.connection, transaction.day
    sellers = schema.sellers
    for row in found:
        seller_id = row.seller_id
        record = transaction.record(seller_id)
        mine = sellers.c.seller_id == seller_id
        # Events can be removed only of sellers who are marked as erased.
        blank: dict[str, Any] = {"name": "", "credit_code": None, "exempt_reason": None, "categories": []}
        blank |= {"erased_on": record.erased_on or day, "purged_on": day}
        connection.execute(sa.update(sellers).where(mine), blank)
        for table in (
            schema.archives,
            schema.persons,
            schema.licences,
            schema.violations,
            schema.appeals,
            schema.complaints,
            schema.acknowledgements,
            reviews,
            schema.requests,
            schema.events,
        ):
            connection.execute(sa.delete(table).where(table.c.seller_id == seller_id))
        # The log tells all there is, now as before: that the seller was closed, and when.
        body = {"state": "closed", "kind": record.kind, "categories": [], "licences": []}
        reason = "the record was closed; all else was erased at the end of the term for keeping it"
        transaction.append(seller_id, "registration", body, actor=ACTOR, reason=reason, effective=record.closed_on)
        _append(transaction, seller_id, ["all"], "the term for keeping the record has ended")


def _append(transaction: Transaction, seller_id: str, fields: list[str], reason: str) -> None:
    transaction.append(seller_id, "erasure", {"fields": fields}, actor=ACTOR, reason=reason)


_STEPS: Final[dict[str, _Step]] = {
    "answers": _Step(_old_answers, _erase_answers),
    "posts": _Step(_old_posts, _erase_posts),
    "consumers": _Step(_old_complaints, _erase_complaints),
    "archives": _Step(_old_archives, _erase_archives),
    "hashes": _Step(_old_hashes, _erase_hashes),
    "persons": _Step(_old_persons, _erase_persons),
    "records": _Step(_old_records, _erase_records),
}
