"""Posts on which a verdict was SHIELD or BLOCK: into the seller's log, each once.

A verdict never waits for the store: what is to be recorded is put into a queue, and one thread writes it, many in a
transaction. What makes it once, however often and from however many processes a post is checked, is the primary key of
the table `violations`. What is lost (the queue was full, the process was killed) is recorded when the post is checked
again: nothing remembers it as recorded before it is on disk.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import sqlalchemy as sa
import structlog

from fairpost.engine.dates import date_of_day
from fairpost.server import audit
from fairpost.server.registry.ciphers import POST
from fairpost.server.registry.decisions import add_strike
from fairpost.server.registry.insist import Told, insist
from fairpost.server.seldom import Seldom
from fairpost.server.store import schema
from fairpost.server.store.review_schema import reviews
from fairpost.v1 import review_pb2

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from fairpost.server.offences import Offence
    from fairpost.server.registry.core import Core
    from fairpost.server.registry.keys import Keys
    from fairpost.server.registry.ladder import Ladder
    from fairpost.server.registry.transaction import Transaction

__all__ = ["ACTOR", "Violations", "post_of", "record_violation", "review_key", "strike_for", "violation_of"]

log = structlog.get_logger(__name__)

ACTOR: Final = "filter"
"""Who records violations, in the log."""

_PART: Final = 100
"""Violations in one transaction: other writers wait no longer than that takes."""
_OVERHEAD: Final = 500
"""What a post in the queue counts for beside its characters."""
_RETRY_SECONDS: Final = 0.25
_LOG_SECONDS: Final = 5.0
_TOLD: Final = Told("violations wait for the store", "violation at fault", "violation cannot be recorded")


class _Waiting(NamedTuple):
    key: tuple[str, str]
    """Seller and post: the primary key."""
    offence: Offence
    size: int

    @property
    def decision_id(self) -> str:
        return self.offence.decision_id


class Violations:
    """Thread-safe."""

    def __init__(
        self, core: Core, *, room: int = 32_000_000, known: int = 100_000, patience_seconds: float = 0.05
    ) -> None:
        """
        Args:
            room: characters of posts that may wait for the store.
            known: posts remembered as recorded, so that the store is not asked again.
            patience_seconds: how long a batch waits, in all, for room in the queue.
        """
        self._core = core
        self._room = room
        self._most_known = known
        self._patience = patience_seconds
        self._changed = threading.Condition()
        self._waiting: deque[_Waiting] = deque()
        self._size = 0
        self._pending: set[tuple[str, str]] = set()
        self._known: dict[tuple[str, str], None] = {}
        self._open = False
        self._give_up = float("inf")
        self._warnings = Seldom(_LOG_SECONDS)
        self._writer: threading.Thread | None = None
        self.recorded = 0
        """Violations that this process has written."""
        self.lost = 0
        """Those that it could not keep; they come again when their posts are checked again."""

    @property
    def waiting(self) -> int:
        """Those that are not written yet."""
        return len(self._pending)

    # ---- the verdicts' side -----------------------------------------------------------------------------

    def record(self, offences: Iterable[Offence]) -> None:
        """Take posts to be recorded. Never fails, and waits for room no longer than `patience_seconds` in all."""
        deadline: float | None = None
        for offence in offences:
            key = (offence.seller_id, self._post_key(offence.post_id, offence.texts))
            size = sum(map(len, offence.texts)) + _OVERHEAD
            with self._changed:
                if key in self._known or key in self._pending:
                    continue
                while self._open and self._waiting and self._size + size > self._room:
                    deadline = deadline or time.monotonic() + self._patience
                    if not self._changed.wait(max(0.0, deadline - time.monotonic())):
                        break
                if key in self._known or key in self._pending:  # another thread brought it meanwhile
                    continue
                if not self._open or (self._waiting and self._size + size > self._room):
                    self._lose(1, "the queue is full" if self._open else "the recorder is closed")
                    continue
                self._pending.add(key)
                self._waiting.append(_Waiting(key, offence, size))
                self._size += size
                self._changed.notify_all()

    def is_recorded(self, seller_id: str, post_id: str, texts: Sequence[str]) -> bool:
        """Whether the post is known to be recorded, or waits for it: what saves callers the making of an Offence."""
        key = (seller_id, self._post_key(post_id, texts))
        with self._changed:
            return key in self._known or key in self._pending

    def _post_key(self, post_id: str, texts: Sequence[str]) -> str:
        return _post_key(self._core.keys, post_id, texts)

    def _lose(self, count: int, why: str) -> None:
        self.lost += count
        if self._warnings.due():
            log.warning("violations not recorded until their posts are checked again", why=why, lost=self.lost)

    # ---- the store's side -------------------------------------------------------------------------------

    def start(self) -> None:
        with self._changed:
            self._open = True
        self._writer = threading.Thread(target=self._write_all, name="registry-violations", daemon=True)
        self._writer.start()

    def close(self, seconds: float = 10.0) -> None:
        """Take nothing more, and write what waits; if the store cannot be written, try for `seconds`."""
        with self._changed:
            self._open = False
            self._give_up = time.monotonic() + seconds
            self._changed.notify_all()
        if self._writer:
            self._writer.join()
            self._writer = None

    def wait(self, seconds: float) -> bool:
        """Return True as soon as nothing waits to be written; False if it takes longer."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._pending, seconds)

    def _write_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or not self._open)
                part = [self._waiting.popleft() for _ in range(min(_PART, len(self._waiting)))]
            if not part:
                return
            written, failed = self._insist(part)
            with self._changed:
                self.recorded += written
                if failed:
                    self._lose(len(failed), "the store cannot be written")
                for waiting in part:
                    self._pending.discard(waiting.key)
                    self._size -= waiting.size
                    if waiting.key not in failed:
                        self._known[waiting.key] = None
                while len(self._known) > self._most_known:
                    del self._known[next(iter(self._known))]
                self._changed.notify_all()

    def _insist(self, part: Sequence[_Waiting]) -> tuple[int, set[Hashable]]:
        def write(some: Sequence[_Waiting]) -> int:
            with audit.acting("violations"):
                return self._core.write(lambda transaction: _append_new(transaction, some))

        return insist(self._core, part, write, self._go_on, told=_TOLD, log=log)

    def _go_on(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: time.monotonic() >= self._give_up, _RETRY_SECONDS)
            return time.monotonic() < self._give_up


