"""Texts: through all kernel paths, alone and in a batch, and through the reference.

An input: flags, a filler's length, where the post appears, and the texts. In the texts FF 00 begins another text of
the same post, FF 01 another post.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from reference.batches import assert_verdicts_equal
from reference.conditions import Seller

from fairpost.engine import InvalidPost, RuleSet, Status, Texts, Verdict
from fairpost.engine.scanner import available_paths, choose_path
from fairpost.engine.vocabulary import UNITS

from . import subject
from .cursor import Cursor

__all__ = ["WORDS", "check", "seeds"]

_NEXT_TEXT, _NEXT_POST = b"\xff\x00", b"\xff\x01"
WORDS = (_NEXT_TEXT, _NEXT_POST, *(word.encode() for word in subject.WORDS), b"\xed\xa0\x80", b"\xf4\x90", b"\xc0\x80")
_SHORT, _REPEATED, _THREADS = 4, 8, 16  # flags; the two bits below are the unit
_DAY = 20_050
_PLACES: tuple[dict[str, Any], ...] = (
    {"seller": Seller(), "channel": "moments", "language": "zh", "day": _DAY},
    {"seller": Seller(None, registration="active", tenure_days=900), "channel": "group-chat", "language": "", "day": 0},
    {"seller": Seller(None, strikes=(("MEDICAL", 2),)), "channel": "elsewhere", "language": "en", "day": _DAY},
)


def seeds() -> Iterator[bytes]:
    for k, text in enumerate(subject.TEXTS):
        yield bytes([k % 3, 0, k]) + text.encode()
        yield bytes([k % 3, 59 + k, k]) + text.encode()[:-1]
    yield bytes(3) + _NEXT_POST.join(_NEXT_TEXT.join([text.encode(), b"", b"v"]) for text in subject.TEXTS)
    yield bytes([_REPEATED | _THREADS, 0, 0]) + _NEXT_POST.join(text.encode() for text in subject.TEXTS)
    yield bytes([_SHORT, 0, 0]) + subject.TEXTS[0].encode()


def check(content: bytes) -> None:
    cursor = Cursor(content)
    flags, filler, place = cursor.number(), cursor.number(), cursor.number()
    posts = [post.split(_NEXT_TEXT) for post in cursor.rest().split(_NEXT_POST)]
    posts[0][0] = b"a" * (filler & 127) + posts[0][0]
    if flags & _REPEATED:  # over the border of a chunk
        posts *= 1 + 20_000 // (16 + len(content))
    options = {
        "unit": UNITS[flags & 3] if flags & 3 < len(UNITS) else UNITS[0],
        "max_characters": 40 if flags & _SHORT else 100_000,
    }
    first = _columns(posts, options)
    assert not flags & _THREADS or _columns(posts, {**options, "threads": 2}) == first
    for path in available_paths()[1:]:
        choose_path(path)
        try:
            assert _columns(posts, options) == first, path
        finally:
            choose_path()
    if not flags & _SHORT:
        _check_status(posts)
    if zlib.crc32(content) % 4 == 0:  # it is slow
        _check_reference(posts, _PLACES[place % len(_PLACES)])


def _columns(posts: list[list[bytes]], options: dict[str, Any]) -> dict[str, bytes]:
    """All columns of the batch, of which one post is also judged alone."""
    rule_set = subject.rule_set()
    texts = [text for post in posts for text in post]
    # Memory that ends where the texts end, so that a read past them is noticed.
    column = Texts(np.frombuffer(b"".join(texts), np.uint8).copy(), np.cumsum([0, *map(len, texts)]))
    segments = np.cumsum([0, *map(len, posts)])
    batch = rule_set.check_batch(column, segments=segments, days=_DAY, channels="moments", **options)
    k = len(texts) % len(posts)
    together = batch[k]
    alone = _alone(rule_set, posts[k], {name: options[name] for name in ("unit", "max_characters")})
    assert alone == (together.error or together)
    return {name: column.tobytes() for name, column in vars(batch).items() if isinstance(column, np.ndarray)}


def _alone(rule_set: RuleSet, post: list[bytes], options: dict[str, Any]) -> Verdict | str:
    """The verdict, or why there is none."""
    try:
        return rule_set.check(post[0], extra=post[1:], day=_DAY, channel="moments", **options)
    except InvalidPost as error:
        return str(error)


def _check_status(posts: list[list[bytes]]) -> None:
    """What Python's decoder says of the texts."""
    batch = subject.rule_set().check_batch(
        [t for post in posts for t in post], segments=np.cumsum([0, *map(len, posts)])
    )
    for k, post in enumerate(posts):
        expected = (Status.OK if any(post) else Status.EMPTY, 0, 0)
        for number, text in enumerate(post):
            try:
                text.decode()
            except UnicodeDecodeError as error:
                expected = (Status.INVALID_UTF8, number, error.start)
                break
        assert (batch.status[k], batch.status_text[k], batch.status_offset[k]) == expected, k


def _check_reference(posts: list[list[bytes]], place: dict[str, Any]) -> None:
    """Verdicts of short posts, which are all that the reference can do in time."""
    try:
        decoded = [[text.decode() for text in post] for post in posts[:2]]
    except UnicodeDecodeError:
        return
    if sum(len(text) for post in decoded for text in post) <= 100:
        batch = [{"texts": texts, **place} for texts in decoded]
        assert_verdicts_equal(subject.source(), subject.rule_set(), batch)
