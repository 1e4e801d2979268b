"""Rules that become stricter are activated after their notice: the E-Commerce Law, Art. 34, has changed rules made
public at least seven days before they apply.

What is compared is what the bundles enforce (`rules.notices`), never their bytes. Nothing is asked of a first
activation, nor of changes that cannot make any post or seller worse off.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

import sqlalchemy as sa
import structlog

from fairpost.engine.dates import LAW_ZONE
from fairpost.rules.notices import Notice
from fairpost.server.audit import caller
from fairpost.server.bulletin import rows
from fairpost.server.bulletin.documents import Draft
from fairpost.server.bulletin.notices import content_of, day_at, rule_change_of
from fairpost.server.errors import FailedPrecondition
from fairpost.server.giving_way import giving_way
from fairpost.server.store import schema
from fairpost.v1 import bulletin_pb2, reason_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairpost.server.bulletin.documents import Documents
    from fairpost.server.registry.core import Core
    from fairpost.server.registry.transaction import Transaction

__all__ = ["NoticeGuard"]

log = structlog.get_logger(__name__)

_DAY_MS: Final = 86_400_000
_KIND: Final = bulletin_pb2.DOCUMENT_KIND_RULE_CHANGE
_SHOWN: Final = 5
_AUDITED: Final = 150
"""Characters of the reason in the audit log, whose entries are short; the notice has the whole."""


class _Announced(NamedTuple):
    """A notice of this very change. since: when a version that announces it first became public."""

    document_id: str
    since: int


class NoticeGuard:
    """Holds activations back. Thread-safe. days: for how long a notice must have been public."""

    def __init__(self, core: Core, documents: Documents, days: int) -> None:
        self._core = core
        self._documents = documents
        self._days = days

    @contextlib.contextmanager
    def admit(self, old: bytes | None, new: bytes, emergency_reason: str, actor: str) -> Iterator[None]:
        """Around the activation of `new` in the place of `old`, both bundles.

        In an emergency the notice, with the reason on it, is public before the rules are; if they then cannot be
        activated, it is withdrawn.

        Raises:
            FailedPrecondition: its notice has not been public for long enough, and it is no emergency.
            Unavailable: the store cannot be read, or the notice not be written.
        """
        if old is None:
            yield
            return
        with giving_way():
            notice = Notice.between(old, new, day_at(self._core.now()), emergency_reason=emergency_reason)
            tightens = notice.tightens
        announced = self._announced(notice)
        ready_at = announced.since + self._days * _DAY_MS if announced else None
        if not tightens or (ready_at is not None and ready_at <= self._core.now()):
            yield
            return
        if not emergency_reason:
            raise _not_yet(notice, self._days, announced, ready_at)
        actor = actor or caller.current().actor
        document_id = self._publish(notice, announced, actor)
        log.warning(
            "emergency activation without the notice's term",
            revision=notice.new.revision,
            reason=emergency_reason,
            actor=actor,
            document=document_id,
        )
        try:
            yield
        except BaseException:
            self._withdraw(document_id)
            raise

    def _announced(self, notice: Notice) -> _Announced | None:
        heads, versions = schema.documents.c, schema.document_versions.c
        same = (versions.old_rules == notice.old.fingerprint) & (versions.new_rules == notice.new.fingerprint)
        now_public = sa.select(heads.document_id).join(
            schema.document_versions,
            (versions.document_id == heads.document_id) & (versions.number == heads.public_number),
        )
        # A later version of the notice, with a better introduction, keeps the time of the first.
        query = (
            sa.select(versions.document_id, sa.func.min(versions.published_at).label("since"))
            .where(
                same,
                versions.published_at.is_not(None),
                versions.withdrawn_at.is_(None),
                versions.document_id.in_(now_public.where(same, ~heads.withdrawn)),
            )
            .group_by(versions.document_id)
            .order_by(sa.text("since"))
            .limit(1)
        )
        with self._core.store.read() as connection:
            row = connection.execute(query).one_or_none()
        return _Announced(row.document_id, int(row.since)) if row else None

    def _publish(self, notice: Notice, announced: _Announced | None, actor: str) -> str:
        document_id = announced.document_id if announced else f"rule-change-{notice.new.revision}"
        content = content_of(notice, bulletin_pb2.DocumentContent())
        draft = Draft(document_id, _KIND, content, notice.emergency_reason, actor, rule_change_of(notice))

        def work(transaction: Transaction) -> str:
            reason = notice.emergency_reason[:_AUDITED]
            transaction.note(f"emergency activation of rule set {notice.new.revision}: {reason}")
            return self._documents.put(transaction, draft, None).document.document_id

        return self._core.write(work)

    def _withdraw(self, document_id: str) -> None:
        def work(transaction: Transaction) -> None:
            row = rows.head_row(transaction.connection, document_id)
            self._documents.take_back(transaction, row, "activation", "the rule set was not activated after all")

        self._core.write(work)


def _not_yet(notice: Notice, days: int, announced: _Announced | None, ready_at: int | None) -> FailedPrecondition:
    subjects = (entry.subject for entry in notice.entries if "tightens" in entry.effects)
    # A rule and a list may have the same name.
    stricter = list(dict.fromkeys(".".join(rest) if kind == "value" else rest[0] for kind, *rest in subjects))
    shown = ", ".join(stricter[:_SHOWN]) + (f" and {len(stricter) - _SHOWN} more" if len(stricter) > _SHOWN else "")
    metadata = {}
    if announced is not None and ready_at is not None:
        moment = datetime.fromtimestamp(ready_at / 1000, LAW_ZONE)
        until = moment.isoformat(timespec="minutes")
        metadata = {"notice": announced.document_id, "from": moment.astimezone(UTC).isoformat(timespec="seconds")}
        what = (
            f"its notice {announced.document_id} has been public for less than {days} days; activate it from {until} on"
        )
    else:
        what = (
            f"no notice of this change is public; publish it (fairpost bulletin publish --bundle) and wait {days} days"
        )
    return FailedPrecondition(
        reason_pb2.REASON_NOTICE_REQUIRED,
        f"the rule set may be stricter than the active one ({shown}), and {what}, or activate it as an emergency with "
        "a reason (emergency_reason), which goes onto the notice",
        metadata=metadata,
    )
