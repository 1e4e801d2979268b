"""What is told to whom: a queue in the store, a job that works it off, and the dead letters.

For each receiver every step that it wants to know of becomes a row, in the order of the log, beginning with the step
that follows the receiver's first appearance. A row is tried until the receiver takes it, with growing pauses; after the
last try, or if the receiver refuses for good, it is a dead letter, which stays until somebody has it tried again. One
server works at a time, by the job's lease. It may be killed between a receiver's answer and the note of it: then the
receiver is told once more, under the same message id.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
import structlog

from fairpost.server.bulletin import rows
from fairpost.server.bulletin.receivers import DeliveryFailed, Receiver, Told
from fairpost.server.bulletin.stream import steps_after
from fairpost.server.errors import FailedPrecondition, NotFound
from fairpost.server.faults import Faults
from fairpost.server.registry.jobs import Job, Jobs
from fairpost.server.registry.paging import Pages
from fairpost.server.store import schema
from fairpost.v1 import bulletin_pb2, reason_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fairpost.server.registry.core import Core
    from fairpost.server.registry.transaction import Transaction

__all__ = ["PAUSES", "Deliveries"]

log = structlog.get_logger(__name__)

PAUSES: Final = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds between two tries, as Standard Webhooks proposes: three days in all. A fifth more or less, by chance, so that
what failed together is not tried together."""
_WAITING: Final = bulletin_pb2.DELIVERY_STATE_WAITING
_DELIVERED: Final = bulletin_pb2.DELIVERY_STATE_DELIVERED
_DEAD: Final = bulletin_pb2.DELIVERY_STATE_DEAD
_QUEUED: Final = 100
_TRIED: Final = 10
_PART_SECONDS: Final = 10.0
"""With the slowest receiver behind it, far less than a lease."""
_KEPT_MS: Final = 90 * 86_400_000
_ROWS: Final = schema.deliveries.c
_STEPS: Final = schema.bulletin_log.c


