"""The engine's answers as bytes are those of the message path, and of the official protobuf runtime, on any request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fuzz import subject
from hypothesis import given
from hypothesis import strategies as st
from reference.strategies import examples
from reference.wire import message_bytes, varint

from fairpost.engine import RuleSet
from fairpost.engine.decision_ids import DecisionIds
from fairpost.engine.vocabulary import CATEGORIES, LICENCES, LISTING, REGISTRATION, SELLER_RECORD_DTYPE, SINCE_NEVER
from fairpost.engine.wire import CHECK_POST, CHECK_POSTS, STREAM_CHECK
from fairpost.server.errors import ServiceError
from fairpost.server.filtering import FilterService
from fairpost.server.table import SellerTable
from fairpost.v1 import filter_pb2, post_pb2

KINDS = (CHECK_POST, CHECK_POSTS, STREAM_CHECK)
REQUESTS: tuple[Any, ...] = (
    filter_pb2.CheckPostRequest,
    filter_pb2.CheckPostsRequest,
    filter_pb2.StreamCheckRequest,
)
RESPONSES: tuple[Any, ...] = (
    filter_pb2.CheckPostResponse,
    filter_pb2.CheckPostsResponse,
    filter_pb2.StreamCheckResponse,
)
MOST_POSTS, MOST_CHARACTERS = 6, 120
DAY = date(2026, 3, 1)

POST = {
    1: "text",
    2: "text",
    3: "text",
    4: {1: "number", 2: "text"},
    5: "text",
    6: "text",
    7: {1: "number", 2: "number"},
}
SHAPE = {1: POST, 2: "number", 3: "number", 10: "number"}
WORDS = (*subject.WORDS, "特效", "疗效", "cure", "糖尿病", "𠮷", "ﷺ", "㎏", "\0", "\n", "加微信abc123，9元")
SELLERS = ("", "s1", "s2", "s3", "gone", "店" * 3)
SECONDS: tuple[int, ...] = (
    0,
    1,
    951_782_400,
    1_441_036_799,
    1_441_036_800,
    1_772_323_199,
    -62_135_596_801,
    -62_135_596_800,
)
SECONDS += (253_402_300_799, 253_402_300_800, -1, 2**63 - 1, -(2**63))

texts = st.one_of(
    st.lists(st.sampled_from(WORDS), max_size=8).map("".join),
    st.text(max_size=12),
    st.sampled_from(["", "根治" * 59 + "根治", "根治" * 61, "a" * 64, "a" * 65, "好" * 128, "好" * 129, "a" * 257]),
    st.sampled_from([*SELLERS, "moments", "group-chat", "strict", "zh", "en"]),
)
numbers = st.one_of(
    st.integers(0, 5), st.sampled_from(SECONDS), st.integers(0, 2**64 - 1), st.integers(1, 4).map(lambda n: n | 2**32)
)


def posts() -> st.SearchStrategy[post_pb2.Post]:
    extras = st.builds(post_pb2.ExtraText, source=st.integers(0, 9), text=texts)
    times = st.sampled_from(SECONDS).map(lambda s: {"seconds": s, "nanos": 5})
    return st.builds(
        post_pb2.Post,
        id=st.one_of(texts, st.sampled_from(["p1", "好" * 256, "好" * 257])),
        seller_id=st.one_of(st.sampled_from(SELLERS), texts),
        text=texts,
        extra_texts=st.lists(extras, max_size=3),
        channel=st.one_of(st.sampled_from(["", "moments", "group-chat", "strict", "else"]), texts),
        language=st.sampled_from(["", "zh", "en", "fr"]),
        created_at=st.one_of(st.none(), times),
    )


def request_bytes() -> st.SearchStrategy[bytes]:
    """Of any kind; half of them after a sound post, which they go on with or which is one more."""
    odd = message_bytes(SHAPE, texts, numbers)
    words = st.lists(st.sampled_from(WORDS), min_size=1, max_size=8).map("".join)
    sound = st.builds(post_pb2.Post, id=st.sampled_from(["", "p1"]), seller_id=st.sampled_from(SELLERS), text=words)
    begun = sound.map(lambda post: filter_pb2.CheckPostRequest(post=post).SerializeToString())
    return st.one_of(odd, st.tuples(begun, odd).map(b"".join))


def make_table(*, available: bool = True) -> SellerTable:
    rows = np.zeros(3, SELLER_RECORD_DTYPE)
    rows["registration"] = [REGISTRATION.index("active"), REGISTRATION.index("lapsed"), REGISTRATION.index("active")]
    rows["since_day"] = [19_000, SINCE_NEVER, 20_500]
    rows["listing"][1] = LISTING.index("blacklisted")
    rows["licences"] = [2 ** len(LICENCES) - 1, 0, 1 << LICENCES.index("medical-device")]
    rows["strikes"][1, : len(CATEGORIES)] = 255
    rows["strikes"][2, 3] = 1
    rows["complaints"] = [0, 255, 1]
    table = SellerTable(bytes(16), lambda: DAY)
    table.apply(1, ["s1", "s2", "s3"], rows)
    table.available = available
    return table


class Recorder:
    """In place of Violations."""

    def __init__(self) -> None:
        self.recorded: list[Any] = []

    def is_recorded(self, seller_id: str, post_id: str, texts: Sequence[str]) -> bool:
        return post_id == "p1" and len(texts) == 1

    def record(self, offences: Sequence[Any]) -> None:
        self.recorded.extend(offences)


class Pair:
    """A service, and the same once more that is only asked for messages."""

    def __init__(self, rule_set: RuleSet, *, available: bool, on_unavailable: str) -> None:
        self.services, self.recorders = [], []
        for _ in range(2):
            recorder: Any = Recorder()
            service = FilterService(
                SimpleNamespace(snapshot=lambda: rule_set),  # type: ignore[arg-type]
                make_table(available=available),
                DecisionIds(),
                violations=recorder,
                on_unavailable=on_unavailable,
                max_posts=MOST_POSTS,
                max_characters=MOST_CHARACTERS,
            )
            self.services.append(service)
            self.recorders.append(recorder)
        self.by_messages = 0
        plain = self.services[0].answer_by_messages

        def noted(kind: int, content: bytes) -> bytes:
            self.by_messages += 1
            return plain(kind, content)

        self.services[0].answer_by_messages = noted  # type: ignore[method-assign]

    def compare(self, kind: int, content: bytes) -> bool:
        """Whether there was an answer; fails where the two differ in anything."""
        methods = ("check_post_bytes", "check_posts_bytes", "stream_check_bytes")
        before = self.by_messages
        quick = outcome(getattr(self.services[0], methods[kind]), content)
        slow = outcome(self.services[1].answer_by_messages, kind, content)
        if isinstance(slow, ServiceError) or isinstance(quick, ServiceError):
            assert isinstance(slow, ServiceError), (quick, content)
            assert isinstance(quick, ServiceError), (slow, content)
            assert quick.to_status() == slow.to_status()
        else:
            assert self.by_messages == before, "the engine gave an ordinary request away"
            response = RESPONSES[kind].FromString(quick)
            assert response.SerializeToString(deterministic=True) == quick
            assert without_ids(kind, quick) == without_ids(kind, slow)
        totals = [service.counts.read() for service in self.services]
        assert totals[0] == totals[1]
        assert nameless(self.recorders[0]) == nameless(self.recorders[1])
        return not isinstance(slow, ServiceError)


def outcome(call: Callable[..., bytes], *arguments: Any) -> Any:
    try:
        return call(*arguments)
    except ServiceError as error:
        return error


def without_ids(kind: int, content: bytes) -> Any:
    """The answer as a message, decisions' ids left out; each of them is there."""
    response = RESPONSES[kind].FromString(content)
    results = [response] if kind == CHECK_POST else response.results
    for result in results:
        if result.HasField("verdict"):
            assert len(result.verdict.decision_id) == 26
            result.verdict.ClearField("decision_id")
    return response


