"""Acknowledge, ListAcknowledgements: a seller has read and accepted a version of a document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from fairpost.server.bulletin import rows
from fairpost.server.bulletin.ids import document_id_fault
from fairpost.server.errors import Aborted, FailedPrecondition
from fairpost.server.faults import Faults, request_id_fault, seller_id_fault
from fairpost.server.registry.paging import Pages
from fairpost.server.registry.requirements import unacknowledged
from fairpost.server.store import schema
from fairpost.v1 import bulletin_pb2, reason_pb2

if TYPE_CHECKING:
    from fairpost.server.registry.core import Core
    from fairpost.server.registry.transaction import Transaction

__all__ = ["Acknowledgements"]

_COLUMNS = schema.acknowledgements.c


class Acknowledgements:
    """Thread-safe."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def acknowledge(self, request: bulletin_pb2.AcknowledgeRequest) -> bulletin_pb2.AcknowledgeResponse:
        faults = Faults()
        faults.add("request_id", request_id_fault(request.request_id))
        faults.add("seller_id", seller_id_fault(request.seller_id))
        faults.add("document_id", document_id_fault(request.document_id))
        faults.text("actor", request.actor, 128)
        if not request.number:
            faults.add("number", "is required: the version that was read")
        faults.raise_if_any()

        def work(transaction: Transaction) -> tuple[str, bulletin_pb2.AcknowledgeResponse]:
            seller_id, document_id = request.seller_id, request.document_id
            record = transaction.record(seller_id)
            if record.erased_on is not None:
                raise FailedPrecondition(reason_pb2.REASON_ERASED, "seller_id: this seller's data were erased")
            _check_public(transaction.connection, document_id, request.number)
            row = self._earlier(transaction.connection, request)
            if row is None or document_id in unacknowledged(record.events, transaction.day):
                row = _append(transaction, request)
            _, standing = transaction.settle(seller_id)
            answer = bulletin_pb2.AcknowledgeResponse(
                acknowledgement=_message(row),
                currently_due=standing.requirements.currently_due,
                consistency_token=self._core.token(transaction.sequence),
            )
            return seller_id, answer

        return self._core.answer("Acknowledge", request, bulletin_pb2.AcknowledgeResponse, work)

    def _earlier(self, connection: sa.Connection, request: bulletin_pb2.AcknowledgeRequest) -> Any:
        query = sa.select(schema.acknowledgements).where(
            _COLUMNS.seller_id == request.seller_id,
            _COLUMNS.document_id == request.document_id,
            _COLUMNS.number == request.number,
        )
        return connection.execute(query.order_by(_COLUMNS.sequence.desc()).limit(1)).one_or_none()

    def list(self, request: bulletin_pb2.ListAcknowledgementsRequest) -> bulletin_pb2.ListAcknowledgementsResponse:
        faults, pages = Faults(), Pages(self._core.keys, self._core.store.store_id, request)
        pages.check(faults)
        query = sa.select(schema.acknowledgements)
        if request.document_id:
            faults.add("document_id", document_id_fault(request.document_id))
            query = query.where(_COLUMNS.document_id == request.document_id)
        if request.seller_id:
            faults.add("seller_id", seller_id_fault(request.seller_id))
            query = query.where(_COLUMNS.seller_id == request.seller_id)
        if request.number:
            query = query.where(_COLUMNS.number == request.number)
        faults.raise_if_any()
        answer = bulletin_pb2.ListAcknowledgementsResponse()
        with self._core.store.read() as connection:
            found, answer.next_page_token = pages.take(connection, query, _COLUMNS.sequence)
        answer.acknowledgements.extend(map(_message, found))
        return answer


def _check_public(connection: sa.Connection, document_id: str, number: int) -> None:
    """
    Raises:
        NotFound: no such document is public.
        Aborted: another version is.
    """
    columns = schema.documents.c
    query = sa.select(columns.public_number).where(columns.document_id == document_id, ~columns.withdrawn)
    public = connection.execute(query).scalar_one_or_none()
    if not public:
        raise rows.no_such_document(document_id, f"document_id: {document_id} is not public")
    if public != number:
        raise Aborted(
            reason_pb2.REASON_CONFLICT,
            f"number: {document_id} is public in version {public}, not {number}; read that one",
            metadata={"version": str(public)},
        )


def _append(transaction: Transaction, request: bulletin_pb2.AcknowledgeRequest) -> Any:
    actor = request.actor or "seller"
    body = {"document_id": request.document_id, "number": request.number}
    sequence = transaction.append(request.seller_id, "acknowledgement", body, actor=actor, reason="read and accepted")
    row = body | {"sequence": sequence, "seller_id": request.seller_id, "actor": actor, "recorded_at": transaction.now}
    transaction.connection.execute(schema.acknowledgements.insert(), row)
    query = sa.select(schema.acknowledgements).where(_COLUMNS.sequence == sequence)
    return transaction.connection.execute(query).one()


def _message(row: Any) -> bulletin_pb2.DocumentAcknowledgement:
    message = bulletin_pb2.DocumentAcknowledgement(
        seller_id=row.seller_id,
        document_id=row.document_id,
        number=row.number,
        actor=row.actor,
        sequence=row.sequence,
    )
    message.recorded_at.FromMilliseconds(row.recorded_at)
    return message
