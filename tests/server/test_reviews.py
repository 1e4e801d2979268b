"""ReviewService over gRPC: what enters the queue, who works on it, and what follows from decisions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from server_time import DAY_MS, Time

from fairpost.client import AsyncClient, CallFailed
from fairpost.server import filtering
from fairpost.server.registry.verify import verify
from fairpost.v1 import (
    appeal_pb2,
    filter_pb2,
    post_pb2,
    registry_pb2,
    review_pb2,
    standing_pb2,
    verdict_pb2,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

WORDS = {"根治": 0.97, "特效": 0.65, "神效": 0.7, "疗效": 0.4, "奇效": 0.85}
"""BLOCK, REVIEW, REVIEW, LIMIT, SHIELD."""
PENDING, UPHELD = review_pb2.REVIEW_STATE_PENDING, review_pb2.REVIEW_STATE_UPHELD
OVERTURNED, LAPSED = review_pb2.REVIEW_STATE_OVERTURNED, review_pb2.REVIEW_STATE_LAPSED
RISKIEST = review_pb2.REVIEW_ORDER_RISKIEST_FIRST
LATEST = review_pb2.REVIEW_ORDER_LATEST_FIRST
ALLOW, SHIELD, BLOCK = verdict_pb2.ACTION_ALLOW, verdict_pb2.ACTION_SHIELD, verdict_pb2.ACTION_BLOCK


@pytest.fixture
def started(inside: Any, bundle: Any) -> Any:
    """Makes servers with a rule set."""

    def start(**options: Any) -> Any:
        running = inside(**options).start()
        running.client.activate(bundle(WORDS))
        return running

    return start


def failure(call: Any, *arguments: Any, **options: Any) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        call(*arguments, **options)
    return caught.value


def check(running: Any, *posts: post_pb2.Post | str, **fields: Any) -> list[Any]:
    """Have them judged, and wait for what enters the queue."""
    given = [post_pb2.Post(text=post) if isinstance(post, str) else post for post in posts]
    request = filter_pb2.CheckPostsRequest(posts=given, **fields)
    results = running.client.call("CheckPosts", request).results
    assert running.server.reviews.intake.wait(60)
    return [result.verdict for result in results]


def call(running: Any, method: str, **fields: Any) -> Any:
    return running.client.call(method, getattr(review_pb2, f"{method}Request")(**fields))


def listed(running: Any, order: int = 0, **conditions: Any) -> list[review_pb2.Review]:
    wanted = review_pb2.ReviewFilter(**conditions)
    return list(call(running, "ListReviews", filter=wanted, order=order, page_size=1000).reviews)


def posts_of(reviews: Any) -> list[str]:
    return [review.post_id for review in reviews]


def post(post_id: str, text: str = "特效茶", **fields: Any) -> post_pb2.Post:
    return post_pb2.Post(id=post_id, text=text, **fields)


def decide(running: Any, review_id: str, state: int, **fields: Any) -> Any:
    values = {"review_id": review_id, "state": state, "actor": "m-1"} | fields
    if state == OVERTURNED:
        values.setdefault("note", "正常的描述")
    return call(running, "DecideReview", **values)


def events(running: Any, seller_id: str) -> list[Any]:
    request = registry_pb2.ListEventsRequest(seller_id=seller_id)
    return list(running.client.call("ListEvents", request).events)


def is_sound(running: Any) -> bool:
    found = verify(running.server.registry.core)
    assert found.differences == []
    return True


# ---- into the queue -------------------------------------------------------------------------------------


def test_what_enters_the_queue(started: Any) -> None:
    running = started()
    texts = ["特效茶", "根治", "疗效", "好茶", "奇效", "神效"]
    verdicts = check(running, *(post(str(number), text) for number, text in enumerate(texts, 1)))
    found = listed(running)
    assert posts_of(found) == ["1", "6"]
    review = found[0]
    assert (review.state, review.action) == (PENDING, verdict_pb2.ACTION_REVIEW)
    assert review.decision_id == verdicts[0].decision_id
    assert review.risk == pytest.approx(verdicts[0].risk)
    assert [label.category for label in review.labels] == ["MEDICAL"]
    assert list(review.rules) == ["medical.1"]
    assert not review.HasField("post")
    whole = call(running, "GetReview", review_id=review.review_id).review
    assert whole.post == post("1")
    assert whole.verdict == verdicts[0]
    assert [evidence.matched for evidence in whole.verdict.evidence] == ["特效"]


@pytest.mark.parametrize("by_messages", [False, True], ids=["bytes", "messages"])
def test_every_way_to_be_checked_hands_over_the_same(started: Any, by_messages: bool, monkeypatch: Any) -> None:
    """One post, many posts, streams; by the engine's bytes and by messages; other units of spans."""
    running = started()
    if by_messages:
        monkeypatch.setattr(filtering._BytePath, "answer", lambda path, kind, content: None)
    client = running.client
    one = client.call("CheckPost", filter_pb2.CheckPostRequest(post=post("one"), unit=post_pb2.SPAN_UNIT_UTF8_BYTES))
    assert one.verdict.action == verdict_pb2.ACTION_REVIEW
    (streamed,) = client.stream([[post("streamed", "他说：特效茶", channel="group")]])
    assert streamed
    # A post of the wrong shape in the batch: the rest is judged all the same.
    check(running, post("beside"), post_pb2.Post(id="bad"))
    content = filter_pb2.CheckPostsRequest(posts=[post("plain", "疗效", extra_texts=[post_pb2.ExtraText(text="特效")])])
    client.call("CheckPosts", content)
    assert running.server.reviews.intake.wait(60)
    assert posts_of(listed(running)) == ["one", "streamed", "beside", "plain"]
    whole = {each.post_id: call(running, "GetReview", review_id=each.review_id).review for each in listed(running)}
    assert [(e.begin, e.end) for e in whole["one"].verdict.evidence] == [(0, 2)]
    assert [(e.begin, e.end) for e in whole["streamed"].verdict.evidence] == [(3, 5)]
    assert {e.text_index for e in whole["plain"].verdict.evidence} == {0, 1}
    assert whole["streamed"].channel == "group"


