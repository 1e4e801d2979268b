"""Other matchers, each called from Python in its fastest form, all overlapping matches.

Two forms are measured where a matcher allows both. *A call a post* is how each is meant to be used; the answer is
per post. *One buffer* joins all posts by a byte that no pattern holds and scans them in one call; its answer counts
from the buffer's start. We are generous to them: texts are encoded and joined, machines are built and tuned (on the
very posts that are measured), and answers are turned into columns (`Peer.columns`) outside of the time measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

Columns = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""int64[matches] each: post, pattern, end in bytes of the post's UTF-8."""
Find = Callable[[Any], Any]

EACH, ONE = "a call a post", "one buffer"


class Posts:
    """Posts in every form that a matcher likes, each made once."""

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts

    def __len__(self) -> int:
        return len(self.texts)

    @cached_property
    def encoded(self) -> list[bytes]:
        """UTF-8."""
        return [text.encode() for text in self.texts]

    @cached_property
    def arrow(self) -> Any:
        """A pyarrow StringArray."""
        import pyarrow

        return pyarrow.array(self.texts)

    @cached_property
    def joined(self) -> dict[type, Any]:
        """One buffer as bytes and as str: each post followed by what no pattern holds."""
        return {bytes: b"\xff".join([*self.encoded, b""]), str: "\uffff".join([*self.texts, ""])}

    @cached_property
    def byte_at(self) -> NDArray[np.int64]:
        """int64[characters + 1]: where a character of the joined str begins in the joined UTF-8 (separator: 1 byte)."""
        points = np.frombuffer(self.joined[str].encode("utf-32-le"), dtype="<u4")
        widths = 1 + (points >= 0x80).astype(np.int64) + (points >= 0x800) + (points >= 0x10000)
        widths[points == 0xFFFF] = 1
        return np.concatenate([[0], np.cumsum(widths)])

    def starts(self, kind: type) -> NDArray[np.int64]:
        """int64[posts + 1]: where posts begin in the joined buffer."""
        lengths = map(len, self.encoded if kind is bytes else self.texts)
        return np.concatenate([[0], np.cumsum(np.fromiter(lengths, np.int64, len(self)) + 1)])


@dataclass(frozen=True)
class Peer:
    """One matcher in one form. `build(words, texts)` returns what finds matches in prepared texts.

    rows: one answer -> its (pattern, end) pairs. most: the largest pattern list that it takes in reasonable time and
    memory. places: False if it only tells which patterns are in a post.
    """

    name: str
    module: str
    kind: type
    form: str
    build: Callable[[tuple[Any, ...], tuple[Any, ...]], Find]
    rows: Callable[[Any], Any]
    most: int = 2_000_000
    places: bool = True

    @property
    def id(self) -> str:
        """Name and form."""
        return f"{self.name}, {self.form}"

    def machine(self, words: Sequence[str], posts: Posts) -> Find:
        """Compile `words`, tuned on `posts` where that is offered."""
        if self.kind is bytes:
            return self.build(tuple(word.encode() for word in words), tuple(posts.encoded))
        return self.build(tuple(words), tuple(posts.texts))

    def prepare(self, posts: Posts) -> Any:
        """The posts as `machine` takes them."""
        if self.form == ONE:
            return posts.joined[self.kind]
        return posts.encoded if self.kind is bytes else posts.texts

    def columns(self, answer: Any, posts: Posts) -> Columns:
        """What it found, in the form in which all are compared."""
        starts = posts.starts(self.kind)
        if self.form == ONE:
            pattern, end = _pairs(self.rows(answer))
            post = np.searchsorted(starts, end, side="left") - 1
        else:
            counts = np.fromiter(map(len, answer), np.int64, len(answer))
            post = np.repeat(np.arange(len(answer)), counts)
            pattern, end = _pairs(self.rows(list(chain.from_iterable(answer))))
            end = end + starts[post]
        if self.kind is str:
            end, starts = posts.byte_at[end], posts.starts(bytes)
        return post, pattern, end - starts[post]


