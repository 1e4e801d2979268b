"""Callers that send nothing, too much, or read nothing: the others are answered, and memory stays bounded."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import h2.errors
import h2.events
import h2.exceptions
import pytest
from raw_http2 import RawClient
from running import Running

from fairpost.client import CallFailed, Client
from fairpost.v1 import filter_pb2, filter_pb2_grpc, post_pb2, registry_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHECK, STATUS = "fairpost.v1.FilterService/CheckPost", "fairpost.v1.RulesService/GetStatus"
CHECKS, STREAM = "fairpost.v1.FilterService/CheckPosts", "fairpost.v1.FilterService/StreamCheck"
WATCH, HEALTH = "fairpost.v1.RegistryService/WatchSellers", "grpc.health.v1.Health/Check"
MIB = 1 << 20


@pytest.fixture(scope="module")
def running(module_server: Callable[..., Any], bundle: Any) -> Any:
    """A server in a process of its own, impatient so that the tests are quick."""
    options = {"receive_seconds": 1.0, "stream_idle_seconds": 1.5, "max_unread_bytes": MIB, "threads": 2}
    options |= {"max_streams": 6, "max_watchers": 3, "max_bundle_bytes": 8 * MIB}
    made = module_server(**options).start()
    made.client.activate(bundle({"根治": 0.97, "特效": 0.65}))
    made.client.check("根治")
    return made


def stub(running: Running) -> filter_pb2_grpc.FilterServiceStub:
    return filter_pb2_grpc.FilterServiceStub(running.client.channel)


def rss(running: Any) -> int:
    """Bytes of memory of the server's processes."""
    pid = running.process.pid
    children = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    pids = [pid, *(int(child) for each in children for child in each)]
    assert len(pids) > 1, "no worker"
    lines = [line for each in pids for line in Path(f"/proc/{each}/status").read_text().splitlines()]
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


def answered(running: Any, *, within: float, rounds: int = 10) -> None:
    """Another caller, on a connection of his own, gets his answers."""
    with Client(f"127.0.0.1:{running.port}", timeout=within) as client:
        for _ in range(rounds):
            client.status()
            client.check("好茶")


def resets(events: list[Any]) -> int:
    return sum(isinstance(event, h2.events.StreamReset | h2.events.StreamEnded) for event in events)


@pytest.mark.parametrize("path", [CHECK, WATCH, HEALTH, STREAM])
def test_calls_of_which_nothing_comes(running: Any, path: str) -> None:
    with RawClient(running.port) as raw:
        for _ in range(40):
            raw.call(path)
        raw.flush()
        time.sleep(0.15)
        answered(running, within=3.0)  # while they are open
        deadline = time.monotonic() + 60
        while resets(raw.events) < 40:
            assert time.monotonic() < deadline, resets(raw.events)
            raw.read(0.5)
    answered(running, within=3.0)
    assert list(running.client.check_many([post_pb2.Post(text="好茶")] * 10))


def test_half_a_message(running: Any) -> None:
    with RawClient(running.port) as raw:
        streams = [raw.call(CHECK) for _ in range(8)]
        for stream in streams:
            raw.connection.send_data(stream, b"\0\0\0\1\0" + b"x" * 100)  # 100 of 256
        raw.flush()
        answered(running, within=3.0)
        deadline = time.monotonic() + 60
        while resets(raw.events) < 8:
            assert time.monotonic() < deadline
            raw.read(0.5)


def test_a_silent_stream_ends_as_cancelled(running: Any) -> None:
    silent = threading.Event()

    def requests() -> Iterator[filter_pb2.StreamCheckRequest]:
        yield filter_pb2.StreamCheckRequest(posts=[post_pb2.Post(text="好茶")], sequence=1)
        silent.wait(60)

    call: Any = stub(running).StreamCheck(requests())
    assert next(call).sequence == 1
    began = time.monotonic()
    with pytest.raises(grpc.RpcError) as caught:
        next(call)
    assert caught.value.code() is grpc.StatusCode.CANCELLED
    assert 1.0 < time.monotonic() - began < 5.0
    silent.set()


def test_answers_that_are_not_read(running: Any) -> None:
    posts = [post_pb2.Post(text="根治特效" * 20, id=str(i)) for i in range(400)]
    request = filter_pb2.CheckPostsRequest(posts=posts, dry_run=True).SerializeToString()
    before = rss(running)
    with RawClient(running.port, window=0) as raw:
        size = len(running.client.channel.unary_unary(f"/{CHECKS}")(request, timeout=20))
        assert size > 64 * 1024
        refused = False
        deadline = time.monotonic() + 60
        while not refused:
            assert time.monotonic() < deadline, "answers without end are taken in"
            for _ in range(8):
                raw.call(CHECKS, request)
            raw.flush()
            raw.read(0.05)
            try:
                running.client.with_options(retry=None).check("好茶")
            except CallFailed as error:
                refused = error.reason == "REASON_ANSWERS_UNREAD"
        assert rss(running) - before < 60 * MIB
        deadline = time.monotonic() + 60
        while True:  # they are ended after stream_idle_seconds
            try:
                running.client.check("好茶")
                break
            except CallFailed:
                assert time.monotonic() < deadline
                time.sleep(0.1)
    answered(running, within=3.0)