def test_a_post_is_queued_once_and_another_text_is_another_post(started: Any) -> None:
    running = started()
    check(running, post("1"), post("1"))
    check(running, post("1"))
    running.server.reviews.intake._known.clear()  # as after a restart, or in another process
    check(running, post("1"))
    assert posts_of(listed(running)) == ["1"]
    check(running, post("1", "神效茶"), post("1", seller_id="s"), post("2"))
    assert posts_of(listed(running)) == ["1", "1", "1", "2"]
    assert running.server.reviews.intake.queued == 4


def test_previews_and_other_actions_are_not_queued(started: Any) -> None:
    running = started(review_actions="")
    check(running, post("1"))
    assert listed(running) == []
    running = started(name="other", review_actions="SHIELD, LIMIT")
    check(running, post("1"), post("2", "奇效"), post("3", "疗效"))
    check(running, post("4", "奇效"), dry_run=True)
    assert posts_of(listed(running)) == ["2", "3"]


def test_what_cannot_be_stored_does_not_stop_the_others(started: Any, caplog: Any) -> None:
    running = started()
    nul = post_pb2.Post(id="a\0b", text="特效\0", channel="x\0", seller_id="seller with spaces")
    check(running, nul, post("after"))
    (odd, after) = listed(running)
    assert (odd.post_id, odd.channel, odd.seller_id, after.post_id) == ("", "", "", "after")
    assert call(running, "GetReview", review_id=odd.review_id).review.post == nul


def test_the_queue_is_bounded_and_counts_what_it_leaves_out(started: Any) -> None:
    running = started()
    intake = running.server.reviews.intake
    intake._room = 2_000
    with running.server.registry.core.store.write():  # nothing can be written meanwhile
        for number in range(20):
            running.client.call("CheckPost", filter_pb2.CheckPostRequest(post=post(str(number))))
        assert intake.lost >= 15
    assert intake.wait(60)
    there = len(listed(running))
    assert there + intake.lost == 20
    assert call(running, "GetReviewQueue").lost == intake.lost
    # They come again when they are checked again.
    for number in range(20):
        check(running, post(str(number)))
    assert len(listed(running)) == 20


