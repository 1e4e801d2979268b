"""Judging posts: from messages to columns, one pass of the engine, and back.

`FilterService` is free of any transport: it takes parsed posts and gives results, or raises ServiceError. Each call
takes one snapshot of the rule set and one view of the sellers' standing, and uses nothing else.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from fairpost.engine.vocabulary import SEVERITIES, Status
from fairpost.server import messages
from fairpost.server.errors import InvalidArgument, ServiceError, Violation, invalid_fields
from fairpost.v1 import filter_pb2, post_pb2, reason_pb2, verdict_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fairpost.engine import RuleSet, Verdict, VerdictBatch
    from fairpost.server.activation import RuleSets
    from fairpost.server.decisions import DecisionIds
    from fairpost.server.table import SellerTable
    from fairpost.server.wire import PostOrError

__all__ = ["FilterService"]

_UNITS: dict[int, str] = {
    post_pb2.SPAN_UNIT_UNSPECIFIED: "codepoints",
    post_pb2.SPAN_UNIT_CODE_POINTS: "codepoints",
    post_pb2.SPAN_UNIT_UTF8_BYTES: "utf8",
    post_pb2.SPAN_UNIT_UTF16_UNITS: "utf16",
}
_DAY = 86_400
_MAX_EXTRA_TEXTS = 100
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799  # years 1 and 9999, as Timestamp allows
_BOUNDS = (
    (1, verdict_pb2.BOUND_MATCHES),
    (2, verdict_pb2.BOUND_WORK),
    (4, verdict_pb2.BOUND_EVIDENCE),
)


class FilterService:
    """Judges posts by the active rule set and the sellers' standing. Thread-safe."""

    def __init__(
        self,
        rule_sets: RuleSets,
        table: SellerTable,
        decisions: DecisionIds,
        *,
        max_posts: int = 10_000,
        max_characters: int = 100_000,
    ) -> None:
        self._rule_sets = rule_sets
        self._table = table
        self._decisions = decisions
        self._max_posts = max_posts
        self._max_characters = max_characters

    def check_post(self, request: filter_pb2.CheckPostRequest) -> filter_pb2.CheckPostResponse:
        """One post; whatever is wrong with it is raised."""
        rule_set = self._rule_sets.snapshot()  # first: not being ready is the graver fault
        if not request.HasField("post"):
            raise invalid_fields([Violation("post", "is required")])
        outcome = self._judge(rule_set, [request.post], request.unit, ["post"])[0]
        if isinstance(outcome, ServiceError):
            raise outcome
        return filter_pb2.CheckPostResponse(verdict=outcome)

    def check_posts(self, posts: Sequence[PostOrError], unit: int) -> tuple[list[verdict_pb2.CheckResult], str]:
        """A batch: one result for each post in order, and the revision that judged them.

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
        results = []
        for outcome in self._judge(rule_set, posts, unit, [f"posts[{i}]" for i in range(len(posts))]):
            if isinstance(outcome, ServiceError):
                results.append(verdict_pb2.CheckResult(error=outcome.to_status()))
            else:
                results.append(verdict_pb2.CheckResult(verdict=outcome))
        return results, rule_set.revision

    def _judge(
        self, rule_set: RuleSet, posts: Sequence[PostOrError], unit_number: int, paths: Sequence[str]
    ) -> list[verdict_pb2.Verdict | ServiceError]:
        """Verdict or error for each post; `paths` name the posts in errors."""
        unit = _UNITS.get(unit_number)
        if unit is None:
            allowed = ", ".join(post_pb2.SpanUnit.keys())
            raise invalid_fields([Violation("unit", f"{unit_number} is none of {allowed}")])
        outcomes: dict[int, verdict_pb2.Verdict | ServiceError] = {}
        sound: list[tuple[int, post_pb2.Post]] = []
        for i, post in enumerate(posts):
            if isinstance(post, ServiceError):
                outcomes[i] = post
            elif fault := _post_fault(post, paths[i]):
                outcomes[i] = fault
            else:
                sound.append((i, post))
        if sound:
            self._judge_sound(rule_set, sound, unit, paths, outcomes)
        return [outcomes[i] for i in range(len(posts))]

    def _judge_sound(
        self,
        rule_set: RuleSet,
        sound: list[tuple[int, post_pb2.Post]],
        unit: str,
        paths: Sequence[str],
        outcomes: dict[int, verdict_pb2.Verdict | ServiceError],
    ) -> None:
        posts = [post for _, post in sound]
        seller_ids = [post.seller_id for post in posts]
        view = self._table.view(seller_ids)
        texts, segments = _texts(posts)
        batch = rule_set.check_batch(
            texts,
            segments=segments,
            sellers=view.sellers,
            standings=view.standings,
            channels=_words([post.channel for post in posts]),
            languages=_words([post.language for post in posts]),
            days=_days(posts),
            unit=unit,
            max_characters=self._max_characters,
        )
        standings = messages.seller_standings(seller_ids, view)
        decision_ids = self._decisions.take(len(posts))
        reader = _BatchReader(batch, rule_set.revision)
        for k, (i, post) in enumerate(sound):
            if reader.status[k]:
                outcomes[i] = self._refusal(post, paths[i], batch, k)
            else:
                outcomes[i] = reader.verdict(k, post.id, standings[k], decision_ids[k])

    def _refusal(self, post: post_pb2.Post, path: str, batch: VerdictBatch, k: int) -> InvalidArgument:
        metadata = {"post_id": post.id} if post.id else {}
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

    def verdict(
        self, k: int, post_id: str, standing: verdict_pb2.SellerStanding, decision_id: str
    ) -> verdict_pb2.Verdict:
        message = verdict_pb2.Verdict(
            post_id=post_id,
            action=self._action[k] + 1,
            risk=self._risk[k],
            commerce=self._commerce[k],
            exposure=self._exposure[k],
            seller_standing=standing,
            revision=self._revision,
            decision_id=decision_id,
        )
        if flags := self._flags[k]:
            message.bounds_reached.extend(bound for bit, bound in _BOUNDS if flags & bit)
        has_labels = self._label_begin[k] != self._label_begin[k + 1]
        if has_labels or self._evidence_begin[k] != self._evidence_begin[k + 1]:
            # Only now the engine makes objects: most posts have nothing to show.
            _explain(message, self._batch[k], self._batch, self._evidence_begin[k])
        return message


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


def _post_fault(post: post_pb2.Post, path: str) -> InvalidArgument | None:
    """What is wrong with a post apart from its text."""
    violations = []
    for field, limit in (("id", 256), ("seller_id", 128), ("channel", 64), ("language", 64)):
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


def _texts(posts: Sequence[post_pb2.Post]) -> tuple[list[str], np.ndarray | None]:
    """All texts in a row, and where each post's begin; None if every post has exactly one."""
    if not any(post.extra_texts for post in posts):
        return [post.text for post in posts], None
    texts: list[str] = []
    segments = [0]
    for post in posts:
        texts.append(post.text)
        texts.extend(extra.text for extra in post.extra_texts)
        segments.append(len(texts))
    return texts, np.array(segments, np.int64)


def _words(words: list[str]) -> list[str] | str | None:
    """A column of words in the shortest form that the engine takes."""
    first = words[0]
    if any(word != first for word in words):
        return words
    return first or None


def _days(posts: Sequence[post_pb2.Post]) -> np.ndarray | int:
    """UTC days since 1970 on which the posts were made; today where they do not say."""
    today = int(time.time()) // _DAY
    if not any(post.HasField("created_at") for post in posts):
        return today
    days = [post.created_at.seconds // _DAY if post.HasField("created_at") else today for post in posts]
    return np.array(days, np.int32)