def test_a_stream_whose_answers_are_not_read(running: Any) -> None:
    """Tiny messages without end: the server stops reading when nobody takes its answers."""
    before = rss(running)
    with RawClient(running.port, window=0) as raw:
        stream = raw.call(STREAM)
        sent = 0
        try:
            while sent < 200_000 and not resets(raw.events):
                window = raw.connection.local_flow_control_window(stream)
                if window < 5:
                    raw.read(0.2)
                    if raw.connection.local_flow_control_window(stream) < 5:
                        break
                    continue
                raw.connection.send_data(stream, (b"\0" * 5) * min(1000, window // 5))
                sent += min(1000, window // 5)
                raw.flush()
        except (TimeoutError, ConnectionError, h2.exceptions.StreamClosedError):
            pass
        assert rss(running) - before < 60 * MIB
        answered(running, within=3.0)


def test_a_flood_of_tiny_messages(running: Any) -> None:
    before = rss(running)
    count = 20_000
    answers = stub(running).StreamCheck(filter_pb2.StreamCheckRequest(sequence=i) for i in range(count))
    thread = threading.Thread(target=answered, args=(running,), kwargs={"within": 5.0})
    thread.start()
    assert sum(1 for _ in answers) == count
    thread.join()
    assert rss(running) - before < 60 * MIB


def test_giant_messages(running: Any) -> None:
    before = rss(running)
    options = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(f"127.0.0.1:{running.port}", options=options) as channel:
        call = channel.unary_unary(f"/{CHECK}", None, None)
        giant = bytes(40 * MIB)
        futures = [call.future(giant, timeout=20) for _ in range(6)]
        answered(running, within=10.0, rounds=3)
        for future in futures:
            assert future.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        below = call.future(bytes(6 * MIB), timeout=20)
        assert below.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "at most 4194304 are taken" in below.details()
    assert rss(running) - before < 120 * MIB
    answered(running, within=3.0)


def test_streams_opened_and_reset_at_once(running: Any) -> None:
    """CVE-2023-44487."""
    before = rss(running)
    with RawClient(running.port) as raw:
        try:
            for _ in range(100):
                for _ in range(50):
                    stream = raw.call(STATUS, b"")
                    raw.connection.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
                raw.flush()
                raw.read(0.001)
        except (ConnectionError, TimeoutError, h2.exceptions.ProtocolError):
            pass
        answered(running, within=5.0)
    assert rss(running) - before < 60 * MIB


def test_cancelled_streams(running: Any) -> None:
    for _ in range(100):
        call: Any = stub(running).StreamCheck(iter([filter_pb2.StreamCheckRequest(sequence=1)] * 3))
        call.cancel()
    deadline = time.monotonic() + 60
    checked = 0
    while not checked and time.monotonic() < deadline:
        with contextlib.suppress(CallFailed):  # as long as the server has not heard of all of it
            checked = len(list(running.client.check_many([post_pb2.Post(text="好茶")] * 3)))
    assert checked == 3


def test_connections_that_say_nothing(running: Any) -> None:
    silent = [socket.create_connection(("127.0.0.1", running.port)) for _ in range(200)]
    answered(running, within=3.0)
    for each in silent:
        each.close()


def test_pings_without_end(running: Any) -> None:
    with RawClient(running.port) as raw:
        with contextlib.suppress(ConnectionError, TimeoutError):
            for number in range(2000):
                raw.connection.ping(number.to_bytes(8, "big"))
                raw.flush()
        raw.read(2.0, h2.events.ConnectionTerminated)
        assert any(isinstance(event, h2.events.ConnectionTerminated) for event in raw.events)
    answered(running, within=3.0)


def test_metadata_without_end(running: Any) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        call = channel.unary_unary(f"/{STATUS}", None, None)
        future = call.future(b"", metadata=(("x", "y" * 60_000),), timeout=5)
        assert future.code() in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.INTERNAL)
    answered(running, within=3.0)


def test_more_calls_than_a_connection_may_have_wait_at_the_client(running: Any) -> None:
    """None of 500 calls at once on one connection fails: those beyond the limit are not sent before others end."""
    with grpc.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        call = channel.unary_unary(f"/{WATCH.split('/')[0]}/BatchLookupSellers", None, None)
        request = registry_pb2.BatchLookupSellersRequest(seller_ids=["a"]).SerializeToString()
        with_room = [call.future(request, timeout=30) for _ in range(500)]
        codes = {future.code() for future in with_room}
    assert codes <= {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}  # the latter: shed, on a busy machine
    assert grpc.StatusCode.OK in codes
