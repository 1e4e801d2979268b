"""From calls into the queue: each post once, and no call waits.

A call puts what it hands over into memory, where it has room; else it is lost, and counted. A thread takes it from
there, many in a transaction, and uses no more than a share of a core: it holds the interpreter's lock while it works,
and calls wait for that. What makes it once, from however many processes and however often, is the unique key of the
table. What is lost is queued when the post is checked again: nothing remembers it as queued before it is on disk.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
import structlog

from fairpost.server import audit
from fairpost.server.errors import ServiceError
from fairpost.server.giving_way import giving_way
from fairpost.server.registry.insist import Told, insist
from fairpost.server.reviews import rows
from fairpost.server.reviews.judging import HandedOver, entry_of, kept_posts
from fairpost.server.seldom import Seldom
from fairpost.server.store import schema
from fairpost.server.store.review_schema import review_rules, reviews

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from fairpost.engine import RuleSet
    from fairpost.engine.offending import Held
    from fairpost.server.registry.core import Core
    from fairpost.server.registry.reviewed_posts import KeptPost
    from fairpost.server.registry.transaction import Transaction
    from fairpost.server.reviews.judging import Entry

__all__ = ["Intake"]

log = structlog.get_logger(__name__)

_PART: Final = 50
"""Posts in one transaction: other writers wait no longer than that takes."""
_OVERHEAD: Final = 600
"""What a post in memory counts for beside its bytes."""
_POLL_SECONDS: Final = 0.05
"""Nobody is woken up for a post: that would cost the call more than handing it over."""
_RETRY_SECONDS: Final = 0.25
_LOG_SECONDS: Final = 5.0
_TOLD: Final = Told(
    "posts for review wait for the store", "post for review at fault", "post cannot be queued for review"
)


class Intake:
    """Thread-safe.

    Args:
        room: bytes that may wait for the store.
        known: posts remembered as queued, so that the store is not asked again.
        share: of one core's time that is taken at most, 0 to 1.
        most_pending: reviews that may wait for a decision.
        unavailable_as_not_found: what a post was judged as whose seller the registry could not tell.
    """

    def __init__(
        self,
        core: Core,
        *,
        room: int = 16_000_000,
        known: int = 100_000,
        share: float = 0.1,
        most_pending: int = 100_000,
        unavailable_as_not_found: bool = False,
    ) -> None:
        self._core = core
        self._room = room
        self._most_known = known
        self._share = share
        self._most_pending = most_pending
        self._policy = unavailable_as_not_found
        self._lock = threading.Lock()
        self._waiting: deque[HandedOver] = deque()
        self._size = 0
        self._known: dict[bytes, None] = {}
        self._open = False
        self._stop = threading.Event()
        self._idle = threading.Event()
        self._give_up = float("inf")
        self._warnings = Seldom(_LOG_SECONDS)
        self._thread: threading.Thread | None = None
        self.queued = 0
        """Posts that this process has put into the queue."""
        self.lost = 0
        """Those that it had no room for, or could not write; they come again when they are checked again."""

    @property
    def waiting(self) -> int:
        """Those that are not looked at yet; some may be in the queue already."""
        return len(self._waiting)

    # ---- the calls' side --------------------------------------------------------------------------------

    def take(self, rule_set: RuleSet, handed: Iterable[tuple[bytes, bool, Held]]) -> None:
        """Take posts: each as bytes, whether they are those of a whole CheckPostRequest, and what the engine tells of
        it. Never fails, never waits."""
        lost = 0
        with self._lock:
            for content, is_request, held in handed:
                size = len(content) + _OVERHEAD
                if self._open and self._size + size <= self._room:
                    self._size += size
                    self._waiting.append(HandedOver(rule_set, content, is_request, held))
                    self._idle.clear()
                else:
                    lost += 1
        if lost:
            self._lose(lost, "no room" if self._open else "the server stops")

    def _lose(self, count: int, why: str) -> None:
        with self._lock:
            self.lost += count
        if self._warnings.due():
            log.warning("posts not queued for review until they are checked again", why=why, lost=self.lost)

    # ---- the store's side -------------------------------------------------------------------------------

    def start(self) -> None:
        self._open = True
        self._idle.set()
        self._thread = threading.Thread(target=self._run, name="review-intake", daemon=True)
        self._thread.start()

    def close(self, seconds: float = 10.0) -> None:
        """Take nothing more, and write what waits, for `seconds` at most."""
        with self._lock:
            self._open = False
        self._give_up = time.monotonic() + seconds
        self._stop.set()
        if self._thread:
            self._thread.join()
            self._thread = None

    def wait(self, seconds: float) -> bool:
        """Return True as soon as nothing waits; False if it takes longer."""
        return self._idle.wait(seconds)

    def _run(self) -> None:
        while True:
            stopping = self._stop.is_set()
            began, used = time.monotonic(), time.thread_time()
            part = self._part()
            if part:
                self._look_at(part)
            with self._lock:
                self._size -= sum(len(handed.content) + _OVERHEAD for handed in part)
                if not self._waiting:
                    self._idle.set()
            if stopping:
                if not self._waiting:
                    return
                if time.monotonic() >= self._give_up:
                    self._lose(len(self._waiting), "the store cannot be written")
                    return
                continue
            rest = (time.thread_time() - used) / self._share - (time.monotonic() - began)
            self._stop.wait(max(rest, 0.0 if self._waiting else _POLL_SECONDS))

    def _part(self) -> list[HandedOver]:
        with self._lock:
            return [self._waiting.popleft() for _ in range(min(_PART, len(self._waiting)))]

    def _look_at(self, part: Sequence[HandedOver]) -> None:
        fresh: dict[bytes, Entry] = {}
        with giving_way():
            for handed in part:
                try:
                    entry = entry_of(handed, self._core.keys)
                except Exception:
                    # The same bytes were read by the call: not to understand them is a fault of ours.
                    log.exception("post for review at fault", decision_id=handed.held.decision_id)
                    self._lose(1, "at fault")
                    continue
                if entry.key not in self._known:
                    fresh.setdefault(entry.key, entry)
        if not fresh:
            return
        entries = list(fresh.values())
        try:
            room = self._pending_room(len(entries))
        except ServiceError:
            room = len(entries)  # `_insist` waits for the store
        if room < len(entries):
            # Not known, so they are looked at again when their posts are checked again.
            for entry in entries[room:]:
                del fresh[entry.key]
            self._lose(len(entries) - room, "too many wait for a decision")
        written, failed = self._insist(entries[:room]) if room else (0, set())
        with self._lock:
            self.queued += written
        if failed:
            self._lose(len(failed), "the store cannot be written")
        for key in fresh:
            if key not in failed:
                self._known[key] = None
        while len(self._known) > self._most_known:
            del self._known[next(iter(self._known))]

    def _pending_room(self, wanted: int) -> int:
        """How many of so many posts may be added to those that wait for a decision.

        Raises:
            Unavailable: the store cannot be read.
        """
        pending = sa.select(reviews.c.queued).where(reviews.c.state == rows.PENDING).limit(self._most_pending)
        with self._core.store.read() as connection:
            count = connection.execute(sa.select(sa.func.count()).select_from(pending.subquery())).scalar_one()
        return min(wanted, self._most_pending - int(count))

    def _insist(self, entries: Sequence[Entry]) -> tuple[int, set[Hashable]]:
        def write(some: Sequence[Entry]) -> int:
            with audit.acting("reviews"):
                return self._write_part(some)

        return insist(self._core, entries, write, self._go_on, told=_TOLD, log=log)

    def _go_on(self) -> bool:
        self._stop.wait(_RETRY_SECONDS)
        if time.monotonic() >= self._give_up:
            return False
        if self._stop.is_set():
            time.sleep(_RETRY_SECONDS)
        return True

    def _write_part(self, entries: Sequence[Entry]) -> int:
        with self._core.store.read() as connection:
            there = _there(connection, entries)
        new = [entry for entry in entries if entry.key not in there]
        if not new:
            return 0
        # Judged before the transaction, which keeps others from writing.
        kept: list[tuple[Entry, KeptPost]] = []
        with giving_way():
            for _, group in groupby(sorted(new, key=_by_rule_set), key=_by_rule_set):
                mine = list(group)
                kept += zip(mine, kept_posts(mine, unavailable_as_not_found=self._policy), strict=True)

        def insert(transaction: Transaction) -> int:
            connection = transaction.connection
            there = _there(connection, new)  # other processes may have been first
            last = connection.execute(sa.select(sa.func.coalesce(sa.func.max(reviews.c.queued), 0))).scalar_one()
            made: list[dict[str, Any]] = []
            named: list[dict[str, Any]] = []
            for entry, post in kept:
                if entry.key in there:
                    continue
                last += 1
                row = rows.new(transaction, entry, post, last)
                made.append(row)
                named += rows.rules_of(row)
            if made:
                connection.execute(reviews.insert(), made)
                if named:
                    connection.execute(review_rules.insert(), named)
                transaction.note(f"{len(made)} posts queued for review")
            return len(made)

        return self._core.write(insert)


def _there(connection: sa.Connection, entries: Sequence[Entry]) -> set[bytes]:
    query = sa.select(reviews.c.post_key).where(reviews.c.post_key.in_([entry.key for entry in entries]))
    found = {bytes(key) for key in connection.execute(query).scalars()}
    # Whose data were erased is judged as before, and nothing more of them is kept.
    sellers = schema.sellers.c
    named = sorted({entry.seller_id for entry in entries if entry.seller_id})
    erased = set(
        connection.execute(
            sa.select(sellers.seller_id).where(sellers.seller_id.in_(named), sellers.erased_on.is_not(None))
        ).scalars()
    )
    return found | {entry.key for entry in entries if entry.seller_id in erased}


def _by_rule_set(entry: Entry) -> str:
    return str(entry.rule_set.digest)
