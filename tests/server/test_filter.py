"""FilterService over a real connection: verdicts, spans, sellers, and every way in which a post can be refused."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2

from fairpost.client import CallFailed
from fairpost.engine import RuleSet
from fairpost.engine.decision_ids import DecisionIds
from fairpost.server.filtering import FilterService
from fairpost.server.table import SellerTable
from fairpost.v1 import filter_pb2, post_pb2, seller_pb2, standing_pb2, verdict_pb2

ALLOW, LIMIT, REVIEW = verdict_pb2.ACTION_ALLOW, verdict_pb2.ACTION_LIMIT, verdict_pb2.ACTION_REVIEW
SHIELD, BLOCK = verdict_pb2.ACTION_SHIELD, verdict_pb2.ACTION_BLOCK


def raw(shared: Any, method: str, content: bytes) -> bytes:
    """Call a unary method of FilterService with bytes as they are."""
    call = shared.client.channel.unary_unary(f"/fairpost.v1.FilterService/{method}")
    try:
        answer: bytes = call(content, timeout=10)
    except grpc.RpcError as error:
        raise CallFailed.of(error) from None
    return answer


def judged(shared: Any, posts: list[post_pb2.Post]) -> Any:
    """The results of one CheckPosts as they come over the wire."""
    request = filter_pb2.CheckPostsRequest(posts=posts, unit=post_pb2.SPAN_UNIT_CODE_POINTS)
    return shared.client.call("CheckPosts", request).results


def refusal(result: verdict_pb2.CheckResult) -> tuple[str, str, list[tuple[str, str]], dict[str, str]]:
    """(reason, message, violations, metadata) of a post's error."""
    assert result.WhichOneof("outcome") == "error"
    assert result.error.code == 3
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    assert result.error.details[0].Unpack(info)
    assert info.domain == "fairpost.v1"
    assert result.error.details[1].Unpack(bad)
    violations = [(violation.field, violation.description) for violation in bad.field_violations]
    return info.reason, result.error.message, violations, dict(info.metadata)


def test_verdict(shared: Any) -> None:
    verdict = shared.client.check("🌸这款茶根 治糖尿病", id="p1")
    assert verdict.post_id == "p1"
    assert verdict.action == verdict_pb2.ACTION_BLOCK
    assert verdict.exposure == 0
    assert 0.8 < verdict.risk <= 1
    assert [(label.category, label.severity) for label in verdict.labels] == [("MEDICAL", verdict_pb2.SEVERITY_HIGH)]
    (evidence,) = verdict.evidence
    assert (evidence.rule, evidence.category, evidence.text_index) == ("medical.0", "MEDICAL", 0)
    assert (evidence.begin, evidence.end, evidence.matched, evidence.folded) == (4, 7, "根 治", "根治")
    assert list(evidence.basis) == ["《中华人民共和国广告法》第十七条"]
    assert (evidence.message.zh, evidence.message.en) == ("不得宣称治疗", "No cures")
    assert not evidence.shadow
    assert verdict.seller_standing == verdict_pb2.SellerStanding()
    assert verdict.revision == shared.client.status().active.revision
    assert len(verdict.decision_id) == 26
    assert list(verdict.bounds_reached) == []


@pytest.mark.parametrize(
    ("unit", "span"),
    [
        (post_pb2.SPAN_UNIT_UNSPECIFIED, (4, 7)),
        (post_pb2.SPAN_UNIT_CODE_POINTS, (4, 7)),
        (post_pb2.SPAN_UNIT_UTF16_UNITS, (5, 8)),
        (post_pb2.SPAN_UNIT_UTF8_BYTES, (13, 20)),
    ],
)
def test_units(shared: Any, unit: Any, span: tuple[int, int]) -> None:
    (evidence,) = shared.client.check("🌸这款茶根 治糖尿病", unit=unit).evidence
    assert (evidence.begin, evidence.end) == span


def test_unknown_unit(shared: Any) -> None:
    with pytest.raises(CallFailed) as caught:
        shared.client.check("茶", unit=9)
    assert caught.value.reason == "REASON_INVALID_FIELD"
    assert caught.value.message == (
        "unit: 9 is none of SPAN_UNIT_UNSPECIFIED, SPAN_UNIT_UTF8_BYTES, SPAN_UNIT_UTF16_UNITS, SPAN_UNIT_CODE_POINTS"
    )


