"""Judging posts: from messages to columns, one pass of the engine, and back.

`FilterService` is free of any transport: it takes parsed posts and gives results, or raises ServiceError. Each call
takes one snapshot of the rule set and one view of the sellers' standing, and uses nothing else.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from fairpost.engine.dates import day_of_seconds
from fairpost.engine.vocabulary import SELLER_NOT_FOUND, SELLER_UNAVAILABLE, SEVERITIES, Action, Status
from fairpost.server import messages, offences
from fairpost.server.errors import InvalidArgument, ServiceError, Violation, invalid_fields
from fairpost.v1 import filter_pb2, post_pb2, reason_pb2, verdict_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence, Sized

    from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

    from fairpost.engine import RuleSet, StandingView, Verdict, VerdictBatch
    from fairpost.server.activation import RuleSets
    from fairpost.server.decisions import DecisionIds
    from fairpost.server.registry.violations import Violations
    from fairpost.server.table import SellerTable
    from fairpost.server.wire import PostOrError

    Results = RepeatedCompositeFieldContainer[verdict_pb2.CheckResult]
    Request = filter_pb2.CheckPostRequest | filter_pb2.CheckPostsRequest | filter_pb2.StreamCheckRequest

__all__ = ["FilterService"]

_UNITS: dict[int, str] = {
    post_pb2.SPAN_UNIT_UNSPECIFIED: "codepoints",
    post_pb2.SPAN_UNIT_CODE_POINTS: "codepoints",
    post_pb2.SPAN_UNIT_UTF8_BYTES: "utf8",
    post_pb2.SPAN_UNIT_UTF16_UNITS: "utf16",
}
_MAX_ID, _MAX_SELLER_ID, _MAX_WORD, _MAX_EXTRA_TEXTS = 256, 128, 64, 100
_LIMITS = (("id", _MAX_ID), ("seller_id", _MAX_SELLER_ID), ("channel", _MAX_WORD), ("language", _MAX_WORD))
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799  # years 1 and 9999, as Timestamp allows
_BOUNDS = (
    (1, verdict_pb2.BOUND_MATCHES),
    (2, verdict_pb2.BOUND_WORK),
    (4, verdict_pb2.BOUND_EVIDENCE),
)
_POLICIES: dict[str, verdict_pb2.FailPolicy.ValueType] = {
    "neutral": verdict_pb2.FAIL_POLICY_NEUTRAL,
    "unregistered": verdict_pb2.FAIL_POLICY_UNREGISTERED,
}


class FilterService:
    """Judges posts by the active rule set and the sellers' standing. Thread-safe.

    violations: where posts with SHIELD or BLOCK go; None: they are not recorded. on_unavailable: what a post is judged
    as whose seller the registry could not tell anything about, "neutral" or "unregistered".
    """

    def __init__(
        self,
        rule_sets: RuleSets,
        table: SellerTable,
        decisions: DecisionIds,
        *,
        violations: Violations | None = None,
        on_unavailable: str = "neutral",
        max_posts: int = 10_000,
        max_characters: int = 100_000,
    ) -> None:
        self._rule_sets = rule_sets
        self._table = table
        self._decisions = decisions
        self._violations = violations
        self._fail_policy = _POLICIES[on_unavailable]
        self._max_posts = max_posts
        self._max_characters = max_characters

    def check_post(self, request: filter_pb2.CheckPostRequest) -> filter_pb2.CheckPostResponse:
        """One post; whatever is wrong with it is raised."""
        rule_set = self._rule_sets.snapshot()  # first: not being ready is the graver fault
        if not request.HasField("post"):
            raise invalid_fields([Violation("post", "is required")])
        result = verdict_pb2.CheckResult()
        for error in self._judge(rule_set, [request.post], request, [result], "post").values():
            raise _named(error, request.post)
        return filter_pb2.CheckPostResponse(verdict=result.verdict)

    def check_posts(self, posts: Sequence[PostOrError], request: Request, results: Results) -> str:
        """A batch: appends one result for each post, in order; gives the revision that judged them. Of the request
        everything but its posts is read.

        Raises:
            ServiceError: for faults of the batch; those of a post are in its result.
        """
        rule_set = self._rule_sets.snapshot()
        if len(posts) > self._max_posts:
            raise InvalidArgument(
                reason_pb2.REASON_TOO_MANY_ITEMS,
                f"posts: {len(posts)} posts in one batch; at most {self._max_posts} are taken",
                metadata={"limit": str(self._max_posts), "size": str(len(posts))},
            )
        # Verdicts are written where they are sent from: copying messages costs as much as filling them.
        places = [results.add() for _ in posts]
        for i, error in self._judge(rule_set, posts, request, places, "posts[{}]").items():
            places[i].error.CopyFrom(_named(error, posts[i]).to_status())
        return str(rule_set.revision)

    def _judge(
        self,
        rule_set: RuleSet,
        posts: Sequence[PostOrError],
        request: Request,
        places: Sequence[verdict_pb2.CheckResult],
        path: str,
    ) -> dict[int, ServiceError]:
        """Write verdicts to `places`; gives the errors of the other posts. `path` names a post by its index."""
        unit = _UNITS.get(request.unit)
        if unit is None:
            allowed = ", ".join(post_pb2.SpanUnit.keys())
            raise invalid_fields([Violation("unit", f"{request.unit} is none of {allowed}")])
        errors: dict[int, ServiceError] = {}
        sound = []
        for i, post in enumerate(posts):
            if isinstance(post, ServiceError):
                errors[i] = post
            else:
                sound.append(i)
        columns = _Columns([posts[i] for i in sound])  # type: ignore[misc]
        if columns.have_faults():
            for i, post in zip(sound, columns.posts, strict=True):
                if fault := _post_fault(post, path.format(i)):
                    errors[i] = fault
            sound = [i for i in sound if i not in errors]
            columns = _Columns([posts[i] for i in sound])  # type: ignore[misc]
        if sound:
            self._judge_columns(rule_set, columns, sound, unit, places, path, errors, record=not request.dry_run)
        return errors

    def _judge_columns(
        self,
        rule_set: RuleSet,
        columns: _Columns,
        sound: list[int],
        unit: str,
        places: Sequence[verdict_pb2.CheckResult],
        path: str,
        errors: dict[int, ServiceError],
        *,
        record: bool,
    ) -> None:
        """One pass of the engine. `sound` are the posts' indexes in the request."""
        view = self._table.view(columns.seller_ids)
        batch = rule_set.check_batch(
            columns.texts,
            segments=columns.segments,
            sellers=self._judged_as(view.sellers),
            standings=view.standings,
            channels=columns.channels,
            languages=columns.languages,
            days=columns.days,
            unit=unit,
            max_characters=self._max_characters,
        )
        standings = messages.seller_standings(columns.seller_ids, view, self._fail_policy)
        decision_ids = self._decisions.take(len(sound))
        reader = _BatchReader(batch, rule_set.revision)
        for k, (i, post_id, standing, decision_id) in enumerate(
            zip(sound, columns.ids, standings, decision_ids, strict=True)
        ):
            if reader.status[k]:
                errors[i] = self._refusal(columns.posts[k], path.format(i), batch, k)
                continue
            message = places[i].verdict
            message.post_id = post_id
            message.decision_id = decision_id
            if standing.outcome:
                message.seller_standing.CopyFrom(standing)
            reader.fill(message, k)
        if record and self._violations is not None:
            self._record(self._violations, rule_set, columns, view, batch, decision_ids)

    def _judged_as(self, sellers: np.ndarray) -> np.ndarray:
        if self._fail_policy == verdict_pb2.FAIL_POLICY_UNREGISTERED:
            return np.where(sellers == SELLER_UNAVAILABLE, np.int32(SELLER_NOT_FOUND), sellers)
        return sellers

    def _record(
        self,
        violations: Violations,
        rule_set: RuleSet,
        columns: _Columns,
        view: StandingView,
        batch: VerdictBatch,
        decision_ids: Sequence[str],
    ) -> None:
        """Hand over what counts against a seller. Never fails."""
        found = []
        for k in offences.offending_posts(batch, view.sellers):
            post, seconds = columns.posts[k], columns.seconds[k]
            texts = (post.text, *(extra.text for extra in post.extra_texts))
            if violations.is_recorded(post.seller_id, post.id, texts):
                continue
            charges = offences.charges_of(rule_set, batch, k, post.channel)
            found.append(
                offences.Offence(
                    seller_id=post.seller_id,
                    post_id=post.id,
                    texts=texts,
                    # One that the rules do not name is judged as the default.
                    channel=post.channel if rule_set.channel_id(post.channel) else "",
                    language=post.language,
                    created_at=seconds,
                    day=batch.day(k),
                    action=Action(int(batch.action[k])).name,
                    charges=charges,
                    rules=offences.rules_of(batch, k),
                    concerned=offences.rules_of(batch, k, [charge.category for charge in charges]),
                    seller=offences.standing_of_case(view.standings[view.sellers[k]]),
                    decision_id=decision_ids[k],
                    revision=str(rule_set.revision),
                )
            )
        if found:
            violations.record(found)

    def _refusal(self, post: post_pb2.Post, path: str, batch: VerdictBatch, k: int) -> InvalidArgument:
        metadata = {}
        status, part = int(batch.status[k]), int(batch.status_text[k])
        field = f"{path}.text" if part == 0 else f"{path}.extra_texts[{part - 1}].text"
        if status == Status.TOO_LONG:
            reason = reason_pb2.REASON_TEXT_TOO_LONG
            characters = len(post.text if part == 0 else post.extra_texts[part - 1].text)
            what = f"has {characters} characters; at most {self._max_characters} are taken"
            metadata["limit"] = str(self._max_characters)
        elif status == Status.EMPTY:
            reason, what = reason_pb2.REASON_EMPTY_TEXT, "is empty; a post needs at least one character to be judged"
        else:
            reason, what = reason_pb2.REASON_INVALID_UTF8, "is not valid UTF-8"
            metadata["offset"] = str(int(batch.status_offset[k]))
        return InvalidArgument(reason, f"{field}: {what}", violations=[Violation(field, what)], metadata=metadata)


