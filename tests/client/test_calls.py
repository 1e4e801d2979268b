"""Deadlines, retries, budget and hedging, against a server that fails as it is told."""

from __future__ import annotations

import dataclasses
import pickle
import random
import socket
import time
from collections import Counter
from typing import Any

import pytest
from client.scripted import Delay, Fail, Scripted
from hypothesis import given
from hypothesis import strategies as st
from protocol import services

from fairpost.client import CallFailed, Pace, Retry
from fairpost.client.catalogue import RPCS, Repeat
from fairpost.client.retrying import Budget, pause_before_retry
from fairpost.client.ring import Ring
from fairpost.v1 import registry_pb2, rules_pb2

NOT_REPEATED = [
    Fail("INVALID_ARGUMENT", "REASON_INVALID_FIELD"),
    Fail("NOT_FOUND", "REASON_SELLER_NOT_FOUND"),
    Fail("ALREADY_EXISTS"),
    Fail("FAILED_PRECONDITION", "REASON_NO_ACTIVE_RULE_SET"),
    Fail("PERMISSION_DENIED"),
    Fail("UNAUTHENTICATED"),
    Fail("INTERNAL", "REASON_INTERNAL"),
    Fail("UNKNOWN"),
    Fail("CANCELLED"),
    Fail("ABORTED", "REASON_CONFLICT"),
    Fail("RESOURCE_EXHAUSTED", "REASON_REQUEST_TOO_LARGE"),  # waiting does not make it smaller
]


def test_unavailable_is_asked_again(scripted: Scripted, make: Any, slept: Any) -> None:
    scripted.script += [Fail("UNAVAILABLE")] * 3
    assert make(scripted.target).lookup("s") is not None
    assert len(scripted.calls) == 4
    assert slept.pauses == [0.1, 0.2, 0.4]  # the longest that full jitter can draw


def test_pauses_grow_to_a_bound(scripted: Scripted, make: Any, slept: Any) -> None:
    scripted.script += [Fail("UNAVAILABLE")] * 20
    client = make(scripted.target, retry=Retry(attempts=9, first=0.1, factor=2, longest=1.0), timeout=100)
    with pytest.raises(CallFailed) as caught:
        client.lookup("s")
    assert (caught.value.code, caught.value.attempts, len(scripted.calls)) == ("UNAVAILABLE", 9, 9)
    assert slept.pauses == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0, 1.0]


@pytest.mark.parametrize("fail", NOT_REPEATED, ids=lambda fail: fail.code)
def test_refusals_are_not_repeated(scripted: Scripted, make: Any, slept: Any, fail: Fail) -> None:
    scripted.script += [fail]
    with pytest.raises(CallFailed) as caught:
        make(scripted.target).lookup("s")
    assert (caught.value.code, caught.value.reason, caught.value.attempts) == (fail.code, fail.reason, 1)
    assert (len(scripted.calls), slept.pauses) == (1, [])


def test_the_server_says_when(scripted: Scripted, make: Any, slept: Any) -> None:
    scripted.script += [Fail("RESOURCE_EXHAUSTED", "REASON_TOO_MANY_STREAMS", retry_after=0.7)]
    make(scripted.target).lookup("s")
    assert slept.pauses == [0.8]  # what it asked for, and the jitter on top


def test_a_leaving_server_is_not_waited_for(scripted: Scripted, make: Any, slept: Any) -> None:
    scripted.script += [Fail("UNAVAILABLE", "REASON_DRAINING", retry_after=5.0)]
    make(scripted.target).lookup("s")
    assert slept.pauses == [0.1]


def test_aborted_is_repeated_where_the_caller_says_so(scripted: Scripted, make: Any) -> None:
    scripted.script += [Fail("ABORTED", "REASON_CONFLICT")]
    client = make(scripted.target).with_options(retry=Retry(aborted=True))
    client.register(registry_pb2.RegisterSellerRequest(seller_id="s"))
    assert len(scripted.calls) == 2


def test_no_retry_at_all(scripted: Scripted, make: Any) -> None:
    scripted.script += [Fail("UNAVAILABLE")]
    with pytest.raises(CallFailed):
        make(scripted.target, retry=None).lookup("s")
    assert len(scripted.calls) == 1


