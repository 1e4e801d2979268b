"""As caller.py, for asyncio: one call with its deadline, retries and hedge."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc.aio

from fairpost.client import caller
from fairpost.client.caller import Link, Shared, with_request_id
from fairpost.client.errors import CallFailed
from fairpost.client.retrying import Pace, Retry, may_repeat

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from fairpost.client.catalogue import Rpc
    from fairpost.client.connections import Targets
    from fairpost.client.options import Options

__all__ = ["FAULTS", "AsyncCaller"]

FAULTS: Any = (*caller.FAULTS, grpc.aio.UsageError, asyncio.CancelledError)
"""As for threads; grpc.aio ends the calls of a closed channel with a CancelledError, too."""


class AsyncCaller(Shared):
    """Calls for the tasks of one event loop."""

    def __init__(self, targets: Targets, retry: Retry | None, pace: Pace) -> None:
        options = targets.options()
        if targets.tls is None:
            channels = [grpc.aio.insecure_channel(address, options) for address in targets.addresses]
        else:
            credentials = targets.tls.credentials()
            channels = [grpc.aio.secure_channel(address, credentials, options) for address in targets.addresses]
        super().__init__(targets, [Link(channel) for channel in channels], retry, pace)

    async def close(self) -> None:
        self.closed = True
        for link in self.links:
            await link.channel.close()

    def failure(self, error: BaseException) -> CallFailed:
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            raise error  # somebody cancelled this task
        return super().failure(error)

    async def wait_ready(self, seconds: float) -> None:
        """
        Raises:
            CallFailed: none of the targets can be reached within that time (code UNAVAILABLE).
        """
        self.require_usable()
        waiting = [asyncio.ensure_future(link.channel.channel_ready()) for link in self.links]
        try:
            ready, _ = await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        if not ready:
            raise self.unreached(seconds)

    async def call(self, rpc: Rpc, request: Message, options: Options) -> Any:
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
                    answer = await self._hedged(rpc, request, options, index, left)
                else:
                    answer = await self._once(rpc, request, index, left)
            except CallFailed as failure:
                pause = self.pause(failure, options, rpc, attempts, deadline - self.pace.now())
                if pause is None:
                    raise
                await self.pace.sleep_async(pause)
                continue
            self.budget.answered()
            return answer

    async def _once(self, rpc: Rpc, request: Message, index: int, left: float) -> Any:
        try:
            answer = await self.links[index].unary(rpc)(request, timeout=left, metadata=self.metadata())
        except FAULTS as error:
            failure = self.failure(error)
            self.ring.failed(index, failure)
            raise failure from None
        self.ring.answered(index)
        return answer

    async def _hedged(self, rpc: Rpc, request: Message, options: Options, index: int, left: float) -> Any:
        """The first answer of two; the second is sent, elsewhere if possible, when the first is late."""
        begun = self.pace.now()
        sent = [asyncio.ensure_future(self._once(rpc, request, index, left))]
        try:
            await asyncio.wait(sent, timeout=options.hedge_after)
            if not sent[0].done():
                left -= self.pace.now() - begun
                if left > 0 and self.budget.take():
                    sent.append(asyncio.ensure_future(self._once(rpc, request, self.ring.take(index), left)))
            done, late = await asyncio.wait(sent, return_when=asyncio.FIRST_COMPLETED)
            for first in done:
                failure = first.exception()
                # If the other one is still out, it may do better, unless the server has said what none would unsay.
                if failure is None or not (isinstance(failure, CallFailed) and may_repeat(failure, rpc.repeat)):
                    return first.result()
            return await (late or done).pop()
        finally:
            for task in sent:
                task.cancel()
            await asyncio.gather(*sent, return_exceptions=True)
