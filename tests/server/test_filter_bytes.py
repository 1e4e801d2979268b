"""FilterService from bytes to bytes: shipped packs, many threads, large requests, two rule sets, counts."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from corpus import samples
from google.protobuf.timestamp_pb2 import Timestamp

from fairpost.engine import RuleSet
from fairpost.engine.decision_ids import DecisionIds
from fairpost.engine.folds import CODE_POINTS, DEFAULT, fold_table
from fairpost.engine.phrases import FOLDED_SAME, folded
from fairpost.engine.wire import CHECK_POST, CHECK_POSTS, PostWire
from fairpost.rules import shipped_bundle
from fairpost.server import counts as counting
from fairpost.server.filtering import FilterService
from fairpost.server.table import SellerTable
from fairpost.v1 import filter_pb2, post_pb2, verdict_pb2

WORDS = {"根治": 0.97, "特效": 0.65, "疗效": 0.4}


class Holder:
    """In place of RuleSets."""

    def __init__(self, active: RuleSet) -> None:
        self.active = active

    def snapshot(self) -> RuleSet:
        return self.active


def service_of(rule_set: RuleSet, **options: Any) -> FilterService:
    return FilterService(Holder(rule_set), SellerTable(bytes(16)), DecisionIds(), **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def rule_set(bundle: Callable[..., bytes]) -> RuleSet:
    return RuleSet.from_bytes(bundle(WORDS))


def verdicts(content: bytes) -> list[verdict_pb2.Verdict]:
    return [result.verdict for result in filter_pb2.CheckPostsResponse.FromString(content).results]


@pytest.fixture(scope="module")
def shipped() -> RuleSet:
    return RuleSet.open(shipped_bundle())


@pytest.mark.parametrize(
    ("unit", "seconds"),
    [
        (post_pb2.SPAN_UNIT_UTF8_BYTES, None),
        (post_pb2.SPAN_UNIT_UTF16_UNITS, 1_700_000_000),
        (post_pb2.SPAN_UNIT_CODE_POINTS, 1_441_000_000),
        (post_pb2.SPAN_UNIT_UNSPECIFIED, 0),
    ],
)
def test_shipped_packs_say_the_same(shipped: RuleSet, unit: post_pb2.SpanUnit.ValueType, seconds: int | None) -> None:
    service = service_of(shipped)
    time = None if seconds is None else Timestamp(seconds=seconds)
    posts = [
        post_pb2.Post(
            id=f"{k}", text=text, extra_texts=[post_pb2.ExtraText(text=text[::-1])] * (k % 3), created_at=time
        )
        for k, text in enumerate(samples())
    ]
    content = filter_pb2.CheckPostsRequest(posts=posts, unit=unit).SerializeToString()
    found = filter_pb2.CheckPostsResponse.FromString(service.check_posts_bytes(content))
    wanted = filter_pb2.CheckPostsResponse.FromString(service.answer_by_messages(CHECK_POSTS, content))
    if seconds is None:  # in 1970 there was no such law
        assert sum(len(result.verdict.evidence) for result in wanted.results) > 100
    for response in found, wanted:
        for result in response.results:
            result.verdict.ClearField("decision_id")
    assert found == wanted


def test_faulty_posts_are_answered_alone(rule_set: RuleSet, monkeypatch: pytest.MonkeyPatch) -> None:
    service = service_of(rule_set, max_characters=10)
    monkeypatch.delattr(FilterService, "answer_by_messages")
    good, empty, long = (post_pb2.Post(text=text).SerializeToString() for text in ("特效", "", "特" * 11))
    posts = [good, empty, b"\x1a\x01\xff", b"\x1a\x09", long, b"\x00\x00", good]
    content = b"".join(b"\x0a" + bytes([len(post)]) + post for post in posts)
    response = filter_pb2.CheckPostsResponse.FromString(service.check_posts_bytes(content))
    assert [result.WhichOneof("outcome") for result in response.results] == ["verdict", *["error"] * 5, "verdict"]
    assert [result.error.message for result in response.results[1:6]] == [
        "posts[1].text: is empty; a post needs at least one character to be judged",
        "posts[2].text: is not valid UTF-8",
        "the bytes are no Post (posts[3]) message",
        "posts[4].text: has 11 characters; at most 10 are taken",
        "the bytes are no Post (posts[5]) message",
    ]
    assert service.counts.read().refused == 5


def test_a_post_in_pieces_is_one_post(rule_set: RuleSet) -> None:
    pieces = [post_pb2.Post(id="a", text="特效"), post_pb2.Post(id="b", extra_texts=[post_pb2.ExtraText(text="根治")])]
    content = b"".join(filter_pb2.CheckPostRequest(post=post).SerializeToString() for post in pieces)
    verdict = filter_pb2.CheckPostResponse.FromString(service_of(rule_set).check_post_bytes(content)).verdict
    assert verdict.post_id == "b"
    assert [(e.text_index, e.matched) for e in verdict.evidence] == [(1, "根治"), (0, "特效")]


def test_large_requests_leave_nothing_behind(rule_set: RuleSet) -> None:
    """Buffers grow for a request and go with it; the next answers are right."""
    service = service_of(rule_set)
    long = post_pb2.Post(id="p" * 256, text="根治" * 20_000, extra_texts=[post_pb2.ExtraText(text="疗效")] * 100)
    short = post_pb2.Post(text="疗效")
    for posts in ([long] * 9, [short], [long, post_pb2.Post(text="好")], [], [short] * 9000, [long] * 2):
        content = filter_pb2.CheckPostsRequest(posts=posts).SerializeToString()
        found = verdicts(service.check_posts_bytes(content))
        wanted = verdicts(service.answer_by_messages(CHECK_POSTS, content))
        for verdict in (*found, *wanted):
            verdict.ClearField("decision_id")
        assert found == wanted
        assert [len(verdict.evidence) > 1 for verdict in found] == [post is long for post in posts]


def test_threads(rule_set: RuleSet) -> None:
    """Each gets its own answers, and no decision has another's id."""
    service = service_of(rule_set)
    ids: list[str] = []
    wrong: list[str] = []

    def run(number: int) -> None:
        for k in range(50):
            words = [(*WORDS, "好")[(number + k + i) % 4] for i in range(20)]
            posts = [post_pb2.Post(id=f"{number}.{k}.{i}", text=word) for i, word in enumerate(words)]
            content = filter_pb2.CheckPostsRequest(posts=posts).SerializeToString()
            for post, verdict in zip(posts, verdicts(service.check_posts_bytes(content)), strict=True):
                ids.append(verdict.decision_id)
                matched = [evidence.matched for evidence in verdict.evidence]
                if verdict.post_id != post.id or matched != ([] if post.text == "好" else [post.text]):
                    wrong.append(f"{post} {verdict}")

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(set(ids)) == len(ids) == 8 * 50 * 20
    assert {len(one) for one in ids} == {26}
    assert sum(service.counts.read().actions.values()) == len(ids)


