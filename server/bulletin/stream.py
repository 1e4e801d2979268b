"""Subscribe: what was published and withdrawn, each once and in the order of the log, across restarts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from fairpost.server.bulletin import rows
from fairpost.server.faults import Faults
from fairpost.server.registry import log
from fairpost.server.store import schema
from fairpost.v1 import bulletin_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fairpost.server.registry.core import Core
    from fairpost.server.registry.watching import Watching

__all__ = ["Stream", "steps_after"]

_PART: Final = 20


class Stream:
    """Thread-safe."""

    def __init__(self, core: Core, watching: Watching) -> None:
        self._core = core
        self._watching = watching

    def subscribe(
        self, request: bulletin_pb2.SubscribeRequest, active: Callable[[], bool]
    ) -> Iterator[bulletin_pb2.SubscribeResponse]:
        """Parts until the server stops or `active` says that nobody listens any more."""
        faults = Faults()
        faults.choices("kinds", request.kinds, bulletin_pb2.DocumentKind)
        faults.text("category", request.category, 200)
        faults.raise_if_any()
        if request.cursor:
            after = self._watching.after(request.cursor, "Read the list of documents (List) and subscribe anew")
        else:
            after = 0 if request.from_beginning else self._core.store.sequence()

        def wanted(document: bulletin_pb2.Document) -> bool:
            of_kind = not request.kinds or document.kind in request.kinds
            return of_kind and (not request.category or request.category in document.content.categories)

        def read(connection: sa.Connection, after: int) -> tuple[list[bulletin_pb2.BulletinEntry], int, bool]:
            entries = [rows.entry(*step) for step in steps_after(connection, after, _PART)]
            more = len(entries) == _PART
            upto = entries[-1].sequence if more else log.head_sequence(connection)
            return [entry for entry in entries if wanted(entry.document)], upto, more

        for entries, upto in self._watching.follow(after, read, active):
            yield bulletin_pb2.SubscribeResponse(entries=entries, cursor=self._core.token(upto))


def steps_after(connection: sa.Connection, after: int, most: int) -> list[tuple[Any, Any, Any]]:
    """What readers are told after a sequence, in order: rows of the log, of its document, of its version."""
    steps, heads, versions = schema.bulletin_log, schema.documents, schema.document_versions
    query = sa.select(steps).where(steps.c.sequence > after, steps.c.public).order_by(steps.c.sequence).limit(most)
    found = connection.execute(query).all()
    ids = sorted({step.document_id for step in found})
    of_ids = sa.select(*rows.HEAD).where(heads.c.document_id.in_(ids))
    by_id = {head.document_id: head for head in connection.execute(of_ids)}
    of_numbers = sa.select(versions).where(
        sa.tuple_(versions.c.document_id, versions.c.number).in_([(step.document_id, step.number) for step in found])
    )
    by_number = {(row.document_id, row.number): row for row in connection.execute(of_numbers)} if found else {}
    return [(step, by_id[step.document_id], by_number[step.document_id, step.number]) for step in found]