def test_a_write_keeps_its_request_id(scripted: Scripted, make: Any) -> None:
    scripted.script += [Fail("UNAVAILABLE")] * 3
    client = make(scripted.target)
    request = registry_pb2.RegisterSellerRequest(seller_id="s")
    client.register(request)
    (sent,) = {call.request.request_id for call in scripted.calls}
    assert (sent.startswith("client-"), len(sent)) == (True, 39)
    assert request.request_id == ""  # the caller's message is his own: he may send it again as another write
    client.register(request)
    assert scripted.calls[-1].request.request_id not in ("", sent)
    request.request_id = "mine"
    client.register(request)
    assert scripted.calls[-1].request.request_id == "mine"
    assert scripted.calls[-1].request.seller_id == "s"


def test_what_has_no_request_id_is_never_sent_twice(scripted: Scripted, make: Any) -> None:
    client = make(scripted.target, hedge_after=0.01)
    for call in (lambda: client.activate(b"x"), client.roll_back):
        for fail in (Fail("UNAVAILABLE"), Fail("RESOURCE_EXHAUSTED", retry_after=0.1), Fail("ABORTED")):
            scripted.script += [fail]
            with pytest.raises(CallFailed):
                call()
    assert len(scripted.calls) == 6


def test_the_deadline_bounds_everything(scripted: Scripted, make: Any, slept: Any) -> None:
    client = make(scripted.target, timeout=10)
    client.lookup("s")  # connected
    scripted.script += [Delay(60)]
    begun = time.monotonic()
    with pytest.raises(CallFailed) as caught:
        client.with_options(timeout=0.6).lookup("s")
    assert (caught.value.code, len(scripted.calls)) == ("DEADLINE_EXCEEDED", 2)
    assert 0.5 < time.monotonic() - begun < 2
    # A pause that would reach the deadline is not begun; the failure is the server's.
    scripted.script += [Fail("RESOURCE_EXHAUSTED", retry_after=10)]
    with pytest.raises(CallFailed) as caught:
        client.lookup("s")
    assert (caught.value.code, caught.value.retry_after, slept.pauses) == ("RESOURCE_EXHAUSTED", 10, [])
    with pytest.raises(ValueError, match="every call has a deadline"):
        client.with_options(timeout=0)


def test_the_budget_bounds_retries(scripted: Scripted, make: Any) -> None:
    client = make(scripted.target, retry=Retry(budget=3, gain=0.5))
    scripted.script += [Fail("UNAVAILABLE")] * 13
    for _ in range(10):  # an outage: ten calls, and three retries among them
        with pytest.raises(CallFailed):
            client.lookup("s")
    assert len(scripted.calls) == 13
    client.lookup("s")
    client.lookup("s")  # two answers pay one retry
    scripted.script += [Fail("UNAVAILABLE")] * 2
    with pytest.raises(CallFailed):
        client.lookup("s")
    assert len(scripted.calls) == 17


def test_hedging(scripted: Scripted, make: Any) -> None:
    client = make(scripted.target, hedge_after=0.05)
    scripted.script += [Delay(60)]
    begun = time.monotonic()
    client.lookup("s")
    assert time.monotonic() - begun < 5
    assert [call.method for call in scripted.calls] == ["LookupSeller"] * 2
    assert scripted.calls[0].cancelled.wait(20), "the late one goes on"
    assert client._caller.budget.tokens == pytest.approx(99.1)  # one for the hedge, a tenth back for the answer


def test_a_hedge_that_fails_leaves_the_first(scripted: Scripted, make: Any) -> None:
    client = make(scripted.target, hedge_after=0.05)
    scripted.script += [Delay(1.5), Fail("UNAVAILABLE")]
    client.lookup("s")
    assert len(scripted.calls) == 2
    # A refusal is the answer, whichever says it.
    scripted.script += [Delay(20), Fail("NOT_FOUND")]
    with pytest.raises(CallFailed) as caught:
        client.lookup("s")
    assert (caught.value.code, len(scripted.calls)) == ("NOT_FOUND", 4)
    # Both fail: asked again.
    scripted.script += [Delay(0.2), Fail("UNAVAILABLE")]
    client.lookup("s")


