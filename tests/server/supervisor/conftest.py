"""Servers with two workers, and calls that reach a worker of one's own choice."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from fairpost.client import CallFailed, Client
from fairpost.v1 import filter_pb2, filter_pb2_grpc, post_pb2, rules_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Caller:
    """A connection that no other channel of this process shares, so that it has a worker of its own."""

    def __init__(self, port: int, api_key: str = "") -> None:
        self._metadata = [("authorization", f"Bearer {api_key}")] if api_key else []
        self.channel = grpc.insecure_channel(
            f"127.0.0.1:{port}", options=[("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
        )
        self.filter = filter_pb2_grpc.FilterServiceStub(self.channel)
        self.rules = rules_pb2_grpc.RulesServiceStub(self.channel)

    def check(self, text: str) -> Any:
        request = filter_pb2.CheckPostRequest(post=post_pb2.Post(text=text))
        return self.filter.CheckPost(request, timeout=20).verdict

    def call(self, method: str, request: Any) -> Any:
        """Of RulesService.

        Raises:
            CallFailed: refused.
        """
        try:
            return getattr(self.rules, method)(request, timeout=30, metadata=self._metadata)
        except grpc.RpcError as error:
            raise CallFailed.of(error) from None


class Load:
    """Callers on threads of their own that check a post all the time."""

    def __init__(self, port: int, callers: int) -> None:
        self.replies: list[tuple[float, float, str]] = []
        """Of each reply when it was asked for, when it came, and its revision."""
        self.failures: list[tuple[float, str]] = []
        """When, and the status."""
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(port,)) for _ in range(callers)]

    def _run(self, port: int) -> None:
        caller = Caller(port)
        while not self._stop.is_set():
            begun = time.monotonic()
            try:
                revision = caller.check("这款茶根治糖尿病").revision
                self.replies.append((begun, time.monotonic(), revision))
            except grpc.RpcError as error:
                self.failures.append((time.monotonic(), error.code().name))
                caller.channel.close()
                caller = Caller(port)
        caller.channel.close()

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


@pytest.fixture
def load() -> Callable[..., Any]:
    """A block in which callers check posts: with load(port, callers=8) as made: ..."""

    @contextmanager
    def make(port: int, callers: int = 8) -> Iterator[Load]:
        made = Load(port, callers)
        made.start()
        try:
            yield made
        finally:
            made.stop()

    return make


@pytest.fixture
def caller() -> Iterator[Callable[..., Caller]]:
    made: list[Caller] = []

    def make(port: int, api_key: str = "") -> Caller:
        made.append(Caller(port, api_key))
        return made[-1]

    yield make
    for each in made:
        each.channel.close()


@pytest.fixture
def workers() -> Callable[[Client], dict[int, Any]]:
    """The workers of a server by number, as GetStatus tells."""
    return lambda client: {worker.worker: worker for worker in client.status().workers}
