"""Complaints: filed by consumers, answered by sellers, ended by handlers; each step is an event in the seller's log.

What the consumer says and how to reach them are encrypted, and in no event. States, dates and terms are derived
columns: the events have them all.
"""

from __future__ import annotations

import secrets
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from fairpost.engine.vocabulary import CATEGORIES, COMMERCE
from fairpost.server.errors import FailedPrecondition, Violation, invalid_fields
from fairpost.server.faults import Faults, given_id_fault, request_id_fault, seller_id_fault
from fairpost.server.registry import log as records
from fairpost.server.registry.ciphers import COMPLAINT_CONTACT, COMPLAINT_STATEMENT
from fairpost.server.registry.clocks import answer_due, complaint_kind, handling_due, late, next_due
from fairpost.server.registry.complaint_rows import (
    existing,
    message_of,
    state_word,
    update,
)
from fairpost.server.registry.decisions import add_strike
from fairpost.server.registry.paging import Pages
from fairpost.server.registry.transaction import expect_version
from fairpost.server.store import schema
from fairpost.v1 import complaint_pb2, reason_pb2

if TYPE_CHECKING:
    from datetime import date

    from fairpost.server.registry.core import Core
    from fairpost.server.registry.transaction import Transaction

__all__ = ["Complaints", "due", "mark_part"]

_FILED = complaint_pb2.COMPLAINT_STATE_FILED
_ASSIGNED = complaint_pb2.COMPLAINT_STATE_ASSIGNED
_ANSWERED = complaint_pb2.COMPLAINT_STATE_ANSWERED
_RESOLVED = complaint_pb2.COMPLAINT_STATE_RESOLVED
_WITHDRAWN = complaint_pb2.COMPLAINT_STATE_WITHDRAWN
_UPHELD = complaint_pb2.COMPLAINT_OUTCOME_UPHELD

_STEPS: Final = {
    "assigned": (_FILED, _ASSIGNED, _ANSWERED),
    "answered": (_FILED, _ASSIGNED),
    "resolved": (_ASSIGNED, _ANSWERED),
    "withdrawn": (_FILED, _ASSIGNED, _ANSWERED),
}
"""From which states each step is allowed."""
_PART: Final = 100
"""Complaints in one transaction of the job: other writers wait no longer than that takes."""
_CATEGORIES: Final = tuple(category for category in CATEGORIES if category != CATEGORIES[COMMERCE])
_TABLE: Final = schema.complaints


