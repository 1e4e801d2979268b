"""ListAudit: the audit log page by page, the latest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from fairpost.server.faults import Faults
from fairpost.server.registry.paging import Pages
from fairpost.server.registry.sellers import like_pattern
from fairpost.server.store import schema
from fairpost.v1 import audit_pb2

if TYPE_CHECKING:
    from typing import Any

    from fairpost.server.registry.core import Core

__all__ = ["AuditReading"]

_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799


class AuditReading:
    """Thread-safe."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def list(self, request: audit_pb2.ListAuditRequest) -> audit_pb2.ListAuditResponse:
        faults, pages = Faults(), Pages(self._core.keys, self._core.store.store_id, request)
        pages.check(faults)
        for name, limit in (("actor", 128), ("method", 100), ("subject", 300), ("outcome", 64)):
            faults.text(name, getattr(request, name), limit)
        for name in ("since", "until"):
            if not _FIRST_SECOND <= getattr(request, name).seconds <= _LAST_SECOND:
                faults.add(name, "is outside the years 1 to 9999")
        both = request.HasField("since") and request.HasField("until")
        if both and request.until.ToMilliseconds() <= request.since.ToMilliseconds():
            faults.add("until", "is not after since")
        faults.raise_if_any()
        columns = schema.audit.c
        query = sa.select(schema.audit)
        if request.actor:
            query = query.where(columns.actor.like(like_pattern(request.actor)[1:], escape="\\"))
        if request.method:
            query = query.where(columns.method.like(like_pattern(request.method), escape="\\"))
        if request.subject:
            query = query.where(columns.subject.like(like_pattern(request.subject), escape="\\"))
        if request.outcome:
            query = query.where(columns.outcome == request.outcome)
        if request.HasField("since"):
            query = query.where(columns.at >= request.since.ToMilliseconds())
        if request.HasField("until"):
            query = query.where(columns.at < request.until.ToMilliseconds())
        with self._core.store.read() as connection:
            found, after = pages.take(connection, query, columns.sequence, descending=True)
        return audit_pb2.ListAuditResponse(entries=[_message(row) for row in found], next_page_token=after)


def _message(row: Any) -> audit_pb2.AuditEntry:
    entry = audit_pb2.AuditEntry(
        sequence=row.sequence,
        actor=row.actor,
        method=row.method,
        peer=row.peer,
        digest=row.digest,
        subject=row.subject,
        outcome=row.outcome,
        hash=bytes(row.hash).hex(),
    )
    entry.at.FromMilliseconds(row.at)
    return entry
