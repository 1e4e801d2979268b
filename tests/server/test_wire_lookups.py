"""Lookups as bytes: the engine's answers are those of the message path, and of the official protobuf runtime."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.strategies import examples
from reference.wire import message_bytes

from fairpost.engine import StandingTable
from fairpost.engine.seller_wire import BATCH_LOOKUP_SELLERS, LOOKUP_SELLER, SellerWire
from fairpost.engine.vocabulary import CATEGORIES, LICENCES, SELLER_RECORD_DTYPE, SINCE_NEVER
from fairpost.server import messages, wire
from fairpost.server.errors import ServiceError
from fairpost.server.registry.lookups import Lookups
from fairpost.v1 import registry_pb2

REQUESTS: tuple[Any, ...] = (registry_pb2.LookupSellerRequest, registry_pb2.BatchLookupSellersRequest)
RESPONSES: tuple[Any, ...] = (registry_pb2.LookupSellerResponse, registry_pb2.BatchLookupSellersResponse)
SHAPE = {1: "text", 2: {1: "number", 2: "text", 3: "number"}}
QUICK = {1: "text", 2: {1: "number"}}
IDS = ("s0", "s1", "s2", "s3", "gone", "", "a b", "店", "x" * 128, "x" * 129)
ids = st.one_of(st.sampled_from(IDS[:5]), st.sampled_from(IDS), st.text(max_size=3))


@pytest.fixture
def lookups(inside: Callable[..., Any]) -> Lookups:
    """Of a server with a few sellers in memory, and six ids at most in a request."""
    running = inside(max_posts=6).start()
    found: Lookups = running.server.registry.lookups
    rows = np.zeros(4, SELLER_RECORD_DTYPE)
    rows["registration"] = [0, 2, 3, 4]
    rows["enforcement"], rows["listing"] = [0, 1, 3, 4], [0, 1, 2, 0]
    rows["since_day"] = [SINCE_NEVER, 0, 19_000, 30_000]
    rows["licences"] = [0, 1, 2 ** len(LICENCES) - 1, 2**32 - 1]
    rows["strikes"][2, [3, 5]] = [1, 255]
    rows["strikes"][3] = 7
    rows["complaints"] = [0, 1, 127, 255]
    found.table.apply(found.table.sequence, IDS[:4], rows)
    return found


def by_messages(lookups: Lookups, kind: int, content: bytes) -> bytes:
    request = wire.parse(REQUESTS[kind], content)
    response: Any = lookups.lookup(request) if kind == LOOKUP_SELLER else lookups.lookup_batch(request)
    return bytes(response.SerializeToString(deterministic=True))


def outcome(call: Callable[..., bytes], *arguments: Any) -> Any:
    try:
        return call(*arguments)
    except ServiceError as error:
        return error


def compare(lookups: Lookups, kind: int, content: bytes) -> bool:
    """Whether there was an answer; fails where the two differ."""
    quick = outcome(lookups.lookup_bytes if kind == LOOKUP_SELLER else lookups.batch_bytes, content)
    slow = outcome(by_messages, lookups, kind, content)
    if isinstance(slow, ServiceError) or isinstance(quick, ServiceError):
        assert isinstance(slow, ServiceError), (quick, content)
        assert isinstance(quick, ServiceError), (slow, content)
        assert quick.to_status() == slow.to_status()
        return False
    assert quick == slow
    return True


@pytest.mark.parametrize("available", [True, False])
def test_any_bytes(lookups: Lookups, available: bool) -> None:
    seen = [0, 0]
    lookups.table.available = available
    lookups.reload = lambda: None  # type: ignore[method-assign]  # the store knows none of these sellers

    @examples(400)
    @given(
        st.sampled_from([LOOKUP_SELLER, BATCH_LOOKUP_SELLERS]),
        st.one_of([message_bytes(shape, ids, st.integers(0, 3)) for shape in (SHAPE, QUICK)]),
    )
    def run(kind: int, content: bytes) -> None:
        seen[compare(lookups, kind, content)] += 1

    run()
    assert min(seen) > 20, seen


def test_ordinary_lookups_make_no_message(lookups: Lookups, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = registry_pb2.Consistency(minimise_latency=True)
    requests = [
        (LOOKUP_SELLER, registry_pb2.LookupSellerRequest(seller_id="s1")),
        (LOOKUP_SELLER, registry_pb2.LookupSellerRequest(seller_id="gone", consistency=quick)),
        (BATCH_LOOKUP_SELLERS, registry_pb2.BatchLookupSellersRequest(seller_ids=["s1", "gone", "s1", "s3"])),
        (BATCH_LOOKUP_SELLERS, registry_pb2.BatchLookupSellersRequest()),
    ]
    for kind, request in requests:
        assert compare(lookups, kind, request.SerializeToString())

    def fail(*_: object) -> None:
        raise AssertionError("a message was made")

    monkeypatch.setattr(wire, "parse", fail)
    for kind, request in requests:
        call = lookups.lookup_bytes if kind == LOOKUP_SELLER else lookups.batch_bytes
        response = RESPONSES[kind].FromString(call(request.SerializeToString()))
        assert response.consistency_token


@examples(60)
@given(
    st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 4), st.integers(0, 4), st.integers(0, 2)), max_size=5),
    st.lists(st.integers(0, 255), min_size=32, max_size=32),
    st.sampled_from([SINCE_NEVER, -700_000, 0, 19_999, 20_000, 20_001]),
    st.integers(0, 10**9),
)
def test_any_standing(states: list[tuple[int, ...]], strikes: list[int], since: int, ttl: int) -> None:
    rows = np.zeros(len(states), SELLER_RECORD_DTYPE)
    for row, state in zip(rows, states, strict=True):
        row["licences"], row["registration"], row["enforcement"], row["listing"] = state
    rows["since_day"] = since
    if len(rows):
        rows["strikes"][-1], rows["complaints"][-1] = strikes, strikes[0]
    seller_ids = [f"s{k}" for k in range(len(rows))]
    table = StandingTable(bytes(16))
    table.apply(7, seller_ids, rows)
    wanted = registry_pb2.BatchLookupSellersResponse(consistency_token="store.7")
    view = table.view(seller_ids, 20_000)
    for seller_id, standing in zip(seller_ids, view.standings, strict=True):
        answer = wanted.answers.add(seller_id=seller_id, outcome=1, ttl={"seconds": ttl})
        answer.standing.CopyFrom(messages.standing(seller_id, standing))
    content = registry_pb2.BatchLookupSellersRequest(seller_ids=seller_ids).SerializeToString()
    found = SellerWire("store").answer(BATCH_LOOKUP_SELLERS, content, table, 20_000, ttl, 1)
    assert found == wanted.SerializeToString(deterministic=True)


def test_many_sellers(lookups: Lookups) -> None:
    """More than fit into the memory that a call begins with; a smaller answer after them is right, too."""
    names = [f"many-{k}" for k in range(20_000)]
    rows = np.zeros(len(names), SELLER_RECORD_DTYPE)
    rows["strikes"][:, : len(CATEGORIES)] = 3
    rows["licences"] = np.arange(len(names))
    table = StandingTable(bytes(16))
    table.apply(7, names, rows)
    seller_wire = SellerWire("store", most=len(names))
    for ids in (names, names[:3]):
        content = registry_pb2.BatchLookupSellersRequest(seller_ids=ids).SerializeToString()
        answer = seller_wire.answer(BATCH_LOOKUP_SELLERS, content, table, 20_000, 60, 10)
        assert answer is not None
        response = registry_pb2.BatchLookupSellersResponse.FromString(answer)
        assert [one.seller_id for one in response.answers] == ids
        assert [len(one.standing.strikes) for one in response.answers] == [len(CATEGORIES)] * len(ids)
        assert response.consistency_token == "store.7"


def test_limits_are_told() -> None:
    with pytest.raises(ValueError, match="store_id has 200 bytes, expected 103 at most"):
        SellerWire("x" * 200)
    table = StandingTable(bytes(16))
    with pytest.raises(ValueError, match="kind is 2, expected 0 or 1"):
        SellerWire("x").answer(2, b"", table, 0, 0, 0)