class Complaints:
    """ComplaintService. Thread-safe."""

    def __init__(self, core: Core) -> None:
        self._core = core

    # ---- steps ------------------------------------------------------------------------------------------

    def file(self, request: complaint_pb2.FileComplaintRequest) -> complaint_pb2.FileComplaintResponse:
        received_on = _check_filing(request, self._core.today())

        def work(transaction: Transaction) -> tuple[str, complaint_pb2.FileComplaintResponse]:
            if transaction.record(request.seller_id).erased_on is not None:
                raise FailedPrecondition(reason_pb2.REASON_ERASED, "seller_id: this seller's data were erased")
            row = _file(transaction, request, received_on)
            complaint = message_of(row, transaction.keys, transaction.day)
            token = self._core.token(transaction.sequence)
            return request.seller_id, complaint_pb2.FileComplaintResponse(complaint=complaint, consistency_token=token)

        return self._core.answer("FileComplaint", request, complaint_pb2.FileComplaintResponse, work)

    def assign(self, request: complaint_pb2.AssignComplaintRequest) -> complaint_pb2.ComplaintResponse:
        faults = _step_faults(request)
        faults.text("handler", request.handler, 128, required=True)
        faults.raise_if_any()
        return self._step(request, "AssignComplaint", "assigned", {"handler": request.handler})

    def answer(self, request: complaint_pb2.AnswerComplaintRequest) -> complaint_pb2.ComplaintResponse:
        faults = _step_faults(request)
        faults.text("answer", request.answer, 4000, required=True, lines=True)
        faults.raise_if_any()
        return self._step(request, "AnswerComplaint", "answered", {"answer": request.answer})

    def resolve(self, request: complaint_pb2.ResolveComplaintRequest) -> complaint_pb2.ComplaintResponse:
        faults = _step_faults(request)
        outcomes = [number for number in complaint_pb2.ComplaintOutcome.values() if number]
        if request.outcome not in outcomes:
            names = ", ".join(complaint_pb2.ComplaintOutcome.Name(number) for number in outcomes)
            faults.add("outcome", f"must be one of {names}")
        faults.text("resolution", request.resolution, 4000, required=True, lines=True)
        if request.strike_category and request.outcome != _UPHELD:
            faults.add("strike_category", "is for COMPLAINT_OUTCOME_UPHELD")
        elif request.strike_category and request.strike_category not in _CATEGORIES:
            faults.add("strike_category", f"{request.strike_category[:40]!r} is none of {', '.join(_CATEGORIES)}")
        if request.strike_weight and not request.strike_category:
            faults.add("strike_weight", "is of a strike, and strike_category names none")
        elif request.strike_weight > 10:
            faults.add("strike_weight", f"is {request.strike_weight}; at most 10")
        faults.raise_if_any()
        values = {"outcome": request.outcome, "resolution": request.resolution}
        return self._step(request, "ResolveComplaint", "resolved", values)

    def withdraw(self, request: complaint_pb2.WithdrawComplaintRequest) -> complaint_pb2.ComplaintResponse:
        _step_faults(request).raise_if_any()
        return self._step(request, "WithdrawComplaint", "withdrawn", {})

    def _step(self, request: Any, method: str, step: str, values: dict[str, Any]) -> complaint_pb2.ComplaintResponse:
        def work(transaction: Transaction) -> tuple[str, complaint_pb2.ComplaintResponse]:
            row = existing(transaction.connection, request.complaint_id)
            expect_version("the complaint", row.version, request.expected_version)
            if row.state not in _STEPS[step]:
                allowed = " or ".join(map(state_word, _STEPS[step]))
                raise FailedPrecondition(
                    reason_pb2.REASON_WRONG_STATE,
                    f"complaint_id: the complaint is {state_word(row.state)}; it can be {step} while it is {allowed}",
                    metadata={"state": state_word(row.state)},
                )
            # What ran out before this step ran out, whether or not the job has come by.
            row = _mark_late(transaction, row)
            row = _take_step(transaction, row, step, values, request.actor)
            if step == "resolved" and request.strike_category:
                body = {"category": request.strike_category, "weight": request.strike_weight or 1}
                add_strike(
                    transaction,
                    row.seller_id,
                    body | {"cause": row.complaint_id},
                    effective=transaction.day,
                    expires=None,
                    actor=request.actor,
                    reason=f"complaint {row.complaint_id} upheld",
                )
            complaint = message_of(row, transaction.keys, transaction.day)
            token = self._core.token(transaction.sequence)
            return row.seller_id, complaint_pb2.ComplaintResponse(complaint=complaint, consistency_token=token)

        return self._core.answer(method, request, complaint_pb2.ComplaintResponse, work)

    # ---- reads ------------------------------------------------------------------------------------------

    def get(self, request: complaint_pb2.GetComplaintRequest) -> complaint_pb2.ComplaintResponse:
        if fault := given_id_fault(request.complaint_id):
            raise invalid_fields([Violation("complaint_id", fault)])
        with self._core.store.read() as connection:
            row = existing(connection, request.complaint_id)
            token = self._core.token(records.head_sequence(connection))
        complaint = message_of(row, self._core.keys, self._core.today(), masked=False)
        return complaint_pb2.ComplaintResponse(complaint=complaint, consistency_token=token)

    def search(self, request: complaint_pb2.ListComplaintsRequest) -> complaint_pb2.ListComplaintsResponse:
        faults, pages = Faults(), Pages(self._core.keys, self._core.store.store_id, request)
        pages.check(faults)
        if request.seller_id:
            faults.add("seller_id", seller_id_fault(request.seller_id))
        faults.text("handler", request.handler, 128)
        faults.choices("states", request.states, complaint_pb2.ComplaintState)
        faults.raise_if_any()
        day = self._core.today()
        query = sa.select(_TABLE)
        if request.seller_id:
            query = query.where(_TABLE.c.seller_id == request.seller_id)
        if request.handler:
            query = query.where(_TABLE.c.handler == request.handler)
        if request.states:
            query = query.where(_TABLE.c.state.in_(list(request.states)))
        if request.overdue:
            query = query.where(_TABLE.c.overdue | (_TABLE.c.next_due <= day))
        with self._core.store.read() as connection:
            shown, after = pages.take(connection, query, _TABLE.c.filed)
        complaints = [message_of(row, self._core.keys, day) for row in shown]
        return complaint_pb2.ListComplaintsResponse(complaints=complaints, next_page_token=after)


