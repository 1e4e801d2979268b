"""Judging posts: from messages to columns, one pass of the engine, and back.

`FilterService` is free of any transport. Its `..._bytes` methods take requests as bytes and give answers as bytes,
which the engine does for whatever is ordinary. The others take parsed posts and give results: they answer the rest,
make all errors, and are what the engine's bytes are held equal to. Each call takes one snapshot of the rule set and
one view of the sellers' standing, and uses nothing else.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from fairpost.engine.exchange import result_count
from fairpost.engine.vocabulary import SELLER_NOT_FOUND, SELLER_UNAVAILABLE, Status
from fairpost.engine.wire import CHECK_POST, CHECK_POSTS, STREAM_CHECK
from fairpost.engine.wire_desk import WireTerms
from fairpost.server import messages, offences, wire
from fairpost.server.counts import Counts
from fairpost.server.errors import InvalidArgument, ServiceError, Violation, invalid_fields
from fairpost.server.posts import PostColumns, named, post_fault
from fairpost.server.verdicts import BatchReader
from fairpost.v1 import filter_pb2, post_pb2, reason_pb2, verdict_pb2

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

    from fairpost.engine import RuleSet, VerdictBatch
    from fairpost.engine.decision_ids import DecisionIds
    from fairpost.engine.offending import Held, Offending, Refused
    from fairpost.engine.vocabulary import Action
    from fairpost.server.activation import RuleSets
    from fairpost.server.observe.traces import Traces
    from fairpost.server.registry.violations import Violations
    from fairpost.server.reviews.intake import Intake
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
_POLICIES: dict[str, verdict_pb2.FailPolicy.ValueType] = {
    "neutral": verdict_pb2.FAIL_POLICY_NEUTRAL,
    "unregistered": verdict_pb2.FAIL_POLICY_UNREGISTERED,
}


class FilterService:
    """Judges posts by the active rule set and the sellers' standing. Thread-safe.

    violations: where posts with SHIELD or BLOCK go; None: they are not recorded. reviews: where posts with one of the
    actions `held` go, for people to look at; None: nowhere. on_unavailable: what a post is judged
    as whose seller the registry could not tell anything about, "neutral" or "unregistered". traces: where
    spans of judged messages go; None: nowhere.
    """

    def __init__(
        self,
        rule_sets: RuleSets,
        table: SellerTable,
        decisions: DecisionIds,
        *,
        violations: Violations | None = None,
        reviews: Intake | None = None,
        held: Collection[Action] = (),
        on_unavailable: str = "neutral",
        max_posts: int = 10_000,
        max_characters: int = 100_000,
        traces: Traces | None = None,
    ) -> None:
        self._traces = traces
        self._rule_sets = rule_sets
        self._table = table
        self._decisions = decisions
        self._violations = violations
        self._reviews = reviews if held else None
        self._held = np.array(sorted(held), np.uint8)
        self._fail_policy = _POLICIES[on_unavailable]
        self._max_posts = max_posts
        self._max_characters = max_characters
        self._terms = WireTerms(
            decisions,
            policy=self._fail_policy,
            judge_unavailable_as_not_found=self._fail_policy == verdict_pb2.FAIL_POLICY_UNREGISTERED,
            max_posts=max_posts,
            max_characters=max_characters,
            held=held,
        )
        self._path: _BytePath | None = None
        self.counts = Counts()
        """What all posts came to, on whichever path."""

    # ---- bytes -> bytes -------------------------------------------------------------------------------------

    def check_post_bytes(self, content: bytes) -> bytes:
        """CheckPost. Like all methods here: ServiceError says what is wrong with the request."""
        return self._answered(CHECK_POST, content)

    def check_posts_bytes(self, content: bytes) -> bytes:
        """CheckPosts."""
        return self._answered(CHECK_POSTS, content)

    def stream_check_bytes(self, content: bytes) -> bytes:
        """One batch of StreamCheck."""
        return self._answered(STREAM_CHECK, content)

    def _answered(self, kind: int, content: bytes) -> bytes:
        traces = self._traces
        began = time.time_ns() if traces is not None else 0
        rule_set = self._rule_sets.snapshot()
        path = self._path
        if path is None or path.rule_set is not rule_set:
            path = self._path = _BytePath(self, rule_set)
        answer = path.answer(kind, content)
        if answer is None:
            answer = self.answer_by_messages(kind, content)
        if traces is not None:
            traces.judged(1 if kind == CHECK_POST else result_count(answer), str(rule_set.revision), began)
        return answer

    def answer_by_messages(self, kind: int, content: bytes) -> bytes:
        """The same as the engine's answer, but for the decisions' ids, whatever the request looks like."""
        response: filter_pb2.CheckPostsResponse | filter_pb2.StreamCheckResponse
        if kind == CHECK_POST:
            return self.check_post(wire.parse(filter_pb2.CheckPostRequest, content)).SerializeToString()
        if kind == CHECK_POSTS:
            batch, posts = wire.parse_batch(filter_pb2.CheckPostsRequest, content)
            response = filter_pb2.CheckPostsResponse()
            response.revision = self.check_posts(posts, batch, response.results)
            return response.SerializeToString()
        part, posts = wire.parse_batch(filter_pb2.StreamCheckRequest, content)
        response = filter_pb2.StreamCheckResponse(sequence=part.sequence)
        response.revision = self.check_posts(posts, part, response.results)
        return response.SerializeToString()

    # ---- messages -> messages -------------------------------------------------------------------------------

    def check_post(self, request: filter_pb2.CheckPostRequest) -> filter_pb2.CheckPostResponse:
        """One post; whatever is wrong with it is raised."""
        rule_set = self._rule_sets.snapshot()  # first: not being ready is the graver fault
        if not request.HasField("post"):
            raise invalid_fields([Violation("post", "is required")])
        result = verdict_pb2.CheckResult()
        for error in self._judge(rule_set, [request.post], request, [result], "post").values():
            raise named(error, request.post)
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
            places[i].error.CopyFrom(named(error, posts[i]).to_status())
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
        columns = PostColumns([posts[i] for i in sound])  # type: ignore[misc]
        if columns.have_faults():
            for i, post in zip(sound, columns.posts, strict=True):
                if fault := post_fault(post, path.format(i)):
                    errors[i] = fault
            sound = [i for i in sound if i not in errors]
            columns = PostColumns([posts[i] for i in sound])  # type: ignore[misc]
        refused = len(errors)
        counts = self.counts.of(rule_set)
        if sound:
            batch = self._judge_columns(
                rule_set, columns, sound, unit, places, path, errors, record=not request.dry_run
            )
            counts.add(batch)
        counts.refuse(refused)
        if errors:
            self.counts.fault(errors.values())
        return errors

    def _judge_columns(
        self,
        rule_set: RuleSet,
        columns: PostColumns,
        sound: list[int],
        unit: str,
        places: Sequence[verdict_pb2.CheckResult],
        path: str,
        errors: dict[int, ServiceError],
        *,
        record: bool,
    ) -> VerdictBatch:
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
        reader = BatchReader(batch, rule_set.revision)
        for k, (i, post_id, standing, decision_id) in enumerate(
            zip(sound, columns.ids, standings, decision_ids, strict=True)
        ):
            if reader.status[k]:
                part, offset = int(batch.status_text[k]), int(batch.status_offset[k])
                errors[i] = self.refusal(columns.posts[k], path.format(i), reader.status[k], part, offset)
                continue
            message = places[i].verdict
            message.post_id = post_id
            message.decision_id = decision_id
            if standing.outcome:
                message.seller_standing.CopyFrom(standing)
            reader.fill(message, k)
        if record and self._violations is not None:
            found = offences.offending_posts(batch, view, decision_ids)
            self._record(self._violations, rule_set, [(one, columns.posts[one.index]) for one in found])
        if record and self._reviews is not None:
            posts = columns.posts
            handed = offences.held_posts(batch, view, decision_ids, self._held)
            self._reviews.take(rule_set, [(posts[one.post].SerializeToString(), False, one) for one in handed])
        return batch

    def _judged_as(self, sellers: np.ndarray) -> np.ndarray:
        if self._fail_policy == verdict_pb2.FAIL_POLICY_UNREGISTERED:
            return np.where(sellers == SELLER_UNAVAILABLE, np.int32(SELLER_NOT_FOUND), sellers)
        return sellers

    def _record(
        self, violations: Violations, rule_set: RuleSet, found: Iterable[tuple[Offending, post_pb2.Post]]
    ) -> None:
        """Hand over what counts against a seller. Never fails."""
        violations.record(
            [
                offences.offence_of(rule_set, offending, post)
                for offending, post in found
                if not violations.is_recorded(post.seller_id, post.id, offences.texts_of(post))
            ]
        )

    def refusal(self, post: post_pb2.Post, path: str, status: int, part: int, offset: int) -> InvalidArgument:
        """What is wrong with the texts of a post, by what the engine says (`VerdictBatch.status` and its like)."""
        metadata = {}
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
            metadata["offset"] = str(offset)
        return InvalidArgument(reason, f"{field}: {what}", violations=[Violation(field, what)], metadata=metadata)


class _BytePath:
    """The way from bytes to bytes with one rule set."""

    __slots__ = ("_counts", "_service", "_wire", "rule_set")

    def __init__(self, service: FilterService, rule_set: RuleSet) -> None:
        self.rule_set = rule_set
        self._service = service
        self._wire = rule_set.wire
        self._counts = service.counts.of(rule_set)

    def answer(self, kind: int, content: bytes) -> bytes | None:
        """None: the messages are to answer."""
        service = self._service
        table = service._table
        record = None if service._violations is None else self._record
        hand_over = None if service._reviews is None else self._hand_over
        return self._wire.answer(
            kind, content, service._terms, table.engine_table, table.day, self._counts, self._refuse, record, hand_over
        )

    def _refuse(self, content: bytes, refused: list[Refused]) -> list[bytes] | None:
        """The results of posts that the engine could not judge; None if there is nothing wrong with one of them."""
        errors: list[ServiceError] = []
        results: list[bytes] = []
        for one in refused:
            path = f"posts[{one.index}]"
            post = wire.parse_post(content[one.begin : one.end], one.index)
            error: ServiceError | None
            if isinstance(post, ServiceError):
                error = post
            else:
                error = post_fault(post, path)
                if error is None and not one.status:
                    return None
                error = error or self._service.refusal(post, path, one.status, one.part, one.offset)
            errors.append(error)
            results.append(verdict_pb2.CheckResult(error=named(error, post).to_status()).SerializeToString())
        self._service.counts.fault(errors)
        return results

    def _record(self, kind: int, content: bytes, found: list[Offending]) -> None:
        violations = self._service._violations
        assert violations is not None
        if kind == CHECK_POST:
            posts = [filter_pb2.CheckPostRequest.FromString(content).post]
        else:
            posts = [post_pb2.Post.FromString(content[one.begin : one.end]) for one in found]
        self._service._record(violations, self.rule_set, zip(found, posts, strict=True))

    def _hand_over(self, kind: int, content: bytes, found: list[Held]) -> None:
        reviews = self._service._reviews
        assert reviews is not None
        whole = kind == CHECK_POST
        reviews.take(self.rule_set, [(content if whole else content[one.begin : one.end], whole, one) for one in found])
