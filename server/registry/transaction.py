"""One write: events are appended, what follows from them is derived, and both are committed together."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from fairpost.server import audit
from fairpost.server.audit import chain
from fairpost.server.errors import Aborted
from fairpost.server.messages import entry_digest
from fairpost.server.registry import log
from fairpost.server.registry.standing import Standing, derive
from fairpost.server.store import schema
from fairpost.v1 import reason_pb2

if TYPE_CHECKING:
    from datetime import date

    from fairpost.server.registry.keys import Keys
    from fairpost.server.registry.ladder import Ladder
    from fairpost.server.registry.records import SellerRecord

__all__ = ["Transaction", "derived_columns", "expect_version"]

_MODULUS = 1 << 128
_BLANK: dict[str, Any] = {
    "expires": None,
    "evidence": "",
    "appeal_until": None,
    "decision_id": "",
    "revision": "",
}


class Transaction:
    """Made inside `Store.write`. Whoever appends an event to a seller's log calls `settle` for them before the end,
    or leaves it to `finish`."""

    def __init__(
        self,
        connection: sa.Connection,
        keys: Keys,
        ladder: Ladder,
        day: date,
        ladders: dict[str, Ladder],
        *,
        store_id: str,
        now: int,
        method: str = "",
    ) -> None:
        self.connection = connection
        self.keys = keys
        self.ladder = ladder
        self.day = day
        self.now = now
        self.changed: dict[str, bytes] = {}
        """Packed standings of the sellers settled so far."""
        self.digest = ""
        """Keyed hash of the request, in hex, for the audit log."""
        self._store_id = store_id
        self._method = method
        self._notes: list[str] = []
        row = connection.execute(sa.select(schema.head)).one()
        self._last_entry = int(row.audit_sequence), row.audit_hash or b""
        if row.key_id not in ("", keys.active):
            keys.use(row.key_id)
        self.first = self.sequence = int(row.sequence)
        self._checksum = int.from_bytes(row.checksum, "little")
        self.known_ladders = ladders
        self._open: dict[str, None] = {}

    def append(self, seller_id: str, kind: str, body: dict[str, Any], *, actor: str, reason: str, **rest: Any) -> int:
        """One event; gives its sequence. `rest`: fields of EventRecord; effective is today unless given."""
        row = self.event(seller_id, kind, body, actor=actor, reason=reason, **rest)
        self.connection.execute(schema.events.insert(), row)
        self._open[seller_id] = None
        return self.sequence

    def event(
        self, seller_id: str, kind: str, body: dict[str, Any], *, actor: str, reason: str, **rest: Any
    ) -> dict[str, Any]:
        """The row of an event, with the next sequence, for callers that write many at once."""
        sequence = self.take_sequence()
        row = _BLANK | {"effective": self.day} | rest
        row |= {"sequence": sequence, "seller_id": seller_id, "kind": kind, "body": body}
        return row | {"actor": actor, "reason": reason, "recorded_at": self.now}

    def take_sequence(self) -> int:
        """The next sequence, for an event or for what else stands in the log."""
        self.sequence += 1
        return self.sequence

    def record(self, seller_id: str) -> SellerRecord:
        """The seller as written so far.

        Raises:
            NotFound: there is none.
        """
        return log.existing(self.connection, seller_id)

    def settle(self, seller_id: str) -> tuple[SellerRecord, Standing]:
        """Derive how the seller stands now, and store it."""
        record = self.record(seller_id)
        standing = derive(record, self.day, self.ladders_of(record))
        packed = standing.packed()
        digest = entry_digest(seller_id, packed)
        table = schema.sellers
        mine = table.c.seller_id == seller_id
        before = self.connection.execute(sa.select(table.c.digest).where(mine)).scalar_one()
        version = record.events[-1].sequence if record.events else record.version
        self.connection.execute(
            sa.update(table).where(mine), derived_columns(standing, packed, digest, self.day) | {"version": version}
        )
        self.stands(seller_id, packed, before, digest)
        self._open.pop(seller_id, None)
        # What was derived is all that has changed; loading a long log again would cost as much as deriving.
        return replace(record, version=version, closed_on=standing.closed_on), standing

    def stands(self, seller_id: str, packed: bytes, before: bytes, digest: bytes) -> None:
        """A seller stands as `packed` from now on; before, digest: their part of the checksum until now and then."""
        self._checksum += int.from_bytes(digest, "little") - int.from_bytes(before, "little")
        self.changed[seller_id] = packed

    def ladders_of(self, record: SellerRecord) -> dict[str, Ladder]:
        named = {event.body.get("ladder", "") for event in record.events if event.kind == "strike"} - {""}
        if not named <= self.known_ladders.keys():
            self.known_ladders = log.ladders(self.connection)
        return self.known_ladders

    @property
    def appeal_until(self) -> date:
        """Last day on which an appeal may be filed against what is decided in this transaction."""
        return self.day + timedelta(days=self.ladder.appeal_days)

    def use_ladder(self) -> str:
        """Revision of the ladder in force, which is stored when a strike first names it."""
        revision = self.ladder.revision
        if revision not in self.known_ladders:
            known = log.ladders(self.connection)
            if revision not in known:
                row = {"revision": revision, "content": self.ladder.content, "recorded_at": self.now}
                self.connection.execute(schema.ladders.insert(), row)
                known[revision] = self.ladder
            self.known_ladders = known
        return revision

    def note(self, subject: str) -> None:
        """Say in the audit log what was changed, where no event tells it. No personal data, no seller's id."""
        self._notes.append(subject)

    def finish(self) -> None:
        """Settle whoever is not settled yet, write the audit log's entry, and move `head`. The last thing before the
        commit: nothing is changed without its entry, and no entry is there without the change."""
        for seller_id in list(self._open):
            self.settle(seller_id)
        if self.sequence == self.first and not self.changed and not self._notes:
            return
        entry = chain.seal(
            self._store_id,
            self._last_entry,
            caller=audit.current(),
            method=self._method,
            digest=self.digest,
            subject=self._subject(),
            at=self.now,
        )
        self.connection.execute(schema.audit.insert(), entry._asdict())
        checksum = (self._checksum % _MODULUS).to_bytes(16, "little")
        values = {"sequence": self.sequence, "checksum": checksum, "key_id": self.keys.active}
        values |= {"audit_sequence": entry.sequence, "audit_hash": entry.hash}
        self.connection.execute(sa.update(schema.head), values)

    def _subject(self) -> str:
        parts = list(self._notes)
        if self.sequence > self.first + 1:
            parts.insert(0, f"events {self.first + 1}-{self.sequence}")
        elif self.sequence > self.first:
            parts.insert(0, f"event {self.sequence}")
        elif not parts:
            parts.append(f"standings of {len(self.changed)}")
        return "; ".join(parts)


def derived_columns(standing: Standing, packed: bytes, digest: bytes, day: date) -> dict[str, Any]:
    """The columns of `sellers` that follow from the log."""
    return {
        "standing": packed,
        "standing_day": day,
        "registration": standing.registration,
        "enforcement": standing.enforcement,
        "listing": standing.listing,
        "next_change": standing.next_change,
        "closed_on": standing.closed_on,
        "digest": digest,
    }


def expect_version(what: str, found: int, expected: int) -> None:
    """
    Raises:
        Aborted: `expected` is given and is not `found`: somebody else was first.
    """
    if expected and expected != found:
        raise Aborted(
            reason_pb2.REASON_CONFLICT,
            f"expected_version: {what} is at version {found}, not {expected}: somebody else has changed it meanwhile; "
            "read it again, and repeat the request if it still makes sense",
            metadata={"version": str(found)},
        )