def test_no_more_than_so_many_wait_for_a_decision(started: Any) -> None:
    running = started(review_pending=3)
    check(running, *(post(str(number)) for number in range(5)))
    assert posts_of(listed(running)) == ["0", "1", "2"]
    assert running.server.reviews.intake.lost == 2
    decide(running, listed(running)[0].review_id, UPHELD)
    check(running, *(post(str(number)) for number in range(5)))
    assert posts_of(listed(running, states=[PENDING])) == ["1", "2", "3"]


def test_a_post_at_fault_does_not_keep_the_others_out(started: Any, monkeypatch: Any) -> None:
    running = started()
    from fairpost.server.reviews import rows

    def new(transaction: Any, entry: Any, kept: Any, queued: int) -> Any:
        if entry.post_id == "bad":
            raise RuntimeError("no row can be made of it")
        return rows_new(transaction, entry, kept, queued)

    rows_new = rows.new
    monkeypatch.setattr(rows, "new", new)
    check(running, post("1"), post("bad"), post("2"))
    assert sorted(posts_of(listed(running))) == ["1", "2"]
    assert running.server.reviews.intake.lost == 1


def test_what_waits_is_written_when_the_server_stops(started: Any, inside: Any) -> None:
    running = started()
    running.server.reviews.intake._share = 1e-9  # so slow that nothing is written before
    for number in range(120):
        running.client.call("CheckPost", filter_pb2.CheckPostRequest(post=post(str(number))))
    running.stop()
    again = inside().start()
    assert len(listed(again)) == 120


# ---- lists ----------------------------------------------------------------------------------------------


def test_lists_pages_and_filters(started: Any, registration: Any) -> None:
    running = started()
    running.client.register(registration("s1"))
    check(running, post("1", seller_id="s1"), post("2", "神效", seller_id="s1"), post("3", channel="group"))
    check(running, post("4", "特效疗效"), post("5", "神效", channel="group"))
    everything = listed(running)
    assert posts_of(everything) == ["1", "2", "3", "4", "5"]
    assert posts_of(listed(running, channel="group")) == ["3", "5"]
    assert "3" not in posts_of(listed(running, channel="default"))
    assert posts_of(listed(running, seller_id="s1")) == ["1", "2"]
    assert posts_of(listed(running, seller_id="s1", rule="medical.2")) == ["2"]
    assert posts_of(listed(running, category="ABSOLUTE")) == []
    assert posts_of(listed(running, LATEST))[0] == "5"
    risks = [review.risk for review in listed(running, RISKIEST)]
    assert risks == sorted(risks, reverse=True)
    same = [review.post_id for review in listed(running, RISKIEST) if review.risk == risks[-1]]
    assert same == sorted(same)
    # Pages stay right while posts come in, in each order.
    for order in (0, RISKIEST):
        wanted, found, token = posts_of(listed(running, order)), [], ""
        while True:
            answer = call(running, "ListReviews", order=order, page_size=2, page_token=token)
            found += posts_of(answer.reviews)
            check(running, post(f"new-{order}-{len(found)}", "特效"))
            token = answer.next_page_token
            if not token or len(found) >= len(wanted):
                break
        old = [name for name in found if not name.startswith("new")]
        assert old == [name for name in wanted if not name.startswith("new")]
        assert len(found) == len(set(found))
    queue = call(running, "GetReviewQueue")
    assert {count.state: count.count for count in queue.counts} == {PENDING: len(listed(running))}
    assert queue.categories["MEDICAL"] == len(listed(running))
    assert queue.channels["group"] == 2
    assert queue.HasField("oldest_queued_at")


def test_others_of_the_seller(started: Any) -> None:
    running = started()
    check(running, post("1", seller_id="s"), post("2", "神效", seller_id="s"), post("3", seller_id="s"), post("4"))
    first = listed(running)[0]
    answer = call(running, "GetReview", review_id=first.review_id)
    assert posts_of(answer.others) == ["3", "2"]  # the same rule, then the rest
    assert [(count.state, count.count) for count in answer.other_counts] == [(PENDING, 2)]
    alone = call(running, "GetReview", review_id=listed(running)[3].review_id)
    assert not alone.others


# ---- claims ---------------------------------------------------------------------------------------------


