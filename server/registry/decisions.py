"""Decisions about a seller, as events: registration, verification, penalties, listings, strikes, licences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from fairpost.engine.dates import day_of_date
from fairpost.server import messages
from fairpost.server.errors import FailedPrecondition
from fairpost.server.faults import Faults, request_id_fault, seller_id_fault
from fairpost.server.registry import accounts
from fairpost.server.registry.transaction import expect_version
from fairpost.server.registry.validation import event_body
from fairpost.server.store import schema
from fairpost.v1 import reason_pb2, registry_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from fairpost.server.registry.core import Core
    from fairpost.server.registry.records import SellerRecord
    from fairpost.server.registry.transaction import Transaction

__all__ = ["APPEALABLE", "Decisions", "add_strike"]

APPEALABLE = frozenset({"registration", "enforcement", "listing", "strike", "violation"})
"""Kinds of events that a seller may appeal against."""
_REINSTATEMENTS = frozenset({("registration", "active"), ("enforcement", "none"), ("listing", "rehabilitated")})


class Decisions:
    """RecordEvent. Thread-safe."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def record_event(self, request: registry_pb2.RecordEventRequest) -> registry_pb2.RecordEventResponse:
        _check(request, self._core.today())

        def work(transaction: Transaction) -> tuple[str, registry_pb2.RecordEventResponse]:
            seller = transaction.record(request.seller_id)
            expect_version("the seller", seller.version, request.expected_version)
            if seller.erased_on is not None:
                raise FailedPrecondition(reason_pb2.REASON_ERASED, "seller_id: this seller's data were erased")
            sequence = _append(transaction, seller, request, self._core.must_acknowledge.on_reinstatement)
            record, standing = transaction.settle(request.seller_id)
            answer = registry_pb2.RecordEventResponse(
                sequence=sequence,
                standing=messages.standing_of(record.seller_id, standing.packed(), day_of_date(transaction.day)),
                consistency_token=self._core.token(transaction.sequence),
            )
            return request.seller_id, answer

        return self._core.answer("RecordEvent", request, registry_pb2.RecordEventResponse, work)


def _check(request: registry_pb2.RecordEventRequest, day: date) -> None:
    faults, event = Faults(), request.event
    faults.add("request_id", request_id_fault(request.request_id))
    faults.add("seller_id", seller_id_fault(request.seller_id))
    faults.text("event.actor", event.actor, 128, required=True)
    faults.text("event.reason", event.reason, 1000, required=True)
    faults.text("event.evidence", event.evidence, 500)
    faults.text("event.decision_id", event.decision_id, 64)
    faults.text("event.revision", event.revision, 64)
    effective = faults.day("event.effective", event.effective)
    expires = faults.day("event.expires", event.expires)
    if expires and expires < (effective or day):
        faults.add("event.expires", f"{expires} is before the event takes effect ({effective or day})")
    event_body(event, faults)
    faults.raise_if_any()


def _append(
    transaction: Transaction,
    seller: SellerRecord,
    request: registry_pb2.RecordEventRequest,
    must_acknowledge: Sequence[str],
) -> int:
    event, faults = request.event, Faults()
    kind = str(event.WhichOneof("change"))
    body = event_body(event, faults)
    effective = faults.day("event.effective", event.effective) or transaction.day
    rest: dict[str, Any] = {
        "actor": event.actor,
        "reason": event.reason,
        "evidence": event.evidence,
        "decision_id": event.decision_id,
        "revision": event.revision,
        "effective": effective,
        "expires": faults.day("event.expires", event.expires),
    }
    if kind == "strike":
        return add_strike(transaction, seller.seller_id, body, **rest)
    if kind in ("licence", "licence_ended"):
        _put_licence(transaction, seller, kind, body)
    if kind in APPEALABLE:
        rest["appeal_until"] = transaction.appeal_until
    if must_acknowledge and _reinstates(seller, kind, body):
        body = body | {"must_acknowledge": list(must_acknowledge)}
    sequence = transaction.append(seller.seller_id, kind, body, **rest)
    if kind == "listing" and body["state"] != "blacklisted":
        accounts.release(transaction, seller.seller_id)
    return sequence


def _reinstates(seller: SellerRecord, kind: str, body: dict[str, Any]) -> bool:
    """Whether a decision gives back what was taken; confirming what is there gives nothing back."""
    before = next((event.body["state"] for event in reversed(seller.events) if event.kind == kind), "none")
    return (kind, body.get("state")) in _REINSTATEMENTS and before != body["state"]


def add_strike(
    transaction: Transaction,
    seller_id: str,
    body: dict[str, Any],
    *,
    effective: date,
    expires: date | None,
    **rest: Any,
) -> int:
    """A strike under the ladder in force. body: category, weight, and a cause where there is one."""
    ladder = transaction.ladder
    body = body | {"ladder": transaction.use_ladder()}
    return transaction.append(
        seller_id,
        "strike",
        body,
        effective=effective,
        expires=expires or ladder.strike_expiry(effective),
        appeal_until=transaction.appeal_until,
        **rest,
    )


def _put_licence(transaction: Transaction, seller: SellerRecord, kind: str, body: dict[str, Any]) -> None:
    table = schema.licences
    same = (
        (table.c.seller_id == seller.seller_id) & (table.c.scope == body["scope"]) & (table.c.number == body["number"])
    )
    there = [held for held in seller.licences if (held.scope, held.number) == (body["scope"], body["number"])]
    if kind == "licence_ended":
        if not there:
            raise FailedPrecondition(
                reason_pb2.REASON_WRONG_STATE,
                f"event.licence_ended: the seller has no licence {body['scope']} {body['number']}",
                metadata={"state": "no such licence"},
            )
        transaction.connection.execute(sa.delete(table).where(same))
        return
    faults = Faults()
    term = {name: faults.day(name, body[name]) for name in ("valid_from", "valid_until")}
    values = term | {"evidence": body["evidence"]}
    if there:
        transaction.connection.execute(sa.update(table).where(same), values)
        return
    place = sa.select(sa.func.coalesce(sa.func.max(table.c.position), -1) + 1).where(
        table.c.seller_id == seller.seller_id
    )
    position = transaction.connection.execute(place).scalar_one()
    names = {"seller_id": seller.seller_id, "scope": body["scope"], "number": body["number"], "position": position}
    transaction.connection.execute(table.insert(), names | values)
