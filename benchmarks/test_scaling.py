"""How the work grows: with the length of a text, with patterns, with threads; and on texts made to hurt."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from corpus import SEED, words_of
from peers import Posts
from source import source_of

from fairpost.engine import PatternSet, RuleSet
from fairpost.engine.build import build

LENGTHS = (30, 100, 1000, 10_000, 100_000)
CHARACTERS = 400_000
"""In all texts of one call."""


@lru_cache
def pattern_set(size: str) -> PatternSet:
    """A lexicon, not folded."""
    return PatternSet.compile(words_of(size))


def cut(text: str, length: int) -> Any:
    """As many texts of `length` characters as CHARACTERS allows: an Arrow column."""
    text = (text * (CHARACTERS // len(text) + 1))[:CHARACTERS]
    return pa.array([text[i : i + length] for i in range(0, CHARACTERS - length + 1, length)])


def characters(texts: Any) -> int:
    """In all texts."""
    return sum(len(text.as_py()) for text in texts)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("work", ["scan, 10k patterns", "check_batch, shipped"])
def test_length(measure: Callable[..., Any], shipped: RuleSet, posts: Posts, length: int, work: str) -> None:
    """Ordinary text in longer and longer pieces; the last piece alone gives what it gives among the others."""
    texts = cut("\n".join(posts.texts), length)
    function: Callable[..., Any] = pattern_set("10k").scan if work.startswith("scan") else shipped.check_batch
    found = measure("length", work, f"{length:,}", function, texts, per=characters(texts))
    alone = function(texts.slice(len(texts) - 1))
    if work.startswith("scan"):
        assert len(alone) == np.count_nonzero(found.post == len(texts) - 1)
    else:
        assert alone.action[0] == found.action[-1]


def _all_anchors() -> tuple[list[str], str]:
    """A text of nothing but patterns."""
    words = list(words_of("10k"))
    return words, "".join(random.Random(SEED).choices(words, k=100_000))


def _repeats() -> tuple[list[str], str]:
    """Each position of the text begins all of the patterns, which are nested."""
    return ["哈" * n for n in range(2, 26)], "哈"


def _one_bucket() -> tuple[list[str], str]:
    """Whatever anchors are chosen, hundreds of patterns share each of them, and the text is made of them."""
    words = ["".join(letters) for letters in itertools.product("甲乙", repeat=12)]
    return words, "".join(random.Random(SEED).choices("甲乙", k=100_000))


CRAFTED = {"all anchors": _all_anchors, "nested repeats": _repeats, "crowded buckets": _one_bucket}


@pytest.mark.parametrize("length", LENGTHS[2:])
@pytest.mark.parametrize("work", ["scan", "check_batch"])
@pytest.mark.parametrize("kind", CRAFTED)
def test_crafted(measure: Callable[..., Any], kind: str, work: str, length: int) -> None:
    """A scan returns every match, so its work is bounded by what it finds; a check is capped and says so."""
    words, text = CRAFTED[kind]()
    texts = cut(text, length)
    if work == "scan":
        found = measure(
            "crafted", f"{kind}, scan", f"{length:,}", PatternSet.compile(words).scan, texts, per=CHARACTERS
        )
        assert len(found) > CHARACTERS // 10
    else:
        rules = RuleSet.from_bytes(build(source_of(words)))
        batch = measure("crafted", f"{kind}, check_batch", f"{length:,}", rules.check_batch, texts, per=CHARACTERS)
        assert (np.diff(batch.fired_begin.astype(np.int64)) == 1).all()


@pytest.mark.parametrize("count", [1000, 10_000, 100_000, 1_000_000])
def test_patterns(measure: Callable[..., Any], posts: Posts, count: int) -> None:
    """More and more of one list."""
    words = random.Random(SEED).sample(words_of("1M"), count)
    patterns = PatternSet.compile(words)
    found = measure("patterns", "scan", f"{count:,}", patterns.scan, posts.arrow, per=len(posts))
    assert all(words[p] in posts.texts[i] for i, p in zip(found.post[:1000], found.pattern[:1000], strict=True))


@pytest.mark.benchmark(timer=time.perf_counter)
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("work", ["scan, 10k patterns", "check_batch, shipped"])
def test_threads(measure: Callable[..., Any], shipped: RuleSet, posts: Posts, work: str, threads: int) -> None:
    """One call for ten times the posts, several threads; the answer is the same."""
    function: Callable[..., Any] = pattern_set("10k").scan if work.startswith("scan") else shipped.check_batch
    many = pa.array(posts.texts * 10)

    def run() -> Any:
        return function(many, threads=threads)

    found, alone = measure("threads", work, str(threads), run, per=len(many)), function(many)
    for name in ("post", "pattern", "end") if work.startswith("scan") else ("action", "fired_begin", "fired_rule"):
        assert np.array_equal(getattr(found, name), getattr(alone, name))
