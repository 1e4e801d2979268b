"""Every path of the kernels that this machine runs, on the same work; all answers are the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from corpus import words_of
from peers import Posts
from source import source_of
from test_pass import model

from fairpost.engine import PatternSet, RuleSet
from fairpost.engine.build import build
from fairpost.engine.scanner import available_paths, choose_path
from fairpost.rules import shipped_bundle


@pytest.fixture(params=available_paths())
def path(request: Any) -> Iterator[str]:
    """The path in use."""
    choose_path(request.param)
    yield request.param
    choose_path()


@lru_cache
def works() -> dict[str, Callable[[Any], Any]]:
    """What is done, by name."""
    return {
        "scan, 10k patterns": PatternSet.compile(words_of("10k")).scan,
        "scan, 120k patterns": PatternSet.compile(words_of("120k")).scan,
        "fold, match 10k, model": RuleSet.from_bytes(
            build(replace(source_of(words_of("10k")), model=model()))
        ).check_batch,
        "check_batch, shipped": RuleSet.open(shipped_bundle()).check_batch,
    }


@lru_cache
def answer(work: str, posts: Posts) -> Any:
    """By the best path."""
    choose_path()
    return works()[work](posts.arrow)


@pytest.mark.parametrize(
    "work", ["scan, 10k patterns", "scan, 120k patterns", "fold, match 10k, model", "check_batch, shipped"]
)
def test_path(measure: Callable[..., Any], posts: Posts, work: str, path: str) -> None:
    """All posts in one call."""
    best = answer(work, posts)
    choose_path(path)
    found = measure("paths", work, path, works()[work], posts.arrow, per=len(posts))
    for name in ("post", "pattern", "end") if work.startswith("scan") else ("action", "fired_begin", "fired_rule"):
        assert np.array_equal(getattr(found, name), getattr(best, name))