# ---- the job --------------------------------------------------------------------------------------------


def due(core: Core) -> bool:
    """Whether a term has ended: a read, for no writer must wait where nothing is to be written."""
    return core.store.has(sa.select(_TABLE.c.complaint_id).where(_TABLE.c.next_due <= core.today()))


def mark_part(core: Core) -> tuple[Counter[str], bool]:
    """Mark some of the complaints of which a term has ended; gives how many, and whether there are more.

    Each term is an event of its own, once. A strike, by the ladder, comes with the seller's term alone: that a handler
    is late is not the seller's doing.
    """
    marked = core.write(_mark_part)
    return +Counter({"complaints": marked}), marked == _PART


def _mark_part(transaction: Transaction) -> int:
    query = sa.select(_TABLE).where(_TABLE.c.next_due <= transaction.day).order_by(_TABLE.c.next_due, _TABLE.c.filed)
    due = transaction.connection.execute(query.limit(_PART)).all()
    for row in due:
        _mark_late(transaction, row)
    return len(due)


def _mark_late(transaction: Transaction, row: Any) -> Any:
    """Events for the terms that have ended since the complaint was last looked at; gives the row as it is then."""
    day = transaction.day
    if row.next_due is None or row.next_due > day:
        return row
    for clock in late(row, row.next_due, day):
        body = {"complaint_id": row.complaint_id, "state": "overdue", "clock": clock.name}
        reason = f"complaint {row.complaint_id}: {clock.name} was due by {clock.due}"
        transaction.append(row.seller_id, "complaint", body, actor="registry", reason=reason)
        version = transaction.sequence
        strike = transaction.ladder.overdue_complaint
        if clock.name == "seller-answer" and strike.weight:
            cause = {"category": strike.category, "weight": strike.weight, "cause": row.complaint_id}
            add_strike(transaction, row.seller_id, cause, effective=day, expires=None, actor="registry", reason=reason)
        row = update(transaction, row, {"version": version, "overdue": True})
    return update(transaction, row, {"next_due": next_due(row, day)})


# ---- rows -----------------------------------------------------------------------------------------------


