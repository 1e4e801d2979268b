"""Registries on both kinds of store, without a server around them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from fairpost.engine.dates import today
from fairpost.server.registry import Keys, Registry
from fairpost.server.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Clock:
    """Today, which tests can move."""

    def __init__(self) -> None:
        self.day = today()

    def __call__(self) -> date:
        return self.day

    def forward(self, days: int) -> None:
        self.day += timedelta(days=days)


@pytest.fixture(autouse=True)
def _frequent_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who follows the log until there is nothing more waits for an empty part."""
    monkeypatch.setattr("fairpost.server.registry.watching._CHECKPOINT_SECONDS", 0.1)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys() -> Keys:
    return Keys.make()


@pytest.fixture
def registries(store_url: str, keys: Keys, clock: Clock) -> Iterator[Callable[..., Registry]]:
    """Makes registries on one store, as several servers have them; their lookups are filled, no thread runs."""
    made: list[Registry] = []

    def make(**options: Any) -> Registry:
        registry = Registry(
            Store.open(options.pop("url", store_url)), options.pop("keys", keys), clock=clock, **options
        )
        made.append(registry)
        registry.lookups.reload()
        return registry

    yield make
    for registry in made:
        registry.close()


@pytest.fixture
def registry(registries: Callable[..., Registry]) -> Registry:
    return registries()
