"""Streams over connections that break: one result for each post, in order, whatever happens on the way."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from client.scripted import Delay, Fail, Leave, Lie, Scripted
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from running import until

from fairpost.client import AsyncClient, CallFailed, Client, Retry
from fairpost.client.batches import Filling, batches
from fairpost.v1 import post_pb2, verdict_pb2


def some_posts(number: int) -> list[post_pb2.Post]:
    return [post_pb2.Post(id=str(i), text="好茶") for i in range(number)]


def ids(results: Any) -> list[str]:
    return [checked.post_id for checked in results]


def test_answers_in_order(scripted: Scripted, make: Any) -> None:
    posts = some_posts(500)
    assert ids(make(scripted.target).check_many(posts, batch=7, in_flight=3)) == [post.id for post in posts]
    assert scripted.judged == [post.id for post in posts]
    assert list(make(scripted.target).check_many([])) == []
    assert len(scripted.calls) == 1  # nothing to send, no stream


endings = st.lists(
    st.one_of(
        st.builds(Fail, st.sampled_from(["UNAVAILABLE", "CANCELLED"]), after=st.integers(0, 5)),
        st.builds(
            Fail,
            st.just("UNAVAILABLE"),
            st.just("REASON_DRAINING"),
            st.none() | st.just(1.0),
            after=st.integers(0, 5),
        ),
        st.builds(Fail, st.just("RESOURCE_EXHAUSTED"), st.just("REASON_TOO_MANY_STREAMS"), st.just(1.0)),
        st.builds(Leave, after=st.integers(0, 5)),
    ),
    max_size=5,
)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=endings, number=st.integers(0, 40), batch=st.integers(1, 9), in_flight=st.integers(1, 5))
def test_nothing_is_lost_or_doubled(
    scripted: Scripted, make: Any, script: list[Any], number: int, batch: int, in_flight: int
) -> None:
    """Streams end at random places, in every way that a server that is well has of ending one."""
    scripted.reset()
    scripted.script += script
    posts = some_posts(number)
    client = make(scripted.target)
    assert ids(client.check_many(iter(posts), batch=batch, in_flight=in_flight)) == [post.id for post in posts]
    # What was judged twice is at most what was on its way when a stream ended.
    assert len(scripted.judged) - number <= len(script) * batch * in_flight
    scripted.script.clear()
    responses = list(client.stream([posts[i : i + batch] for i in range(0, number, batch)], in_flight=in_flight))
    assert [response.sequence for response in responses] == list(range(1, len(responses) + 1))


def test_a_stream_that_never_gets_anywhere_fails(scripted: Scripted, make: Any, slept: Any) -> None:
    scripted.script += [Fail("UNAVAILABLE", after=2)] + [Fail("UNAVAILABLE")] * 30
    stream = make(scripted.target, retry=Retry(attempts=4)).check_many(some_posts(50), batch=1)
    got: list[str] = []
    with pytest.raises(CallFailed) as caught:
        got.extend(checked.post_id for checked in stream)
    assert (caught.value.code, caught.value.attempts) == ("UNAVAILABLE", 4)
    assert got == ["0", "1"][: len(got)]  # grpc.aio gives a status before answers that came with it
    assert len(scripted.calls) == 4
    assert slept.pauses == [0.1, 0.2, 0.4]


def test_progress_begins_the_count_anew(scripted: Scripted, make: Any) -> None:
    scripted.script += [Fail("UNAVAILABLE", after=1)] * 30
    client = make(scripted.target, retry=Retry(attempts=2))
    assert len(ids(client.check_many(some_posts(31), batch=1))) == 31


@pytest.mark.parametrize(
    "fail", [Fail("INVALID_ARGUMENT", "REASON_TOO_MANY_ITEMS"), Fail("RESOURCE_EXHAUSTED"), Fail("UNAUTHENTICATED")]
)
def test_refusals_end_a_stream(scripted: Scripted, make: Any, fail: Fail) -> None:
    scripted.script += [fail] * 6
    client = make(scripted.target)
    with pytest.raises(CallFailed) as caught:
        list(client.check_many(some_posts(5)))
    assert caught.value.code == fail.code
    if isinstance(client, Client):  # grpc.aio may lose the status, and then it is asked for again
        assert len(scripted.calls) == 1


def test_an_answer_to_another_batch_is_refused(scripted: Scripted, make: Any) -> None:
    scripted.script += [Lie()]
    with pytest.raises(CallFailed, match="answered batch 2 with 5 results; batch 1 with 5 posts was due"):
        list(make(scripted.target).check_many(some_posts(5)))


def test_an_answer_that_does_not_come(scripted: Scripted, make: Any) -> None:
    scripted.script += [Delay(60, after=1)]
    stream = make(scripted.target, timeout=1.5).check_many(some_posts(6), batch=2)
    assert [next(stream).post_id, next(stream).post_id] == ["0", "1"]
    begun = time.monotonic()
    with pytest.raises(CallFailed, match=r"DEADLINE_EXCEEDED: no answer within 1.5 s"):
        next(stream)
    assert 1.4 < time.monotonic() - begun < 5


def test_who_takes_his_time_is_not_late(scripted: Scripted, make: Any) -> None:
    """Neither a slow reader nor a slow iterable is the server's fault."""

    def slowly() -> Any:
        for post in some_posts(2):
            time.sleep(1.2)
            yield post

    client = make(scripted.target, timeout=1.0)
    assert len(ids(client.check_many(slowly(), batch=1))) == 2
    for number, _ in enumerate(client.check_many(some_posts(6), batch=2, in_flight=1)):
        if number in (1, 3):
            time.sleep(1.2)
    assert number == 5