def _file(transaction: Transaction, request: complaint_pb2.FileComplaintRequest, received_on: date | None) -> Any:
    complaint_id, day, keys = secrets.token_hex(12), transaction.day, transaction.keys
    terms = transaction.ladder.complaints
    due, handled = answer_due(request.kind, day, terms), handling_due(day, terms)
    body = {
        "complaint_id": complaint_id,
        "state": "filed",
        "kind": complaint_kind(request.kind).lower(),
        "received_on": received_on.isoformat() if received_on else "",
        "answer_due": due.isoformat(),
        "handling_due": handled.isoformat(),
    }
    filed = transaction.append(request.seller_id, "complaint", body, actor="consumer", reason="complaint filed")
    contact = request.consumer_contact.strip()
    row = {
        "complaint_id": complaint_id,
        "seller_id": request.seller_id,
        "filed": filed,
        "version": filed,
        "kind": request.kind,
        "state": _FILED,
        "outcome": 0,
        "post_id": request.post_id,
        "order_id": request.order_id,
        "consumer_id": request.consumer_id,
        "statement_cipher": COMPLAINT_STATEMENT.seal(keys, request.statement.encode(), complaint_id),
        "contact_cipher": COMPLAINT_CONTACT.seal(keys, contact.encode(), complaint_id) if contact else None,
        "evidence": list(request.evidence),
        "handler": "",
        "answer": "",
        "resolution": "",
        "filed_at": transaction.now,
        "filed_on": day,
        "received_on": received_on,
        "answer_due": due,
        "handling_due": handled,
        "answered_on": None,
        "ended_on": None,
        "next_due": None,
        "overdue": False,
    }
    transaction.connection.execute(_TABLE.insert(), row)
    written = existing(transaction.connection, complaint_id)
    return update(transaction, written, {"next_due": next_due(written, day)})


def _take_step(transaction: Transaction, row: Any, step: str, values: dict[str, Any], actor: str) -> Any:
    body = {"complaint_id": row.complaint_id, "state": step}
    reason = f"complaint {step}"
    values = dict(values)
    if step == "assigned":
        values["state"] = _ANSWERED if row.state == _ANSWERED else _ASSIGNED
    elif step == "answered":
        values |= {"state": _ANSWERED, "answered_on": transaction.day}
    else:
        values |= {"state": _RESOLVED if step == "resolved" else _WITHDRAWN, "ended_on": transaction.day}
    if step == "resolved":
        outcome = complaint_pb2.ComplaintOutcome.Name(values["outcome"]).removeprefix("COMPLAINT_OUTCOME_").lower()
        body["outcome"], reason = outcome, f"complaint resolved: {outcome}"
    values["version"] = transaction.append(row.seller_id, "complaint", body, actor=actor, reason=reason)
    row = update(transaction, row, values)
    return update(transaction, row, {"next_due": next_due(row, transaction.day)})


# ---- checks ---------------------------------------------------------------------------------------------


def _check_filing(request: complaint_pb2.FileComplaintRequest, day: date) -> date | None:
    """The day on which the goods came.

    Raises:
        InvalidArgument: with everything that is wrong.
    """
    faults = Faults()
    faults.add("request_id", request_id_fault(request.request_id))
    faults.add("seller_id", seller_id_fault(request.seller_id))
    kinds = [number for number in complaint_pb2.ComplaintKind.values() if number]
    if request.kind not in kinds:
        names = ", ".join(complaint_pb2.ComplaintKind.Name(number) for number in kinds)
        faults.add("kind", f"is required; one of {names}" if not request.kind else f"{request.kind} is none of {names}")
    faults.text("post_id", request.post_id, 256)
    faults.text("order_id", request.order_id, 128)
    faults.add("consumer_id", seller_id_fault(request.consumer_id))
    faults.text("statement", request.statement, 4000, required=True, lines=True)
    faults.text("consumer_contact", request.consumer_contact, 200)
    faults.texts("evidence", request.evidence, 20, 500)
    wanted = request.kind == complaint_pb2.COMPLAINT_KIND_RETURN
    received_on = faults.day("received_on", request.received_on, required=wanted)
    if received_on and received_on > day:
        faults.add("received_on", f"{received_on} is in the future; today is {day}")
    faults.raise_if_any()
    return received_on


def _step_faults(request: Any) -> Faults:
    faults = Faults()
    faults.add("request_id", request_id_fault(request.request_id))
    faults.add("complaint_id", given_id_fault(request.complaint_id))
    faults.text("actor", request.actor, 128, required=True)
    return faults
