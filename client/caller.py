"""One call with its deadline, retries and hedge, on some connections."""

from __future__ import annotations

import queue
import uuid
from typing import TYPE_CHECKING, Any

import grpc

from fairpost.client.catalogue import Repeat, Rpc
from fairpost.client.connections import Process, Targets
from fairpost.client.errors import CallFailed
from fairpost.client.retrying import Budget, Pace, Retry, may_repeat, pause_before_retry
from fairpost.client.ring import Ring

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message

    from fairpost.client.options import Options

__all__ = ["FAULTS", "Caller", "Link", "Shared", "expired", "with_request_id"]

FAULTS: Any = (grpc.RpcError, ValueError)
"""What grpc raises of a call; the latter when its channel has been closed. `Shared.failure` says what one means."""


class Link:
    """One channel, with its methods as they are needed."""

    def __init__(self, channel: Any) -> None:
        self.channel = channel
        self._methods: dict[str, Callable[..., Any]] = {}

    def unary(self, rpc: Rpc) -> Any:
        return self._methods.get(rpc.path) or self._made(rpc, self.channel.unary_unary)

    def parts(self, rpc: Rpc) -> Any:
        return self._methods.get(rpc.path) or self._made(rpc, self.channel.unary_stream)

    def stream(self, rpc: Rpc) -> Any:
        return self._methods.get(rpc.path) or self._made(rpc, self.channel.stream_stream)

    def _made(self, rpc: Rpc, make: Any) -> Any:
        method = make(
            rpc.path, request_serializer=rpc.request.SerializeToString, response_deserializer=rpc.response.FromString
        )
        return self._methods.setdefault(rpc.path, method)


class Shared:
    """What both callers have: links, their ring, the budget, the key."""

    def __init__(self, targets: Targets, links: list[Link], retry: Retry | None, pace: Pace) -> None:
        shape = retry or Retry()
        self.targets = targets
        self.links = links
        self.pace = pace
        self.budget = Budget(shape.budget, shape.gain)
        self.ring = Ring(len(links), pace.now)
        self.closed = False
        self._process = Process()

    def require_usable(self) -> None:
        """
        Raises:
            RuntimeError: this is a child that was forked off later.
            CallFailed: the client was closed (code CANCELLED).
        """
        self._process.require_same()
        if self.closed:
            raise CallFailed("CANCELLED", "the client was closed") from None

    def failure(self, error: BaseException) -> CallFailed:
        """What one of FAULTS means.

        Raises:
            CallFailed: the client was closed meanwhile (code CANCELLED), whatever else went wrong.
            BaseException: the fault itself, which is not of a call.
        """
        self.require_usable()
        if isinstance(error, grpc.RpcError):
            return CallFailed.of(error)
        raise error

    def metadata(self) -> tuple[tuple[str, str], ...]:
        return self.targets.key.metadata() if self.targets.key is not None else ()

    def pause(self, failure: CallFailed, options: Options, rpc: Rpc, attempts: int, left: float) -> float | None:
        """As `pause_before_retry`; notes the attempts in the failure."""
        failure.attempts = attempts
        return pause_before_retry(
            failure,
            options.retry,
            self.budget,
            repeat=rpc.repeat,
            attempts=attempts,
            left=left,
            draw=self.pace.draw,
        )

    def unreached(self, seconds: float) -> CallFailed:
        where = ", ".join(dict.fromkeys(self.targets.addresses))
        return CallFailed("UNAVAILABLE", f"{where}: no server answers within {seconds:g} s")

    def hedges(self, rpc: Rpc, options: Options, left: float) -> bool:
        return options.hedge_after is not None and rpc.repeat is Repeat.ALWAYS and options.hedge_after < left