def test_claims(started: Any) -> None:
    running = started()
    clock = Time(running)
    check(running, post("1"), post("2", "神效"), post("3"))
    mine = call(running, "ClaimReviews", actor="m-1", order=RISKIEST, count=2).reviews
    assert posts_of(mine) == ["2", "1"]
    assert mine[0].post.text == "神效"
    assert mine[0].claimed_by == "m-1"
    theirs = call(running, "ClaimReviews", actor="m-2", count=5).reviews
    assert posts_of(theirs) == ["3"]
    assert list(call(running, "ClaimReviews", actor="m-3").reviews) == []
    first = mine[1].review_id
    refused = failure(call, running, "ClaimReviews", actor="m-2", review_id=first)
    assert refused.reason == "REASON_REVIEW_CLAIMED"
    assert refused.metadata["claimed_by"] == "m-1"
    refused = failure(decide, running, first, UPHELD, actor="m-2")
    assert "m-1 works on the review until" in refused.message
    assert posts_of(listed(running, claimed_by="m-1")) == ["1", "2"]
    assert posts_of(listed(running, unclaimed=True)) == []
    # One's own is renewed; one that was given back, or whose lease has ended, is the next one's.
    assert call(running, "ClaimReviews", actor="m-1", review_id=first, lease_seconds=7200).reviews
    assert failure(call, running, "ReleaseReview", review_id=first, actor="m-2").reason == "REASON_REVIEW_CLAIMED"
    assert not call(running, "ReleaseReview", review_id=first, actor="m-1").review.claimed_by
    assert posts_of(call(running, "ClaimReviews", actor="m-2").reviews) == ["1"]
    clock.at += 600_001
    assert posts_of(call(running, "ClaimReviews", actor="m-3", count=9).reviews) == ["1", "2", "3"]
    # A repetition gets the first answer again.
    clock.at += 600_001
    again = [call(running, "ClaimReviews", actor="m-4", request_id="r-1").reviews for _ in range(2)]
    assert [posts_of(reviews) for reviews in again] == [["1"], ["1"]]
    assert again[1][0].post.text == "特效茶"


# ---- decisions ------------------------------------------------------------------------------------------


def test_upholding_is_a_violation_with_one_strike(started: Any, registration: Any, bundle: Any) -> None:
    running = started()
    running.client.register(registration("s1"))
    check(running, post("1", seller_id="s1"))
    (review,) = listed(running)
    answer = decide(running, review.review_id, UPHELD, note="夸大\n功效", request_id="r")
    assert (answer.review.state, answer.review.outcome, answer.review.actor) == (UPHELD, SHIELD, "m-1")
    assert [(each.category, each.count) for each in answer.standing.strikes] == [("MEDICAL", 1)]
    (violation,) = [event for event in events(running, "s1") if event.WhichOneof("change") == "violation"]
    assert violation.sequence == answer.review.violation
    assert violation.actor == "m-1"
    assert violation.reason == f"review {review.review_id} upheld: MEDICAL. 夸大 功效"
    assert violation.decision_id == review.decision_id
    assert decide(running, review.review_id, UPHELD, note="夸大\n功效", request_id="r") == answer
    again = failure(decide, running, review.review_id, OVERTURNED)
    assert (again.reason, again.metadata["state"]) == ("REASON_WRONG_STATE", "upheld")
    # The same words as a graver verdict later: recorded already.
    running.client.activate(bundle({"特效": 0.97}), force=True)
    check(running, post("1", seller_id="s1"))
    assert running.server.registry.violations.wait(60)
    assert sum(event.WhichOneof("change") == "strike" for event in events(running, "s1")) == 1
    # The seller appeals; somebody else decides, and all of it is undone, with a case for the rule.
    appeal = running.client.call(
        "FileAppeal",
        appeal_pb2.FileAppealRequest(seller_id="s1", against=violation.sequence, statement="冤枉"),
    ).appeal
    decision = {"appeal_id": appeal.appeal_id, "state": appeal_pb2.APPEAL_STATE_OVERTURNED, "decision": "对"}
    own = failure(running.client.call, "DecideAppeal", appeal_pb2.DecideAppealRequest(**decision, actor="m-1"))
    assert "somebody else must decide the appeal" in own.message
    undone = running.client.call("DecideAppeal", appeal_pb2.DecideAppealRequest(**decision, actor="m-2"))
    assert not undone.standing.strikes
    assert "medical.1" in undone.regression_case
    # The platform learns it, too.
    (decided,) = listed(running)
    assert (decided.state, decided.outcome, decided.actor) == (OVERTURNED, ALLOW, "m-2")
    told, _ = watched(running, answer.consistency_token)
    assert [(each.post_id, each.state, each.action) for each in told] == [("1", OVERTURNED, ALLOW)]
    assert is_sound(running)


