"""What every suite measures on, and what the report reads of a measurement."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from corpus import POSTS, corpora, posts_of
from peers import Posts

from fairpost.engine import RuleSet
from fairpost.rules import shipped_bundle


@pytest.fixture(scope="session")
def posts() -> Posts:
    """Twenty thousand posts."""
    return Posts(posts_of(POSTS))


@pytest.fixture(scope="session")
def shipped() -> RuleSet:
    """The shipped packs."""
    return RuleSet.open(shipped_bundle())


@pytest.fixture
def measure(benchmark: Any) -> Callable[..., Any]:
    """measure(suite, row, column, function, *arguments, per=1, rounds=None): a cell of the report's table.

    per: what one call does, counted in posts, or in characters where the suite's unit is characters.
    rounds: so many calls; None: as many as fit the time.
    """

    def run(suite: str, row: str, column: str, function: Any, *arguments: Any, per: int = 1, rounds: int = 0) -> Any:
        benchmark.extra_info.update(suite=suite, row=row, column=column, per=per)
        if rounds:
            return benchmark.pedantic(function, arguments, rounds=rounds)
        return benchmark(function, *arguments)

    return run


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """On what was measured."""
    machine_info["corpus"] = "real posts and lexicons" if corpora() else "posts and words made from the sample posts"
    compiler = subprocess.run(["cc", "--version"], capture_output=True, text=True, check=False).stdout
    machine_info["compiler"] = compiler.partition("\n")[0]