class _BatchReader:
    """Columns of a batch as Python lists, which are read faster item by item, and verdict messages from them."""

    def __init__(self, batch: VerdictBatch, revision: str) -> None:
        self._batch = batch
        self._revision = revision
        self.status = batch.status.tolist()
        self._action = batch.action.tolist()
        self._risk = batch.risk.tolist()
        self._commerce = batch.commerce.tolist()
        self._exposure = batch.exposure.tolist()
        self._flags = batch.flags.tolist()
        self._evidence_begin = batch.evidence_begin.tolist()
        self._label_begin = batch.label_begin.tolist()

    def fill(self, message: verdict_pb2.Verdict, k: int) -> None:
        """Everything that post `k`'s verdict has from the engine."""
        message.action = self._action[k] + 1
        message.risk = self._risk[k]
        message.commerce = self._commerce[k]
        message.exposure = self._exposure[k]
        message.revision = self._revision
        if flags := self._flags[k]:
            message.bounds_reached.extend(bound for bit, bound in _BOUNDS if flags & bit)
        has_labels = self._label_begin[k] != self._label_begin[k + 1]
        if has_labels or self._evidence_begin[k] != self._evidence_begin[k + 1]:
            # Only now the engine makes objects: most posts have nothing to show.
            _explain(message, self._batch[k], self._batch, self._evidence_begin[k])