class Deliveries:
    """Thread-safe. `start` delivers until `close`."""

    def __init__(self, core: Core, receivers: Sequence[Receiver]) -> None:
        self._core = core
        self._receivers = {receiver.name: receiver for receiver in receivers}
        self.job = Job("deliveries", self.due, self.part)
        self._jobs: Jobs | None = None

    def start(self) -> None:
        """
        Raises:
            Unavailable: the store cannot be read or written.
        """
        if not self._receivers:
            return
        with self._core.store.read() as connection:
            known = set(connection.execute(sa.select(schema.receivers.c.receiver)).scalars())
        if new := sorted(self._receivers.keys() - known):
            self._core.write(lambda transaction: _know(transaction, new))
        # Jobs of its own: receivers may be slow, and the registry's days must turn.
        self._jobs = Jobs(self._core, jobs=(self.job,))
        self._jobs.start()

    def close(self) -> None:
        if self._jobs is not None:
            self._jobs.close()

    # ---- the job ----------------------------------------------------------------------------------------

    def due(self, core: Core) -> bool:
        """Whether there is anything to queue, to try or to forget: reads alone."""
        if not self._receivers:
            return False
        last = sa.select(sa.func.max(_STEPS.sequence)).where(_STEPS.public).scalar_subquery()
        behind = sa.select(schema.receivers.c.receiver).where(
            schema.receivers.c.receiver.in_(list(self._receivers)), schema.receivers.c.queued_to < last
        )
        return core.store.has(behind) or core.store.has(self._waiting(core.now())) or core.store.has(_old(core.now()))

    def part(self, core: Core) -> tuple[Counter[str], bool]:
        """Some of it; gives what was done, and whether there is more.

        Raises:
            ServiceError: of the store; what was noted so far stays.
        """
        queued = core.write(self._queue)
        counts = Counter({"queued": queued} if queued else {})
        until = time.monotonic() + _PART_SECONDS
        with core.store.read() as connection:
            found = connection.execute(self._waiting(core.now()).limit(_TRIED)).all()
        for row in found:
            counts[self._try(core, row)] += 1
            if time.monotonic() > until:
                break
        core.write(_forget)
        return counts, queued == _QUEUED or len(found) == _TRIED or time.monotonic() > until

    def _waiting(self, now: int) -> sa.Select[Any]:
        return (
            sa.select(schema.deliveries)
            .where(_ROWS.state == _WAITING, _ROWS.next_attempt_at <= now, _ROWS.receiver.in_(list(self._receivers)))
            .order_by(_ROWS.next_attempt_at, _ROWS.sequence)
        )

    def _queue(self, transaction: Transaction) -> int:
        """Rows for steps that receivers were not told of yet; gives for how many steps at most."""
        most = 0
        table = schema.receivers
        known = transaction.connection.execute(sa.select(table).where(table.c.receiver.in_(list(self._receivers))))
        for receiver, queued_to in known.all():
            steps = steps_after(transaction.connection, queued_to, _QUEUED)
            if not steps:
                continue
            most = max(most, len(steps))
            wanted = [
                _row(receiver, entry.sequence, transaction.now)
                for entry in (rows.entry(*step) for step in steps)
                if self._receivers[receiver].wants(entry.document)
            ]
            if wanted:
                transaction.connection.execute(schema.deliveries.insert(), wanted)
            values = {"queued_to": steps[-1][0].sequence}
            transaction.connection.execute(sa.update(table).where(table.c.receiver == receiver), values)
        return most

    def _try(self, core: Core, row: Any) -> str:
        """Deliver one, and note what came of it; gives that in a word."""
        receiver = self._receivers[row.receiver]
        with core.store.read() as connection:
            (step,) = steps_after(connection, row.sequence - 1, 1)
        told = Told(f"msg_{core.store.store_id}_{row.sequence}", rows.entry(*step))
        failure: DeliveryFailed | None = None
        try:
            receiver.deliver(told)
        except DeliveryFailed as error:
            failure = error
        except Exception as error:
            log.error("receiver failed unexpectedly", receiver=row.receiver, exc_info=error)
            failure = DeliveryFailed(type(error).__name__)
        values = _outcome(row, failure, core.now())
        mine = (_ROWS.sequence == row.sequence) & (_ROWS.receiver == row.receiver) & (_ROWS.state == _WAITING)

        def note(transaction: Transaction) -> None:
            transaction.connection.execute(sa.update(schema.deliveries).where(mine), values)

        core.write(note)
        if values["state"] == _DEAD:
            log.error("delivery given up", receiver=row.receiver, sequence=row.sequence, error=values["last_error"])
        return {_DELIVERED: "delivered", _DEAD: "dead"}.get(values["state"], "failed")

    # ---- calls ------------------------------------------------------------------------------------------

    def list(self, request: bulletin_pb2.ListDeliveriesRequest) -> bulletin_pb2.ListDeliveriesResponse:
        faults, pages = Faults(), Pages(self._core.keys, self._core.store.store_id, request)
        pages.check(faults)
        faults.text("receiver", request.receiver, 64)
        faults.choices("states", request.states, bulletin_pb2.DeliveryState)
        faults.raise_if_any()
        # By step and receiver; several rows have one step, so that the page is cut by both.
        query = _joined().order_by(_ROWS.sequence, _ROWS.receiver).limit(pages.size + 1)
        if request.receiver:
            query = query.where(_ROWS.receiver == request.receiver)
        if request.states:
            query = query.where(_ROWS.state.in_(request.states))
        if (after := pages.begin()) is not None:
            sequence, receiver = after
            behind = (_ROWS.sequence == sequence) & (_ROWS.receiver > receiver)
            query = query.where((_ROWS.sequence > sequence) | behind)
        answer = bulletin_pb2.ListDeliveriesResponse()
        with self._core.store.read() as connection:
            found = connection.execute(query).all()
        answer.deliveries.extend(map(rows.delivery, found[: pages.size]))
        if len(found) > pages.size:
            last = found[pages.size - 1]
            answer.next_page_token = pages.token([last.sequence, last.receiver])
        return answer

    def retry(self, request: bulletin_pb2.RetryDeliveryRequest) -> bulletin_pb2.RetryDeliveryResponse:
        faults = Faults()
        faults.text("receiver", request.receiver, 64, required=True)
        faults.text("actor", request.actor, 128, required=True)
        if not request.sequence:
            faults.add("sequence", "is required: the step that was to be told")
        faults.raise_if_any()
        mine = (_ROWS.sequence == request.sequence) & (_ROWS.receiver == request.receiver)

        def work(transaction: Transaction) -> bulletin_pb2.Delivery:
            row = transaction.connection.execute(_joined().where(mine)).one_or_none()
            if row is None:
                raise NotFound(
                    reason_pb2.REASON_DELIVERY_NOT_FOUND,
                    f"sequence: step {request.sequence} is not to be told to {request.receiver!r}",
                )
            if row.state == _DELIVERED:
                raise FailedPrecondition(
                    reason_pb2.REASON_WRONG_STATE, "sequence: it was delivered already", metadata={"state": "delivered"}
                )
            transaction.note(f"delivery of step {request.sequence} to {request.receiver}: tried again")
            values = {"state": _WAITING, "attempts": 0, "next_attempt_at": transaction.now}
            transaction.connection.execute(sa.update(schema.deliveries).where(mine), values)
            return rows.delivery(transaction.connection.execute(_joined().where(mine)).one())

        delivery = self._core.write(work)
        log.info("delivery is tried again", receiver=request.receiver, sequence=request.sequence, actor=request.actor)
        return bulletin_pb2.RetryDeliveryResponse(delivery=delivery)


