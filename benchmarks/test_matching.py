"""Bare matching of 10,000 patterns, ours (with folding) against pyahocorasick (given texts folded beforehand).

Both tell which posts hold a pattern, and must tell the same.
"""

from __future__ import annotations

from typing import Any

import ahocorasick
import numpy as np
import pytest
from reference.sample import EXPOSURE

from fairpost.engine import RuleSet
from fairpost.engine.build import Instruction, Op, Pattern, Policy, Rule, RuleSetSource, build
from fairpost.engine.folds import DEFAULT
from fairpost.engine.vocabulary import MAX_CATEGORIES, RECOGNISERS


@pytest.fixture(scope="session")
def matching(words: list[str]) -> RuleSet:
    """One list with all words and one rule on it."""
    number = len(RECOGNISERS)
    return RuleSet.from_bytes(
        build(
            RuleSetSource(
                patterns=[Pattern(word, DEFAULT, False, (number,)) for word in words],
                lists=[*RECOGNISERS, "words"],
                list_allows={},
                operands=[(number, -1, 0)],
                rules=[
                    Rule("words.any", 1, 1, 0, 0.5, -1, -(2**31), 2**31 - 1, (number,), [Instruction(Op.ANY, a=0)]),
                ],
                channels=["default"],
                languages=[""],
                policy=Policy([0.3, 0.6, 0.85, 1.0], [], np.full((1, MAX_CATEGORIES, 5), np.inf, np.float32), EXPOSURE),
                meta={"name": "words", "rules": [], "laws": {}},
            )
        )
    )


@pytest.fixture(scope="session")
def folded(matching: RuleSet, posts: list[str]) -> list[str]:
    """The posts as the engine reads them."""
    return [matching.fold(post) for post in posts]


@pytest.fixture(scope="session")
def rival(matching: RuleSet, words: list[str]) -> Any:
    """pyahocorasick's automaton over the folded words."""
    automaton = ahocorasick.Automaton(ahocorasick.STORE_LENGTH)
    for word in words:
        automaton.add_word(matching.fold(word))
    automaton.make_automaton()
    return automaton


@pytest.fixture(scope="session")
def expected(rival: Any, folded: list[str]) -> list[int]:
    """Posts that hold a pattern, by the rival."""
    return [i for i, text in enumerate(folded) if next(rival.iter(text), None) is not None]


def test_fairpost(benchmark: Any, matching: RuleSet, posts: list[str], expected: list[int]) -> None:
    """Fold, match, evaluate one rule: all that `check_batch` does."""
    batch = benchmark(matching.check_batch, posts)
    assert np.flatnonzero(np.diff(batch.fired_begin.astype(np.int64))).tolist() == expected


def test_pyahocorasick(benchmark: Any, rival: Any, folded: list[str], expected: list[int]) -> None:
    """All overlapping matches, counted; folding is not part of its time."""

    def match() -> list[int]:
        return [i for i, text in enumerate(folded) if sum(1 for _ in rival.iter(text))]

    assert benchmark(match) == expected