def test_block_category_and_unregistered_sellers(started: Any, registration: Any) -> None:
    running = started()
    check(running, post("1", seller_id="nobody"), post("2"))
    one, two = listed(running)
    answer = decide(running, one.review_id, UPHELD, action=BLOCK)
    assert (answer.review.outcome, answer.review.violation) == (BLOCK, 0)
    assert not answer.HasField("standing")
    assert decide(running, two.review_id, UPHELD).review.outcome == SHIELD
    running.client.register(registration("s1"))
    check(running, post("3", seller_id="s1"))
    (three,) = listed(running, states=[PENDING])
    wrong = failure(decide, running, three.review_id, UPHELD, category="ABSOLUTE")
    assert "category: 'ABSOLUTE' is none of the review's labels: MEDICAL" in wrong.message
    assert decide(running, three.review_id, UPHELD, category="MEDICAL", action=BLOCK).review.violation
    stale = failure(decide, running, two.review_id, UPHELD, expected_version=1)
    assert stale.reason == "REASON_CONFLICT"
    assert is_sound(running)


def test_overturning_gives_a_regression_case(started: Any, registration: Any, bundle: Any) -> None:
    running = started()
    running.client.register(registration("s1"))
    check(running, post("1", "他说：“特效”", seller_id="s1", language="zh"), post("2"), post("3", seller_id="nobody"))
    one, two, three = listed(running)
    answer = decide(running, one.review_id, OVERTURNED, request_id="r")
    assert (answer.review.state, answer.review.outcome) == (OVERTURNED, ALLOW)
    assert not answer.HasField("standing")
    pack = yaml.safe_load(answer.regression_case)
    (case,) = pack["cases"]["medical.1"]["pass"]
    assert (case["text"], case["language"]) == ("他说：“特效”", "zh")
    assert case["seller"]["registration"] == "active"
    assert pack["pack"] == f"review-{one.review_id}"
    assert decide(running, one.review_id, OVERTURNED, request_id="r") == answer
    assert (
        "seller"
        not in yaml.safe_load(decide(running, two.review_id, OVERTURNED).regression_case)["cases"]["medical.1"]["pass"][
            0
        ]
    )
    unknown = yaml.safe_load(decide(running, three.review_id, OVERTURNED).regression_case)
    assert unknown["cases"]["medical.1"]["pass"][0]["seller"] == "unknown"
    # The very post, judged more severely later, is no violation: somebody has looked at it.
    running.client.activate(bundle({"特效": 0.97}), force=True)
    check(running, post("1", "他说：“特效”", seller_id="s1", language="zh"), post("9", "特效", seller_id="s1"))
    assert running.server.registry.violations.wait(60)
    found = [e.violation.post_id for e in events(running, "s1") if e.WhichOneof("change") == "violation"]
    assert found == ["9"]


def test_overturning_a_recorded_violation_undoes_it(started: Any, registration: Any) -> None:
    """With review_actions=SHIELD the strike comes with the verdict; the person takes it back."""
    running = started(review_actions="REVIEW,SHIELD")
    running.client.register(registration("s1"))
    check(running, post("1", "奇效", seller_id="s1"), post("2", "奇效", seller_id="s1"))
    assert running.server.registry.violations.wait(60)
    one, two = listed(running)
    answer = decide(running, one.review_id, OVERTURNED)
    assert [(each.category, each.count) for each in answer.standing.strikes] == [("MEDICAL", 1)]
    assert answer.review.violation
    upheld = decide(running, two.review_id, UPHELD)
    assert sum(event.WhichOneof("change") == "strike" for event in events(running, "s1")) == 2
    assert upheld.review.violation != answer.review.violation
    (appeal,) = running.client.call("ListAppeals", appeal_pb2.ListAppealsRequest(seller_id="s1")).appeals
    assert (appeal.against, appeal.state, appeal.actor) == (
        answer.review.violation,
        appeal_pb2.APPEAL_STATE_OVERTURNED,
        "m-1",
    )
    assert is_sound(running)


