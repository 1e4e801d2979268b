"""Notices of rule changes as documents: title and body are made from two bundles, never written by hand."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from datetime import datetime
from typing import TYPE_CHECKING, Final

from fairpost.engine import InvalidBundle
from fairpost.engine.dates import LAW_ZONE
from fairpost.rules.notices import Notice, markdown, title
from fairpost.server.errors import FailedPrecondition, InvalidArgument, NotFound, Violation, invalid_fields
from fairpost.server.faults import Faults
from fairpost.server.giving_way import giving_way
from fairpost.v1 import bulletin_pb2, reason_pb2

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from fairpost.server.registry.core import Core

__all__ = ["NoticeMaker", "bundle_faults", "day_at", "no_revision"]

MOST_WORDS: Final = 1000
"""Words of one list that a notice shows; of longer differences it says how many more there are."""
_KEPT: Final = 8
"""Changes of which the notice is kept in memory."""
_DAY_MS: Final = 86_400_000


def no_revision(revision: str) -> bytes:
    """`kept` where no rule sets are kept."""
    raise NotFound(reason_pb2.REASON_REVISION_NOT_FOUND, f"revision: {revision[:64]!r} is not kept here")


def day_at(milliseconds: int) -> date:
    """The day in China."""
    return datetime.fromtimestamp(milliseconds / 1000, LAW_ZONE).date()


class NoticeMaker:
    """Makes contents of rule changes. Thread-safe.

    active: the active bundle's bytes, or None. kept: those of a revision that is kept here. days: for how long a notice
    is public before the rules are activated;
    is_required: whether they cannot be before.
    """

    def __init__(
        self,
        core: Core,
        active: Callable[[], bytes | None],
        kept: Callable[[str], bytes],
        days: int,
        *,
        is_required: bool,
    ) -> None:
        self._core = core
        self._active = active
        self._kept = kept
        self.days = days
        self.is_required = is_required
        self._lock = threading.Lock()
        self._made: OrderedDict[bytes, tuple[bulletin_pb2.DocumentContent, bulletin_pb2.RuleChange]] = OrderedDict()
        """Of the last changes, by all that they were made from: two books take seconds of a core and tens of
        megabytes, and whoever looks at a change looks at it again."""

    def draft(self, request: bulletin_pb2.DraftNoticeRequest) -> bulletin_pb2.DraftNoticeResponse:
        faults = Faults()
        bundle_faults(faults, request)
        faults.day("effective_from", request.effective_from)
        faults.text("emergency_reason", request.emergency_reason, 1000)
        faults.raise_if_any()
        content, change = self.make(
            self.bundle_of(request),
            bulletin_pb2.DocumentContent(effective_from=request.effective_from),
            self._core.now(),
            old=request.old_bundle or None,
            emergency_reason=request.emergency_reason,
        )
        return bulletin_pb2.DraftNoticeResponse(content=content, rule_change=change)

    def bundle_of(self, request: bulletin_pb2.DraftNoticeRequest | bulletin_pb2.PublishRequest) -> bytes:
        """The new rule set of a request that names one.

        Raises:
            NotFound: its revision is not kept here.
            InvalidArgument, Unavailable: the kept file is damaged, or cannot be read at present.
        """
        return request.bundle or self._kept(request.revision)

    def make(
        self,
        bundle: bytes,
        given: bulletin_pb2.DocumentContent,
        at: int,
        *,
        old: bytes | None = None,
        emergency_reason: str = "",
    ) -> tuple[bulletin_pb2.DocumentContent, bulletin_pb2.RuleChange]:
        """A notice that becomes public at `at` (milliseconds since 1970), and what it announces.

        Args:
            given: what somebody wrote of it: the body before the generated text, days, further categories.
            old: the bundle before; None: the active one.

        Raises:
            InvalidArgument: a bundle is damaged.
            FailedPrecondition: nothing is active to compare with.
        """
        old = old or self._active()
        if old is None:
            raise FailedPrecondition(
                reason_pb2.REASON_NO_ACTIVE_RULE_SET,
                "no rule set is active yet, so there is no change to announce; the first one needs no notice",
            )
        wanted = Faults().day("effective_from", given.effective_from)
        first = day_at(at if emergency_reason else at + self.days * _DAY_MS)
        day = wanted or first
        made_from = _digest(old, bundle, given.SerializeToString(deterministic=True), day.isoformat(), emergency_reason)
        made = self._made.get(made_from)
        if made is None:
            try:
                with giving_way():
                    notice = Notice.between(old, bundle, day, emergency_reason=emergency_reason)
                    made = content_of(notice, given), rule_change_of(notice)
            except InvalidBundle as error:
                raise InvalidArgument(reason_pb2.REASON_INVALID_BUNDLE, f"bundle: {error}") from None
            self._keep(made_from, made)
        content, change = bulletin_pb2.DocumentContent(), bulletin_pb2.RuleChange()
        content.CopyFrom(made[0])
        change.CopyFrom(made[1])
        if self.is_required and change.tightens and wanted and wanted < first:
            fault = f"is {wanted}; stricter rules apply from {first} on, {self.days} days after their notice"
            raise invalid_fields([Violation("content.effective_from", fault)])
        return content, change

    def _keep(self, made_from: bytes, made: tuple[bulletin_pb2.DocumentContent, bulletin_pb2.RuleChange]) -> None:
        with self._lock:
            self._made[made_from] = made
            while len(self._made) > _KEPT:
                self._made.popitem(last=False)


def _digest(*parts: bytes | str) -> bytes:
    """Of all parts and where each ends."""
    digests = (hashlib.sha256(part.encode() if isinstance(part, str) else part).digest() for part in parts)
    return hashlib.sha256(b"".join(digests)).digest()


def bundle_faults(
    faults: Faults, request: bulletin_pb2.DraftNoticeRequest | bulletin_pb2.PublishRequest, path: str = ""
) -> None:
    """What is wrong with how a request names the new rule set."""
    if not request.bundle and not request.revision:
        faults.add(
            f"{path}bundle", "is required: the bytes that `fairpost rules compile` wrote, or the revision of kept ones"
        )
    if request.bundle and request.revision:
        faults.add(f"{path}revision", "is given beside the bundle; one of the two says which rule set is meant")


def content_of(notice: Notice, given: bulletin_pb2.DocumentContent) -> bulletin_pb2.DocumentContent:
    """Title, body, days, categories, laws and rules of a notice; what is given of them stands first."""
    content = bulletin_pb2.DocumentContent(effective_from=notice.day.isoformat(), effective_until=given.effective_until)
    content.categories.extend(dict.fromkeys([*given.categories, *notice.categories]))
    content.laws.extend(dict.fromkeys([*given.laws, *notice.laws]))
    content.rules.extend(dict.fromkeys([*given.rules, *notice.rules]))
    content.title.zh, content.title.en = title(notice, "zh"), title(notice, "en")
    for language, body in (("zh", given.body.zh), ("en", given.body.en or given.body.zh)):
        made = markdown(notice, language, most_words=MOST_WORDS)  # type: ignore[arg-type]
        setattr(content.body, language, f"{body.rstrip()}\n\n{made}" if body.strip() else made)
    return content


def rule_change_of(notice: Notice) -> bulletin_pb2.RuleChange:
    counts = {way: sum(1 for _ in notice.of(way)) for way in ("stricter", "milder", "either", "neither")}
    return bulletin_pb2.RuleChange(
        old_revision=notice.old.revision,
        new_revision=notice.new.revision,
        tightens=notice.tightens,
        emergency_reason=notice.emergency_reason,
        old_rules=notice.old.fingerprint,
        new_rules=notice.new.fingerprint,
        **counts,
    )