def test_one_revision_in_each_answer(rule_set: RuleSet, bundle: Callable[..., bytes]) -> None:
    other = RuleSet.from_bytes(bundle({"好": 0.65, "根治": 0.4}))
    holder = Holder(rule_set)
    service = FilterService(holder, SellerTable(bytes(16)), DecisionIds())  # type: ignore[arg-type]
    content = filter_pb2.CheckPostsRequest(posts=[post_pb2.Post(text="根治好")] * 3).SerializeToString()
    for active in (rule_set, other, rule_set, other):
        holder.active = active
        response = filter_pb2.CheckPostsResponse.FromString(service.check_posts_bytes(content))
        assert response.revision == active.revision
        assert {result.verdict.revision for result in response.results} == {active.revision}
    totals = service.counts.read()
    assert totals.rules == {"medical.0": 12, "medical.1": 6}
    assert totals.categories == {"MEDICAL": 12}
    assert totals.actions == {"ALLOW": 0, "LIMIT": 0, "REVIEW": 6, "SHIELD": 0, "BLOCK": 6}


def test_counts_of_old_rule_sets_are_kept(monkeypatch: pytest.MonkeyPatch, bundle: Callable[..., bytes]) -> None:
    monkeypatch.setattr(counting, "_KEPT", 2)
    counts = counting.Counts()
    for k in range(5):
        rule_set = RuleSet.from_bytes(bundle({"根治": 0.9 + k / 100}, seller_rules=False))
        counts.of(rule_set).add(rule_set.check_batch(["根治", "好", "", "根治"]), refused=1)
    totals = counts.read()
    assert totals.rules == {"medical.0": 10}
    assert totals.refused == 10  # an empty post in each batch, and those that were not even in it
    assert sum(totals.actions.values()) == 15
    with pytest.raises(ValueError, match="the batch was judged with 6 rules, expected 1"):
        counts.of(rule_set).add(RuleSet.from_bytes(bundle(dict.fromkeys("abcde", 0.5))).check_batch(["a"]))


def test_counts_are_the_same_on_both_paths(rule_set: RuleSet) -> None:
    posts = [post_pb2.Post(text=text, seller_id="s") for text in ("根治", "特效", "好", "", "根治特效疗效")]
    content = filter_pb2.CheckPostsRequest(posts=posts, dry_run=True).SerializeToString()
    quick, slow = service_of(rule_set), service_of(rule_set)
    for _ in range(3):
        quick.check_posts_bytes(content)
        slow.answer_by_messages(CHECK_POSTS, content)
    totals = quick.counts.read()
    assert totals == slow.counts.read()
    assert totals.refused == 3
    assert Counter(totals.categories) == {"MEDICAL": 9, "UNREGISTERED": 12}


def test_every_code_point_is_folded_as_by_the_tables() -> None:
    table, made = fold_table(DEFAULT), folded()
    images = made.images[made.blocks].reshape(-1)
    changed = table.target != np.arange(CODE_POINTS)
    changed[0xD800:0xE000] = False  # not in well-formed text
    assert np.array_equal(images == FOLDED_SAME, ~changed)
    for code in np.flatnonzero(changed).tolist():
        begin, length = int(images[code]) >> 8, int(images[code]) & 255
        assert made.content[begin : begin + length].decode() == "".join(map(chr, table.image(code)))


def test_posts_of_the_year_9999_have_citations(rule_set: RuleSet) -> None:
    """Their day in China may be in the year 10000, which no calendar of Python has."""
    post = post_pb2.Post(text="根治", created_at=Timestamp(seconds=253_402_300_799))
    content = filter_pb2.CheckPostRequest(post=post).SerializeToString()
    service = service_of(rule_set)
    for answer in (service.check_post_bytes(content), service.answer_by_messages(CHECK_POST, content)):
        evidence = filter_pb2.CheckPostResponse.FromString(answer).verdict.evidence[0]
        assert list(evidence.basis) == ["《中华人民共和国广告法》第十七条"]


def test_a_method_of_another_number_is_refused(rule_set: RuleSet) -> None:
    wire: PostWire = rule_set.wire
    arguments: Any = SimpleNamespace(service=service_of(rule_set))
    table = arguments.service._table.engine_table
    with pytest.raises(ValueError, match="kind is 3, expected 0 to 2"):
        wire.answer(
            3, b"", arguments.service._terms, table, 0, arguments.service.counts.of(rule_set), lambda *_: None, None
        )