def test_back_pressure(scripted: Scripted, make: Any) -> None:
    """Posts are taken only so far as answers come back."""
    taken = 0

    def posts() -> Any:
        nonlocal taken
        for post in some_posts(1000):
            taken += 1
            yield post

    stream = make(scripted.target).check_many(posts(), batch=5, in_flight=3)
    for number in range(1, 101):
        next(stream)
        # Three batches on their way, one waiting to be, one being read.
        assert taken <= number + 5 * 5
    stream.close()
    time.sleep(0.05)
    assert taken < 200


def test_a_stream_left_early_ends_at_the_server(scripted: Scripted, make: Any) -> None:
    stream = make(scripted.target).check_many(some_posts(1000), batch=1, in_flight=1)
    next(stream)
    stream.close()
    assert scripted.calls[0].cancelled.wait(20)
    ours = ("fairpost-feeder", "fairpost-watchdog")
    until(lambda: not [t for t in threading.enumerate() if t.name in ours])


def test_what_the_iterable_raises_comes_after_the_answers(scripted: Scripted, make: Any) -> None:
    def posts() -> Any:
        yield from some_posts(3)
        raise LookupError("no more posts")

    got: list[str] = []
    with pytest.raises(LookupError, match="no more posts"):
        got.extend(checked.post_id for checked in make(scripted.target).check_many(posts(), batch=1))
    assert got == ["0", "1", "2"]


def test_a_declared_verdict_for_what_no_server_answered(scripted: Scripted, make: Any) -> None:
    scripted.script += [Fail("UNAVAILABLE")] * 3
    client = make(scripted.target, on_failure="review", retry=Retry(attempts=3))
    got = list(client.check_many(some_posts(12), batch=2, in_flight=2))
    assert ids(got) == [str(i) for i in range(12)]
    lost = [checked for checked in got if checked.degraded]
    # One or two batches were on their way, as the iterable was read before or after the failures.
    assert ids(lost) in (["0", "1"], ["0", "1", "2", "3"])
    assert {checked.action for checked in lost} == {verdict_pb2.ACTION_REVIEW}
    assert all(checked.why is not None and checked.why.code == "UNAVAILABLE" for checked in lost)
    assert {checked.action for checked in got if not checked.degraded} == {verdict_pb2.ACTION_LIMIT}


def test_a_declared_verdict_for_late_answers(scripted: Scripted, make: Any) -> None:
    """The stream goes on."""
    scripted.script += [Delay(60)]
    client = make(scripted.target, on_failure="review", timeout=3.0)
    got = list(client.check_many(some_posts(4), batch=2, in_flight=1))
    assert [checked.degraded for checked in got] == [True, True, False, False]
    assert got[0].why.code == "DEADLINE_EXCEEDED"


def test_a_refusal_is_no_outage(scripted: Scripted, make: Any) -> None:
    scripted.script += [Fail("UNAUTHENTICATED")] * 6  # grpc.aio may lose the status, and then it is asked for again
    with pytest.raises(CallFailed) as caught:
        list(make(scripted.target, on_failure="review").check_many(some_posts(4)))
    assert caught.value.code == "UNAUTHENTICATED"


def test_batches_by_number_and_bytes() -> None:
    big, small = post_pb2.Post(text="x" * 100), post_pb2.Post(text="x")
    cut = [len(batch) for batch in batches([small] * 10, Filling(4, 1000))]
    assert cut == [4, 4, 2]
    cut = [len(batch) for batch in batches([big] * 10, Filling(100, 330))]
    assert cut == [3, 3, 3, 1]
    cut = [len(batch) for batch in batches([small, big, big, small], Filling(100, 50))]
    assert cut == [1, 1, 1, 1]  # larger than a batch may be: alone, and the server says what is wrong
    with pytest.raises(ValueError, match="a batch of 0 posts and 5 bytes holds nothing"):
        Filling(0, 5)


