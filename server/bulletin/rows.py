"""Rows of the bulletin's tables as messages, and contents as rows."""

from __future__ import annotations

import unicodedata
from datetime import date
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from google.protobuf.json_format import MessageToDict, ParseDict

from fairpost.server.errors import NotFound
from fairpost.server.store import schema
from fairpost.v1 import bulletin_pb2, reason_pb2

if TYPE_CHECKING:
    from google.protobuf.message import Message

__all__ = [
    "HEAD",
    "TITLE",
    "as_dict",
    "day_of",
    "delivery",
    "document",
    "entry",
    "head_row",
    "no_such_document",
    "search_of",
    "search_text",
    "searched",
    "tags_of",
    "version_row",
]

HEAD = tuple(column for column in schema.documents.c if column.name != "search")
"""What is read of a document, all but the text for queries."""
TITLE = tuple(column for column in schema.document_versions.c if column.name != "body")
"""A version without its body."""
_TIMES = ("published_at", "publish_at", "withdrawn_at")


def head_row(connection: sa.Connection, document_id: str) -> Any:
    """Row of HEAD; None where there is none."""
    return connection.execute(sa.select(*HEAD).where(schema.documents.c.document_id == document_id)).one_or_none()


def as_dict(message: Message) -> dict[str, Any]:
    """A message as it is stored in a JSON column."""
    return MessageToDict(message, preserving_proto_field_name=True)


def document(head: Any, version: Any, *, titles_only: bool = False) -> bulletin_pb2.Document:
    """One version. head: row of HEAD; version: row of `document_versions`, or of TITLE with titles_only."""
    message = bulletin_pb2.Document(
        document_id=head.document_id,
        kind=head.kind,
        number=version.number,
        state=version.state,
        note=version.note,
        withdrawal_reason=version.withdrawal_reason,
        version=head.version,
    )
    ParseDict(version.content, message.content)
    if not titles_only:
        ParseDict(version.body, message.content.body)
    if version.rule_change:
        ParseDict(version.rule_change, message.rule_change)
    for name in _TIMES:
        if (value := getattr(version, name)) is not None:
            getattr(message, name).FromMilliseconds(value)
    if head.first_published_at is not None:
        message.first_published_at.FromMilliseconds(head.first_published_at)
    return message


def search_of(connection: sa.Connection, document_id: str) -> str:
    """What queries look in, of a document that is there."""
    columns = schema.documents.c
    return str(connection.execute(sa.select(columns.search).where(columns.document_id == document_id)).scalar_one())


def entry(step: Any, head: Any, version: Any) -> bulletin_pb2.BulletinEntry:
    """A step that readers are told of, with the version as it stood then: the same whenever it is asked for."""
    message = bulletin_pb2.BulletinEntry(sequence=step.sequence, document=document(head, version))
    made = message.document
    made.version = step.sequence
    if step.step == "published":
        made.state = bulletin_pb2.DOCUMENT_STATE_PUBLIC
        made.published_at.FromMilliseconds(step.recorded_at)
        made.ClearField("withdrawn_at")
        made.ClearField("withdrawal_reason")
    else:
        made.state = bulletin_pb2.DOCUMENT_STATE_WITHDRAWN
        made.withdrawn_at.FromMilliseconds(step.recorded_at)
        made.withdrawal_reason = step.reason
    return message


def delivery(row: Any) -> bulletin_pb2.Delivery:
    """A row of `deliveries` joined with its step."""
    message = bulletin_pb2.Delivery(
        receiver=row.receiver,
        sequence=row.sequence,
        document_id=row.document_id,
        number=row.number,
        state=row.state,
        attempts=row.attempts,
        last_error=row.last_error,
    )
    if row.next_attempt_at is not None:
        message.next_attempt_at.FromMilliseconds(row.next_attempt_at)
    if row.tried_at is not None:
        message.tried_at.FromMilliseconds(row.tried_at)
    return message


def version_row(connection: sa.Connection, document_id: str, number: int) -> Any:
    """A row of `document_versions`, or None."""
    columns = schema.document_versions.c
    mine = (columns.document_id == document_id) & (columns.number == number)
    return connection.execute(sa.select(schema.document_versions).where(mine)).one_or_none()


def no_such_document(document_id: str, what: str = "") -> NotFound:
    """what: the message, where it is not simply the document that is unknown."""
    message = what or f"document_id: {document_id[:64]!r} is no document of the bulletin"
    return NotFound(reason_pb2.REASON_DOCUMENT_NOT_FOUND, message)


def tags_of(content: bulletin_pb2.DocumentContent) -> set[tuple[str, str]]:
    """(kind, tag) by which a document is found: of an article its law, too."""
    found = {("category", category) for category in content.categories}
    found |= {("rule", rule) for rule in content.rules}
    for article in content.laws:
        found |= {("law", article), ("law", article.partition("/")[0])}
    return found


def searched(text: str) -> str:
    """Text as it is searched: full-width and half-width alike, without capital letters, spaces joined."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def search_text(document_id: str, content: bulletin_pb2.DocumentContent) -> str:
    """All that queries look in."""
    parts = [document_id, content.title.zh, content.title.en, content.body.zh, content.body.en]
    return searched("\n".join([*parts, *content.categories, *content.rules, *content.laws]))


def day_of(text: str) -> date | None:
    """A day of a message that was checked."""
    return date.fromisoformat(text) if text else None
