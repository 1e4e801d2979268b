"""Both clients behind one face, so that every test of one is a test of the other."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from client.scripted import Scripted

from fairpost.client import AsyncClient, Client, Pace


class Blocking:
    """An AsyncClient whose coroutines and generators are run at once, on a loop of its own."""

    def __init__(self, client: Any, loop: asyncio.AbstractEventLoop) -> None:
        self.async_client = client
        self.loop = loop

    @classmethod
    def of(cls, *arguments: Any, **options: Any) -> Blocking:
        loop = asyncio.new_event_loop()

        async def make() -> AsyncClient:
            return AsyncClient(*arguments, **options)

        try:
            return cls(loop.run_until_complete(make()), loop)
        except BaseException:
            loop.close()
            raise

    @property
    def _caller(self) -> Any:
        return self.async_client._caller

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.async_client, name)

        def call(*arguments: Any, **options: Any) -> Any:
            async def run() -> Any:
                made = found(*arguments, **options)
                return await made if inspect.isawaitable(made) else made

            got = self.loop.run_until_complete(run())
            if isinstance(got, AsyncClient):
                return Blocking(got, self.loop)
            return self._iterate(got) if hasattr(got, "__anext__") else got

        return call

    def _iterate(self, items: Any) -> Iterator[Any]:
        try:
            while True:
                try:
                    item = self.loop.run_until_complete(anext(items))
                except StopAsyncIteration:
                    return
                yield item
        finally:
            self.loop.run_until_complete(items.aclose())

    def close_all(self) -> None:
        self.loop.run_until_complete(self.async_client.close())
        # As asyncio.run does: a task of grpc.aio that was still pending would be collected in some later test.
        if pending := asyncio.all_tasks(self.loop):
            for task in pending:
                task.cancel()
            self.loop.run_until_complete(asyncio.wait(pending))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()


@dataclass
class Slept:
    """Pauses that were asked for, and not made."""

    pauses: list[float] = field(default_factory=list)

    def pace(self, draw: Callable[[float, float], float] = lambda low, high: high) -> Pace:
        async def sleep(seconds: float) -> None:
            self.pauses.append(round(seconds, 6))

        return Pace(sleep=lambda seconds: self.pauses.append(round(seconds, 6)), sleep_async=sleep, draw=draw)


@pytest.fixture(scope="session")
def session_server() -> Iterator[Scripted]:
    server = Scripted()
    yield server
    server.stop()


@pytest.fixture
def scripted(session_server: Scripted) -> Iterator[Scripted]:
    """One server for all tests, with a clean script."""
    session_server.reset()
    yield session_server
    session_server.reset()


@pytest.fixture
def slept() -> Slept:
    return Slept()


@pytest.fixture(params=["threads", "asyncio"])
def make(request: pytest.FixtureRequest, slept: Slept) -> Iterator[Callable[..., Any]]:
    """Makes clients of one kind; pauses are only noted unless a pace is given."""
    made: list[Any] = []

    def client(*arguments: Any, **options: Any) -> Any:
        options.setdefault("pace", slept.pace())
        if request.param == "threads":
            made.append(Client(*arguments, **options))
        else:
            made.append(Blocking.of(*arguments, **options))
        return made[-1]

    yield client
    for each in made:
        each.close_all() if isinstance(each, Blocking) else each.close()
