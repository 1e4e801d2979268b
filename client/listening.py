"""Answers that come in parts: what follows a log, which goes on after a broken connection, and snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fairpost.client.caller import FAULTS, expired
from fairpost.client.catalogue import rpc
from fairpost.client.errors import CallFailed
from fairpost.client.streaming import stream_failure
from fairpost.client.watchdog import Watchdog
from fairpost.v1 import registry_pb2

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from fairpost.client.caller import Caller
    from fairpost.client.catalogue import Rpc
    from fairpost.client.options import Options

__all__ = ["GET_SNAPSHOT", "SILENCE", "SUBSCRIBE", "WATCH_REVIEWS", "WATCH_SELLERS", "follow", "snapshot"]

WATCH_SELLERS = rpc("WatchSellers")
SUBSCRIBE = rpc("Subscribe")
WATCH_REVIEWS = rpc("WatchReviews")
GET_SNAPSHOT = rpc("GetSnapshot")
SILENCE = 15.0
"""Least time to wait for a part of a watch: when nothing changes, a checkpoint comes every 5 seconds."""


def follow(caller: Caller, options: Options, rpc: Rpc, request: Any) -> Generator[Any, None, None]:
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
            for part in _parts(caller, rpc, request, index, max(options.timeout, SILENCE)):
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
        caller.pace.sleep(pause)


def snapshot(caller: Caller, options: Options) -> Generator[registry_pb2.GetSnapshotResponse, None, None]:
    """All parts of one snapshot. One that breaks cannot be continued; one that did not begin is asked for again.

    Raises:
        CallFailed: refused, or broken.
    """
    attempts, index, begun = 0, None, False
    while True:
        attempts += 1
        index = caller.ring.take(index)
        try:
            for part in _parts(caller, GET_SNAPSHOT, registry_pb2.GetSnapshotRequest(), index, options.timeout):
                begun = True
                yield part
        except CallFailed as failure:
            pause = caller.pause(failure, options, GET_SNAPSHOT, attempts, options.timeout)
            if pause is None or begun:
                raise
            caller.pace.sleep(pause)
        else:
            return


def _parts(caller: Caller, rpc: Rpc, request: Any, index: int, silence: float) -> Iterator[Any]:
    """The parts of one call, with at most `silence` seconds before each."""
    caller.require_usable()
    call = caller.links[index].parts(rpc)(request, metadata=caller.metadata())
    with Watchdog(silence, call.cancel, caller.pace.now) as watchdog:
        try:
            watchdog.wait()
            for part in call:
                watchdog.rest()
                caller.ring.answered(index)
                yield part
                watchdog.wait()
        except FAULTS as error:
            failure = stream_failure(caller.failure(error), expired(silence) if watchdog.bitten else None)
            caller.ring.failed(index, failure)
            raise failure from None
        finally:
            call.cancel()