def _joined() -> sa.Select[Any]:
    """Rows of `deliveries` with document and number of their step."""
    return sa.select(schema.deliveries, _STEPS.document_id, _STEPS.number).join(
        schema.bulletin_log, _STEPS.sequence == _ROWS.sequence
    )


def _know(transaction: Transaction, names: Sequence[str]) -> None:
    """Receivers are told of what comes from now on."""
    known = set(transaction.connection.execute(sa.select(schema.receivers.c.receiver)).scalars())
    new = [{"receiver": name, "queued_to": transaction.sequence} for name in names if name not in known]
    if new:
        transaction.connection.execute(schema.receivers.insert(), new)


def _row(receiver: str, sequence: int, now: int) -> dict[str, Any]:
    row = {"sequence": sequence, "receiver": receiver, "state": _WAITING, "attempts": 0, "next_attempt_at": now}
    return row | {"tried_at": None, "last_error": ""}


def _outcome(row: Any, failure: DeliveryFailed | None, now: int) -> dict[str, Any]:
    """Columns of a delivery after a try."""
    values: dict[str, Any] = {"attempts": row.attempts + 1, "tried_at": now, "next_attempt_at": None, "last_error": ""}
    if failure is None:
        return values | {"state": _DELIVERED}
    values["last_error"] = str(failure)[:500]
    if failure.is_final or row.attempts >= len(PAUSES):
        return values | {"state": _DEAD}
    pause = max(PAUSES[row.attempts] * random.uniform(0.8, 1.2), min(failure.retry_after or 0.0, PAUSES[-1]))
    return values | {"state": _WAITING, "next_attempt_at": now + round(pause * 1000)}


def _old(now: int) -> sa.Select[Any]:
    return sa.select(_ROWS.sequence).where(_ROWS.state == _DELIVERED, _ROWS.tried_at < now - _KEPT_MS)


def _forget(transaction: Transaction) -> None:
    """What was delivered long ago is no longer told of."""
    old = (_ROWS.state == _DELIVERED) & (_ROWS.tried_at < transaction.now - _KEPT_MS)
    transaction.connection.execute(sa.delete(schema.deliveries).where(old))
