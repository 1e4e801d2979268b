"""The gate and the dispatcher without a transport: what is asked in which order, and what an expired call costs."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from google.rpc import code_pb2

from fairpost.server.access.attempts import Attempts
from fairpost.server.access.gate import AccessGate, address
from fairpost.server.access.keyring import Keyring
from fairpost.server.access.limits import Shedder
from fairpost.server.access.pool import CallPool, queued
from fairpost.server.access.quotas import Quotas
from fairpost.server.access.unread import Unread
from fairpost.server.audit import current
from fairpost.server.calls.call import Kind, Method
from fairpost.server.calls.dispatch import Dispatcher, Observation
from fairpost.server.calls.streams import Streams
from fairpost.server.calls.waits import CALLS, Waits
from fairpost.server.errors import ServiceError
from fairpost.server.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Call:
    """A call of a transport that there is not."""

    def __init__(self, *, left: float | None = None, waited: tuple[float, int] = (0.0, 0)) -> None:
        self.left = left
        self._queued = waited
        self.cancelled = threading.Event()

    def metadata(self) -> dict[str, str]:
        return {}

    def authorization(self) -> str | None:
        return None

    def queued(self) -> tuple[float, int]:
        return self._queued

    def peer(self) -> str:
        return "ipv6:[2001:db8::1]:4711"

    def identities(self) -> list[str]:
        return []

    def time_left(self) -> float | None:
        return self.left

    def is_active(self) -> bool:
        return not self.cancelled.is_set()

    def cancel(self) -> None:
        self.cancelled.set()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[AccessGate]:
    with Store.open(f"sqlite:///{tmp_path / 'r.sqlite'}") as store:
        quotas = Quotas(messages=5, burst=1)
        yield AccessGate(Keyring(store), Shedder(0.005), quotas, Unread(100, 60.0), Attempts(store), required=False)


def method(name: str = "CheckPost", answer: Any = lambda content: content, kind: Kind = Kind.UNARY) -> Method:
    return Method("fairpost.v1.FilterService", name, kind, 1000, answer=answer)


class Unobserved:
    """Nobody watches."""

    def begin(self, _method: Any, _call: Any) -> Observation:
        return self

    def begin_message(self) -> None: ...

    def message(self, _received: bytes | None, _sent: bytes) -> None: ...

    def end(self, _error: Any, *, gone: bool = False) -> None: ...


def dispatched(gate: AccessGate, call: Call, requests: Any, answer: Any) -> bytes:
    waits = Waits()
    dispatcher = Dispatcher(gate, Unobserved(), Streams(1, waits), waits)
    return dispatcher.unary(method(answer=answer), call, requests)


def test_an_expired_call_is_not_worked_on(gate: AccessGate) -> None:
    answered: list[bytes] = []
    with pytest.raises(ServiceError) as caught:
        dispatched(gate, Call(left=0.0), iter([b"x"]), answered.append)
    assert (caught.value.code, caught.value.reason_name) == (code_pb2.DEADLINE_EXCEEDED, "REASON_DEADLINE_PASSED")
    assert answered == []
    assert dispatched(gate, Call(left=0.5), iter([b"x"]), lambda content: content) == b"x"


def test_who_is_refused_is_not_listened_to(gate: AccessGate) -> None:
    def received() -> bytes:
        raise AssertionError("the request was received")

    with pytest.raises(ServiceError) as caught:
        dispatched(gate, Call(waited=(5.0, 1)), iter(received, b""), bytes)
    assert caught.value.reason_name == "REASON_OVERLOADED"


def test_a_call_without_a_request(gate: AccessGate) -> None:
    with pytest.raises(ServiceError, match=r"FilterService/CheckPost takes a request; there was none"):
        dispatched(gate, Call(), iter([]), bytes)


def test_quota_and_caller(gate: AccessGate) -> None:
    seen: list[tuple[str, str, str]] = []

    def answer(content: bytes) -> bytes:
        caller = current()
        seen.append((caller.actor, caller.method, caller.peer))
        return content

    for _ in range(5):
        dispatched(gate, Call(), iter([b"x"]), answer)
    assert set(seen) == {("loopback", "fairpost.v1.FilterService/CheckPost", "ipv6:[2001:db8::1]")}
    with pytest.raises(ServiceError) as caught:
        dispatched(gate, Call(), iter([b"x"]), answer)
    assert caught.value.reason_name == "REASON_QUOTA_USED_UP"


def test_a_method_that_the_table_has_not_needs_a_key(gate: AccessGate) -> None:
    with pytest.raises(ServiceError) as caught:
        gate.enter(method("CheckEverything"), Call())
    assert caught.value.reason_name == "REASON_CREDENTIALS_MISSING"


def test_answers_unread() -> None:
    unread = Unread(100, 0.05)
    call = Call()
    ended: list[Callable[[], None]] = []

    def when_ended(callback: Callable[[], None]) -> bool:
        ended.append(callback)
        return True

    unread.add(call, 60, when_ended)
    unread.check()
    unread.add(Call(), 60, when_ended)
    with pytest.raises(ServiceError, match="answers of 120 bytes wait for callers that do not read them; at most 100"):
        unread.check()
    ended.pop()()
    unread.check()
    time.sleep(0.06)
    unread.sweep()
    assert call.cancelled.is_set()
    ended.pop()()
    assert unread.bytes == 0
    unread.add(call, 60, lambda callback: False)  # it has ended
    assert unread.bytes == 0


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("ipv4:192.0.2.7:51000", "ipv4:192.0.2.7"),
        ("ipv6:[::1]:51000", "ipv6:[::1]"),
        ("unix:/run/x", "unix:/run/x"),
        ("", ""),
    ],
)
def test_addresses(peer: str, expected: str) -> None:
    assert address(peer) == expected


def test_threads_that_wait_for_callers_are_replaced() -> None:
    waits, pool = Waits(idle_seconds=60, receive_seconds=60), CallPool(2)
    release, done = threading.Event(), threading.Event()

    def held() -> None:
        wait = waits.begin(Call(), 60.0, lends=CALLS)
        release.wait(60)
        waits.end(wait)

    for _ in range(5):
        pool.submit(held)
    pool.submit(done.set)
    deadline = time.monotonic() + 60
    while not done.is_set():
        assert time.monotonic() < deadline, "the last call starves"
        pool.lend(waits.sweep()[CALLS])
        time.sleep(0.06)
    assert pool.size >= 3
    release.set()
    pool.lend(0)
    for _ in range(50):
        finished = threading.Event()
        pool.submit(finished.set)
        assert finished.wait(60)
    while pool.size > 2:
        assert time.monotonic() < deadline + 60
        pool.submit(lambda: None)
        time.sleep(0.01)
    pool.shutdown()
    with pytest.raises(RuntimeError):
        pool.submit(print)


def test_a_call_knows_how_long_it_waited() -> None:
    pool, done = CallPool(1), threading.Event()
    seen: list[Any] = []
    pool.submit(time.sleep, 0.1)
    pool.submit(lambda: seen.append(queued()))
    pool.submit(done.set).add_done_callback(lambda _: seen.append("told"))
    assert done.wait(60)
    pool.shutdown()
    waited, behind = seen[0]
    assert 0.05 < waited < 2.0
    assert behind == 1
    assert seen[1] == "told"
    assert queued() == (0.0, 0)
