"""CompareRules: what the activation of another rule set would change, before anybody activates it."""

from __future__ import annotations

import threading
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

from fairpost.engine import InvalidBundle, RuleSet
from fairpost.engine.dates import day_of_date, day_of_seconds
from fairpost.server.allocation import trim
from fairpost.server.errors import (
    FailedPrecondition,
    ResourceExhausted,
    Violation,
    invalid_fields,
)
from fairpost.server.faults import Faults
from fairpost.server.giving_way import giving_way
from fairpost.server.kept import invalid_bundle
from fairpost.server.offences import texts_of
from fairpost.server.posts import made_at, named, post_fault
from fairpost.server.rulebook.backtests import Tried, backtest
from fairpost.server.rulebook.reviewed import latest_reviewed
from fairpost.v1 import bulletin_pb2, reason_pb2, rules_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fairpost.server.activation import RuleSets
    from fairpost.server.bulletin.notices import NoticeMaker
    from fairpost.server.registry.core import Core
    from fairpost.server.table import SellerTable
    from fairpost.v1 import post_pb2

__all__ = ["Comparison", "bundle_fault"]

_MOST_REVIEWED: Final = 10_000
_MOST_SAMPLES: Final = 20
_RETRY_SECONDS: Final = 5.0


def bundle_fault(bundle: bytes, revision: str) -> str | None:
    """Exactly one of the two is to be given."""
    if bundle and revision:
        return "is given, and so is revision; give one of the two"
    if not bundle and not revision:
        return "is required: the bytes that `fairpost rules compile` wrote; or revision, of one that is kept here"
    return None


class Comparison:
    """One at a time: each takes seconds of a core. Thread-safe."""

    def __init__(
        self,
        rule_sets: RuleSets,
        notices: NoticeMaker,
        core: Core,
        table: SellerTable,
        *,
        max_posts: int,
        max_characters: int,
    ) -> None:
        self._rule_sets = rule_sets
        self._notices = notices
        self._core = core
        self._table = table
        self._max_posts = max_posts
        self._max_characters = max_characters
        self._turn = threading.Lock()

    def compare(self, request: rules_pb2.CompareRulesRequest) -> rules_pb2.CompareRulesResponse:
        self._check(request)
        old = self._rule_sets.snapshot()
        if not self._turn.acquire(blocking=False):
            raise ResourceExhausted(
                reason_pb2.REASON_OVERLOADED,
                "another comparison is under way; they are made one at a time",
                retry_after=_RETRY_SECONDS,
            )
        try:
            return self._compare(old, request)
        finally:
            self._turn.release()
            trim()  # a whole rule set was freed

    def _compare(self, old: RuleSet, request: rules_pb2.CompareRulesRequest) -> rules_pb2.CompareRulesResponse:
        bundle = request.bundle or self._rule_sets.stored(request.revision)[0]
        try:
            with giving_way():
                new = RuleSet.from_bytes(bundle)
        except InvalidBundle as error:
            raise invalid_bundle(str(error)) from None
        content, change = self._notices.make(bundle, bulletin_pb2.DocumentContent(), self._core.now())
        answer = rules_pb2.CompareRulesResponse(
            old_revision=old.revision,
            new_revision=new.revision,
            notice=content,
            change=change,
            outlook=self._outlook(bundle, new),
        )
        # On the day from which the new rules are to apply: one that begins with it does not fire before.
        day = day_of_date(date.fromisoformat(content.effective_from))
        with giving_way():
            if request.posts:
                answer.sent.CopyFrom(backtest(old, new, self._sent(request.posts, day), request.samples))
            if request.reviewed_posts:
                reviewed = latest_reviewed(self._core, request.reviewed_posts, day)
                answer.reviewed.CopyFrom(backtest(old, new, reviewed, request.samples))
        return answer

    def _check(self, request: rules_pb2.CompareRulesRequest) -> None:
        faults = Faults()
        faults.add("bundle", bundle_fault(request.bundle, request.revision))
        faults.text("revision", request.revision, 64)
        if len(request.posts) > self._max_posts:
            faults.add("posts", f"has {len(request.posts)} posts; at most {self._max_posts} are taken")
        if request.reviewed_posts > _MOST_REVIEWED:
            faults.add("reviewed_posts", f"is {request.reviewed_posts}; at most {_MOST_REVIEWED}")
        if request.samples > _MOST_SAMPLES:
            faults.add("samples", f"is {request.samples}; at most {_MOST_SAMPLES}")
        faults.raise_if_any()
        for i, post in enumerate(request.posts):
            path = f"posts[{i}]"
            if (fault := post_fault(post, path)) is not None:
                raise named(fault, post)
            if (longest := max(map(len, texts_of(post)))) > self._max_characters:
                what = f"has a text of {longest} characters; at most {self._max_characters} are taken"
                raise named(invalid_fields([Violation(path, what)]), post)

    def _sent(self, posts: Sequence[post_pb2.Post], day: int) -> list[Tried]:
        view = self._table.view([post.seller_id for post in posts])
        found = []
        for post, seller in zip(posts, view.sellers.tolist(), strict=True):
            standing = view.standings[seller].tobytes() if seller >= 0 else b""
            seconds = made_at(post)
            found.append(Tried(post, seller, standing, day if seconds is None else day_of_seconds(seconds)))
        return found

    def _outlook(self, bundle: bytes, rule_set: RuleSet) -> rules_pb2.ActivationOutlook:
        outlook = rules_pb2.ActivationOutlook(admitted=True)
        try:
            self._rule_sets.check_admission(bundle, rule_set)
        except FailedPrecondition as error:
            outlook.admitted = False
            outlook.reason, outlook.message = error.reason_name, error.message
            outlook.notice = error.metadata.get("notice", "")
            if "from" in error.metadata:
                outlook.ready_at.FromDatetime(datetime.fromisoformat(error.metadata["from"]))
        return outlook
