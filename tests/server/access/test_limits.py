"""Shedding and quotas, by a clock that the tests turn."""

from __future__ import annotations

import collections
import contextlib

import pytest

from fairpost.server.access.limits import Shedder
from fairpost.server.access.quotas import Quotas
from fairpost.server.errors import ResourceExhausted


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def shedder_of(clock: Clock, call: float) -> Shedder:
    """One whose calls have taken so many seconds for some time."""
    made = Shedder(0.005, clock=clock)
    for _ in range(200):
        made.took(call)
    return made


def refused(shedder: Shedder, waited: float, behind: int = 10) -> bool:
    before = shedder.refused
    with contextlib.suppress(ResourceExhausted):
        shedder.check(waited, behind)
    return shedder.refused > before


def test_what_a_refused_caller_is_told() -> None:
    with pytest.raises(ResourceExhausted) as caught:
        Shedder(0.005).check(1.5, 1)
    error = caught.value
    assert error.reason_name == "REASON_OVERLOADED"
    assert error.message == (
        "the server has more calls than it can answer in time: this one waited 1500 ms; try again later"
    )
    assert error.retry_after is not None
    assert 1.5 <= error.retry_after <= 4.5  # spread


def test_a_burst_may_wait_and_a_queue_that_stands_may_not() -> None:
    clock = Clock()
    shedder = shedder_of(clock, 0.01)
    for _ in range(10):
        assert not refused(shedder, 0.02)
        clock.now += 0.01
    clock.now += 0.02
    assert refused(shedder, 0.02)
    assert not refused(shedder, 0.004)  # those that waited less are answered
    clock.now += 0.5
    assert refused(shedder, 0.006)  # the same overload
    assert not refused(shedder, 0.001)
    clock.now += 1.1
    assert not refused(shedder, 0.02)  # another one
    assert shedder.refused == 2


def test_one_slow_call_at_a_time_is_no_queue() -> None:
    clock = Clock()
    shedder = Shedder(0.005, clock=clock)
    for _ in range(100):
        assert not refused(shedder, 0.5, behind=0)
        clock.now += 0.05


def test_heavy_calls_may_wait_for_each_other() -> None:
    clock = Clock()
    shedder = shedder_of(clock, 0.12)
    for _ in range(100):
        assert not refused(shedder, 0.028)
        clock.now += 0.02
    assert refused(shedder, 1.7)  # but not for ever
    assert not refused(shedder, 0.028)
    assert refused(shedder, 0.035)


@pytest.mark.parametrize(("callers", "call", "cost", "least"), [(1000, 0.0005, 0.0001, 0.85), (64, 0.04, 0.0004, 0.6)])
def test_callers_who_come_back_at_once_do_not_keep_it_refusing(
    callers: int, call: float, cost: float, least: float
) -> None:
    """Each has one call all the time; who is refused calls again at once. Four are answered at a time."""
    clock = Clock()
    shedder = shedder_of(clock, call)
    queue = collections.deque([clock.now] * callers)
    answered = 0
    begun = clock.now
    while clock.now < begun + 20:
        if refused(shedder, clock.now - queue.popleft()):
            clock.now += cost
        else:
            clock.now += call / 4
            shedder.took(call)
            answered += 1
        queue.append(clock.now)
    assert answered * call / 4 > least * 20
    assert shedder.refused > 0


def test_small_calls_may_wait_longer() -> None:
    clock = Clock()
    shedder = shedder_of(clock, 0.0005)
    for _ in range(100):
        assert not refused(shedder, 0.04)
        clock.now += 0.02
    for _ in range(6):
        assert not refused(shedder, 0.06)
        clock.now += 0.02
    assert refused(shedder, 0.06)


def test_nothing_is_shed_when_it_is_switched_off() -> None:
    shedder = Shedder(0.0)
    assert not any(refused(shedder, 30.0) for _ in range(10))


def test_quota_of_messages() -> None:
    clock = Clock()
    bucket = Quotas(messages=10, burst=2, clock=clock).bucket("a")
    for _ in range(20):
        bucket.take(1_000_000)
    with pytest.raises(ResourceExhausted) as caught:
        bucket.take(1)
    error = caught.value
    assert error.reason_name == "REASON_QUOTA_USED_UP"
    assert error.message == "the caller's quota of 10 messages a second is used up; go on in 0.100 s"
    assert error.metadata == {"quota": "messages_per_second", "limit": "10"}
    assert error.retry_after == pytest.approx(0.1)
    clock.now += 0.1001
    bucket.take(1)
    with pytest.raises(ResourceExhausted):
        bucket.take(1)
    clock.now += 100
    for _ in range(20):
        bucket.take(1)
    with pytest.raises(ResourceExhausted):
        bucket.take(1)


def test_quota_of_bytes_takes_one_large_message_and_is_then_in_debt() -> None:
    clock = Clock()
    bucket = Quotas(bytes=1000, burst=2, clock=clock).bucket("a")
    bucket.take(10_000)
    with pytest.raises(ResourceExhausted, match=r"quota of 1000 bytes a second is used up; go on in 8\.100 s"):
        bucket.take(100)
    clock.now += 8.11
    bucket.take(100)


def test_callers_have_buckets_of_their_own_and_many_are_forgotten() -> None:
    quotas = Quotas(messages=1, burst=1)
    assert quotas
    assert not Quotas()
    quotas.bucket("a").take(1)
    quotas.bucket("b").take(1)
    with pytest.raises(ResourceExhausted):
        quotas.bucket("a").take(1)
    for number in range(20_000):
        quotas.bucket(str(number))
    assert len(quotas) == 10_000
