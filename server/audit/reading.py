"""The audit log read: entry by entry, and whether the chain holds."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from fairpost.server.audit.chain import Entry
from fairpost.server.store import schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fairpost.server.store import Store

__all__ = ["Verified", "entries", "line", "verify"]

_PART: Final = 5_000
_FAULTS: Final = 100


@dataclass
class Verified:
    """What was found. head: sequence and hash of the last entry as the store notes it; faults: the first hundred."""

    entries: int = 0
    head: tuple[int, str] = (0, "")
    faults: list[str] = field(default_factory=list)
    fault_count: int = 0

    def add(self, fault: str) -> None:
        self.fault_count += 1
        if len(self.faults) < _FAULTS:
            self.faults.append(fault)


def entries(connection: sa.Connection, *conditions: sa.ColumnElement[bool], newest: int = 0) -> Iterator[Entry]:
    """Entries that meet the conditions, oldest first; newest: only the last so many of them."""
    table = schema.audit
    after: int | None = None
    if newest:
        found = sa.select(table).where(*conditions).order_by(table.c.sequence.desc()).limit(newest)
        yield from (Entry(*row) for row in reversed(connection.execute(found).all()))
        return
    while True:
        query = sa.select(table).where(*conditions).order_by(table.c.sequence).limit(_PART)
        if after is not None:
            query = query.where(table.c.sequence > after)
        rows = connection.execute(query).all()
        yield from (Entry(*row) for row in rows)
        if len(rows) < _PART:
            return
        after = rows[-1].sequence


def line(entry: Entry, store_id: str) -> str:
    """An entry as a line of JSON, with all that its hash is made of."""
    content: dict[str, Any] = {"store": store_id} | entry._asdict()
    content |= {"previous": entry.previous.hex(), "hash": entry.hash.hex()}
    return json.dumps(content, ensure_ascii=True)


def verify(
    store: Store,
    *,
    noted: Iterable[tuple[int, str]] = (),
    after_part: Callable[[int], None] = lambda count: None,
) -> Verified:
    """Whether every entry has the hash of its content and follows the one before, and the last is the head's.

    Args:
        noted: sequences and hashes (hex) that were noted earlier: they must still be those.
        after_part: is called with the number of entries seen so far.

    Raises:
        Unavailable: the store cannot be read.
    """
    verified = Verified()
    wanted = dict(noted)
    with store.read() as connection:
        head = connection.execute(sa.select(schema.head.c.audit_sequence, schema.head.c.audit_hash)).one()
        verified.head = head.audit_sequence, (head.audit_hash or b"").hex()
        last: Entry | None = None
        for entry in entries(connection):
            _compare(verified, store.store_id, last, entry)
            if entry.sequence in wanted and wanted.pop(entry.sequence) != entry.hash.hex():
                verified.add(
                    f"entry {entry.sequence} is not the one that was noted: the log was written anew up to there"
                )
            verified.entries += 1
            if verified.entries % _PART == 0:
                after_part(verified.entries)
            last = entry
    _compare_end(verified, last)
    for sequence in sorted(wanted):
        verified.add(f"entry {sequence}, which was noted, is not there")
    return verified


def _compare(verified: Verified, store_id: str, last: Entry | None, entry: Entry) -> None:
    number, expected = entry.sequence, last.sequence + 1 if last else 1
    if number < expected:
        verified.add(f"entry {number} was inserted: entries begin with 1")
        return
    if number > expected:
        verified.add(f"{_range(expected, number - 1)} missing: removed")
    if entry.hash != entry.expected_hash(store_id):
        verified.add(f"entry {number} was changed: its hash is not that of its content")
    if number == expected and entry.previous != (last.hash if last else b""):
        before = f"entry {number - 1}" if last else "the beginning"
        verified.add(
            f"entry {number} does not follow {before}: the one before it, or it itself, was inserted or written anew"
        )


def _compare_end(verified: Verified, last: Entry | None) -> None:
    head, hash_ = verified.head
    end = last.sequence if last else 0
    if end < head:
        verified.add(f"{_range(end + 1, head)} missing: removed at the end")
    elif end > head:
        verified.add(f"what follows entry {head} was inserted: that is the last one that was written")
    elif last is not None and last.hash.hex() != hash_:
        verified.add(f"entry {end} is not the last one that was written: it was inserted or written anew")


def _range(first: int, last: int) -> str:
    return f"entry {first} is" if first == last else f"entries {first} to {last} are"