def _pairs(rows: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    table = np.array(rows, dtype=np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


# ---- building: the last machine is kept, because both of its forms are measured one after the other -----------


@lru_cache(maxsize=1)
def _hyperscan(words: tuple[bytes, ...]) -> Any:
    import hyperscan

    database = hyperscan.Database()
    database.compile(expressions=list(words), ids=list(range(len(words))), elements=len(words), flags=0, literal=True)
    return database


def _hyperscan_each(words: tuple[bytes, ...], texts: tuple[bytes, ...]) -> Find:
    scan = _hyperscan(words).scan

    def find(posts: list[bytes]) -> list[list[tuple[int, int]]]:
        found = []
        for post in posts:
            here: list[tuple[int, int]] = []
            scan(post, on_match, 0, here.append)
            found.append(here)
        return found

    def on_match(pattern: int, begin: int, end: int, flags: int, append: Any) -> None:
        append((pattern, end))

    return find


def _hyperscan_one(words: tuple[bytes, ...], texts: tuple[bytes, ...]) -> Find:
    scan = _hyperscan(words).scan

    def find(buffer: bytes) -> list[int]:
        found: list[int] = []
        append = found.append

        def on_match(pattern: int, begin: int, end: int, flags: int, context: Any) -> None:
            append(end << 24 | pattern)  # one integer a match: its cheapest callback that keeps the answer

        scan(buffer, on_match)
        return found

    return find


def _unpack(packed: list[int]) -> NDArray[np.int64]:
    numbers = np.array(packed, dtype=np.int64)
    return np.stack([numbers & 0xFFFFFF, numbers >> 24], axis=1)


def _each(one: Find) -> Find:
    return lambda posts: list(map(one, posts))


@lru_cache(maxsize=1)
def _daachorse(words: tuple[Any, ...], texts: tuple[Any, ...]) -> Find:
    import daachorse

    chosen: Any = daachorse.DoubleArrayAhoCorasick
    if isinstance(words[0], str):
        chosen = daachorse.CharwiseDoubleArrayAhoCorasick
    find: Find = chosen(list(words), corpus=list(texts), use_prefilter=False).find_overlapping
    return find


@lru_cache(maxsize=1)
def _ahocorasick_rs(words: tuple[bytes, ...]) -> Any:
    import ahocorasick_rs

    # The DFA is the quickest as long as the caches hold it; measured, not guessed.
    small = len(words) <= 20_000
    kinds = ahocorasick_rs.Implementation
    machine = ahocorasick_rs.BytesAhoCorasick(words, implementation=kinds.DFA if small else kinds.ContiguousNFA)
    return machine.find_matches_as_indexes


def _ahocorasick_rs_each(words: tuple[bytes, ...], texts: tuple[bytes, ...]) -> Find:
    find = _ahocorasick_rs(words)
    return lambda posts: [find(post, True) for post in posts]


def _ahocorasick_rs_one(words: tuple[bytes, ...], texts: tuple[bytes, ...]) -> Find:
    find = _ahocorasick_rs(words)
    return lambda buffer: find(buffer, True)


def _re2(words: tuple[bytes, ...], texts: tuple[bytes, ...]) -> Find:
    import re2

    options = re2.Options()
    options.literal = True
    options.max_mem = 8 << 30
    chosen = re2.Set.SearchSet(options)
    for word in words:
        chosen.Add(word)
    chosen.Compile()
    return _each(chosen._set.Match)  # the wrapper's own type test costs it a quarter


def _pyahocorasick(words: tuple[str, ...], texts: tuple[str, ...]) -> Find:
    import ahocorasick

    automaton = ahocorasick.Automaton()
    for number, word in enumerate(words):
        automaton.add_word(word, number)
    automaton.make_automaton()
    return lambda posts: [list(automaton.iter(post)) for post in posts]


# ---- reading what they found --------------------------------------------------------------------------------


def _plain(rows: Any) -> Any:
    return rows


def _begin_end_pattern(rows: Any) -> Any:
    return [(pattern, end) for _, end, pattern in rows]


def _pattern_begin_end(rows: Any) -> Any:
    return [(pattern, end) for pattern, _, end in rows]


def _last_pattern(rows: Any) -> Any:
    return [(pattern, last + 1) for last, pattern in rows]


def _pattern_only(rows: Any) -> Any:
    return [(pattern, 0) for pattern in rows]


PEERS = (
    Peer("hyperscan", "hyperscan", bytes, EACH, _hyperscan_each, _plain, most=200_000),
    Peer("hyperscan", "hyperscan", bytes, ONE, _hyperscan_one, _unpack, most=200_000),
    Peer("daachorse bytes", "daachorse", bytes, EACH, lambda w, t: _each(_daachorse(w, t)), _begin_end_pattern),
    Peer("daachorse bytes", "daachorse", bytes, ONE, _daachorse, _begin_end_pattern),
    Peer(
        "daachorse charwise",
        "daachorse",
        str,
        EACH,
        lambda w, t: _each(_daachorse(w, t)),
        _begin_end_pattern,
        most=200_000,
    ),
    Peer("daachorse charwise", "daachorse", str, ONE, _daachorse, _begin_end_pattern, most=200_000),
    Peer("ahocorasick-rs", "ahocorasick_rs", bytes, EACH, _ahocorasick_rs_each, _pattern_begin_end),
    Peer("ahocorasick-rs", "ahocorasick_rs", bytes, ONE, _ahocorasick_rs_one, _pattern_begin_end),
    Peer("google-re2 Set", "re2", bytes, EACH, _re2, _pattern_only, most=200_000, places=False),
    Peer("pyahocorasick", "ahocorasick", str, EACH, _pyahocorasick, _last_pattern),
)


# ---- comparing ----------------------------------------------------------------------------------------------


def checksum(columns: Columns) -> int:
    """Of all (post, pattern, end), whatever their order."""
    mixed = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        mixed = (mixed ^ column.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return int(mixed.sum())