def test_extra_texts(shared: Any) -> None:
    extra = [
        post_pb2.ExtraText(source=post_pb2.TEXT_SOURCE_COMMENT, text="真的"),
        post_pb2.ExtraText(source=post_pb2.TEXT_SOURCE_IMAGE, text="疗效好"),
    ]
    posts = [post_pb2.Post(text="好茶", extra_texts=extra), post_pb2.Post(text="特效药")]
    results = judged(shared, posts)
    (evidence,) = results[0].verdict.evidence
    assert (evidence.text_index, evidence.begin, evidence.end, evidence.matched) == (2, 0, 2, "疗效")
    assert results[1].verdict.evidence[0].text_index == 0
    # Nothing matches across texts.
    halves = post_pb2.Post(text="根", extra_texts=[post_pb2.ExtraText(text="治")])
    assert shared.client.check(halves).action == verdict_pb2.ACTION_ALLOW


def test_channel(shared: Any) -> None:
    posts = [post_pb2.Post(text="疗效", channel=channel) for channel in ("", "strict", "never-heard-of")]
    actions = [result.verdict.action for result in judged(shared, posts)]
    assert actions == [verdict_pb2.ACTION_LIMIT, verdict_pb2.ACTION_BLOCK, verdict_pb2.ACTION_LIMIT]


def test_law_of_the_day(shared: Any) -> None:
    def basis(year: int) -> list[str]:
        created = Timestamp()
        created.FromDatetime(datetime(year, 8, 31, tzinfo=UTC))
        return list(shared.client.check("根治", created_at=created).evidence[0].basis)

    assert basis(2026) == ["《中华人民共和国广告法》第十七条"]
    assert basis(2015) == ["《中华人民共和国广告法》第十六条"]
    assert basis(1990) == []


def test_sellers(shared: Any, registration: Any) -> None:
    device = seller_pb2.Licence(scope="medical-device", number="X1", valid_from="2024-01-01")
    food = registration().licences[0]
    shared.client.register(registration("filter-food"))
    shared.client.register(registration("filter-device", licences=[food, device]))
    ids = ["filter-food", "filter-device", "filter-nobody", "", "filter-food"]
    posts = [post_pb2.Post(text="疗效好", seller_id=seller_id) for seller_id in ids]
    verdicts = [result.verdict for result in judged(shared, posts)]
    assert [verdict.action for verdict in verdicts] == [LIMIT, ALLOW, LIMIT, LIMIT, LIMIT]
    assert [verdict.seller_standing.outcome for verdict in verdicts] == [1, 1, 2, 0, 1]
    standing = verdicts[1].seller_standing.standing
    assert standing.seller_id == "filter-device"
    assert standing.registration == standing_pb2.REGISTRATION_ACTIVE
    assert list(standing.licences) == ["food", "medical-device"]
    # A clean post of a registered seller is displayed more, one of an unregistered seller less.
    clean = [shared.client.check("好茶", seller_id=seller_id) for seller_id in ids[1:4]]
    assert [round(verdict.exposure, 2) for verdict in clean] == [1.2, 0.3, 1.0]
    assert [[label.category for label in verdict.labels] for verdict in clean] == [[], ["UNREGISTERED"], []]
    (evidence,) = clean[1].evidence
    assert (evidence.rule, evidence.begin, evidence.end, evidence.matched) == ("seller.unregistered", 0, 0, "")