@pytest.mark.parametrize(
    ("method", "fields", "message"),
    [
        ("DecideReview", {"review_id": "x", "actor": "m"}, "state: must be one of REVIEW_STATE_UPHELD"),
        ("DecideReview", {"review_id": "x", "actor": "m", "state": OVERTURNED}, "note: is required"),
        ("DecideReview", {"review_id": "x", "actor": "m", "state": UPHELD, "action": ALLOW}, "action: must be one of"),
        ("DecideReview", {"review_id": "x", "state": UPHELD}, "actor: is required"),
        ("DecideReview", {"review_id": "x", "actor": "m", "state": UPHELD}, "review_id: no review 'x' is here"),
        ("GetReview", {"review_id": "nothing"}, "review_id: no review 'nothing' is here"),
        ("ClaimReviews", {"actor": "m", "count": 51}, "count: is 51; at most 50"),
        ("ClaimReviews", {"actor": "m", "lease_seconds": 5}, "lease_seconds: is 5; 30 to 7200"),
        ("ClaimReviews", {"actor": "m", "order": 9}, "order: 9 is none of REVIEW_ORDER_UNSPECIFIED"),
        ("ListReviews", {"filter": {"category": "X"}}, "filter.category: 'X' is none of ABSOLUTE"),
        ("ListReviews", {"filter": {"states": [9]}}, "filter.states[0]: 9 is none of REVIEW_STATE_PENDING"),
        ("ListReviews", {"page_size": 1001}, "page_size: is 1001; at most 1000"),
    ],
)
def test_what_is_wrong_is_told(refusing: Any, method: str, fields: dict[str, Any], message: str) -> None:
    assert message in failure(call, refusing, method, **fields).message


# ---- the stream, terms ----------------------------------------------------------------------------------


def watched(running: Any, cursor: str = "", **fields: Any) -> tuple[list[review_pb2.ReviewDecision], str]:
    """The first part that has decisions."""
    stub = running.server.reviews.stream
    request = review_pb2.WatchReviewsRequest(cursor=cursor, **fields)
    parts: Iterator[Any] = stub.watch(request, lambda: True)
    for part in parts:
        if part.decisions:
            return list(part.decisions), part.cursor
    raise AssertionError("the stream has ended")


def test_who_holds_posts_back_learns_what_became_of_them(started: Any, inside: Any) -> None:
    running = started()
    check(running, post("1"), post("2"), post("3"))
    one, two, three = (review.review_id for review in listed(running))
    decide(running, two, UPHELD, action=BLOCK)
    decide(running, one, OVERTURNED)
    decisions, cursor = watched(running, from_beginning=True)
    assert [(each.post_id, each.state, each.action) for each in decisions] == [
        ("2", UPHELD, BLOCK),
        ("1", OVERTURNED, ALLOW),
    ]
    decide(running, three, UPHELD)
    running.stop()
    again = inside().start()
    decisions, _ = watched(again, cursor)
    assert [each.post_id for each in decisions] == ["3"]
    with pytest.raises(Exception, match="the log ends at"):
        watched(again, again.server.registry.core.token(10_000))


