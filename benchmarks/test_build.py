"""Compiling patterns, and opening what was compiled: mapped, checksum and every bound verified."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from corpus import words_of

from fairpost.engine import PatternSet, RuleSet
from fairpost.rules import shipped_bundle

pytestmark = pytest.mark.benchmark(timer=time.perf_counter)  # a waiting user counts; opening uses threads
SIZES = ("10k", "120k", "1M")


@pytest.fixture(scope="module", params=SIZES)
def size(request: Any) -> str:
    """One list after the other."""
    return str(request.param)


@pytest.fixture(scope="module")
def saved(size: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled list as a file."""
    path = tmp_path_factory.mktemp("patterns") / f"{size}.fpb"
    PatternSet.compile(words_of(size)).save(path)
    return path


def test_compile(measure: Callable[..., Any], size: str) -> None:
    """From words to something that scans."""
    words = words_of(size)
    patterns = measure("build", "PatternSet.compile", size, PatternSet.compile, words, rounds=1 if size == "1M" else 3)
    assert patterns.find(words[0])


def test_open(measure: Callable[..., Any], size: str, saved: Path) -> None:
    """The file is in the page cache."""
    patterns = measure("build", "PatternSet.open", size, PatternSet.open, saved)
    assert len(patterns) == len(words_of(size))


def test_open_shipped(measure: Callable[..., Any]) -> None:
    """The shipped bundle."""
    rules = measure("build", "RuleSet.open", "shipped", RuleSet.open, shipped_bundle())
    assert len(rules.revision) == 12