@pytest.mark.parametrize(
    ("post", "reason", "message", "metadata"),
    [
        (
            post_pb2.Post(id="a"),
            "REASON_EMPTY_TEXT",
            ".text: is empty; a post needs at least one character to be judged",
            {},
        ),
        (
            post_pb2.Post(id="a", text="好" * 100_001),
            "REASON_TEXT_TOO_LONG",
            ".text: has 100001 characters; at most 100000 are taken",
            {"limit": "100000"},
        ),
        (
            post_pb2.Post(id="a", text="好", extra_texts=[post_pb2.ExtraText(text="x" * 100_001)]),
            "REASON_TEXT_TOO_LONG",
            ".extra_texts[0].text: has 100001 characters; at most 100000 are taken",
            {"limit": "100000"},
        ),
        (
            post_pb2.Post(id="a", text="好", created_at=Timestamp(seconds=253_402_300_800)),
            "REASON_INVALID_TIME",
            ".created_at: is outside the years 1 to 9999",
            {},
        ),
        (
            post_pb2.Post(id="a", text="好", seller_id="s" * 129, channel="c" * 65),
            "REASON_INVALID_FIELD",
            ".seller_id: has 129 characters; at most 128 are taken; "
            "{}.channel: has 65 characters; at most 64 are taken",
            {},
        ),
        (
            post_pb2.Post(id="a", text="好", extra_texts=[post_pb2.ExtraText(text="好")] * 101),
            "REASON_INVALID_FIELD",
            ".extra_texts: has 101 entries; at most 100 are taken",
            {},
        ),
    ],
    ids=["empty", "long", "long extra", "time", "long fields", "many extra"],
)
def test_refused_post(shared: Any, post: post_pb2.Post, reason: str, message: str, metadata: dict[str, str]) -> None:
    with pytest.raises(CallFailed) as caught:
        shared.client.check(post)
    assert (caught.value.code, caught.value.reason) == ("INVALID_ARGUMENT", reason)
    assert caught.value.message == "post" + message.replace("{}", "post")
    assert caught.value.violations[0][0].startswith("post.")
    # In a batch it is an error for that post only.
    good = post_pb2.Post(id="b", text="根治")
    results = judged(shared, [good, post, good])
    assert [result.WhichOneof("outcome") for result in results] == ["verdict", "error", "verdict"]
    found, text, _, details = refusal(results[1])
    assert (found, text) == (reason, "posts[1]" + message.replace("{}", "posts[1]"))
    assert details == metadata | {"post_id": "a"}
    assert results[0].verdict.evidence[0].matched == results[2].verdict.evidence[0].matched == "根治"


def test_post_is_required(shared: Any) -> None:
    with pytest.raises(CallFailed) as caught:
        raw(shared, "CheckPost", b"")
    assert (caught.value.reason, caught.value.message) == ("REASON_INVALID_FIELD", "post: is required")


def test_invalid_utf8(shared: Any) -> None:
    bad = post_pb2.Post(id="b", text="texX").SerializeToString().replace(b"X", b"\xff")
    with pytest.raises(CallFailed) as caught:
        raw(shared, "CheckPost", b"\x0a" + bytes([len(bad)]) + bad)
    assert (caught.value.code, caught.value.reason) == ("INVALID_ARGUMENT", "REASON_INVALID_UTF8")
    assert caught.value.message == "post.text: is not valid UTF-8"

    good = post_pb2.Post(id="a", text="根治").SerializeToString()
    extra = post_pb2.Post(text="x", extra_texts=[post_pb2.ExtraText(), post_pb2.ExtraText(text="Q")])
    worse = extra.SerializeToString().replace(b"Q", b"\xc0")
    cut = good[:-1]
    unit = filter_pb2.CheckPostsRequest(unit=post_pb2.SPAN_UNIT_UTF8_BYTES).SerializeToString()
    content = unit + b"".join(b"\x0a" + bytes([len(post)]) + post for post in (good, bad, worse, cut, good))
    results = filter_pb2.CheckPostsResponse.FromString(raw(shared, "CheckPosts", content)).results
    assert [result.WhichOneof("outcome") for result in results] == ["verdict", "error", "error", "error", "verdict"]
    assert refusal(results[1])[:2] == ("REASON_INVALID_UTF8", "posts[1].text: is not valid UTF-8")
    assert refusal(results[1])[3] == {"post_id": "b"}
    assert refusal(results[2])[:2] == ("REASON_INVALID_UTF8", "posts[2].extra_texts[1].text: is not valid UTF-8")
    assert results[3].error.message == "the bytes are no Post (posts[3]) message"
    assert results[4].verdict.evidence[0].end == 6  # the unit of the request still holds

    stream = shared.client.channel.stream_stream("/fairpost.v1.FilterService/StreamCheck")
    sequence = filter_pb2.StreamCheckRequest(sequence=7).SerializeToString()
    (answer,) = stream(iter([content + sequence]))
    response = filter_pb2.StreamCheckResponse.FromString(answer)
    assert response.sequence == 7
    assert [result.WhichOneof("outcome") for result in response.results].count("error") == 3


@pytest.mark.parametrize("method", ["CheckPost", "CheckPosts"])
def test_malformed_request(shared: Any, method: str) -> None:
    with pytest.raises(CallFailed) as caught:
        raw(shared, method, b"\x0a\xff\xff\xff")
    assert (caught.value.code, caught.value.reason) == ("INVALID_ARGUMENT", "REASON_MALFORMED_REQUEST")
    assert caught.value.message == f"the bytes are no {method}Request message"