def _explain(message: verdict_pb2.Verdict, verdict: Verdict, batch: VerdictBatch, first: int) -> None:
    """Labels and evidence; `first` is where the post's evidence begins in the batch's columns."""
    for label in verdict.labels:
        message.labels.add(
            category=label.category,
            score=label.score,
            severity=SEVERITIES.index(label.severity) + 1,
        )
    for row, evidence in enumerate(verdict.evidence, first):
        rule = int(batch.evidence_rule[row])
        message.evidence.add(
            rule=evidence.rule,
            category=evidence.category,
            text_index=evidence.text,
            begin=evidence.begin,
            end=evidence.end,
            matched=evidence.matched,
            folded=evidence.folded,
            basis=evidence.basis,
            message=verdict_pb2.LocalisedText(zh=evidence.message, en=batch.ruleset.message(rule, "en")),
            shadow=evidence.shadow,
        )


def _named(error: ServiceError, post: PostOrError) -> ServiceError:
    """The error with the post's id, so that callers need not count."""
    if isinstance(post, post_pb2.Post) and 0 < len(post.id) <= _MAX_ID:
        error.metadata["post_id"] = post.id
    return error


def _post_fault(post: post_pb2.Post, path: str) -> InvalidArgument | None:
    """What is wrong with a post apart from its text."""
    violations = []
    for field, limit in _LIMITS:
        if len(value := getattr(post, field)) > limit:
            description = f"has {len(value)} characters; at most {limit} are taken"
            violations.append(Violation(f"{path}.{field}", description))
    if len(post.extra_texts) > _MAX_EXTRA_TEXTS:
        description = f"has {len(post.extra_texts)} entries; at most {_MAX_EXTRA_TEXTS} are taken"
        violations.append(Violation(f"{path}.extra_texts", description))
    if violations:
        return invalid_fields(violations)
    if post.HasField("created_at") and not _FIRST_SECOND <= post.created_at.seconds <= _LAST_SECOND:
        field, description = f"{path}.created_at", "is outside the years 1 to 9999"
        return InvalidArgument(
            reason_pb2.REASON_INVALID_TIME, f"{field}: {description}", violations=[Violation(field, description)]
        )
    return None


