"""Wire bytes: requests of FilterService and lookups, from their bytes to the answer's, without a network.

An input: the method, and the request. The engine's answer must be that of the messages.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from fairpost.engine.decision_ids import DecisionIds
from fairpost.engine.seller_wire import BATCH_LOOKUP_SELLERS, SellerWire
from fairpost.engine.vocabulary import REGISTRATION, SELLER_RECORD_DTYPE
from fairpost.engine.wire import CHECK_POST, STREAM_CHECK
from fairpost.server import wire
from fairpost.server.errors import ServiceError
from fairpost.server.faults import seller_id_fault
from fairpost.server.filtering import FilterService
from fairpost.server.table import SellerTable
from fairpost.v1 import filter_pb2, post_pb2, registry_pb2, verdict_pb2

from . import subject

__all__ = ["WORDS", "check", "seeds"]

_REQUESTS: Any = (filter_pb2.CheckPostRequest, filter_pb2.CheckPostsRequest, filter_pb2.StreamCheckRequest)
_RESPONSES: Any = (filter_pb2.CheckPostResponse, filter_pb2.CheckPostsResponse, filter_pb2.StreamCheckResponse)
_LOOKUPS: Any = (registry_pb2.LookupSellerRequest, registry_pb2.BatchLookupSellersRequest)
_FOUND: Any = (registry_pb2.LookupSellerResponse, registry_pb2.BatchLookupSellersResponse)
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
def _table() -> SellerTable:
    record = np.zeros((), SELLER_RECORD_DTYPE)
    record["registration"], record["since_day"] = REGISTRATION.index("active"), 19_000
    record["licences"], record["strikes"] = 0xFFFFFFFF, 200
    table = SellerTable(bytes(16))
    table.apply(1, ["s1"], record.reshape(1))
    return table


@cache
def _service() -> FilterService:
    rule_sets: Any = SimpleNamespace(snapshot=subject.rule_set)
    return FilterService(
        rule_sets,
        _table(),
        DecisionIds(),
        max_posts=50,
        max_characters=500,
    )


def seeds() -> Iterator[bytes]:
    posts = [_post(k, text) for k, text in enumerate(subject.TEXTS)]
    units = post_pb2.SpanUnit.values()
    for k, post in enumerate(posts):
        yield b"\0" + filter_pb2.CheckPostRequest(post=post, unit=units[k % 4]).SerializeToString()
    for n in (1, 2, len(posts)):
        yield b"\1" + filter_pb2.CheckPostsRequest(posts=posts[:n], unit=units[n % 4]).SerializeToString()
    yield b"\2" + filter_pb2.StreamCheckRequest(posts=posts[::2], sequence=2**64 - 1).SerializeToString()
    broken = filter_pb2.CheckPostsRequest(posts=posts[:2]).SerializeToString()
    yield b"\1" + broken.replace("根".encode(), b"\xff\xfe\xfd")
    yield b"\1" + filter_pb2.CheckPostsRequest(posts=[post_pb2.Post()] * 51).SerializeToString()
    begun = filter_pb2.CheckPostRequest(post=posts[0]).SerializeToString()
    yield b"\0" + begun + filter_pb2.CheckPostRequest(post=posts[1]).SerializeToString() + b"\x7b\x08\1\x7c"
    yield b"\3" + registry_pb2.LookupSellerRequest(seller_id="s1").SerializeToString()
    consistency = registry_pb2.Consistency(minimise_latency=True)
    several = registry_pb2.BatchLookupSellersRequest(seller_ids=["s1", "s2"] * 3, consistency=consistency)
    yield b"\4" + several.SerializeToString()


def _post(k: int, text: str) -> post_pb2.Post:
    post = post_pb2.Post(id=f"p{k}", seller_id=("", "s1", "s2")[k % 3], text=text, channel=("", "moments")[k % 2])
    if k % 2:
        post.extra_texts.add(source=k, text="根治糖尿病")
    if k % 3:
        post.created_at.seconds = 1_700_000_000 * k
        post.language = "zh"
    return post


def check(content: bytes) -> None:
    method, body = content[0] % 5 if content else 0, content[1:]
    if method > STREAM_CHECK:
        _check_lookup(method - STREAM_CHECK - 1, body)
        return
    service = _service()
    slow = _outcome(service.answer_by_messages, method, body)
    quick = _outcome((service.check_post_bytes, service.check_posts_bytes, service.stream_check_bytes)[method], body)
    if isinstance(slow, ServiceError) or isinstance(quick, ServiceError):
        assert slow.to_status() == quick.to_status()
        return
    response, wanted = _RESPONSES[method].FromString(quick), _RESPONSES[method].FromString(slow)
    assert response.SerializeToString(deterministic=True) == quick
    _forget_decisions(method, response)
    _forget_decisions(method, wanted)
    assert response == wanted
    if method != CHECK_POST:
        batch, posts = wire.parse_batch(_REQUESTS[method], body)
        assert len(response.results) == len(posts)
        for post, result in list(zip(posts, response.results, strict=True))[:_COMPARED]:
            _same_alone(post, batch.unit, result)


def _outcome(call: Any, *arguments: Any) -> Any:
    try:
        return call(*arguments)
    except ServiceError as error:
        return error


def _forget_decisions(method: int, response: Any) -> None:
    for result in [response] if method == CHECK_POST else response.results:
        if result.HasField("verdict"):
            result.verdict.ClearField("decision_id")


def _check_lookup(kind: int, body: bytes) -> None:
    """What is answered is a sound request, and the answer is about its sellers."""
    answer = SellerWire("store", most=50).answer(kind, body, _table().engine_table, 20_000, 60, 10)
    if answer is None:
        return
    request, response = _LOOKUPS[kind].FromString(body), _FOUND[kind].FromString(answer)
    assert response.SerializeToString(deterministic=True) == answer
    several = kind == BATCH_LOOKUP_SELLERS
    seller_ids = list(request.seller_ids) if several else [request.seller_id]
    assert [one.seller_id for one in (response.answers if several else [response.answer])] == seller_ids
    assert not any(map(seller_id_fault, seller_ids))


def _same_alone(post: Any, unit: post_pb2.SpanUnit.ValueType, result: Any) -> None:
    """A post of a batch gets what it gets alone."""
    alone = verdict_pb2.CheckResult()
    try:
        if isinstance(post, ServiceError):
            raise post
        request = filter_pb2.CheckPostRequest(post=post, unit=unit)
        answer = _service().check_post_bytes(request.SerializeToString())
        alone.verdict.CopyFrom(filter_pb2.CheckPostResponse.FromString(answer).verdict)
        alone.verdict.ClearField("decision_id")
    except ServiceError as error:
        alone.error.code = error.to_status().code
        result.error.ClearField("message")  # they name the post's place
        result.error.ClearField("details")
    assert alone == result
