"""As streaming.py, for asyncio: every batch of a stream is answered once, in order, over connections that may break."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import grpc.aio

from fairpost.client.caller import expired
from fairpost.client.caller_async import FAULTS
from fairpost.client.errors import CallFailed
from fairpost.client.streaming import STREAM_CHECK, check_answer, stream_failure
from fairpost.client.verdicts import declares

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from fairpost.client.caller_async import AsyncCaller
    from fairpost.client.options import Options
    from fairpost.v1 import filter_pb2

    Request = filter_pb2.StreamCheckRequest
    Response = filter_pb2.StreamCheckResponse
    AsyncJudged = AsyncGenerator[tuple[Request, Response | CallFailed], None]

__all__ = ["END", "judge_async", "read_within"]

END: Any = grpc.aio.EOF  # type: ignore[attr-defined]


class _Outbox:
    """Requests on their way: from the feeding task, over grpc's, to the reader."""

    def __init__(self, size: int, now: Callable[[], float]) -> None:
        self._size = size
        self._now = now
        self._changed = asyncio.Condition()
        self._unanswered: deque[Request] = deque()
        self._sent = 0
        self._calls = 0
        self._fed = False
        self._reading = False
        self._error: BaseException | None = None
        self.due_since: float | None = None
        """Since when the reader waits for an answer that is due."""

    async def feed(self, requests: AsyncIterator[Request]) -> None:
        """Put all requests in, as there is room."""
        try:
            async for request in requests:
                async with self._changed:
                    await self._changed.wait_for(lambda: len(self._unanswered) < self._size)
                    self._unanswered.append(request)
                    self._wait()
                    self._changed.notify_all()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # for the reader, after the answers to what came before it
            self._error = error
        async with self._changed:
            self._fed = True
            self._changed.notify_all()

    async def requests(self) -> AsyncIterator[Request]:
        """What a new call is to send: all that is unanswered, then what comes. Older calls send no more."""
        self._calls += 1
        self._sent = 0
        mine = self._calls
        while True:
            async with self._changed:
                await self._changed.wait_for(
                    lambda: self._calls != mine or self._sent < len(self._unanswered) or self._fed
                )
                if self._calls != mine or self._sent == len(self._unanswered):
                    return
                request = self._unanswered[self._sent]
                self._sent += 1
            yield request

    async def wait_for_work(self) -> bool:
        """Until there is something to send; False: all has been answered.

        Raises:
            BaseException: what the caller's iterable raised, once all before it has been answered.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: self._unanswered or self._fed)
        if not self._unanswered and self._error is not None:
            raise self._error
        return bool(self._unanswered)

    def reading(self) -> None:
        """From now on an answer is overdue after a while, if one is due."""
        self._reading = True
        self._wait()

    def _wait(self) -> None:
        if self._reading and self._unanswered and self.due_since is None:
            self.due_since = self._now()

    async def answered(self, response: Response) -> Request:
        """Take the oldest request out: this is its answer.

        Raises:
            CallFailed: it is not.
        """
        request = self._unanswered[0] if self._sent else None
        check_answer(request, response)
        assert request is not None
        self._sent -= 1
        self._unanswered.popleft()
        await self._rest()
        return request

    async def given_up(self) -> list[Request]:
        """Take all unanswered requests out."""
        taken = list(self._unanswered)
        self._unanswered.clear()
        self._sent = 0
        self._calls += 1
        await self._rest()
        return taken

    async def _rest(self) -> None:
        self._reading, self.due_since = False, None
        async with self._changed:
            self._changed.notify_all()

    @property
    def is_empty(self) -> bool:
        return not self._unanswered


def judge_async(
    caller: AsyncCaller, options: Options, requests: AsyncIterator[Request], *, in_flight: int
) -> AsyncJudged:
    """Each request with its answer, in order; with the failure instead where `on_failure` lets the caller go on.

    Raises:
        CallFailed: the server refused, or could not be reached in time and `on_failure` is "raise".
    """
    if in_flight < 1:
        raise ValueError(f"in_flight is {in_flight}; at least 1 batch must be on its way")
    caller.require_usable()
    return _judged(caller, options, requests, in_flight)


async def _judged(
    caller: AsyncCaller, options: Options, requests: AsyncIterator[Request], in_flight: int
) -> AsyncJudged:
    outbox = _Outbox(in_flight, caller.pace.now)
    feeder = asyncio.ensure_future(outbox.feed(requests))
    failures, index, call = 0, None, None

    def left() -> float | None:
        """Seconds until the answer that is due is overdue; None: nothing is due."""
        since = outbox.due_since
        return None if since is None else since + options.timeout - caller.pace.now()

    try:
        while await outbox.wait_for_work():
            failure: CallFailed | None = None
            index = caller.ring.take(index)
            outbox.reading()
            overdue: CallFailed | None = None
            call = caller.links[index].stream(STREAM_CHECK)(outbox.requests(), metadata=caller.metadata())
            try:
                while (response := await read_within(call, options.timeout, left)) is not END:
                    request = await outbox.answered(response)
                    failures = 0
                    caller.budget.answered()
                    caller.ring.answered(index)
                    yield request, response
                    outbox.reading()
            except FAULTS as error:
                failure = _unmasked(caller.failure(error))
            except TimeoutError:
                overdue = expired(options.timeout)
            finally:
                call.cancel()
            if failure is overdue is None and outbox.is_empty:
                continue
            failure = stream_failure(failure, overdue)
            caller.ring.failed(index, failure)
            if outbox.is_empty and options.retry is not None:
                continue  # nothing was lost
            failures += 1
            pause = None
            if overdue is None:
                remaining = left()
                allowed = options.timeout if remaining is None else remaining
                pause = caller.pause(failure, options, STREAM_CHECK, failures, allowed)
            if pause is not None:
                await caller.pace.sleep_async(pause)
                continue
            if not declares(options.on_failure, failure):
                raise failure
            for request in await outbox.given_up():
                yield request, failure
            failures = 0
    finally:
        feeder.cancel()
        await asyncio.gather(feeder, return_exceptions=True)
        if call is not None:
            call.cancel()


def _unmasked(failure: CallFailed) -> CallFailed:
    """grpc.aio loses the status of a stream that ends while a message is being written, and says INTERNAL by itself.
    What the server meant comes out when the stream is tried again."""
    if failure.code == "INTERNAL" and not failure.reason and failure.message.startswith("Internal error from Core"):
        return CallFailed("UNAVAILABLE", "the server ended the stream while a batch was being sent")
    return failure


async def read_within(call: Any, timeout: float, left: Callable[[], float | None]) -> Any:
    """The next message of a call, or END.

    Raises:
        TimeoutError: `left()` reached 0 while it waited; the call is to be cancelled.
        grpc.aio.AioRpcError: the call failed.
    """
    reading = asyncio.ensure_future(call.read())
    try:
        while True:
            remaining = left()
            if remaining is not None and remaining <= 0:
                raise TimeoutError
            # What becomes due while we wait here cannot be overdue before `timeout` is over.
            done, _ = await asyncio.wait({reading}, timeout=timeout if remaining is None else remaining)
            if done:
                return reading.result()
    finally:
        if not reading.done():
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
