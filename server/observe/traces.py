"""OpenTelemetry spans of calls and of engine passes.

The names are those of the semantic conventions for RPC. The spans are made here and not by
`opentelemetry-instrumentation-grpc`, whose server interceptor wraps each handler anew: with that, streams of the
registry lose the threads of their own (`experimental_thread_pool`), and our errors, which leave by
`abort_with_status`, end as spans without an error. Clients can use that package as it is: the caller's context comes
with the metadata, in the form that OTEL_PROPAGATORS names.
"""

from __future__ import annotations

import os
import time
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context as contexts
from opentelemetry import propagate, trace
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode

from fairpost.server.observe.calls import CODES

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import TracerProvider

    from fairpost.server.calls.call import Call, Method
    from fairpost.server.errors import ServiceError

__all__ = ["CallSpan", "Traces", "TracesError", "configured"]

# Codes that are the server's fault, as the conventions say: others are the caller's, and no error of the server's span.
_SERVER_FAULTS: Final = {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}


class TracesError(Exception):
    """Traces cannot be set up; the message says what is wrong in the environment."""


def configured() -> TracerProvider:
    """The provider that the OTEL_* variables of the environment describe; one that the program has set stays.

    OTEL_TRACES_EXPORTER names the exporters ("otlp" by default; "none"), OTEL_EXPORTER_OTLP_* where they send to,
    OTEL_TRACES_SAMPLER what is sampled, OTEL_SERVICE_NAME ("fairpost" by default) and OTEL_RESOURCE_ATTRIBUTES whose
    spans they are, OTEL_BSP_* how they are batched.

    Raises:
        TracesError: an exporter is not installed, or cannot be made.
    """
    present = trace.get_tracer_provider()
    if not isinstance(present, trace.ProxyTracerProvider):
        return present
    os.environ.setdefault("OTEL_SERVICE_NAME", "fairpost")
    try:
        provider = sdk.TracerProvider()
        for name in os.environ.get("OTEL_TRACES_EXPORTER", "otlp").split(","):
            if name.strip() not in ("", "none"):
                provider.add_span_processor(BatchSpanProcessor(_exporter(name.strip())))
    except TracesError:
        raise
    except Exception as error:
        raise TracesError(f"traces: wrong OTEL_* settings: {error}") from None
    trace.set_tracer_provider(provider)
    return provider


def _exporter(name: str) -> SpanExporter:
    protocol = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or os.environ.get(
        "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"
    )
    entry = {"otlp": "otlp_proto_http" if protocol.startswith("http") else "otlp_proto_grpc"}.get(name, name)
    known = entry_points(group="opentelemetry_traces_exporter")
    if entry not in known.names:
        raise TracesError(
            f"OTEL_TRACES_EXPORTER: {name!r}: no such exporter is installed ({entry}); installed: "
            f"{', '.join(sorted(known.names))}, none"
        )
    made: SpanExporter = known[entry].load()()
    return made


class Traces:
    """Makes spans. Thread-safe."""

    def __init__(self, provider: TracerProvider, *, version: str = "") -> None:
        self._tracer = provider.get_tracer("fairpost.server", version)
        self._flush: Callable[[], Any] = getattr(provider, "force_flush", lambda: None)

    def begin(self, method: Method, call: Call) -> CallSpan:
        """A span of a call, child of the caller's if he sent his context; the current one of this thread until its
        end."""
        parent = propagate.extract(call.metadata())
        attributes: dict[str, str | int] = {"rpc.system.name": "grpc", "rpc.method": method.path}
        attributes |= _peer(call.peer())
        span = self._tracer.start_span(method.path, parent, SpanKind.SERVER, attributes)
        return CallSpan(span, contexts.attach(trace.set_span_in_context(span, parent)))

    def judged(self, posts: int, revision: str, began: int) -> None:
        """So many posts of a message were judged, beginning at `began` (time.time_ns()): a span of its own, from the
        request's bytes to the answer's."""
        attributes: dict[str, str | int] = {"fairpost.posts": posts, "fairpost.revision": revision}
        span = self._tracer.start_span("judge posts", attributes=attributes, start_time=began)
        span.end(time.time_ns())

    def close(self) -> None:
        """Send what waits."""
        self._flush()


class CallSpan:
    """The span of a call."""

    __slots__ = ("_span", "_token")

    def __init__(self, span: trace.Span, token: Any) -> None:
        self._span = span
        self._token = token

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits; nothing if nobody will see the span."""
        context = self._span.get_span_context()
        return trace.format_trace_id(context.trace_id) if context.trace_flags.sampled else ""

    def end(self, error: ServiceError | None, *, gone: bool) -> None:
        code = "CANCELLED" if gone else CODES[error.code] if error is not None else "OK"
        self._span.set_attribute("rpc.response.status_code", code)
        if error is not None:
            self._span.set_attribute("error.type", code)
            self._span.set_attribute("fairpost.reason", error.reason_name)
            if code in _SERVER_FAULTS:
                # Not the message, which may quote the request.
                self._span.set_status(StatusCode.ERROR, error.reason_name)
        self._span.end()
        contexts.detach(self._token)


def _peer(peer: str) -> dict[str, str | int]:
    kind, _, address = peer.partition(":")
    if kind == "unix":
        return (
            {"network.transport": "unix", "network.peer.address": address} if address else {"network.transport": kind}
        )
    host, _, port = address.rpartition(":")
    host = host.replace("%5B", "[").replace("%5D", "]").strip("[]")
    if not port.isdigit():
        return {}
    return {"network.transport": "tcp", "network.peer.address": host, "network.peer.port": int(port)}
