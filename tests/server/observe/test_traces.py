"""Spans of calls and engine passes, with the caller's span as parent."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.instrumentation.grpc import client_interceptor
from opentelemetry.instrumentation.grpc.grpcext import intercept_channel
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from fairpost.client import CallFailed, Client
from fairpost.server.errors import Internal, NotFound
from fairpost.server.observe import instruments
from fairpost.server.observe.traces import Traces, _peer
from fairpost.v1 import filter_pb2, filter_pb2_grpc, post_pb2, reason_pb2

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """What the server of this test exports."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(instruments, "_traces", lambda: Traces(provider))
    return exporter


@pytest.fixture
def running(inside: Callable[..., Any], bundle: Callable[..., bytes], spans: InMemorySpanExporter) -> Any:
    server = inside(traces=True).start()
    server.client.activate(bundle({"根治": 0.97}), source="test")
    spans.clear()
    return server


def by_name(spans: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name.rpartition("/")[2]: span for span in spans.get_finished_spans()}


def test_a_call_and_its_engine_pass(running: Any, spans: InMemorySpanExporter) -> None:
    request = filter_pb2.CheckPostRequest(post=post_pb2.Post(text="根治", id="secret"))
    filter_pb2_grpc.FilterServiceStub(running.client.channel).CheckPost(request, metadata=[("traceparent", PARENT)])
    found = by_name(spans)
    call, engine = found["CheckPost"], found["judge posts"]
    assert call.kind is SpanKind.SERVER
    assert call.parent is not None
    assert call.context.trace_id == call.parent.trace_id == 0x0AF7651916CD43DD8448EB211C80319C
    assert call.parent.span_id == 0xB7AD6B7169203331
    assert call.attributes is not None
    attributes = dict(call.attributes)
    assert attributes.pop("network.peer.port") == pytest.approx(33_000, abs=33_000)
    assert attributes == {
        "rpc.system.name": "grpc",
        "rpc.method": "fairpost.v1.FilterService/CheckPost",
        "rpc.response.status_code": "OK",
        "network.transport": "tcp",
        "network.peer.address": "127.0.0.1",
    }
    assert engine.parent == call.context
    assert engine.attributes == {
        "fairpost.posts": 1,
        "fairpost.revision": running.client.status().active.revision,
    }
    assert call.start_time <= engine.start_time <= engine.end_time <= call.end_time  # type: ignore[operator]


def test_streams_are_one_span_with_a_pass_for_each_message(running: Any, spans: InMemorySpanExporter) -> None:
    list(running.client.check_many([post_pb2.Post(text="今天")] * 5, batch=2))
    finished = spans.get_finished_spans()
    call = finished[-1]
    assert call.name == "fairpost.v1.FilterService/StreamCheck"
    passes = [span for span in finished if span.name == "judge posts"]
    assert [span.attributes["fairpost.posts"] for span in passes if span.attributes] == [2, 2, 1]
    assert [span.parent for span in passes] == [call.context] * 3


def test_faults_of_callers_are_no_errors_of_the_server(running: Any, spans: InMemorySpanExporter) -> None:
    with pytest.raises(CallFailed):
        running.client.seller("nobody")
    call = by_name(spans)["GetSeller"]
    assert call.status.status_code is StatusCode.UNSET
    assert call.attributes is not None
    assert call.attributes["rpc.response.status_code"] == call.attributes["error.type"] == "NOT_FOUND"
    assert call.attributes["fairpost.reason"] == "REASON_SELLER_NOT_FOUND"
    assert "nobody" not in str(call.to_json())


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Internal(reason_pb2.REASON_INTERNAL, "secret"), StatusCode.ERROR),
        (NotFound(reason_pb2.REASON_SELLER_NOT_FOUND, "secret"), StatusCode.UNSET),
    ],
)
def test_faults_of_the_server_are_errors(error: Any, status: StatusCode) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    call: Any = type("Caller", (), {"metadata": lambda _: {}, "peer": lambda _: "unix:"})()
    method: Any = type("Method", (), {"path": "s/A"})
    Traces(provider).begin(method, call).end(error, gone=False)
    (span,) = exporter.get_finished_spans()
    assert span.status.status_code is status
    assert "secret" not in str(span.to_json())


