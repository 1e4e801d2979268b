"""Stores for all tests that need one: SQLite files, and databases of a PostgreSQL that the session starts."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cluster import Cluster


# The same examples in every run, here and elsewhere; `reference.strategies.examples` tries others when asked.
settings.register_profile("same", derandomize=True, database=None, deadline=None)
settings.load_profile("same")


@pytest.fixture(autouse=True)
def _plain_logs() -> Iterator[None]:
    """Servers inside of this process set up the log; the next test has it as it comes."""
    yield
    if structlog := sys.modules.get("structlog"):
        structlog.reset_defaults()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Cluster]:
    """One server for the session. Where there is none the test is left out, with a message; with
    FAIRPOST_POSTGRESQL=required, as .ci/run has it, that is a failure."""
    pytest.importorskip("psycopg")
    from cluster import HOW_TO_GET, Cluster, programs

    if programs() is None:
        (pytest.fail if os.environ.get("FAIRPOST_POSTGRESQL") == "required" else pytest.skip)(HOW_TO_GET)
    with Cluster() as cluster:
        yield cluster


@pytest.fixture
def new_database(postgresql: Cluster) -> Iterator[Callable[[], str]]:
    """Gives URLs of empty PostgreSQL databases."""
    made: list[str] = []

    def make() -> str:
        made.append(postgresql.database())
        return postgresql.url(made[-1])

    yield make
    for name in made:
        postgresql.give_back(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'registry.sqlite'}"
    url: str = request.getfixturevalue("new_database")()
    return url
