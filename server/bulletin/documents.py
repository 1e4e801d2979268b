"""Publish, Schedule, Withdraw, and the job that makes public what was scheduled.

A document has versions 1, 2, ...; at most one is public and at most one is scheduled. Every step is a row of
`bulletin_log` with a sequence of the store's one log; what a version says is never changed.
"""

from __future__ import annotations

import secrets
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import sqlalchemy as sa

from fairpost.server.bulletin import rows, search
from fairpost.server.bulletin.checking import draft_faults
from fairpost.server.bulletin.ids import document_id_fault
from fairpost.server.errors import FailedPrecondition, Violation, invalid_fields
from fairpost.server.faults import Faults, request_id_fault
from fairpost.server.registry.jobs import Job
from fairpost.server.registry.transaction import expect_version
from fairpost.server.store import schema
from fairpost.v1 import bulletin_pb2, reason_pb2

if TYPE_CHECKING:
    from fairpost.server.bulletin.notices import NoticeMaker
    from fairpost.server.registry.core import Core
    from fairpost.server.registry.transaction import Transaction

__all__ = ["PUBLISHING", "Documents", "Draft", "publish_due", "publish_part"]

_SCHEDULED: Final = bulletin_pb2.DOCUMENT_STATE_SCHEDULED
_PUBLIC: Final = bulletin_pb2.DOCUMENT_STATE_PUBLIC
_SUPERSEDED: Final = bulletin_pb2.DOCUMENT_STATE_SUPERSEDED
_WITHDRAWN: Final = bulletin_pb2.DOCUMENT_STATE_WITHDRAWN
_RULE_CHANGE: Final = bulletin_pb2.DOCUMENT_KIND_RULE_CHANGE
_TEN_YEARS_MS: Final = 3653 * 86_400_000
_PART: Final = 20


class Draft(NamedTuple):
    """A version to be. document_id: "" for a new document. rule_change: of a rule change."""

    document_id: str
    kind: int
    content: bulletin_pb2.DocumentContent
    note: str
    actor: str
    rule_change: bulletin_pb2.RuleChange | None = None
    expected_version: int = 0


