"""Checks of posts: what comes back, the declared verdicts, and posts that travel together."""

from __future__ import annotations

import asyncio
import copy
import pickle
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from client.scripted import Delay, Fail, Scripted

from fairpost.client import AsyncClient, CallFailed, Client, Retry
from fairpost.v1 import post_pb2, verdict_pb2


def test_check(scripted: Scripted, make: Any) -> None:
    client = make(scripted.target)
    checked = client.check("好茶", id="p", seller_id="s", channel="moments", dry_run=True)
    assert (checked.action, checked.post_id, checked.revision) == (verdict_pb2.ACTION_LIMIT, "p", "0123456789ab")
    assert (checked.degraded, checked.why, checked.error) == (False, None, None)
    assert checked.verdict.exposure == checked.exposure
    assert repr(checked) == "Checked(LIMIT)"
    request = scripted.calls[-1].request
    assert (request.post.seller_id, request.dry_run, request.unit) == ("s", True, post_pb2.SPAN_UNIT_CODE_POINTS)
    assert client.check(post_pb2.Post(id="q", text="x")).post_id == "q"
    with pytest.raises(TypeError, match="channel: a Post message has its fields already"):
        client.check(post_pb2.Post(text="x"), channel="moments")


def test_check_batch(scripted: Scripted, make: Any) -> None:
    good, bad, other = make(scripted.target).check_batch([post_pb2.Post(id=i) for i in ("a", "bad", "c")])
    assert (good.post_id, other.post_id, good.error) == ("a", "c", None)
    assert (bad.error.code, bad.error.message, bad.degraded) == ("INVALID_ARGUMENT", "scripted bad post", False)
    with pytest.raises(CallFailed, match="scripted bad post"):
        _ = bad.action
    assert repr(bad) == "Checked(error=INVALID_ARGUMENT: scripted bad post)"


@pytest.mark.parametrize("fail", [Fail("UNAVAILABLE"), Fail("RESOURCE_EXHAUSTED", retry_after=60.0), Delay(60)])
@pytest.mark.parametrize(
    ("policy", "action", "exposure"),
    [("allow", verdict_pb2.ACTION_ALLOW, 1.0), ("review", verdict_pb2.ACTION_REVIEW, 0.0)],
)
def test_declared_verdicts(scripted: Scripted, make: Any, fail: Any, policy: Any, action: int, exposure: float) -> None:
    scripted.script += [fail] * 2
    timeout = 0.3 if isinstance(fail, Delay) else 30
    client = make(scripted.target, on_failure=policy, timeout=timeout, retry=Retry(attempts=1))
    code = "DEADLINE_EXCEEDED" if isinstance(fail, Delay) else fail.code
    for checked in (client.check("好茶", id="p"), client.check_batch([post_pb2.Post(id="p")])[0]):
        assert (checked.degraded, checked.why.code) == (True, code)
        assert (checked.action, checked.exposure, checked.post_id) == (action, exposure, "p")
        # Nobody can take it for a server's.
        assert (checked.revision, checked.decision_id, len(checked.evidence)) == ("", "", 0)
        assert f"degraded: {code}" in repr(checked)


@pytest.mark.parametrize("code", ["INVALID_ARGUMENT", "FAILED_PRECONDITION", "UNAUTHENTICATED", "INTERNAL"])
def test_a_refusal_is_no_outage(scripted: Scripted, make: Any, code: str) -> None:
    client = make(scripted.target, on_failure="allow")
    scripted.script += [Fail(code)] * 2 + [Fail("RESOURCE_EXHAUSTED", "REASON_REQUEST_TOO_LARGE")]
    calls: list[Callable[[], Any]] = [lambda: client.check("好茶"), lambda: client.check_batch([])]
    for call in (*calls, calls[0]):
        with pytest.raises(CallFailed):
            call()


def test_nothing_is_declared_unasked(scripted: Scripted, make: Any) -> None:
    scripted.script += [Fail("UNAVAILABLE")]
    with pytest.raises(CallFailed):
        make(scripted.target, retry=None).check("好茶")
    with pytest.raises(ValueError, match="on_failure is 'block'; one of raise, allow, review"):
        make(scripted.target, on_failure="block")
    with pytest.raises(ValueError, match="hedge_after is 0; seconds above 0, or None"):
        make(scripted.target, hedge_after=0)


