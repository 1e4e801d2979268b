"""A real server in a process of its own, one caller. Both share this machine's cores."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from peers import Posts

from fairpost.engine import RuleSet
from fairpost.server import Client
from fairpost.v1 import post_pb2

pytestmark = pytest.mark.benchmark(timer=time.perf_counter)  # a caller mostly waits


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of `fairpost serve` with the shipped packs."""
    folder = tmp_path_factory.mktemp("server")
    command = [sys.executable, "-m", "fairpost.cli", "serve", "--port", "0", "--port-file", str(folder / "port")]
    process = subprocess.Popen(
        [*command, "--data-dir", str(folder / "data")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while not (folder / "port").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    with contextlib.ExitStack() as stack:
        stack.callback(process.wait, 30)
        stack.callback(process.send_signal, signal.SIGTERM)
        yield stack.enter_context(Client(f"127.0.0.1:{Path(folder / 'port').read_text().strip()}"))


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
