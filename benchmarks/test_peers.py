"""Bare matching, all overlapping matches: ours with `folds=()` beside other matchers, in one run on one core.

Ours takes an Arrow column and returns columns. Everybody's answer must be the same: the number of matches of each
post, and a checksum of (post, pattern, end).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from corpus import SIZES, words_of
from peers import PEERS, Columns, Peer, Posts, checksum

from fairpost.engine import PatternSet


@pytest.fixture(scope="module", params=[*SIZES, "shipped"])
def size(request: Any) -> Iterator[str]:
    """One pattern list after the other, so that one machine of each kind is in memory at a time."""
    yield request.param
    _answer.cache_clear()


@lru_cache(maxsize=1)
def _answer(size: str, posts: Posts) -> Columns:
    return _ours(_compiled(size).scan(posts.arrow, unit="utf8"))


@lru_cache(maxsize=1)
def _compiled(size: str) -> PatternSet:
    return PatternSet.compile(words_of(size), folds=(), match_kind="overlapping")


def _ours(matches: Any) -> Columns:
    return matches.post.astype(np.int64), matches.pattern.astype(np.int64), matches.end.astype(np.int64)


def test_fairpost(measure: Callable[..., Any], size: str, posts: Posts) -> None:
    """Arrow in, columns out."""
    found = measure("peers", "fairpost", size, _compiled(size).scan, posts.arrow, per=len(posts))
    assert len(found) == len(_answer(size, posts)[0])


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.id)
def test_peer(measure: Callable[..., Any], peer: Peer, size: str, posts: Posts) -> None:
    """In its form, texts prepared."""
    words = words_of(size)
    if len(words) > peer.most:
        pytest.skip(f"{peer.name} takes minutes or gigabytes for {len(words):,} patterns (see peers.py)")
    pytest.importorskip(peer.module)
    find = peer.machine(words, posts)
    answer = measure("peers", peer.id, size, find, peer.prepare(posts), per=len(posts))
    _same(peer, peer.columns(answer, posts), _answer(size, posts), len(posts))


def _same(peer: Peer, theirs: Columns, ours: Columns, posts: int) -> None:
    if not peer.places:  # it tells each pattern of a post once
        pairs = np.unique(np.stack(ours[:2]), axis=1)
        ours = (pairs[0], pairs[1], np.zeros_like(pairs[0]))
        theirs = (theirs[0], theirs[1], np.zeros_like(theirs[0]))
    assert np.array_equal(np.bincount(theirs[0], minlength=posts), np.bincount(ours[0], minlength=posts))
    assert checksum(theirs) == checksum(ours)
