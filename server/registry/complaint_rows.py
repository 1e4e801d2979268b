"""Rows of `complaints`: reading, changing, and as callers see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from fairpost.server.errors import NotFound
from fairpost.server.registry.ciphers import COMPLAINT_CONTACT, COMPLAINT_STATEMENT
from fairpost.server.registry.clocks import clocks
from fairpost.server.store import schema
from fairpost.v1 import complaint_pb2, reason_pb2

if TYPE_CHECKING:
    from datetime import date

    from fairpost.server.registry.keys import Keys
    from fairpost.server.registry.transaction import Transaction

__all__ = ["existing", "message_of", "state_word", "update"]

_TABLE: Final = schema.complaints


def existing(connection: sa.Connection, complaint_id: str) -> Any:
    """One row.

    Raises:
        NotFound: there is none.
    """
    row = connection.execute(sa.select(_TABLE).where(_TABLE.c.complaint_id == complaint_id)).one_or_none()
    if row is None:
        raise NotFound(reason_pb2.REASON_COMPLAINT_NOT_FOUND, f"complaint_id: no complaint {complaint_id!r} is here")
    return row


def update(transaction: Transaction, row: Any, values: dict[str, Any]) -> Any:
    """Write some columns; gives the row as it is then."""
    mine = _TABLE.c.complaint_id == row.complaint_id
    transaction.connection.execute(sa.update(_TABLE).where(mine), values)
    return transaction.connection.execute(sa.select(_TABLE).where(mine)).one()


def message_of(row: Any, keys: Keys, day: date, *, masked: bool = True) -> complaint_pb2.Complaint:
    """The complaint as it stands on `day`. masked: whether the contact is."""
    contact = COMPLAINT_CONTACT.open(keys, row.contact_cipher, row.complaint_id).decode()
    message = complaint_pb2.Complaint(
        complaint_id=row.complaint_id,
        seller_id=row.seller_id,
        kind=row.kind,
        state=row.state,
        outcome=row.outcome,
        post_id=row.post_id,
        order_id=row.order_id,
        consumer_id=row.consumer_id,
        statement=COMPLAINT_STATEMENT.open(keys, row.statement_cipher, row.complaint_id).decode(),
        consumer_contact=_masked(contact) if masked else contact,
        evidence=row.evidence,
        handler=row.handler,
        answer=row.answer,
        resolution=row.resolution,
        received_on=row.received_on.isoformat() if row.received_on else "",
        version=row.version,
    )
    message.filed_at.FromMilliseconds(row.filed_at)
    for clock in clocks(row, day):
        message.clocks.add(
            name=clock.name,
            basis=clock.basis,
            due=clock.due.isoformat(),
            stopped=clock.stopped.isoformat() if clock.stopped else "",
            overdue=clock.overdue,
        )
        # That the consumer came too late is no delay of seller or handler.
        message.overdue |= clock.overdue and clock.name != "return-period"
    return message


def _masked(contact: str) -> str:
    """First and last character; neither what is between nor how much."""
    return f"{contact[0]}***{contact[-1]}" if len(contact) > 4 else "***" if contact else ""


def state_word(state: int) -> str:
    """As it stands in events: "filed", ..."""
    return complaint_pb2.ComplaintState.Name(state).removeprefix("COMPLAINT_STATE_").lower()  # type: ignore[arg-type]
