"""Posts of a request as the engine's columns, and what can be wrong with a post apart from its text."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from fairpost.engine.dates import day_of_seconds
from fairpost.engine.vocabulary import STANDING_DTYPE
from fairpost.server.errors import InvalidArgument, ServiceError, Violation, invalid_fields
from fairpost.v1 import post_pb2, reason_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence, Sized

    from fairpost.server.wire import PostOrError

__all__ = ["PostColumns", "made_at", "named", "post_fault", "seller_columns"]

# The engine's kernels/wire_posts.h refuses the same.
_MAX_ID, _MAX_SELLER_ID, _MAX_WORD, _MAX_EXTRA_TEXTS = 256, 128, 64, 100
_LIMITS = (("id", _MAX_ID), ("seller_id", _MAX_SELLER_ID), ("channel", _MAX_WORD), ("language", _MAX_WORD))
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799  # years 1 and 9999, as Timestamp allows


def named(error: ServiceError, post: PostOrError) -> ServiceError:
    """The error with the post's id, so that callers need not count."""
    if isinstance(post, post_pb2.Post) and 0 < len(post.id) <= _MAX_ID:
        error.metadata["post_id"] = post.id
    return error


def post_fault(post: post_pb2.Post, path: str) -> InvalidArgument | None:
    """What is wrong with a post apart from its text."""
    violations = []
    for field, limit in _LIMITS:
        if len(value := getattr(post, field)) > limit:
            description = f"has {len(value)} characters; at most {limit} are taken"
            violations.append(Violation(f"{path}.{field}", description))
    if len(post.extra_texts) > _MAX_EXTRA_TEXTS:
        description = f"has {len(post.extra_texts)} entries; at most {_MAX_EXTRA_TEXTS} are taken"
        violations.append(Violation(f"{path}.extra_texts", description))
    if violations:
        return invalid_fields(violations)
    if post.HasField("created_at") and not _FIRST_SECOND <= post.created_at.seconds <= _LAST_SECOND:
        field, description = f"{path}.created_at", "is outside the years 1 to 9999"
        return InvalidArgument(
            reason_pb2.REASON_INVALID_TIME, f"{field}: {description}", violations=[Violation(field, description)]
        )
    return None


def made_at(post: post_pb2.Post) -> int | None:
    """Seconds since 1970; None if the post does not say."""
    return post.created_at.seconds if post.HasField("created_at") else None


class PostColumns:
    """Posts as the engine's columns. Every field of a message is read once: reading makes a new object each time.

    texts: list[str], all texts in a row; segments: int64[n + 1], where each post's texts begin, or None if every post
    has exactly one; channels, languages: list[str], one for all, or None; days: dates in China since 1970,
    today where a post does not say, int32[n] or one for all.
    """

    def __init__(self, posts: Sequence[post_pb2.Post]) -> None:
        self.posts = posts
        self.ids = [post.id for post in posts]
        self.seller_ids = [post.seller_id for post in posts]
        self._channels = [post.channel for post in posts]
        self._languages = [post.language for post in posts]
        self._extras = [post.extra_texts for post in posts]
        self.seconds = [made_at(post) for post in posts]
        self.texts, self.segments = self._flat()

    def have_faults(self) -> bool:
        """Whether any post has a fault outside of its text; then each is to be looked at."""
        return (
            _longest(self.ids) > _MAX_ID
            or _longest(self.seller_ids) > _MAX_SELLER_ID
            or _longest(self._channels) > _MAX_WORD
            or _longest(self._languages) > _MAX_WORD
            or (self.segments is not None and _longest(self._extras) > _MAX_EXTRA_TEXTS)
            or any(at is not None and not _FIRST_SECOND <= at <= _LAST_SECOND for at in self.seconds)
        )

    @property
    def channels(self) -> list[str] | str | None:
        return _words(self._channels)

    @property
    def languages(self) -> list[str] | str | None:
        return _words(self._languages)

    @property
    def days(self) -> np.ndarray | int:
        today = day_of_seconds(int(time.time()))
        if not any(at is not None for at in self.seconds):
            return today
        return np.array([today if at is None else day_of_seconds(at) for at in self.seconds], np.int32)

    def _flat(self) -> tuple[list[str], np.ndarray | None]:
        if not any(self._extras):
            return [post.text for post in self.posts], None
        texts: list[str] = []
        segments = [0]
        for post, extras in zip(self.posts, self._extras, strict=True):
            texts.append(post.text)
            texts.extend(extra.text for extra in extras)
            segments.append(len(texts))
        return texts, np.array(segments, np.int64)


def seller_columns(sellers: Sequence[int], standings: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """`sellers` and `standings` as `check_batch` takes them, from what `Held` has of each post."""
    known = [standing for seller, standing in zip(sellers, standings, strict=True) if seller >= 0]
    rows, place = np.empty(len(sellers), np.int32), 0
    for k, seller in enumerate(sellers):
        rows[k] = place if seller >= 0 else seller
        place += seller >= 0
    return rows, np.frombuffer(b"".join(known), STANDING_DTYPE)


def _longest(column: Sequence[Sized]) -> int:
    return max(map(len, column), default=0)


def _words(words: list[str]) -> list[str] | str | None:
    """A column of words in the shortest form that the engine takes."""
    return words if len(set(words)) > 1 else words[0] or None
