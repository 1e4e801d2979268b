"""Appeals: a seller contests one event of their log, somebody else than who decided looks at it again."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from fairpost.engine.dates import day_of_date
from fairpost.server import messages
from fairpost.server.errors import AlreadyExists, FailedPrecondition, NotFound, Violation, invalid_fields
from fairpost.server.faults import Faults, given_id_fault, request_id_fault, seller_id_fault
from fairpost.server.registry import accounts
from fairpost.server.registry import log as records
from fairpost.server.registry.ciphers import APPEAL_STATEMENT
from fairpost.server.registry.decisions import APPEALABLE
from fairpost.server.registry.paging import Pages
from fairpost.server.registry.penalties import overturned
from fairpost.server.registry.regression import case_pack
from fairpost.server.registry.transaction import expect_version
from fairpost.server.registry.violations import post_of
from fairpost.server.store import schema
from fairpost.server.store.review_schema import reviews
from fairpost.v1 import appeal_pb2, reason_pb2, review_pb2, verdict_pb2

if TYPE_CHECKING:
    from fairpost.server.registry.core import Core
    from fairpost.server.registry.keys import Keys
    from fairpost.server.registry.records import EventRecord, SellerRecord
    from fairpost.server.registry.transaction import Transaction

__all__ = ["Appeals", "overturn_violation"]

_FILED = appeal_pb2.APPEAL_STATE_FILED
_DECISIONS: Final = {appeal_pb2.APPEAL_STATE_UPHELD: "upheld", appeal_pb2.APPEAL_STATE_OVERTURNED: "overturned"}
_TABLE: Final = schema.appeals


class Appeals:
    """AppealService. Thread-safe."""

    def __init__(self, core: Core) -> None:
        self._core = core

    # ---- writes -----------------------------------------------------------------------------------------

    def file(self, request: appeal_pb2.FileAppealRequest) -> appeal_pb2.AppealResponse:
        faults = Faults()
        faults.add("request_id", request_id_fault(request.request_id))
        faults.add("seller_id", seller_id_fault(request.seller_id))
        if not request.against:
            faults.add("against", "is required: the sequence of an event in the seller's log")
        faults.text("statement", request.statement, 4000, required=True, lines=True)
        faults.texts("evidence", request.evidence, 20, 500)
        faults.raise_if_any()

        def work(transaction: Transaction) -> tuple[str, appeal_pb2.AppealResponse]:
            record = transaction.record(request.seller_id)
            event = _contested(record, request.against)
            self._check_open(transaction, record, event)
            appeal_id = secrets.token_hex(12)
            body = {"appeal_id": appeal_id, "against": event.sequence, "state": "filed"}
            filed = transaction.append(record.seller_id, "appeal", body, actor="seller", reason="appeal filed")
            row = {
                "appeal_id": appeal_id,
                "seller_id": record.seller_id,
                "against": event.sequence,
                "filed": filed,
                "version": filed,
                "state": _FILED,
                "statement_cipher": APPEAL_STATEMENT.seal(transaction.keys, request.statement.encode(), appeal_id),
                "evidence": list(request.evidence),
                "decision": "",
                "actor": "",
                "filed_at": transaction.now,
                "decided_at": None,
            }
            transaction.connection.execute(_TABLE.insert(), row)
            appeal = _message(_existing(transaction.connection, appeal_id), transaction.keys)
            token = self._core.token(transaction.sequence)
            return record.seller_id, appeal_pb2.AppealResponse(appeal=appeal, consistency_token=token)

        return self._core.answer("FileAppeal", request, appeal_pb2.AppealResponse, work)

    def _check_open(self, transaction: Transaction, record: SellerRecord, event: EventRecord) -> None:
        """
        Raises:
            ServiceError: no appeal can be filed against the event.
        """
        if record.erased_on is not None:
            raise FailedPrecondition(reason_pb2.REASON_ERASED, "seller_id: this seller's data were erased")
        if event.kind not in APPEALABLE or event.appeal_until is None:
            kinds = ", ".join(sorted(APPEALABLE))
            fault = f"event {event.sequence} is no decision ({event.kind}); appeals are against decisions: {kinds}"
            raise invalid_fields([Violation("against", fault)])
        query = sa.select(_TABLE.c.appeal_id).where(_TABLE.c.against == event.sequence)
        earlier = transaction.connection.execute(query).scalar_one_or_none()
        if earlier is not None:
            raise AlreadyExists(
                reason_pb2.REASON_APPEAL_EXISTS,
                f"against: there is an appeal against event {event.sequence} already ({earlier}); there can be one",
                metadata={"appeal_id": earlier},
            )
        if event.sequence in overturned(record.events):
            raise FailedPrecondition(
                reason_pb2.REASON_WRONG_STATE,
                f"against: event {event.sequence} is overturned already and counts for nothing",
                metadata={"state": "overturned"},
            )
        if transaction.day > event.appeal_until:
            raise FailedPrecondition(
                reason_pb2.REASON_APPEAL_TERM_PASSED,
                f"against: an appeal against event {event.sequence} could be filed until {event.appeal_until}",
                metadata={"until": event.appeal_until.isoformat()},
            )

    def decide(self, request: appeal_pb2.DecideAppealRequest) -> appeal_pb2.DecideAppealResponse:
        faults = Faults()
        faults.add("request_id", request_id_fault(request.request_id))
        faults.add("appeal_id", given_id_fault(request.appeal_id))
        if request.state not in _DECISIONS:
            faults.add("state", f"must be one of {', '.join(map(appeal_pb2.AppealState.Name, _DECISIONS))}")
        faults.text("decision", request.decision, 4000, required=True, lines=True)
        faults.text("actor", request.actor, 128, required=True)
        faults.raise_if_any()

        def work(transaction: Transaction) -> tuple[str, appeal_pb2.DecideAppealResponse]:
            row = _existing(transaction.connection, request.appeal_id)
            expect_version("the appeal", row.version, request.expected_version)
            if row.state != _FILED:
                word = _DECISIONS[row.state]
                raise FailedPrecondition(
                    reason_pb2.REASON_WRONG_STATE,
                    f"appeal_id: the appeal is {word}; it can be decided once, while it is filed",
                    metadata={"state": word},
                )
            return row.seller_id, self._decide(transaction, row, request)

        return self._core.answer("DecideAppeal", request, appeal_pb2.DecideAppealResponse, work)

    def _decide(
        self, transaction: Transaction, row: Any, request: appeal_pb2.DecideAppealRequest
    ) -> appeal_pb2.DecideAppealResponse:
        event = _contested(transaction.record(row.seller_id), row.against)
        if event.actor.strip() == request.actor.strip():
            fault = "took the decision appealed against; somebody else must decide the appeal"
            raise invalid_fields([Violation("actor", fault)])
        word = _DECISIONS[request.state]
        body = {"appeal_id": row.appeal_id, "against": event.sequence, "state": word}
        version = transaction.append(
            row.seller_id, "appeal", body, actor=request.actor, reason=f"appeal decided: {word}"
        )
        values = {
            "version": version,
            "state": request.state,
            "decision": request.decision,
            "actor": request.actor,
            "decided_at": transaction.now,
        }
        transaction.connection.execute(sa.update(_TABLE).where(_TABLE.c.appeal_id == row.appeal_id), values)
        case = ""
        if word == "overturned":
            accounts.release(transaction, row.seller_id)
            post = post_of(transaction, event.sequence) if event.kind == "violation" else None
            case = _case(row.appeal_id, event.sequence, post) if post and post["rules"] else ""
            _overturn_review(transaction, event.sequence, request.actor)
        record, standing = transaction.settle(row.seller_id)
        return appeal_pb2.DecideAppealResponse(
            appeal=_message(_existing(transaction.connection, row.appeal_id), transaction.keys),
            standing=messages.standing_of(record.seller_id, standing.packed(), day_of_date(transaction.day)),
            consistency_token=self._core.token(transaction.sequence),
            regression_case=case,
        )

    # ---- reads ------------------------------------------------------------------------------------------

    def get(self, request: appeal_pb2.GetAppealRequest) -> appeal_pb2.AppealResponse:
        if fault := given_id_fault(request.appeal_id):
            raise invalid_fields([Violation("appeal_id", fault)])
        with self._core.store.read() as connection:
            row = _existing(connection, request.appeal_id)
            token = self._core.token(records.head_sequence(connection))
        return appeal_pb2.AppealResponse(appeal=_message(row, self._core.keys), consistency_token=token)

    def search(self, request: appeal_pb2.ListAppealsRequest) -> appeal_pb2.ListAppealsResponse:
        faults, pages = Faults(), Pages(self._core.keys, self._core.store.store_id, request)
        pages.check(faults)
        if request.seller_id:
            faults.add("seller_id", seller_id_fault(request.seller_id))
        faults.choices("states", request.states, appeal_pb2.AppealState)
        faults.raise_if_any()
        query = sa.select(_TABLE)
        if request.seller_id:
            query = query.where(_TABLE.c.seller_id == request.seller_id)
        if request.states:
            query = query.where(_TABLE.c.state.in_(list(request.states)))
        with self._core.store.read() as connection:
            shown, after = pages.take(connection, query, _TABLE.c.filed)
        appeals = [_message(row, self._core.keys) for row in shown]
        return appeal_pb2.ListAppealsResponse(appeals=appeals, next_page_token=after)


def overturn_violation(transaction: Transaction, seller_id: str, sequence: int, *, actor: str, decision: str) -> None:
    """Undo a violation as an appeal would, where no seller has had to file one: a person has looked at the post. If an
    appeal waits, it is decided by it.

    Raises:
        FailedPrecondition: an appeal against it was decided, and it was upheld.
    """
    connection = transaction.connection
    query = sa.select(_TABLE).where(_TABLE.c.against == sequence)
    row = connection.execute(query).one_or_none()
    if row is not None and row.state == appeal_pb2.APPEAL_STATE_OVERTURNED:
        return
    if row is not None and row.state == appeal_pb2.APPEAL_STATE_UPHELD:
        raise FailedPrecondition(
            reason_pb2.REASON_WRONG_STATE,
            f"the post is violation {sequence}, which appeal {row.appeal_id} has upheld; it stands",
            metadata={"state": "upheld"},
        )
    appeal_id = row.appeal_id if row is not None else secrets.token_hex(12)
    body = {"appeal_id": appeal_id, "against": sequence}
    if row is None:
        filed = transaction.append(seller_id, "appeal", body | {"state": "filed"}, actor=actor, reason="review")
        values: dict[str, Any] = {
            "appeal_id": appeal_id,
            "seller_id": seller_id,
            "against": sequence,
            "filed": filed,
            "version": filed,
            "state": _FILED,
            "statement_cipher": None,
            "evidence": [],
            "decision": "",
            "actor": "",
            "filed_at": transaction.now,
            "decided_at": None,
        }
        connection.execute(_TABLE.insert(), values)
    version = transaction.append(
        seller_id, "appeal", body | {"state": "overturned"}, actor=actor, reason="review overturned the violation"
    )
    decided: dict[str, Any] = {"version": version, "state": appeal_pb2.APPEAL_STATE_OVERTURNED, "actor": actor}
    decided |= {"decision": decision, "decided_at": transaction.now}
    connection.execute(sa.update(_TABLE).where(_TABLE.c.appeal_id == appeal_id), decided)
    accounts.release(transaction, seller_id)


def _overturn_review(transaction: Transaction, violation: int, actor: str) -> None:
    """If a person had found the violation, that decision is overturned, too, and told anew to those who hold the post
    back."""
    columns = reviews.c
    mine = (columns.violation == violation) & (columns.state == review_pb2.REVIEW_STATE_UPHELD)
    if transaction.connection.execute(sa.select(columns.review_id).where(mine)).first() is None:
        return
    values = {
        "state": review_pb2.REVIEW_STATE_OVERTURNED,
        "outcome": verdict_pb2.ACTION_ALLOW,
        "version": columns.version + 1,
        "decided": transaction.take_sequence(),
        "decided_at": transaction.now,
        "actor": actor,
        "note": "overturned on appeal",
    }
    transaction.connection.execute(sa.update(reviews).where(mine).values(**values))


def _case(appeal_id: str, sequence: int, post: dict[str, Any]) -> str:
    description = {
        "zh": f"申诉 {appeal_id}：事件 {sequence} 的处理已撤销，下列规则不应命中该内容。",
        "en": f"Appeal {appeal_id} overturned event {sequence}: these rules must not fire on its post.",
    }
    return case_pack(f"appeal-{appeal_id}", description, post)


def _contested(record: SellerRecord, sequence: int) -> EventRecord:
    """
    Raises:
        NotFound: the seller has no such event.
    """
    for event in record.events:
        if event.sequence == sequence:
            return event
    raise NotFound(
        reason_pb2.REASON_EVENT_NOT_FOUND, f"against: seller {record.seller_id!r} has no event {sequence} in their log"
    )


def _existing(connection: sa.Connection, appeal_id: str) -> Any:
    """
    Raises:
        NotFound: there is none.
    """
    row = connection.execute(sa.select(_TABLE).where(_TABLE.c.appeal_id == appeal_id)).one_or_none()
    if row is None:
        raise NotFound(reason_pb2.REASON_APPEAL_NOT_FOUND, f"appeal_id: no appeal {appeal_id!r} is here")
    return row


def _message(row: Any, keys: Keys) -> appeal_pb2.Appeal:
    message = appeal_pb2.Appeal(
        appeal_id=row.appeal_id,
        seller_id=row.seller_id,
        against=row.against,
        state=row.state,
        statement=APPEAL_STATEMENT.open(keys, row.statement_cipher, row.appeal_id).decode(),
        evidence=row.evidence,
        decision=row.decision,
        actor=row.actor,
        version=row.version,
    )
    message.filed_at.FromMilliseconds(row.filed_at)
    if row.decided_at is not None:
        message.decided_at.FromMilliseconds(row.decided_at)
    return message