class _Columns:
    """Posts as the engine's columns. Every field of a message is read once: reading makes a new object each time.

    texts: list[str], all texts in a row; segments: int64[n + 1], where each post's texts begin, or None if every post
    has exactly one; channels, languages: list[str], one for all, or None; days: dates in China since 1970,
    today where a post does not say, int32[n] or one for all.
    """

    def __init__(self, posts: Sequence[post_pb2.Post]) -> None:
        self.posts = posts
        self.ids = [post.id for post in posts]
        self.seller_ids = [post.seller_id for post in posts]
        self._channels = [post.channel for post in posts]
        self._languages = [post.language for post in posts]
        self._extras = [post.extra_texts for post in posts]
        self.seconds = [post.created_at.seconds if post.HasField("created_at") else None for post in posts]
        self.texts, self.segments = self._flat()

    def have_faults(self) -> bool:
        """Whether any post has a fault outside of its text; then each is to be looked at."""
        return (
            _longest(self.ids) > _MAX_ID
            or _longest(self.seller_ids) > _MAX_SELLER_ID
            or _longest(self._channels) > _MAX_WORD
            or _longest(self._languages) > _MAX_WORD
            or (self.segments is not None and _longest(self._extras) > _MAX_EXTRA_TEXTS)
            or any(at is not None and not _FIRST_SECOND <= at <= _LAST_SECOND for at in self.seconds)
        )

    @property
    def channels(self) -> list[str] | str | None:
        return _words(self._channels)

    @property
    def languages(self) -> list[str] | str | None:
        return _words(self._languages)

    @property
    def days(self) -> np.ndarray | int:
        today = day_of_seconds(int(time.time()))
        if not any(at is not None for at in self.seconds):
            return today
        return np.array([today if at is None else day_of_seconds(at) for at in self.seconds], np.int32)

    def _flat(self) -> tuple[list[str], np.ndarray | None]:
        if not any(self._extras):
            return [post.text for post in self.posts], None
        texts: list[str] = []
        segments = [0]
        for post, extras in zip(self.posts, self._extras, strict=True):
            texts.append(post.text)
            texts.extend(extra.text for extra in extras)
            segments.append(len(texts))
        return texts, np.array(segments, np.int64)


def _longest(column: Sequence[Sized]) -> int:
    return max(map(len, column), default=0)


def _words(words: list[str]) -> list[str] | str | None:
    """A column of words in the shortest form that the engine takes."""
    return words if len(set(words)) > 1 else words[0] or None
