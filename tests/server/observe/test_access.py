"""Log lines of calls: one a failed call, never contents, with ids to find them by."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import grpc
import pytest
import structlog

from fairpost.client import CallFailed
from fairpost.server.calls.call import Kind, Method
from fairpost.server.calls.dispatch import Admission, Dispatcher
from fairpost.server.calls.streams import Streams
from fairpost.server.errors import Internal, InvalidArgument
from fairpost.server.observe import access
from fairpost.server.observe.access import AccessLog
from fairpost.server.observe.watch import Watch
from fairpost.v1 import filter_pb2, filter_pb2_grpc, post_pb2, reason_pb2

METHOD = Method("fairpost.v1.FilterService", "CheckPost", Kind.UNARY, 1)
ERROR = InvalidArgument(reason_pb2.REASON_INVALID_FIELD, "the text is 根治")


class Caller:
    def __init__(self, **metadata: str) -> None:
        self._metadata = {name.replace("_", "-"): value for name, value in metadata.items()}

    def metadata(self) -> dict[str, str]:
        return self._metadata

    def is_active(self) -> bool:
        return True

    def peer(self) -> str:
        return "ipv4:192.0.2.7:51000"


def fail(watch: Watch, **metadata: str) -> None:
    caller: Any = Caller(**metadata)
    watch.begin(METHOD, caller).end(ERROR)


def test_one_line_a_failed_call() -> None:
    watch = Watch([METHOD], access_log=AccessLog())
    with structlog.testing.capture_logs([access.name_call]) as lines:
        fail(watch, x_request_id="order-17")
        caller: Any = Caller()
        watch.begin(METHOD, caller).end(None)
    (line,) = lines
    assert 0 <= line.pop("seconds") < 1
    assert line == {
        "event": "call failed",
        "log_level": "info",
        "method": "fairpost.v1.FilterService/CheckPost",
        "code": "INVALID_ARGUMENT",
        "reason": "REASON_INVALID_FIELD",
        "peer": "ipv4:192.0.2.7:51000",
        "request_id": "order-17",
    }


@pytest.mark.parametrize("given", ["", "a" * 65, "two words", "line\nbreak", "根治"])
def test_ids_of_callers_are_taken_only_if_they_are_sound(given: str) -> None:
    caller: Any = Caller(x_request_id=given)
    made = access.request_id_of(caller)
    assert len(made) == 16
    assert set(made) <= set("0123456789abcdef")


def test_lines_are_limited_and_those_left_out_are_told() -> None:
    now = [0.0]
    watch = Watch([METHOD], access_log=AccessLog(rate=2, burst=3, clock=lambda: now[0]))
    with structlog.testing.capture_logs() as lines:
        for _ in range(10):
            fail(watch)
        assert len(lines) == 3
        now[0] = 0.5
        fail(watch)
        fail(watch)
        now[0] = 60.0
        for _ in range(4):
            fail(watch)
    assert [line.get("left_out") for line in lines] == [None, None, None, 7, 1, None, None]
    assert watch.calls.read()[0].ended[3] == 16


def test_no_call_no_id() -> None:
    with structlog.testing.capture_logs([access.name_call]) as lines:
        structlog.get_logger().info("alone")
    assert "request_id" not in lines[0]


def test_a_real_server(server: Callable[..., Any], bundle: Callable[..., bytes]) -> None:
    running = server().start()
    running.client.activate(bundle({"根治": 0.97}))
    request = filter_pb2.CheckPostRequest(post=post_pb2.Post(text="", id="secret-post", seller_id="secret-seller"))
    stub = filter_pb2_grpc.FilterServiceStub(running.client.channel)
    with pytest.raises(grpc.RpcError):
        stub.CheckPost(request, metadata=[("x-request-id", "order-17")])
    with pytest.raises(CallFailed):
        running.client.seller("secret-seller")
    running.stop()
    printed = running.printed()
    lines = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    first, second = (line for line in lines if line["event"] == "call failed")
    assert first["request_id"] == "order-17"
    assert first["reason"] == "REASON_EMPTY_TEXT"
    assert first["peer"].startswith("ipv4:127.0.0.1:")
    assert (second["code"], second["method"]) == ("NOT_FOUND", "fairpost.v1.RegistryService/GetSeller")
    assert "secret" not in printed


class OpenGate:
    """Lets everybody in."""

    def enter(self, _method: Any, _call: Any) -> Admission:
        return self

    def message(self, _size: int) -> None: ...

    def check(self) -> None: ...

    def leave(self) -> None: ...


def test_incidents_are_in_both_lines() -> None:
    def fail(_content: bytes) -> bytes:
        raise RuntimeError("secret")

    method = Method("s", "A", Kind.UNARY, 10, answer=fail)
    watch = Watch([method], access_log=AccessLog())
    caller: Any = Caller()
    with structlog.testing.capture_logs([access.name_call]) as lines, pytest.raises(Internal):
        Dispatcher(OpenGate(), watch, Streams(1)).unary(method, caller, iter([b""]))
    unexpected, failed = lines
    assert unexpected["incident"] == failed["incident"]
    assert unexpected["request_id"] == failed["request_id"]
    assert (failed["code"], failed["reason"]) == ("INTERNAL", "REASON_INTERNAL")
