"""As listening.py, for asyncio: answers that come in parts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from fairpost.client.caller import expired
from fairpost.client.caller_async import FAULTS
from fairpost.client.errors import CallFailed
from fairpost.client.listening import GET_SNAPSHOT, SILENCE
from fairpost.client.streaming import stream_failure
from fairpost.client.streaming_async import END, read_within
from fairpost.v1 import registry_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from fairpost.client.caller_async import AsyncCaller
    from fairpost.client.catalogue import Rpc
    from fairpost.client.options import Options

__all__ = ["follow_async", "snapshot_async"]


async def follow_async(caller: AsyncCaller, options: Options, rpc: Rpc, request: Any) -> AsyncGenerator[Any, None]:
    """What comes after the request's cursor, across broken connections and servers that leave. Closing it ends the
    call.

    Args:
        rpc: a method whose requests and parts have a `cursor`: WATCH_SELLERS, SUBSCRIBE, WATCH_REVIEWS.

    Raises:
        CallFailed: refused, or no server could be reached again.
    """
    failures, index = 0, None
    while True:
        index = caller.ring.take(index)
        try:
            async for part in _parts(caller, rpc, request, index, max(options.timeout, SILENCE)):
                failures = 0
                request.cursor = part.cursor
                yield part
            failure = stream_failure(None, None)  # a server that stops ends it in peace
        except CallFailed as found:
            failure = found
        failures += 1
        pause = caller.pause(failure, options, rpc, failures, options.timeout)
        if pause is None:
            raise failure
        await caller.pace.sleep_async(pause)


async def snapshot_async(
    caller: AsyncCaller, options: Options
) -> AsyncGenerator[registry_pb2.GetSnapshotResponse, None]:
    """All parts of one snapshot. One that breaks cannot be continued; one that did not begin is asked for again.

    Raises:
        CallFailed: refused, or broken.
    """
    attempts, index, begun = 0, None, False
    while True:
        attempts += 1
        index = caller.ring.take(index)
        try:
            async for part in _parts(caller, GET_SNAPSHOT, registry_pb2.GetSnapshotRequest(), index, options.timeout):
                begun = True
                yield part
        except CallFailed as failure:
            pause = caller.pause(failure, options, GET_SNAPSHOT, attempts, options.timeout)
            if pause is None or begun:
                raise
            await caller.pace.sleep_async(pause)
        else:
            return


async def _parts(caller: AsyncCaller, rpc: Rpc, request: Any, index: int, silence: float) -> AsyncIterator[Any]:
    """The parts of one call, with at most `silence` seconds before each."""
    caller.require_usable()
    call = caller.links[index].parts(rpc)(request, metadata=caller.metadata())
    try:
        while True:
            left = partial(_left, caller.pace.now() + silence, caller.pace.now)
            part = await read_within(call, silence, left)
            if part is END:
                return
            caller.ring.answered(index)
            yield part
    except TimeoutError:
        raise expired(silence) from None
    except FAULTS as error:
        failure = stream_failure(caller.failure(error), None)
        caller.ring.failed(index, failure)
        raise failure from None
    finally:
        call.cancel()


def _left(until: float, now: Callable[[], float]) -> float:
    return until - now()
