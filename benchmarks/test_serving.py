"""A real server in a process of its own, one caller. Both share this machine's cores."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from peers import Posts
from serving import serving

from fairpost.client import Client
from fairpost.engine import RuleSet
from fairpost.v1 import post_pb2

pytestmark = pytest.mark.benchmark(timer=time.perf_counter)  # a caller mostly waits


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of `fairpost serve` with the shipped packs."""
    with serving(tmp_path_factory.mktemp("server")) as server, Client(f"127.0.0.1:{server.port}") as client:
        yield client


def test_check_post(measure: Callable[..., Any], client: Client, shipped: RuleSet, posts: Posts) -> None:
    """One post a call, one call at a time: the round trip."""
    text = posts.texts[0]
    verdict = measure("latency", "gRPC CheckPost, round trip", "check(text)", client.check, text)
    assert verdict.action - 1 == shipped.check(text).action


@pytest.mark.parametrize("batch", [64, 256])
def test_stream(measure: Callable[..., Any], client: Client, shipped: RuleSet, posts: Posts, batch: int) -> None:
    """Five thousand posts through StreamCheck, a Python caller. Making the messages is not part of it."""
    texts = posts.texts[:5000]
    messages = [post_pb2.Post(text=text) for text in texts]

    def run() -> Any:
        return list(client.check_many(messages, batch=batch))

    results = measure("serving", f"gRPC StreamCheck, {batch} posts a message", "shipped", run, per=len(texts))
    found = [result.verdict.action - 1 for result in results]
    assert found == shipped.check_batch(texts).action.tolist()