@given(st.lists(st.integers(0, 60), max_size=40), st.integers(1, 8), st.integers(1, 120))
def test_batches_keep_all_posts_and_their_bounds(lengths: list[int], number: int, size: int) -> None:
    posts = [post_pb2.Post(id=str(i), text="x" * length) for i, length in enumerate(lengths)]
    made = list(batches(posts, Filling(number, size)))
    assert [post for batch in made for post in batch] == posts
    for batch in made:
        assert 1 <= len(batch) <= number
        assert len(batch) == 1 or sum(post.ByteSize() for post in batch) <= size


def test_wrong_window(scripted: Scripted, make: Any) -> None:
    with pytest.raises(ValueError, match="in_flight is 0; at least 1 batch"):
        list(make(scripted.target).check_many(some_posts(1), in_flight=0))


def test_a_watch_goes_on_from_its_cursor(scripted: Scripted, make: Any) -> None:
    scripted.script += [Fail("UNAVAILABLE", after=3), Leave(after=2), Fail("UNAVAILABLE")]
    stream = make(scripted.target).watch("10")
    assert [next(stream).cursor for _ in range(8)] == [str(i) for i in range(11, 19)]
    stream.close()
    assert [call.request.cursor for call in scripted.calls] == ["10", "13", "15", "15"]


def test_a_watch_that_cannot_go_on_fails(scripted: Scripted, make: Any) -> None:
    scripted.script += [Fail("OUT_OF_RANGE", "REASON_CURSOR_EXPIRED")]
    with pytest.raises(CallFailed) as caught:
        next(make(scripted.target).watch("10"))
    assert caught.value.reason == "REASON_CURSOR_EXPIRED"
    scripted.script += [Fail("UNAVAILABLE")] * 6
    with pytest.raises(CallFailed) as caught:
        next(make(scripted.target, retry=Retry(attempts=6)).watch("10"))
    assert (caught.value.code, caught.value.attempts) == ("UNAVAILABLE", 6)


@pytest.mark.parametrize("kind", ["watch", "stream", "call"])
def test_a_client_closed_meanwhile(scripted: Scripted, kind: str) -> None:
    """Whoever waits for an answer in another thread, or another task, learns why none will come."""
    scripted.script += [Delay(60, after=0 if kind == "call" else 1)]
    failures: list[CallFailed] = []

    def work(client: Client) -> None:
        calls: dict[str, Callable[[], Any]] = {
            "watch": lambda: list(client.watch("10")),
            "stream": lambda: list(client.check_many(some_posts(5), batch=1, in_flight=2)),
            "call": lambda: client.check("好茶"),
        }
        with pytest.raises(CallFailed) as caught:
            calls[kind]()
        failures.append(caught.value)

    client = Client(scripted.target, on_failure="review")
    thread = threading.Thread(target=work, args=(client,))
    thread.start()
    until(lambda: scripted.calls)
    client.close()
    thread.join()
    work(client)  # and whoever comes later

    async def tasks() -> None:
        client = AsyncClient(scripted.target, on_failure="review")

        async def all_of(parts: Any) -> list[Any]:
            return [part async for part in parts]

        async def work() -> None:
            calls: dict[str, Callable[[], Any]] = {
                "watch": lambda: all_of(client.watch("10")),
                "stream": lambda: all_of(client.check_many(some_posts(5), batch=1, in_flight=2)),
                "call": lambda: client.check("好茶"),
            }
            with pytest.raises(CallFailed) as caught:
                await calls[kind]()
            failures.append(caught.value)

        task = asyncio.create_task(work())
        while len(scripted.calls) < 2:
            await asyncio.sleep(0.01)
        await client.close()
        await task
        await work()

    scripted.script += [Delay(60, after=0 if kind == "call" else 1)]
    asyncio.run(tasks())
    assert [(failure.code, failure.message) for failure in failures] == [("CANCELLED", "the client was closed")] * 4


def test_a_snapshot_is_one_or_none(scripted: Scripted, make: Any) -> None:
    client = make(scripted.target, timeout=0.4)
    scripted.script += [Fail("UNAVAILABLE")]
    assert len(list(client.snapshot())) == 3
    scripted.script += [Fail("UNAVAILABLE", after=1)]
    with pytest.raises(CallFailed):
        list(client.snapshot())
    scripted.script += [Delay(20, after=1)]
    with pytest.raises(CallFailed, match=r"no answer within 0\.4 s"):
        list(client.snapshot())