def test_no_hedge_for_writes_nor_unasked(scripted: Scripted, make: Any) -> None:
    scripted.script += [Delay(0.15), Delay(0.15)]
    make(scripted.target, hedge_after=0.01).register(registry_pb2.RegisterSellerRequest(seller_id="s"))
    make(scripted.target).lookup("s")
    assert len(scripted.calls) == 2
    # No budget, no hedge.
    scripted.script += [Delay(0.15)]
    make(scripted.target, hedge_after=0.01, retry=Retry(budget=0)).lookup("s")
    assert len(scripted.calls) == 3


def test_several_targets(scripted: Scripted, make: Any) -> None:
    other = Scripted()
    try:
        client = make([scripted.target, other.target])
        for _ in range(20):
            client.lookup("s")
        assert (len(scripted.calls), len(other.calls)) == (10, 10)
    finally:
        other.stop()
    for _ in range(20):  # one is gone: nobody notices
        client.lookup("s")
    assert len(scripted.calls) == 30
    assert client._caller.ring._failures[1] < 5, "the dead one is tried again and again"


def test_where_nobody_listens_retries_are_free_and_take_their_time(make: Any, slept: Any) -> None:
    drawn: list[tuple[float, float]] = []

    def draw(low: float, high: float) -> float:
        drawn.append((low, high))
        return low

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        target = f"127.0.0.1:{taken.getsockname()[1]}"
        pace = dataclasses.replace(slept.pace(), draw=draw)
        client = make(target, timeout=5, retry=Retry(attempts=4, budget=1), pace=pace)
        for _ in range(3):
            with pytest.raises(CallFailed, match="Connection refused") as caught:
                client.lookup("s")
            assert (caught.value.code, caught.value.unsent, caught.value.attempts) == ("UNAVAILABLE", True, 4)
        assert [bound for low_high in drawn for bound in low_high] == pytest.approx([0.05, 0.1, 0.1, 0.2, 0.2, 0.4] * 3)
        assert client._caller.budget.tokens == 1
        with pytest.raises(CallFailed) as caught:
            client.roll_back()  # is never sent twice; here it was not sent
    assert (caught.value.unsent, caught.value.attempts) == (True, 4)
    assert pickle.loads(pickle.dumps(caught.value)).unsent


def test_a_name_that_cannot_be_resolved_is_no_load_either(make: Any) -> None:
    with pytest.raises(CallFailed, match="name") as caught:
        make("nobody.invalid:50051", timeout=5, retry=None).lookup("s")
    assert caught.value.unsent


def test_channels_are_connections(scripted: Scripted, make: Any) -> None:
    client = make(scripted.target, channels=3)
    for _ in range(9):
        client.lookup("s")
    assert sorted(Counter(call.peer for call in scripted.calls).values()) == [3, 3, 3]


def test_no_server(make: Any) -> None:
    client = make("127.0.0.1:1", retry=Retry(attempts=2))
    with pytest.raises(CallFailed) as caught:
        client.wait_ready(0.2)
    assert caught.value.message == "127.0.0.1:1: no server answers within 0.2 s"
    with pytest.raises(CallFailed) as caught:
        client.lookup("s")
    assert (caught.value.code, caught.value.reason, caught.value.attempts) == ("UNAVAILABLE", "", 2)


def test_wait_ready_wants_one_of_them(scripted: Scripted, make: Any) -> None:
    make(["127.0.0.1:1", scripted.target]).wait_ready(10)