def test_the_standard_instrumentation_of_clients_is_followed(running: Any, spans: InMemorySpanExporter) -> None:
    provider, exporter = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with Client(running.server.address) as client:
        channel = intercept_channel(client.channel, client_interceptor(provider))  # type: ignore[no-untyped-call]
        filter_pb2_grpc.FilterServiceStub(channel).CheckPost(
            filter_pb2.CheckPostRequest(post=post_pb2.Post(text="今天"))
        )
    (sent,) = exporter.get_finished_spans()
    assert by_name(spans)["CheckPost"].parent.span_id == sent.context.span_id  # type: ignore[union-attr]


def test_lines_and_decisions_have_the_trace(
    inside: Callable[..., Any], bundle: Callable[..., bytes], spans: InMemorySpanExporter, tmp_path: Any
) -> None:
    running = inside(traces=True, decision_log=tmp_path / "log", decision_log_sample="").start()
    running.client.activate(bundle({"根治": 0.97}), source="test")
    request = filter_pb2.CheckPostRequest(post=post_pb2.Post(text="根治"))
    for parent in (PARENT, UNSAMPLED):
        filter_pb2_grpc.FilterServiceStub(running.client.channel).CheckPost(request, metadata=[("traceparent", parent)])
    running.stop()
    first, second = (tmp_path / "log" / "decisions-0.jsonl").read_text(encoding="utf-8").splitlines()
    assert '"trace_id":"0af7651916cd43dd8448eb211c80319c"' in first
    assert "trace_id" not in second, "nobody would find it"
    assert sum(span.name.endswith("CheckPost") for span in spans.get_finished_spans()) == 1


@pytest.mark.parametrize(
    ("peer", "attributes"),
    [
        (
            "ipv4:192.0.2.7:51000",
            {"network.transport": "tcp", "network.peer.address": "192.0.2.7", "network.peer.port": 51000},
        ),
        ("ipv6:%5B::1%5D:80", {"network.transport": "tcp", "network.peer.address": "::1", "network.peer.port": 80}),
        ("ipv6:[::1]:80", {"network.transport": "tcp", "network.peer.address": "::1", "network.peer.port": 80}),
        ("unix:/run/x", {"network.transport": "unix", "network.peer.address": "/run/x"}),
        ("unix:", {"network.transport": "unix"}),
        ("what", {}),
    ],
)
def test_peers(peer: str, attributes: dict[str, Any]) -> None:
    assert _peer(peer) == attributes


def start(**environment: str) -> subprocess.CompletedProcess[str]:
    code = "from fairpost.server.observe.instruments import _traces; _traces(); print('made')"
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**{k: v for k, v in os.environ.items() if not k.startswith("OTEL_")}, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_exporters_come_from_the_environment() -> None:
    assert start(OTEL_TRACES_EXPORTER="console").stdout == "made\n"
    done = start(OTEL_TRACES_EXPORTER="nowhere")
    assert "OTEL_TRACES_EXPORTER: 'nowhere': no such exporter is installed (nowhere); installed: " in done.stderr


def test_without_traces_nothing_of_it_is_loaded() -> None:
    code = "import fairpost.server.run, sys; sys.exit(any(n.startswith('opentelemetry') for n in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_missing_extra_is_named(inside: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    for name in [name for name in sys.modules if name.startswith(("opentelemetry.", "fairpost.server.observe.traces"))]:
        monkeypatch.delitem(sys.modules, name)
    assert "pip install 'fairpost[otel]'" in inside(traces=True).refused()