class Documents:
    """Thread-safe."""

    def __init__(self, core: Core, notices: NoticeMaker) -> None:
        self._core = core
        self._notices = notices

    def publish(self, request: bulletin_pb2.PublishRequest) -> bulletin_pb2.DocumentResponse:
        draft_faults(request).raise_if_any()
        draft = self._draft(request, self._core.now())

        def work(transaction: Transaction) -> tuple[str, bulletin_pb2.DocumentResponse]:
            return "", self.put(transaction, draft, None)

        return self._core.answer("Publish", request, bulletin_pb2.DocumentResponse, work)

    def schedule(self, request: bulletin_pb2.ScheduleRequest) -> bulletin_pb2.DocumentResponse:
        faults = draft_faults(request.document, "document.")
        faults.add("request_id", request_id_fault(request.request_id))
        if request.document.request_id:
            faults.add("document.request_id", "belongs beside the document: request_id")
        at, now = request.publish_at.ToMilliseconds(), self._core.now()
        if not request.HasField("publish_at"):
            faults.add("publish_at", "is required: when the version becomes public")
        faults.raise_if_any()
        draft = self._draft(request.document, at)

        def work(transaction: Transaction) -> tuple[str, bulletin_pb2.DocumentResponse]:
            # Here, so that a repetition of what was answered is answered, however late.
            if not now < at <= now + _TEN_YEARS_MS:
                fault = f"{request.publish_at.ToJsonString()} is not in the future, or not within ten years"
                raise invalid_fields([Violation("publish_at", fault)])
            return "", self.put(transaction, draft, at)

        return self._core.answer("Schedule", request, bulletin_pb2.DocumentResponse, work)

    def _draft(self, request: bulletin_pb2.PublishRequest, at: int) -> Draft:
        content, document_id, change = request.content, request.document_id, None
        if request.kind == _RULE_CHANGE:
            content, change = self._notices.make(self._notices.bundle_of(request), content, at)
            document_id = document_id or f"rule-change-{change.new_revision}"
        return Draft(document_id, request.kind, content, request.note, request.actor, change, request.expected_version)

    def withdraw(self, request: bulletin_pb2.WithdrawRequest) -> bulletin_pb2.DocumentResponse:
        faults = Faults()
        faults.add("request_id", request_id_fault(request.request_id))
        faults.add("document_id", document_id_fault(request.document_id))
        faults.text("actor", request.actor, 128, required=True)
        faults.text("reason", request.reason, 1000, required=True)
        faults.raise_if_any()

        def work(transaction: Transaction) -> tuple[str, bulletin_pb2.DocumentResponse]:
            row = _existing(transaction.connection, request.document_id)
            expect_version("the document", row.version, request.expected_version)
            return "", self.take_back(
                transaction, row, request.actor, request.reason, scheduled_only=request.scheduled_only
            )

        return self._core.answer("Withdraw", request, bulletin_pb2.DocumentResponse, work)

    # ---- inside a transaction ---------------------------------------------------------------------------

    def put(self, transaction: Transaction, draft: Draft, publish_at: int | None) -> bulletin_pb2.DocumentResponse:
        """A new version: public at once, or at `publish_at`.

        Raises:
            Aborted: `expected_version` is given, and the document is at another.
            InvalidArgument: the document is of another kind.
        """
        connection = transaction.connection
        document_id = draft.document_id or f"d-{secrets.token_hex(6)}"
        row = rows.head_row(connection, document_id)
        expect_version("the document", row.version if row else 0, draft.expected_version)
        if row is not None and row.kind != draft.kind:
            was = bulletin_pb2.DocumentKind.Name(row.kind)
            raise invalid_fields([Violation("kind", f"must be {was}, as in the document's other versions")])
        columns = schema.document_versions.c
        last = sa.select(sa.func.coalesce(sa.func.max(columns.number), 0)).where(columns.document_id == document_id)
        number = int(connection.execute(last).scalar_one()) + 1
        if row is None:
            connection.execute(schema.documents.insert(), _new_head(document_id, draft.kind, transaction.sequence + 1))
        elif row.scheduled_number:
            _cancel(transaction, row, draft.actor, f"version {number} takes its place")
        connection.execute(schema.document_versions.insert(), _new_version(document_id, number, draft, publish_at))
        if publish_at is None:
            _make_public(transaction, document_id, number, draft.actor)
        else:
            sequence = _step(transaction, document_id, number, "scheduled", draft.actor, draft.note)
            _update(connection, document_id, version=sequence, scheduled_number=number, publish_at=publish_at)
        return self._response(transaction, document_id, number)

    def take_back(
        self, transaction: Transaction, row: Any, actor: str, reason: str, *, scheduled_only: bool = False
    ) -> bulletin_pb2.DocumentResponse:
        """Withdraw a document, given as its row, or its scheduled version.

        Raises:
            FailedPrecondition: there is nothing to withdraw.
        """
        document_id = row.document_id
        is_public = row.public_number > 0 and not row.withdrawn and not scheduled_only
        if not (row.scheduled_number or is_public):
            state = "nothing scheduled" if scheduled_only else "withdrawn"
            what = (
                f"{document_id} has no scheduled version" if scheduled_only else f"{document_id} is withdrawn already"
            )
            raise FailedPrecondition(reason_pb2.REASON_WRONG_STATE, f"document_id: {what}", metadata={"state": state})
        number = row.scheduled_number
        if row.scheduled_number:
            _cancel(transaction, row, actor, reason)
        if is_public:
            number = row.public_number
            sequence = _step(transaction, document_id, number, "withdrawn", actor, reason)
            _mark(
                transaction.connection,
                document_id,
                number,
                _WITHDRAWN,
                withdrawn_at=transaction.now,
                withdrawal_reason=reason,
            )
            _update(transaction.connection, document_id, version=sequence, told=sequence, withdrawn=True)
        return self._response(transaction, document_id, number)

    def _response(self, transaction: Transaction, document_id: str, number: int) -> bulletin_pb2.DocumentResponse:
        connection = transaction.connection
        version = rows.version_row(connection, document_id, number)
        message = rows.document(_existing(connection, document_id), version)
        return bulletin_pb2.DocumentResponse(document=message, cursor=self._core.token(transaction.sequence))


# ---- what was scheduled ---------------------------------------------------------------------------------


def publish_due(core: Core) -> bool:
    """Whether the time of any scheduled version has come: reads alone."""
    columns = schema.documents.c
    return core.store.has(sa.select(columns.document_id).where(columns.publish_at <= core.now()))


def publish_part(core: Core) -> tuple[Counter[str], bool]:
    """Make some of them public, in the order of their times; gives how many, and whether there may be more."""

    def work(transaction: Transaction) -> int:
        columns = schema.documents.c
        query = sa.select(*rows.HEAD).where(columns.publish_at <= transaction.now)
        found = transaction.connection.execute(
            query.order_by(columns.publish_at, columns.document_id).limit(_PART)
        ).all()
        for row in found:
            _make_public(transaction, row.document_id, row.scheduled_number, "schedule")
        return len(found)

    published = core.write(work)
    return Counter({"documents": published} if published else {}), published == _PART


