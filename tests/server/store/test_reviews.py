"""The review queue on both kinds of store, and from several servers at once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from fairpost.engine import RuleSet
from fairpost.engine.offending import Held
from fairpost.engine.vocabulary import SELLER_NONE, SELLER_NOT_FOUND
from fairpost.server.registry.rotation import rotate
from fairpost.server.registry.verify import verify
from fairpost.server.reviews import Reviews
from fairpost.server.reviews.retention import Terms, review_job
from fairpost.server.store.review_schema import review_rules
from fairpost.v1 import post_pb2, review_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PENDING, UPHELD = review_pb2.REVIEW_STATE_PENDING, review_pb2.REVIEW_STATE_UPHELD
OVERTURNED = review_pb2.REVIEW_STATE_OVERTURNED
RISKIEST, LATEST = review_pb2.REVIEW_ORDER_RISKIEST_FIRST, review_pb2.REVIEW_ORDER_LATEST_FIRST
UNSPECIFIED = review_pb2.REVIEW_ORDER_UNSPECIFIED
DAY = 20_000


@pytest.fixture(scope="module")
def rule_set(bundle: Any) -> RuleSet:
    return RuleSet.from_bytes(bundle({"特效": 0.65, "神效": 0.7}))


@pytest.fixture
def queues(registries: Callable[..., Any]) -> Iterator[Callable[..., Reviews]]:
    """Makes queues of one store, as several servers have them."""
    made: list[Reviews] = []

    def make(**options: Any) -> Reviews:
        registry = registries(**options)
        registry.violations.start()
        made.append(Reviews(registry))
        made[-1].registry = registry  # type: ignore[attr-defined]
        made[-1].intake.start()
        return made[-1]

    yield make
    for reviews in made:
        reviews.intake.close()


def hand_over(reviews: Reviews, rule_set: RuleSet, *posts: post_pb2.Post) -> None:
    handed = []
    for number, post in enumerate(posts):
        seller = SELLER_NOT_FOUND if post.seller_id else SELLER_NONE
        handed.append((post.SerializeToString(), False, Held(number, DAY, seller, b"", f"decision-{number}", 0, 0)))
    reviews.intake.take(rule_set, handed)
    assert reviews.intake.wait(60)


def listed(
    reviews: Reviews, order: review_pb2.ReviewOrder.ValueType = UNSPECIFIED, size: int = 1000, **conditions: Any
) -> list[review_pb2.Review]:
    found: list[review_pb2.Review] = []
    wanted = review_pb2.ReviewFilter(**conditions)
    request = review_pb2.ListReviewsRequest(filter=wanted, order=order, page_size=size)
    while True:
        answer = reviews.reading.list(request)
        found += answer.reviews
        if not answer.next_page_token:
            return found
        request.page_token = answer.next_page_token


def ids(reviews: list[review_pb2.Review]) -> list[str]:
    return [review.post_id for review in reviews]


def post(post_id: str, text: str = "特效茶", **fields: Any) -> post_pb2.Post:
    return post_pb2.Post(id=post_id, text=text, **fields)


def decide(reviews: Reviews, review_id: str, state: Any) -> review_pb2.DecideReviewResponse:
    request = review_pb2.DecideReviewRequest(review_id=review_id, state=state, actor="m", note="看过")
    return reviews.decisions.decide(request)


def test_the_queue(queues: Any, rule_set: RuleSet) -> None:
    reviews = queues()
    posts = [post("1"), post("2", "神效"), post("3", channel="group"), post("4", "神效茶", seller_id="s")]
    hand_over(reviews, rule_set, *posts, post("nul\0", "特效\0", channel="a\0"))
    hand_over(reviews, rule_set, *posts)
    assert ids(listed(reviews)) == ["1", "2", "3", "4", ""]
    assert ids(listed(reviews, size=2)) == ["1", "2", "3", "4", ""]
    assert ids(listed(reviews, RISKIEST, size=2)) == ["4", "2", "1", "3", ""]
    assert ids(listed(reviews, LATEST, size=2)) == ["", "4", "3", "2", "1"]
    assert ids(listed(reviews, category="MEDICAL")) == ["1", "2", "3", "4", ""]
    assert ids(listed(reviews, category="ABSOLUTE")) == []
    assert ids(listed(reviews, rule="medical.1")) == ["2", "4"]
    assert ids(listed(reviews, channel="group")) == ["3"]
    assert ids(listed(reviews, seller_id="s")) == ["4"]
    queue = reviews.reading.queue(review_pb2.GetReviewQueueRequest())
    assert (queue.categories["MEDICAL"], queue.channels["group"], queue.channels["default"]) == (5, 1, 4)
    whole = reviews.reading.get(review_pb2.GetReviewRequest(review_id=listed(reviews)[1].review_id)).review
    assert whole.post == posts[1]
    assert [(each.begin, each.end) for each in whole.verdict.evidence] == [(0, 2)]
    first = listed(reviews)[0].review_id
    decide(reviews, first, OVERTURNED)
    decided = listed(reviews, review_pb2.REVIEW_ORDER_LATEST_DECISION_FIRST)
    assert ids(decided) == ["1"]
    parts = reviews.stream.watch(review_pb2.WatchReviewsRequest(from_beginning=True), lambda: True)
    assert [each.post_id for each in next(parts).decisions] == ["1"]
    assert verify(reviews.registry.core).differences == []


def test_from_several_servers_each_post_is_queued_and_claimed_once(queues: Any, rule_set: RuleSet) -> None:
    many = [queues() for _ in range(3)]
    posts = [post(str(number)) for number in range(60)]
    threads = [threading.Thread(target=hand_over, args=(each, rule_set, *posts)) for each in many]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ids(listed(many[0])), key=int) == [str(number) for number in range(60)]
    assert sum(each.intake.queued for each in many) == 60
    claimed: list[str] = []

    def claim(reviews: Reviews, actor: str) -> None:
        while found := reviews.claims.claim(review_pb2.ClaimReviewsRequest(actor=actor, count=7)).reviews:
            claimed.extend(review.review_id for review in found)

    threads = [threading.Thread(target=claim, args=(each, f"m-{k}")) for k, each in enumerate(many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == len(set(claimed)) == 60


def test_the_texts_are_rotated_with_the_keys(queues: Any, rule_set: RuleSet, keys: Any, tmp_path: Path) -> None:
    path = tmp_path / "identity.key"
    keys.save(path)
    reviews = queues()
    hand_over(reviews, rule_set, post("1"))
    (review,) = listed(reviews)
    assert rotate(reviews.registry.core, path)["reviews.post_cipher"] == 1
    assert reviews.reading.get(review_pb2.GetReviewRequest(review_id=review.review_id)).review.post == post("1")


def test_old_reviews_go_with_their_rules(queues: Any, rule_set: RuleSet) -> None:
    reviews = queues()
    core = reviews.registry.core
    hand_over(reviews, rule_set, post("1"), post("2"))
    one, two = listed(reviews)
    decide(reviews, one.review_id, UPHELD)
    decide(reviews, two.review_id, UPHELD)
    at = core.now()
    core.now = lambda: at + 4 * 366 * 86_400_000
    job = review_job(Terms())
    assert job.due(core)
    counts, more = job.part(core)
    assert (counts, more) == ({"texts": 2, "reviews": 1}, False)
    # The last decision says where the log ends.
    assert ids(listed(reviews)) == ["2"]
    with core.store.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(review_rules)).scalar_one() == 1
    assert not job.due(core)
    assert verify(core).differences == []
