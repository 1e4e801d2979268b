"""Get, List, ListVersions, ListScheduled: what readers see, and what waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from fairpost.server.bulletin import rows, search
from fairpost.server.bulletin.ids import document_id_fault
from fairpost.server.errors import Violation, invalid_fields
from fairpost.server.faults import Faults
from fairpost.server.registry import log
from fairpost.server.registry.paging import Pages
from fairpost.server.store import schema
from fairpost.v1 import bulletin_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fairpost.server.registry.core import Core

__all__ = ["Reading"]

_HEADS: Final = schema.documents.c
_TAGS: Final = ("category", "rule", "law")
"""Fields of the request that are kinds of `document_tags`."""


class Reading:
    """Thread-safe."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def get(self, request: bulletin_pb2.GetDocumentRequest) -> bulletin_pb2.DocumentResponse:
        if fault := document_id_fault(request.document_id):
            raise invalid_fields([Violation("document_id", fault)])
        with self._core.store.read() as connection:
            head = _public_head(connection, request.document_id)
            version = rows.version_row(connection, request.document_id, request.number or head.public_number)
            if version is None or version.published_at is None:
                what = f"number: {request.document_id} has no version {request.number} that is or was public"
                raise rows.no_such_document(request.document_id, what)
            cursor = self._core.token(log.head_sequence(connection))
        return bulletin_pb2.DocumentResponse(document=rows.document(head, version), cursor=cursor)

    def list(self, request: bulletin_pb2.ListDocumentsRequest) -> bulletin_pb2.ListDocumentsResponse:
        faults, pages = Faults(), self._pages(request)
        pages.check(faults)
        faults.choices("kinds", request.kinds, bulletin_pb2.DocumentKind)
        for name in _TAGS:
            faults.text(name, getattr(request, name), 200)
        faults.text("query", request.query, 100)
        day = faults.day("in_force_on", request.in_force_on)
        faults.raise_if_any()
        query = sa.select(*rows.HEAD).where(_HEADS.public_number > 0)
        if not request.withdrawn:
            query = query.where(~_HEADS.withdrawn)
        if request.kinds:
            query = query.where(_HEADS.kind.in_(request.kinds))
        if day:
            query = query.where(
                _HEADS.effective_from.is_(None) | (_HEADS.effective_from <= day),
                _HEADS.effective_until.is_(None) | (_HEADS.effective_until >= day),
            )
        for kind in _TAGS:
            if tag := getattr(request, kind):
                tags = schema.document_tags.c
                mine = (tags.document_id == _HEADS.document_id) & (tags.kind == kind) & (tags.tag == tag)
                query = query.where(sa.exists().where(mine))
        wanted = rows.searched(request.query)
        answer = bulletin_pb2.ListDocumentsResponse()
        with self._core.store.read() as connection:
            answer.cursor = self._core.token(log.head_sequence(connection))
            if wanted:
                query = query.where(search.contains(connection, _HEADS.listed, _HEADS.search, wanted))
            order = _HEADS.told if request.latest_change_first else _HEADS.listed
            found, answer.next_page_token = pages.take(connection, query, order, descending=True)
            numbers = [(head.document_id, head.public_number) for head in found]
            versions = _versions(connection, numbers, titles_only=request.titles_only)
            for head, key in zip(found, numbers, strict=True):
                answer.documents.append(rows.document(head, versions[key], titles_only=request.titles_only))
        return answer

    def versions(self, request: bulletin_pb2.ListVersionsRequest) -> bulletin_pb2.ListVersionsResponse:
        faults, pages = Faults(), self._pages(request)
        pages.check(faults)
        faults.add("document_id", document_id_fault(request.document_id))
        faults.raise_if_any()
        columns = schema.document_versions.c
        query = sa.select(schema.document_versions).where(
            columns.document_id == request.document_id, columns.published_at.is_not(None)
        )
        answer = bulletin_pb2.ListVersionsResponse()
        with self._core.store.read() as connection:
            head = _public_head(connection, request.document_id)
            found, answer.next_page_token = pages.take(connection, query, columns.number)
            answer.versions.extend(rows.document(head, version) for version in found)
        return answer

    def scheduled(self, request: bulletin_pb2.ListScheduledRequest) -> bulletin_pb2.ListScheduledResponse:
        faults, pages = Faults(), self._pages(request)
        pages.check(faults)
        faults.raise_if_any()
        query = sa.select(*rows.HEAD).where(_HEADS.publish_at.is_not(None))
        answer = bulletin_pb2.ListScheduledResponse()
        with self._core.store.read() as connection:
            found, answer.next_page_token = pages.take(connection, query, _HEADS.document_id)
            numbers = [(head.document_id, head.scheduled_number) for head in found]
            versions = _versions(connection, numbers)
            answer.documents.extend(
                rows.document(head, versions[key]) for head, key in zip(found, numbers, strict=True)
            )
        return answer

    def _pages(self, request: Any) -> Pages:
        return Pages(self._core.keys, self._core.store.store_id, request)


def _versions(
    connection: sa.Connection, numbers: Iterable[tuple[str, int]], *, titles_only: bool = False
) -> dict[tuple[str, int], Any]:
    """Rows of `document_versions` by document and number; titles_only: without bodies."""
    wanted_columns = rows.TITLE if titles_only else tuple(schema.document_versions.c)
    wanted = set(numbers)
    columns = schema.document_versions.c
    found = {}
    ids = sorted({document_id for document_id, _ in wanted})
    for start in range(0, len(ids), 500):
        query = sa.select(*wanted_columns).where(columns.document_id.in_(ids[start : start + 500]))
        for row in connection.execute(query):
            if (row.document_id, row.number) in wanted:
                found[row.document_id, row.number] = row
    return found


def _public_head(connection: sa.Connection, document_id: str) -> Any:
    head = rows.head_row(connection, document_id)
    if head is None or not head.public_number:
        raise rows.no_such_document(document_id)
    return head