PUBLISHING: Final = Job("bulletin", publish_due, publish_part)


# ---- rows -----------------------------------------------------------------------------------------------


def _existing(connection: sa.Connection, document_id: str) -> Any:
    row = rows.head_row(connection, document_id)
    if row is None:
        raise rows.no_such_document(document_id)
    return row


def _step(
    transaction: Transaction, document_id: str, number: int, step: str, actor: str, reason: str, *, public: bool = False
) -> int:
    sequence = transaction.take_sequence()
    row = {"sequence": sequence, "document_id": document_id, "number": number, "step": step, "actor": actor}
    row |= {"reason": reason, "public": public or step == "withdrawn", "recorded_at": transaction.now}
    transaction.connection.execute(schema.bulletin_log.insert(), row)
    transaction.note(f"document {document_id} version {number}: {step}")
    return sequence


def _mark(connection: sa.Connection, document_id: str, number: int, state: int, **values: Any) -> None:
    table = schema.document_versions
    mine = (table.c.document_id == document_id) & (table.c.number == number)
    connection.execute(sa.update(table).where(mine), {"state": state} | values)


def _update(connection: sa.Connection, document_id: str, **values: Any) -> None:
    table = schema.documents
    connection.execute(sa.update(table).where(table.c.document_id == document_id), values)


def _cancel(transaction: Transaction, row: Any, actor: str, reason: str) -> None:
    """Take back the scheduled version of a document."""
    number = row.scheduled_number
    sequence = _step(transaction, row.document_id, number, "cancelled", actor, reason)
    _mark(
        transaction.connection,
        row.document_id,
        number,
        _WITHDRAWN,
        withdrawn_at=transaction.now,
        withdrawal_reason=reason,
    )
    _update(transaction.connection, row.document_id, version=sequence, scheduled_number=0, publish_at=None)


def _make_public(transaction: Transaction, document_id: str, number: int, actor: str) -> None:
    connection = transaction.connection
    row, version = _existing(connection, document_id), rows.version_row(connection, document_id, number)
    sequence = _step(transaction, document_id, number, "published", actor, version.note, public=True)
    if row.public_number and not row.withdrawn:
        _mark(connection, document_id, row.public_number, _SUPERSEDED)
    _mark(connection, document_id, number, _PUBLIC, published_at=transaction.now)
    message = rows.document(row, version)
    content = message.content
    values: dict[str, Any] = {
        "version": sequence,
        "told": sequence,
        "withdrawn": False,
        "public_number": number,
        "scheduled_number": 0,
        "publish_at": None,
        "published_at": transaction.now,
        "effective_from": rows.day_of(content.effective_from),
        "effective_until": rows.day_of(content.effective_until),
        "search": rows.search_text(document_id, content),
    }
    listed = row.listed
    if row.public_number:
        search.remove(connection, listed, rows.search_of(connection, document_id))
    else:
        listed = sequence
        values |= {"listed": sequence, "first_published_at": transaction.now}
    search.index(connection, listed, values["search"])
    _update(connection, document_id, **values)
    tags = schema.document_tags
    connection.execute(sa.delete(tags).where(tags.c.document_id == document_id))
    if found := sorted(rows.tags_of(content)):
        connection.execute(
            tags.insert(), [{"document_id": document_id, "kind": kind, "tag": tag} for kind, tag in found]
        )


def _new_head(document_id: str, kind: int, listed: int) -> dict[str, Any]:
    return {
        "document_id": document_id,
        "kind": kind,
        "version": 0,
        "listed": listed,
        "told": None,
        "withdrawn": False,
        "public_number": 0,
        "scheduled_number": 0,
        "publish_at": None,
        "first_published_at": None,
        "published_at": None,
        "effective_from": None,
        "effective_until": None,
        "search": "",
    }


def _new_version(document_id: str, number: int, draft: Draft, publish_at: int | None) -> dict[str, Any]:
    change, content = draft.rule_change, rows.as_dict(draft.content)
    return {
        "document_id": document_id,
        "number": number,
        "state": _SCHEDULED,
        "content": {name: value for name, value in content.items() if name != "body"},
        "body": content.get("body", {}),
        "note": draft.note,
        "rule_change": rows.as_dict(change) if change is not None else {},
        "old_rules": change.old_rules if change is not None else "",
        "new_rules": change.new_rules if change is not None else "",
        "publish_at": publish_at,
        "published_at": None,
        "withdrawn_at": None,
        "withdrawal_reason": "",
    }