def nameless(recorder: Any) -> list[Any]:
    found = [{name: getattr(o, name) for name in o.__slots__ if name != "decision_id"} for o in recorder.recorded]
    recorder.recorded.clear()
    return found


@pytest.fixture(scope="module", params=["conditions", "laws"])
def rule_set(request: pytest.FixtureRequest, bundle: Callable[..., bytes]) -> RuleSet:
    if request.param == "conditions":
        return subject.rule_set()
    return RuleSet.from_bytes(bundle({"根治": 0.97, "特效": 0.65, "疗效": 0.4, "cure": 0.85, "ﷺ": 0.9}))


@pytest.fixture(scope="module", params=["neutral", "unregistered", "available"])
def pair(request: pytest.FixtureRequest, rule_set: RuleSet) -> Pair:
    available = request.param == "available"
    return Pair(rule_set, available=available, on_unavailable="neutral" if available else request.param)


@examples(150)
@given(kind=st.sampled_from(KINDS), content=st.data())
def test_any_request(pair: Pair, kind: int, content: st.DataObject) -> None:
    several = content.draw(st.lists(posts(), max_size=4 if kind else 1), label="posts")
    rest: dict[str, Any] = {"unit": content.draw(st.integers(0, 4)), "dry_run": content.draw(st.booleans())}
    if kind == CHECK_POST:
        rest["post"] = several[0] if several else None
    else:
        rest["posts"] = several
    if kind == STREAM_CHECK:
        rest["sequence"] = content.draw(st.integers(0, 2**64 - 1))
    pair.compare(kind, REQUESTS[kind](**rest).SerializeToString())


@examples(250)
@given(kind=st.sampled_from(KINDS), content=request_bytes())
def test_any_bytes(pair: Pair, kind: int, content: bytes) -> None:
    pair.compare(kind, content)


@examples(150)
@given(kind=st.sampled_from(KINDS), posts=st.lists(posts(), min_size=1, max_size=3), data=st.data())
def test_damaged_bytes(pair: Pair, kind: int, posts: list[post_pb2.Post], data: st.DataObject) -> None:
    parts = b"".join(b"\x0a" + varint(len(part)) + part for part in (post.SerializeToString() for post in posts))
    damaged = bytearray(parts)
    for at in data.draw(st.lists(st.integers(0, len(damaged) - 1), max_size=3), label="places"):
        damaged[at] = data.draw(st.integers(0, 255), label="byte")
    pair.compare(kind, bytes(damaged))


def test_strategies_reach_both_ends(rule_set: RuleSet) -> None:
    """Neither are all bytes refused, nor are all taken."""
    pair = Pair(rule_set, available=True, on_unavailable="neutral")
    seen = {kind: [0, 0] for kind in KINDS}

    @examples(300)
    @given(kind=st.sampled_from(KINDS), content=request_bytes())
    def run(kind: int, content: bytes) -> None:
        seen[kind][pair.compare(kind, content)] += 1

    run()
    assert all(refused > 5 and answered > 5 for refused, answered in seen.values()), seen