def _post_key(keys: Keys, post_id: str, texts: Sequence[str]) -> str:
    if post_id and post_id.isprintable():
        return f"id:{post_id}"
    if post_id:  # PostgreSQL takes no NUL
        return f"hash:{keys.hash(b'post-id' + bytes(1) + post_id.encode()).hex()}"
    return f"text:{keys.hash(b'post-texts' + bytes(1) + json.dumps(list(texts)).encode()).hex()}"


def review_key(keys: Keys, seller_id: str, post_id: str, texts: Sequence[str]) -> bytes:
    """What makes a post one post in the queue of reviews: with other texts it is another one."""
    return keys.hash(b"review-post\0" + json.dumps([seller_id, post_id, *texts]).encode())


def record_violation(transaction: Transaction, offence: Offence, *, actor: str, reason: str) -> int:
    """Record what a person has decided, with its strike, unless the post is recorded already; gives the sequence of the
    violation. The seller is registered."""
    table = schema.violations
    key = _post_key(transaction.keys, offence.post_id, offence.texts)
    mine = (table.c.seller_id == offence.seller_id) & (table.c.post_key == key)
    found = transaction.connection.execute(sa.select(table.c.sequence).where(mine)).scalar_one_or_none()
    if found is not None:
        return int(found)
    sequence = _append(transaction, offence, actor, reason)
    transaction.connection.execute(table.insert(), _row(transaction, (offence.seller_id, key), offence, sequence))
    return sequence


def violation_of(transaction: Transaction, seller_id: str, post_id: str, texts: Sequence[str]) -> int | None:
    """Sequence of a post's violation; None if it is none."""
    table = schema.violations
    mine = (table.c.seller_id == seller_id) & (table.c.post_key == _post_key(transaction.keys, post_id, texts))
    found = transaction.connection.execute(sa.select(table.c.sequence).where(mine)).scalar_one_or_none()
    return None if found is None else int(found)


