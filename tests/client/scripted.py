"""A gRPC server that does what its script says, call by call, and answers properly where the script is silent."""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf import duration_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from fairpost.client.catalogue import RPCS, Rpc
from fairpost.v1 import filter_pb2, registry_pb2, verdict_pb2


@dataclass(frozen=True)
class Fail:
    """Refuse the call. On a stream: after so many answers."""

    code: str
    reason: str = ""
    retry_after: float | None = None
    after: int = 0

    def abort(self, context: Any) -> None:
        status = status_pb2.Status(code=code_pb2.Code.Value(self.code), message=f"scripted {self.code}")
        if self.reason:
            status.details.add().Pack(error_details_pb2.ErrorInfo(reason=self.reason, domain="fairpost.v1"))
        if self.retry_after is not None:
            delay = duration_pb2.Duration()
            delay.FromMilliseconds(round(self.retry_after * 1000))
            status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
        context.abort_with_status(rpc_status.to_status(status))


@dataclass(frozen=True)
class Delay:
    """Answer later, or not at all if the caller has gone. On a stream: before the answer with this index."""

    seconds: float
    after: int = 0


@dataclass(frozen=True)
class Leave:
    """End a stream in peace after so many answers."""

    after: int = 0


@dataclass(frozen=True)
class Lie:
    """Answer another batch than was asked."""


@dataclass
class Call:
    """What a call brought."""

    method: str
    request: Any
    metadata: dict[str, str]
    peer: str
    cancelled: threading.Event = field(default_factory=threading.Event)


class Scripted:
    """Listens on a port of its own. script: one step a call, then none; calls: all that came."""

    def __init__(self, credentials: grpc.ServerCredentials | None = None, address: str = "127.0.0.1:0") -> None:
        self.script: deque[Any] = deque()
        self.calls: list[Call] = []
        self.judged: list[str] = []  # ids of posts on streams, in the order of their answers
        self._written: dict[str, Any] = {}
        self._server = grpc.server(ThreadPoolExecutor(16), options=[("grpc.so_reuseport", 0)])
        services: dict[str, dict[str, Any]] = {}
        for rpc in RPCS.values():
            _, service, name = rpc.path.split("/")
            services.setdefault(service, {})[name] = self._method(rpc)
        for service, methods in services.items():
            self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, methods)])
        if credentials is None:
            self.port = self._server.add_insecure_port(address)
        else:
            self.port = self._server.add_secure_port(address, credentials)
        self.target = f"127.0.0.1:{self.port}"
        self._server.start()

    def stop(self) -> None:
        self._server.stop(None).wait()

    def reset(self) -> None:
        self.script.clear()
        self.calls.clear()
        self.judged.clear()

    def _method(self, rpc: Rpc) -> Any:
        serialise: Any = rpc.response.SerializeToString
        parse: Any = rpc.request.FromString
        if rpc.name == "StreamCheck":
            return grpc.stream_stream_rpc_method_handler(self._stream, parse, serialise)
        if rpc.name in ("WatchSellers", "GetSnapshot"):

            def parts(request: Any, context: Any) -> Any:
                yield from self._parts(rpc, request, context)

            return grpc.unary_stream_rpc_method_handler(parts, parse, serialise)

        def unary(request: Any, context: Any) -> Any:
            step = self._begin(rpc.name, request, context)
            if isinstance(step, Fail):
                step.abort(context)
            if isinstance(step, Delay):
                self._wait(step.seconds, context)
            return self._answer(rpc, request)

        return grpc.unary_unary_rpc_method_handler(unary, parse, serialise)

    def _begin(self, name: str, request: Any, context: Any) -> Any:
        metadata = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
        call = Call(name, request, metadata, context.peer())
        self.calls.append(call)
        context.add_callback(call.cancelled.set)
        return self.script.popleft() if self.script else None

    @staticmethod
    def _wait(seconds: float, context: Any) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and context.is_active():
            time.sleep(0.005)

    def _answer(self, rpc: Rpc, request: Any) -> Any:
        if isinstance(request, filter_pb2.CheckPostRequest):
            return filter_pb2.CheckPostResponse(verdict=judge(request.post))
        if isinstance(request, filter_pb2.CheckPostsRequest):
            results = [verdict_pb2.CheckResult(verdict=judge(post)) for post in request.posts]
            return filter_pb2.CheckPostsResponse(results=[bad(r) if r.verdict.post_id == "bad" else r for r in results])
        if isinstance(request, registry_pb2.RegisterSellerRequest):
            made = registry_pb2.RegisterSellerResponse(consistency_token=f"write {len(self._written)}")
            return self._written.setdefault(request.request_id, made)
        return rpc.response()

    def _leaves(self, step: Any, answered: int, context: Any) -> bool:
        """Do what the step says before the next answer of a stream; whether that is to end it in peace."""
        if not isinstance(step, Fail | Leave | Delay) or step.after != answered:
            return False
        if isinstance(step, Fail):
            step.abort(context)
        if isinstance(step, Delay):
            self._wait(step.seconds, context)
        return isinstance(step, Leave)

    def _stream(self, requests: Any, context: Any) -> Any:
        step = self._begin("StreamCheck", None, context)
        answered = 0
        while True:
            if self._leaves(step, answered, context):
                return
            request = next(requests, None)
            if request is None:
                return
            results = [verdict_pb2.CheckResult(verdict=judge(post)) for post in request.posts]
            self.judged += [post.id for post in request.posts]
            sequence = request.sequence + 1 if isinstance(step, Lie) else request.sequence
            yield filter_pb2.StreamCheckResponse(results=results, sequence=sequence)
            answered += 1

    def _parts(self, rpc: Rpc, request: Any, context: Any) -> Any:
        """Cursors 1, 2, 3... after the request's; a snapshot of three parts."""
        step = self._begin(rpc.name, request, context)
        answered = 0
        while True:
            if self._leaves(step, answered, context):
                return
            if rpc.name == "GetSnapshot":
                if answered == 3:
                    return
                yield registry_pb2.GetSnapshotResponse(cursor=str(answered))
            else:
                yield registry_pb2.WatchSellersResponse(cursor=str(int(request.cursor or 0) + answered + 1))
            answered += 1


def judge(post: Any) -> verdict_pb2.Verdict:
    return verdict_pb2.Verdict(post_id=post.id, action=verdict_pb2.ACTION_LIMIT, revision="0123456789ab", exposure=0.3)


def bad(result: Any) -> verdict_pb2.CheckResult:
    return verdict_pb2.CheckResult(error=status_pb2.Status(code=3, message="scripted bad post"))