def test_any_method_by_name(scripted: Scripted, make: Any) -> None:
    client = make(scripted.target)
    answer = client.call("fairpost.v1.RulesService/GetStatus", rules_pb2.GetStatusRequest())
    assert isinstance(answer, rules_pb2.GetStatusResponse)
    with pytest.raises(ValueError, match=r"'GetEverything' is no method of fairpost\.v1; there are Acknowledge, "):
        client.call("GetEverything", rules_pb2.GetStatusRequest())
    with pytest.raises(ValueError, match="no method"):
        client.call("fairpost.v1.FilterService/GetStatus", rules_pb2.GetStatusRequest())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attempts": 0}, "attempts is 0; at least 1"),
        ({"first": 0}, "first and longest must be above 0 s"),
        ({"gain": -1}, "cannot be negative"),
    ],
)
def test_wrong_retry(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Retry(**options)


codes = st.sampled_from(["UNAVAILABLE", "RESOURCE_EXHAUSTED", "ABORTED", "INTERNAL", "DEADLINE_EXCEEDED"])


@given(
    codes,
    st.none() | st.floats(0, 5),
    st.booleans(),
    st.sampled_from(list(Repeat)),
    st.integers(1, 8),
    st.floats(0, 10),
    st.randoms(use_true_random=False),
)
def test_pauses_stay_within_their_bounds(
    code: str, asked: float | None, unsent: bool, repeat: Repeat, attempts: int, left: float, dice: random.Random
) -> None:
    failure = CallFailed(code, "x", retry_after=asked, unsent=unsent)
    retry = Retry(attempts=6, first=0.1, longest=2.0)
    budget = Budget(1, 0.1)
    made = pause_before_retry(failure, retry, budget, repeat=repeat, attempts=attempts, left=left, draw=dice.uniform)
    if made is None:
        assert budget.tokens == 1
        return
    assert unsent or repeat is not Repeat.NEVER
    assert attempts < 6
    assert unsent or code == "UNAVAILABLE" or (code == "RESOURCE_EXHAUSTED" and asked is not None)
    bound = min(2.0, 0.1 * 2 ** (attempts - 1))
    assert (asked or 0) + (bound / 2 if unsent else 0) <= made <= (asked or 0) + bound
    assert made < left
    assert budget.tokens == (1 if unsent else 0)


def test_the_ring_rests_what_failed() -> None:
    clock = [0.0]
    ring = Ring(3, lambda: clock[0])
    assert [ring.take() for _ in range(6)] == [0, 1, 2, 0, 1, 2]
    gone = CallFailed("UNAVAILABLE", "x")
    ring.failed(1, gone)
    assert [ring.take() for _ in range(4)] == [0, 2, 0, 2]
    clock[0] = 0.3
    assert sorted(ring.take() for _ in range(3)) == [0, 1, 2]
    for _ in range(20):
        ring.failed(1, gone)
    clock[0] += 9.9
    assert 1 not in [ring.take() for _ in range(6)]
    clock[0] += 0.2  # ten seconds at most
    assert 1 in [ring.take() for _ in range(3)]
    # One that says why it cannot answer is there.
    ring.answered(1)
    ring.failed(1, CallFailed("UNAVAILABLE", "x", "REASON_STORE_UNAVAILABLE"))
    ring.failed(1, CallFailed("INVALID_ARGUMENT", "x"))
    assert 1 in [ring.take() for _ in range(3)]
    # All rest: the ring does not refuse, and avoids the one just tried.
    for index in range(3):
        ring.failed(index, gone)
    assert ring.take(avoid=0) in (1, 2)


def test_every_method_is_known() -> None:
    assert {name for name, rpc in RPCS.items() if rpc.repeat is Repeat.NEVER} >= {"ActivateBundle", "RollBack"}
    for name, rpc in RPCS.items():
        assert rpc.path.endswith(f"/{name}")
        if rpc.repeat is Repeat.BY_REQUEST_ID:
            assert "request_id" in rpc.request.DESCRIPTOR.fields_by_name
    assert RPCS["CheckPost"].repeat is RPCS["LookupSeller"].repeat is Repeat.ALWAYS
    assert RPCS["ErasePerson"].repeat is RPCS["FileAppeal"].repeat is Repeat.BY_REQUEST_ID


def test_every_service_is_known() -> None:
    names = [f"/{service.full_name}/{method.name}" for service in services() for method in service.methods]
    assert sorted(rpc.path for rpc in RPCS.values()) == sorted(names), "is a method's name used twice?"


def test_the_default_pace_draws_from_the_whole_range() -> None:
    drawn = [Pace().draw(0.0, 1.0) for _ in range(200)]
    assert min(drawn) < 0.2
    assert max(drawn) > 0.8


def test_a_connection_that_never_works_rests_ten_seconds_at_most() -> None:
    """Also after more failures than a float can be doubled."""
    clock = [0.0]
    ring = Ring(2, lambda: clock[0])
    refused = CallFailed("UNAVAILABLE", "connection refused")
    for _ in range(3000):
        ring.failed(0, refused)
    clock[0] = 9.0
    assert {ring.take(), ring.take()} == {1}
    clock[0] = 10.0
    assert {ring.take(), ring.take()} == {0, 1}