def _append_new(transaction: Transaction, part: Sequence[_Waiting]) -> int:
    """Record those that are not recorded yet, but for those that a person found to be in order; gives how many."""
    connection, table, sellers = transaction.connection, schema.violations, schema.sellers
    seller_ids = sorted({waiting.key[0] for waiting in part})
    post_keys = sorted({waiting.key[1] for waiting in part})
    query = sa.select(table.c.seller_id, table.c.post_key).where(
        table.c.seller_id.in_(seller_ids) & table.c.post_key.in_(post_keys)
    )
    there = {(row.seller_id, row.post_key) for row in connection.execute(query)}
    # Whose data were erased has no log that could grow; who is in the table beside the engine may be gone since.
    live = set(
        connection.execute(
            sa.select(sellers.c.seller_id).where(sellers.c.seller_id.in_(seller_ids), sellers.c.erased_on.is_(None))
        ).scalars()
    )
    cleared = _cleared(transaction, [waiting.offence for waiting in part])
    rows = []
    for waiting, is_cleared in zip(part, cleared, strict=True):
        if waiting.key in there or waiting.key[0] not in live or is_cleared:
            continue
        offence = waiting.offence
        reason = f"verdict {offence.action}: {', '.join(charge.category for charge in offence.charges)}"
        sequence = _append(transaction, offence, ACTOR, reason)
        rows.append(_row(transaction, waiting.key, offence, sequence))
    if rows:
        connection.execute(table.insert(), rows)
    return len(rows)


def _cleared(transaction: Transaction, offences: Sequence[Offence]) -> list[bool]:
    """Whether somebody has overturned a review of the very post."""
    keys = [review_key(transaction.keys, each.seller_id, each.post_id, each.texts) for each in offences]
    columns = reviews.c
    query = sa.select(columns.post_key).where(
        columns.post_key.in_(sorted(set(keys))), columns.state == review_pb2.REVIEW_STATE_OVERTURNED
    )
    overturned = {bytes(key) for key in transaction.connection.execute(query).scalars()}
    return [key in overturned for key in keys]


def _row(transaction: Transaction, key: tuple[str, str], offence: Offence, sequence: int) -> dict[str, Any]:
    post = json.dumps(_post(offence), ensure_ascii=False).encode()
    return {
        "seller_id": key[0],
        "post_key": key[1],
        "sequence": sequence,
        "post_cipher": POST.seal(transaction.keys, post, sequence),
        "recorded_at": transaction.now,
    }


def _append(transaction: Transaction, offence: Offence, actor: str, reason: str) -> int:
    strike = strike_for(offence, transaction.ladder)
    body = {
        "category": offence.category,
        "post_id": offence.post_id if offence.post_id.isprintable() else "",
        "rules": list(offence.rules),
        "action": offence.action,
        # It is the next event after this one.
        "strike": transaction.sequence + 2 if strike else 0,
    }
    about = {"actor": actor, "decision_id": offence.decision_id, "revision": offence.revision}
    sequence = transaction.append(
        offence.seller_id, "violation", body, reason=reason, appeal_until=transaction.appeal_until, **about
    )
    if strike:
        category, weight = strike
        cause = {"category": category, "weight": weight, "cause": sequence}
        add_strike(
            transaction, offence.seller_id, cause, effective=transaction.day, expires=None, reason=reason, **about
        )
    return sequence


def strike_for(offence: Offence, ladder: Ladder) -> tuple[str, int] | None:
    """Category and weight of the strike that a post leads to: the heaviest among its charges, of several the one with
    the highest score; None if there is none."""
    weighed = [(ladder.strike_weight(charge.action, charge.category), charge) for charge in offence.charges]
    weight, charge = max(weighed, key=lambda pair: (pair[0], pair[1].score))
    return (charge.category, weight) if weight else None


def _post(offence: Offence) -> dict[str, Any]:
    return {
        "texts": offence.texts,
        "channel": offence.channel,
        "language": offence.language,
        "created_at": offence.created_at,
        "day": date_of_day(offence.day).isoformat(),
        "revision": offence.revision,
        "rules": offence.concerned,
        "seller": offence.seller,
    }


def post_of(transaction: Transaction, sequence: int) -> dict[str, Any] | None:
    """The post of a violation as it was judged: texts, channel, language, created_at (seconds since 1970, or None),
    day, revision, rules (ids of those that led to the action), seller (his standing, as packs write it). None if it is
    not kept any more."""
    query = sa.select(schema.violations.c.post_cipher).where(schema.violations.c.sequence == sequence)
    cipher = transaction.connection.execute(query).scalar_one_or_none()
    if cipher is None:
        return None
    found: dict[str, Any] = json.loads(POST.open(transaction.keys, cipher, sequence))
    return found
