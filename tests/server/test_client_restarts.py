"""Servers that are killed or replaced while a client is at work: it loses nothing and does nothing twice."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from fairpost.client import AsyncClient, Client, Retry
from fairpost.v1 import post_pb2, verdict_pb2

# A server takes a second or two to start again, more on a busy machine.
PATIENT = Retry(attempts=200, first=0.05, longest=0.3, budget=1000)


def some_posts(number: int, answered: threading.Event, go_on: threading.Event) -> Any:
    for i in range(number):
        if i == number // 2:
            answered.set()
            assert go_on.wait(60)
        yield post_pb2.Post(id=str(i), text="根治" if i % 3 else "好茶", seller_id="s")


@pytest.mark.parametrize("kind", ["threads", "asyncio"])
@pytest.mark.parametrize("how", ["kill", "stop"])
def test_a_stream_goes_on_at_the_next_server(server: Any, bundle: Any, registration: Any, how: str, kind: str) -> None:
    running = server().start()
    running.client.activate(bundle({"根治": 0.97}))
    running.client.register(registration("s"))
    running.options["port"] = running.port
    target = f"127.0.0.1:{running.port}"
    half, again = threading.Event(), threading.Event()

    def replace() -> None:
        assert half.wait(60)
        assert getattr(running, how)() in (None, 0)
        again.set()
        running.start()

    replacing = threading.Thread(target=replace)
    replacing.start()
    posts = some_posts(600, half, again)
    options: dict[str, Any] = {"timeout": 60.0, "retry": PATIENT}
    if kind == "threads":
        with Client(target, **options) as client:
            results = list(client.check_many(posts, batch=20, in_flight=4))
    else:

        async def run() -> list[Any]:
            async with AsyncClient(target, **options) as client:
                first = list(posts)  # the other server is started while we wait here
                return [checked async for checked in client.check_many(first, batch=20, in_flight=4)]

        results = asyncio.run(run())
    replacing.join(60)
    assert [checked.post_id for checked in results] == [str(i) for i in range(600)]
    blocked = [checked for checked in results if checked.action == verdict_pb2.ACTION_BLOCK]
    assert len(blocked) == 400
    assert not any(checked.degraded for checked in results)


def test_a_write_whose_answer_was_lost_is_not_done_twice(server: Any, registration: Any) -> None:
    """The server is killed under many writes; each is there once, and every caller has its answer."""
    running = server().start()
    running.options["port"] = running.port
    got: list[str] = []

    def write(first: int) -> None:
        for i in range(first, 60, 4):
            answer = client.register(registration(f"w-{i}"))
            got.append(answer.seller.seller_id)

    with Client(f"127.0.0.1:{running.port}", timeout=60, retry=PATIENT) as client:
        threads = [threading.Thread(target=write, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 60
        while len(got) < 10:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        running.kill()
        running.start()
        for thread in threads:
            thread.join(60)
        assert sorted(got) == sorted(f"w-{i}" for i in range(60))
        for seller_id in got:
            assert len(list(client.events(seller_id))) == 1