def test_request_too_large(shared: Any) -> None:
    posts = [post_pb2.Post(text="好" * 50_000)] * 8
    size = filter_pb2.CheckPostsRequest(posts=posts, unit=post_pb2.SPAN_UNIT_CODE_POINTS).ByteSize()
    for call in (lambda: shared.client.check_batch(posts), lambda: list(shared.client.stream([posts]))):
        with pytest.raises(CallFailed) as caught:
            call()
        assert (caught.value.code, caught.value.reason) == ("RESOURCE_EXHAUSTED", "REASON_REQUEST_TOO_LARGE")
        assert caught.value.metadata["limit"] == "1048576"
    with pytest.raises(CallFailed) as caught:
        shared.client.check_batch(posts)
    assert caught.value.message == (
        f"the request has {size} bytes; at most 1048576 are taken. Send fewer posts in one message"
    )


def test_too_many_posts(shared: Any) -> None:
    with pytest.raises(CallFailed) as caught:
        shared.client.check_batch([post_pb2.Post(text="好")] * 501)
    assert (caught.value.code, caught.value.reason) == ("INVALID_ARGUMENT", "REASON_TOO_MANY_ITEMS")
    assert caught.value.message == "posts: 501 posts in one batch; at most 500 are taken"


def test_stream(shared: Any) -> None:
    posts = [post_pb2.Post(id=str(i), text="根治" if i % 3 else "好茶") for i in range(1000)]
    posts[500] = post_pb2.Post(id="500")
    results = list(shared.client.check_many(iter(posts), batch=64))
    assert len(results) == 1000
    assert results[500].error.reason == "REASON_EMPTY_TEXT"
    del results[500]
    assert [int(result.verdict.post_id) for result in results] == [i for i in range(1000) if i != 500]
    assert all((result.verdict.action == BLOCK) == (int(result.verdict.post_id) % 3 > 0) for result in results)
    assert len({result.verdict.decision_id for result in results}) == 999
    ids = [result.verdict.decision_id for result in results]
    assert ids == sorted(ids)
    batches = [[post_pb2.Post(text="a")], [], [post_pb2.Post(text="b")] * 2]
    responses = list(shared.client.stream(batches))
    assert [(response.sequence, len(response.results)) for response in responses] == [(1, 1), (2, 0), (3, 2)]
    assert list(shared.client.check_many([])) == []


def test_stream_left_early(shared: Any) -> None:
    for _ in range(5):
        stream = shared.client.check_many((post_pb2.Post(text="好茶") for _ in range(10_000)), batch=10)
        assert next(stream).verdict.action == ALLOW
        stream.close()
    assert shared.client.check("好茶").action == ALLOW


def test_too_many_streams(shared: Any) -> None:
    def hold(open_streams: list[Any]) -> Any:
        stream = shared.client.stream(iter([[post_pb2.Post(text="好")]] * 1000), in_flight=2)
        next(stream)
        open_streams.append(stream)
        return stream

    held: list[Any] = []
    for _ in range(3):
        hold(held)
    client = shared.client.with_options(retry=None)
    with pytest.raises(CallFailed) as caught:
        next(client.stream([[post_pb2.Post(text="好")]]))
    assert caught.value.retry_after == 1.0
    assert (caught.value.code, caught.value.reason) == ("RESOURCE_EXHAUSTED", "REASON_TOO_MANY_STREAMS")
    assert caught.value.message.startswith("3 streams are open already")
    assert shared.client.check("好茶").action == ALLOW  # a thread is left for other calls
    for stream in held:
        stream.close()


def test_registry_that_cannot_answer(bundle: Any) -> None:
    """No answer is neither "registered" nor "not registered", and the verdict says that there was none."""
    rule_set = RuleSet.from_bytes(bundle({"根治": 0.9}))
    rule_sets = SimpleNamespace(snapshot=lambda: rule_set)
    table = SellerTable()
    service = FilterService(rule_sets, table, DecisionIds())  # type: ignore[arg-type]
    request = filter_pb2.CheckPostRequest(post=post_pb2.Post(text="好茶", seller_id="s"))
    verdict = service.check_post(request).verdict
    assert [label.category for label in verdict.labels] == ["UNREGISTERED"]
    assert verdict.seller_standing.outcome == standing_pb2.LOOKUP_OUTCOME_NOT_FOUND
    table.available = False
    verdict = service.check_post(request).verdict
    assert (list(verdict.labels), verdict.action) == ([], verdict_pb2.ACTION_ALLOW)
    assert verdict.seller_standing.outcome == standing_pb2.LOOKUP_OUTCOME_UNAVAILABLE
    assert not verdict.seller_standing.HasField("standing")