def test_options_share_connections(scripted: Scripted, make: Any) -> None:
    client = make(scripted.target)
    quick = client.with_options(timeout=10)
    quick.check("好茶")
    client.check("好茶")
    assert len({call.peer for call in scripted.calls}) == 1
    assert client.with_options()._caller is quick._caller
    with pytest.raises(TypeError, match="timeouts"):
        client.with_options(timeouts=1)


def test_failures_can_be_copied_and_pickled() -> None:
    failure = CallFailed("UNAVAILABLE", "gone", "REASON_DRAINING", [("a", "b")], {"c": "d"}, 1.5)
    failure.attempts = 3
    for made in (copy.copy(failure), pickle.loads(pickle.dumps(failure))):
        assert str(made) == "UNAVAILABLE (REASON_DRAINING): gone"
        assert (made.violations, made.metadata, made.retry_after, made.attempts) == ((("a", "b"),), {"c": "d"}, 1.5, 3)


# ---- posts of many callers, together


def many(client: Any, number: int, **options: Any) -> list[Any]:
    """So many checks at a time through one batcher: verdicts or failures, in the order of the posts."""

    def outcome(call: Any) -> Any:
        try:
            return call()
        except CallFailed as failure:
            return failure

    names = ["bad" if i == 3 else str(i) for i in range(number)]
    if isinstance(client, Client):
        batcher = client.batched(**options)
        with ThreadPoolExecutor(number) as pool:
            return list(pool.map(lambda name: outcome(lambda: batcher.check("x", id=name)), names))

    async def run() -> list[Any]:
        batcher = client.async_client.batched(**options)
        checks = [batcher.check("x", id=name) for name in names]
        return list(await asyncio.gather(*checks, return_exceptions=True))

    return client.loop.run_until_complete(run())  # type: ignore[no-any-return]


def test_posts_travel_together(scripted: Scripted, make: Any) -> None:
    got = many(make(scripted.target), 24, max_posts=8, max_wait=30)
    assert [found.post_id for found in got if not isinstance(found, CallFailed)] == [
        str(i) for i in range(24) if i != 3
    ]
    assert got[3].code == "INVALID_ARGUMENT"  # its own error, and nobody else's
    assert {call.method for call in scripted.calls} == {"CheckPosts"}
    assert [len(call.request.posts) for call in scripted.calls] == [8, 8, 8]


def test_a_batch_is_bounded_by_bytes(scripted: Scripted, make: Any) -> None:
    many(make(scripted.target), 10, max_bytes=40, max_wait=0.3)
    assert max(len(call.request.posts) for call in scripted.calls) <= 4


def test_a_failed_batch_fails_all_of_it(scripted: Scripted, make: Any) -> None:
    scripted.script += [Fail("PERMISSION_DENIED")] * 10
    got = many(make(scripted.target), 6, max_wait=0.2)
    assert {failure.code for failure in got} == {"PERMISSION_DENIED"}
    assert len({id(failure) for failure in got}) == 6  # a traceback belongs to one thread
    scripted.reset()
    scripted.script += [Fail("UNAVAILABLE")] * 10
    got = many(make(scripted.target, on_failure="review", retry=None), 6, max_wait=0.2)
    assert all(checked.degraded for checked in got)


def test_a_lonely_post_waits_for_nobody_long(scripted: Scripted, make: Any) -> None:
    begun = time.monotonic()
    (got,) = many(make(scripted.target), 1, max_wait=0.05)
    assert got.post_id == "0"
    assert time.monotonic() - begun < 3
    with pytest.raises(ValueError, match="max_wait is -1"):
        make(scripted.target).batched(max_wait=-1)


def test_a_cancelled_task_takes_nobody_with_it(scripted: Scripted) -> None:
    async def run() -> list[Any]:
        async with AsyncClient(scripted.target) as client:
            batcher = client.batched(max_wait=0.5)
            checks = [asyncio.create_task(batcher.check("x", id=str(i))) for i in range(4)]
            await asyncio.sleep(0.02)
            checks[0].cancel()
            return await asyncio.gather(*checks, return_exceptions=True)

    got = asyncio.run(run())
    assert isinstance(got[0], asyncio.CancelledError)
    assert [checked.post_id for checked in got[1:]] == ["1", "2", "3"]


def test_threads_share_a_client(scripted: Scripted) -> None:
    faults: list[BaseException] = []

    with Client(scripted.target, channels=2) as client:

        def work() -> None:
            try:
                for i in range(30):
                    assert client.check("x", id=str(i)).post_id == str(i)
            except BaseException as error:
                faults.append(error)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not faults
    assert len(scripted.calls) == 240