class Caller(Shared):
    """Calls for threads. Thread-safe."""

    def __init__(self, targets: Targets, retry: Retry | None, pace: Pace) -> None:
        options = targets.options()
        if targets.tls is None:
            channels = [grpc.insecure_channel(address, options) for address in targets.addresses]
        else:
            credentials = targets.tls.credentials()
            channels = [grpc.secure_channel(address, credentials, options) for address in targets.addresses]
        super().__init__(targets, [Link(channel) for channel in channels], retry, pace)

    def close(self) -> None:
        self.closed = True
        for link in self.links:
            link.channel.close()

    def wait_ready(self, seconds: float) -> None:
        """
        Raises:
            CallFailed: none of the targets can be reached within that time (code UNAVAILABLE).
        """
        self.require_usable()
        ready: queue.SimpleQueue[Any] = queue.SimpleQueue()
        futures = [grpc.channel_ready_future(link.channel) for link in self.links]
        for future in futures:
            future.add_done_callback(ready.put)
        try:
            ready.get(timeout=seconds)
        except queue.Empty:
            raise self.unreached(seconds) from None
        finally:
            for future in futures:
                future.cancel()

    def call(self, rpc: Rpc, request: Message, options: Options) -> Any:
        """
        Raises:
            CallFailed: refused, or not answered before the deadline.
        """
        self.require_usable()
        request = with_request_id(rpc, request)
        deadline = self.pace.now() + options.timeout
        attempts, index = 0, None
        while True:
            attempts += 1
            left = deadline - self.pace.now()
            index = self.ring.take(index)
            try:
                if self.hedges(rpc, options, left):
                    answer = self._hedged(rpc, request, options, index, left)
                else:
                    answer = self._once(rpc, request, index, left)
            except CallFailed as failure:
                pause = self.pause(failure, options, rpc, attempts, deadline - self.pace.now())
                if pause is None:
                    raise
                self.pace.sleep(pause)
                continue
            self.budget.answered()
            return answer

    def _once(self, rpc: Rpc, request: Message, index: int, left: float) -> Any:
        return self._heard(index, lambda: self.links[index].unary(rpc)(request, timeout=left, metadata=self.metadata()))

    def _hedged(self, rpc: Rpc, request: Message, options: Options, index: int, left: float) -> Any:
        """The first answer of two; the second is sent, elsewhere if possible, when the first is late."""
        done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        sent: dict[Any, int] = {}

        def send(index: int, seconds: float) -> None:
            future = self.links[index].unary(rpc).future(request, timeout=seconds, metadata=self.metadata())
            sent[future] = index
            future.add_done_callback(done.put)

        begun = self.pace.now()
        send(index, left)
        try:
            try:
                first = done.get(timeout=options.hedge_after)
            except queue.Empty:
                left -= self.pace.now() - begun
                if left > 0 and self.budget.take():
                    send(self.ring.take(index), left)
                first = done.get()
            return self._heard(sent[first], first.result)
        except CallFailed as failure:
            # If the other one is still out, it may do better, unless the server has said what no server would unsay.
            if len(sent) == 1 or not may_repeat(failure, rpc.repeat):
                raise
            second = done.get()
            return self._heard(sent[second], second.result)
        finally:
            for future in sent:
                future.cancel()

    def _heard(self, index: int, result: Callable[[], Any]) -> Any:
        """What target `index` answers; the ring is told how it went."""
        try:
            answer = result()
        except FAULTS as error:
            failure = self.failure(error)
            self.ring.failed(index, failure)
            raise failure from None
        self.ring.answered(index)
        return answer


def with_request_id(rpc: Rpc, request: Any) -> Any:
    """The request, with an id if it is a write and has none: then a repetition cannot do it twice. The caller's message
    is left as it is."""
    if rpc.repeat is not Repeat.BY_REQUEST_ID or request.request_id:
        return request
    made = type(request)()
    made.CopyFrom(request)
    made.request_id = f"client-{uuid.uuid4().hex}"
    return made


def expired(seconds: float) -> CallFailed:
    """No answer within the timeout."""
    return CallFailed("DEADLINE_EXCEEDED", f"no answer within {seconds:g} s")
