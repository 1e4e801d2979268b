"""Wire bytes: requests of FilterService, from their bytes to the answer's, without a network.

An input: the method, and the request.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from fairpost.engine.vocabulary import REGISTRATION, SELLER_RECORD_DTYPE
from fairpost.server import wire
from fairpost.server.decisions import DecisionIds
from fairpost.server.errors import ServiceError
from fairpost.server.filtering import FilterService
from fairpost.server.table import SellerTable
from fairpost.v1 import filter_pb2, post_pb2, verdict_pb2

from . import subject

__all__ = ["WORDS", "check", "seeds"]

_REQUESTS = (filter_pb2.CheckPostRequest, filter_pb2.CheckPostsRequest, filter_pb2.StreamCheckRequest)
WORDS = (
    *(word.encode() for word in subject.WORDS),
    b"s1",
    b"moments",
    b"zh",
    *(bytes([n << 3 | 2]) for n in range(1, 11)),
)
_COMPARED = 8
"""Posts of a batch that are judged alone too."""


@cache
def _service() -> FilterService:
    record = np.zeros((), SELLER_RECORD_DTYPE)
    record["registration"], record["since_day"] = REGISTRATION.index("active"), 19_000
    table = SellerTable(bytes(16))
    table.apply(1, ["s1"], record.reshape(1))
    return FilterService(
        SimpleNamespace(snapshot=subject.rule_set),
        table,
        DecisionIds(),
        max_posts=50,
        max_characters=500,
    )


def seeds() -> Iterator[bytes]:
    posts = [_post(k, text) for k, text in enumerate(subject.TEXTS)]
    for k, post in enumerate(posts):
        yield b"\0" + filter_pb2.CheckPostRequest(post=post, unit=k % 4).SerializeToString()
    for n in (1, 2, len(posts)):
        yield b"\1" + filter_pb2.CheckPostsRequest(posts=posts[:n], unit=n % 4).SerializeToString()
    yield b"\2" + filter_pb2.StreamCheckRequest(posts=posts[::2], sequence=2**64 - 1).SerializeToString()
    broken = filter_pb2.CheckPostsRequest(posts=posts[:2]).SerializeToString()
    yield b"\1" + broken.replace("根".encode(), b"\xff\xfe\xfd")
    yield b"\1" + filter_pb2.CheckPostsRequest(posts=[post_pb2.Post()] * 51).SerializeToString()


def _post(k: int, text: str) -> post_pb2.Post:
    post = post_pb2.Post(id=f"p{k}", seller_id=("", "s1", "s2")[k % 3], text=text, channel=("", "moments")[k % 2])
    if k % 2:
        post.extra_texts.add(source=k, text="根治糖尿病")
    if k % 3:
        post.created_at.seconds = 1_700_000_000 * k
        post.language = "zh"
    return post


def check(content: bytes) -> None:
    method, body = content[0] % 3 if content else 0, content[1:]
    try:
        if method == 0:
            request = wire.parse(filter_pb2.CheckPostRequest, body)
            _service().check_post(request).SerializeToString()
            return
        batch, posts = wire.parse_batch(_REQUESTS[method], body)
        response: Any = filter_pb2.CheckPostsResponse()
        response.revision = _service().check_posts(posts, batch, response.results)
    except ServiceError as error:
        error.to_status().SerializeToString()
        return
    response.SerializeToString()
    assert len(response.results) == len(posts)
    for post, result in list(zip(posts, response.results, strict=True))[:_COMPARED]:
        _same_alone(post, batch.unit, result)


def _same_alone(post: Any, unit: int, result: Any) -> None:
    """A post of a batch gets what it gets alone."""
    alone = verdict_pb2.CheckResult()
    try:
        if isinstance(post, ServiceError):
            raise post
        request = filter_pb2.CheckPostRequest(post=post, unit=unit)
        alone.verdict.CopyFrom(_service().check_post(request).verdict)
        alone.verdict.decision_id = result.verdict.decision_id
    except ServiceError as error:
        alone.error.code = error.to_status().code
        result.error.ClearField("message")  # they name the post's place
        result.error.ClearField("details")
    assert alone == result