def test_terms(started: Any, registration: Any) -> None:
    running = started(review_days=30, review_text_days=90)
    clock = Time(running)
    reviews = running.server.reviews
    running.client.register(registration("s1"))
    check(running, post("1"), post("2"), post("3"))
    one, two, three = (review.review_id for review in listed(running))
    decide(running, one, UPHELD)
    clock.at += 31 * DAY_MS
    call(running, "ClaimReviews", actor="m-1", review_id=three)
    (job,) = reviews.jobs._jobs
    assert job.due(running.server.registry.core)
    assert reviews.jobs.run(job).counts == {"lapsed": 1}
    states = {review.review_id: review.state for review in listed(running)}
    assert states == {one: UPHELD, two: LAPSED, three: PENDING}
    lapsed = call(running, "GetReview", review_id=two).review
    assert not lapsed.HasField("post")
    assert lapsed.outcome == verdict_pb2.ACTION_REVIEW
    assert failure(decide, running, two, UPHELD).metadata["state"] == "lapsed"
    clock.at += 60 * DAY_MS
    assert call(running, "GetReview", review_id=one).review.HasField("post") is True
    reviews.jobs.run(job)
    assert call(running, "GetReview", review_id=one).review.HasField("post") is False
    clock.at += 4 * 366 * DAY_MS
    check(running, post("9"))
    decide(running, listed(running, LATEST)[0].review_id, UPHELD)
    assert reviews.jobs.run(job).counts == {"reviews": 3}
    assert posts_of(listed(running)) == ["9"]
    assert is_sound(running)


def test_erased_with_the_seller(started: Any, registration: Any) -> None:
    running = started()
    client = running.client
    client.register(registration("s1"))
    check(running, post("1", "特效秘方", seller_id="s1"))
    export = client.call(
        "ExportPerson", registry_pb2.ExportPersonRequest(seller_id="s1", actor="r", reason="asked for")
    )
    assert "特效秘方" in export.content.decode()
    closing = registry_pb2.RecordEventRequest(seller_id="s1")
    closing.event.actor, closing.event.reason = "r", "closed"
    closing.event.registration.state = standing_pb2.REGISTRATION_CLOSED
    client.call("RecordEvent", closing)
    erased = client.call("ErasePerson", registry_pb2.ErasePersonRequest(seller_id="s1", actor="r", reason="asked for"))
    assert "texts of reviewed posts" in erased.erased
    (review,) = listed(running)
    assert not call(running, "GetReview", review_id=review.review_id).review.HasField("post")
    check(running, post("2", "特效秘方", seller_id="s1"))
    assert len(listed(running)) == 1
    reviews = running.server.reviews
    (job,) = reviews.jobs._jobs
    reviews.jobs.run(job)
    assert listed(running)[0].state == LAPSED
    assert is_sound(running)


async def worked_off(target: str, api_key: str) -> tuple[list[str], list[tuple[str, int]]]:
    """The queue by the client for asyncio: who was left, and what a watcher was told."""
    async with AsyncClient(target, api_key=api_key) as client:
        parts = client.watch_reviews(from_beginning=True)
        one, two = await client.claim_reviews("m-1", count=2)
        await client.release_review(two.review_id, actor="m-1")
        await client.decide_review(one.review_id, state=UPHELD, actor="m-1")
        whole = await client.review(two.review_id)
        assert whole.review.post.text == "神效"
        assert (await client.review_queue()).counts
        left = [review.post_id async for review in client.reviews(states=[PENDING])]
        told: list[tuple[str, int]] = []
        async for part in parts:
            told += [(decision.post_id, decision.state) for decision in part.decisions]
            if told:
                break
        await parts.aclose()
        assert (await client.candidates()) == []
        assert [rule.rule async for rule in client.rules(query="medical.1")] == ["medical.1"]
        assert [entry async for entry in client.audit_log(method="DecideReview")]
        return left, told


def test_both_clients(started: Any) -> None:
    running = started()
    check(running, post("1"), post("2", "神效"), post("3"))
    left, told = asyncio.run(worked_off(f"127.0.0.1:{running.server.port}", running.api_key))
    assert left == ["2", "3"]
    assert told == [("1", UPHELD)]
    client = running.client
    (two,) = client.claim_reviews("m-2")
    parts = client.watch_reviews(client.decide_review(two.review_id, state=UPHELD, actor="m-2").consistency_token)
    (three,) = client.reviews(LATEST, states=[PENDING])
    client.decide_review(three.review_id, state=OVERTURNED, actor="m-2", note="没有问题")
    decision = next(part.decisions[0] for part in parts if part.decisions)
    parts.close()
    assert (decision.post_id, decision.state) == ("3", OVERTURNED)
    assert f"review {three.review_id} overturned" in next(client.audit_log(method="DecideReview")).subject
