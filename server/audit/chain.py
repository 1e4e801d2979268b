"""Entries of the audit log, and how they are chained.

    hash = SHA-256(canonical form), and the canonical form is JSON in ASCII, without spaces:
    [store id, sequence, time in ms, actor, method, peer, digest, subject, outcome, hash of the entry before in hex]

The store's id is in it, so that entries of another store do not fit; the hash before, so that none can be changed,
removed or put in without changing all that follow. Who can write to the database can make all of them anew: against
that only a hash that was noted elsewhere helps (`fairpost audit verify` prints the last one, and compares with one).
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import sqlalchemy as sa

from fairpost.server.audit.caller import Caller, current
from fairpost.server.store import now_ms, schema

if TYPE_CHECKING:
    from fairpost.server.store import Store

__all__ = ["OK", "Entry", "append", "record", "seal"]

OK: Final = "OK"
_WIDTHS: Final = {
    name: int(schema.audit.c[name].type.length or 0)  # type: ignore[attr-defined]
    for name in ("actor", "method", "peer", "subject", "outcome")
}


class Entry(NamedTuple):
    """A row of `audit`. digest: in hex, keyed where the request may hold personal data, "" where there was none;
    outcome: "OK", "BEGUN" or the name of a Reason; previous: b"" in the first."""

    sequence: int
    at: int
    actor: str
    method: str
    peer: str
    digest: str
    subject: str
    outcome: str
    previous: bytes
    hash: bytes = b""

    def canonical(self, store_id: str) -> bytes:
        """What is hashed."""
        return json.dumps([store_id, *self[:8], self.previous.hex()], separators=(",", ":")).encode("ascii")

    def expected_hash(self, store_id: str) -> bytes:
        return hashlib.sha256(self.canonical(store_id)).digest()


def seal(
    store_id: str,
    last: tuple[int, bytes],
    *,
    caller: Caller,
    subject: str,
    method: str = "",
    digest: str = "",
    outcome: str = OK,
    at: int | None = None,
) -> Entry:
    """The entry after the `last` one, given by sequence and hash. method: what it was if the caller does not say."""
    texts = {
        "actor": caller.actor,
        "method": caller.method or method,
        "peer": caller.peer,
        "subject": subject,
        "outcome": outcome,
    }
    # PostgreSQL takes no NUL and no lone surrogate, and the columns have widths; nobody's call may fail for that.
    cut = {name: _plain(text)[: _WIDTHS[name]] for name, text in texts.items()}
    entry = Entry(
        sequence=last[0] + 1,
        at=now_ms() if at is None else at,
        actor=cut["actor"],
        method=cut["method"],
        peer=cut["peer"],
        digest=digest,
        subject=cut["subject"],
        outcome=cut["outcome"],
        previous=last[1],
    )
    return entry._replace(hash=entry.expected_hash(store_id))


def append(connection: sa.Connection, store_id: str, *, subject: str, **rest: Any) -> Entry:
    """One entry, in a transaction of `Store.write`, which holds `head`. rest: as `seal` takes them; the caller is
    whoever is served here, unless given."""
    head = schema.head.c
    last = connection.execute(sa.select(head.audit_sequence, head.audit_hash)).one()
    caller = rest.pop("caller", None) or current()
    entry = seal(store_id, (last.audit_sequence, last.audit_hash or b""), caller=caller, subject=subject, **rest)
    connection.execute(schema.audit.insert(), entry._asdict())
    connection.execute(sa.update(schema.head), {"audit_sequence": entry.sequence, "audit_hash": entry.hash})
    return entry


def record(store: Store, *, subject: str, **rest: Any) -> Entry:
    """One entry in a transaction of its own, for changes that are not in the store.

    Raises:
        Unavailable, Aborted: it cannot be written.
    """
    with store.write() as connection:
        return append(connection, store.store_id, subject=subject, **rest)


def _plain(text: str) -> str:
    return text if text.isascii() and text.isprintable() else text.encode("unicode_escape").decode()
