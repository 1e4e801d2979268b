"""Shedding: refusing calls before the time they wait makes every answer late; and what grpcio is told of connections.

What is shed is a *standing* queue, found as CoDel does (Nichols and Jacobson, "Controlling Queue Delay", ACM Queue
10(5), 2012; for requests: Maurer, "Fail at Scale", ACM Queue 13(8), 2015): a burst may wait, but where for a tenth of a
second the queue was never empty and no call waited less than the target, those that waited longer are refused; and,
within a second of that, whatever waits longer again: the same overload is not believed anew ten times a second. The
target is a time that people choose; ten times that where calls are so small that a refusal is hardly cheaper; or a
quarter of what a call takes at present, if that is more: calls of 10,000 posts may wait for each other. (A call beside
two others on one core takes three times as long as alone. With a quarter of that in the queue the slowest in a hundred
is answered after four and a half times.)

Callers who come back at once (as those of a load generator do) would keep a server at refusing for ever: the queue that
it refuses is made of them. So calls that are answered earn the refusals of others, which take a tenth of the time at
most where calls are small, a third where they are heavy (enough for ten times what can be answered); whatever else
waits is answered, late.

The cheapest refusal is none: every connection may have `max_concurrent_streams` calls in flight, and a client that
wants more keeps them to itself, at no cost for the server (RFC 9113, 5.1.2). Then comes grpcio's own limit of calls in
flight (`maximum_concurrent_rpcs`), which refuses before a thread is troubled, but without details. Then this.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any, Final

from fairpost.server.errors import ResourceExhausted
from fairpost.v1 import reason_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

    from fairpost.server.config import Config

__all__ = ["Shedder", "channel_options"]

_INTERVAL: Final = 0.1
_CALLS: Final = 0.25
"""So many times what a call takes at present (beside those that run with it) may be waited, whatever the target."""
_AGAIN: Final = 1.0
_MOST: Final = 1.0
"""Nobody waits for longer than this, or than 20 targets: not in a burst either."""
_COST: Final = 1e-4
"""Of a refusal, in seconds, about."""
_EARNED: Final = 0.03
"""What answering a call earns for refusals, as a part of the time that it took beside two others."""
_SAVED: Final = 200 * _COST
_SMALL: Final = 0.002
"""Calls that take less, beside two others, are hardly dearer than their refusal ..."""
_PATIENCE: Final = 10
"""... and may wait for so many targets."""


class Shedder:
    """Decides by the time that a call has waited for a thread. target: seconds; 0: nothing is ever refused."""

    __slots__ = ("_above", "_calls", "_clock", "_earned", "_refused_at", "_target", "refused")

    def __init__(self, target: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._target = target
        self._clock = clock
        self._calls = 0.0
        self._above: float | None = None
        """Since when the queue stands."""
        self._earned = _SAVED
        """Seconds that may go into refusals."""
        self._refused_at = float("-inf")
        self.refused = 0

    def check(self, waited: float, behind: int) -> None:
        """One call has waited so many seconds, and so many wait behind it.

        Raises:
            ResourceExhausted: the call is to be refused; what `retry_after` says is spread, so that those who were
                refused together do not come back together.
        """
        if not behind or waited < self._target or not self._target:  # nearly always
            self._above = None
            return
        target = self._target * _PATIENCE if self._calls < _SMALL else max(self._target, _CALLS * self._calls)
        now = self._clock()
        if waited < target:
            self._above = None
            return
        if self._above is None:
            self._above = now
        standing = now - self._above > _INTERVAL or now - self._refused_at < _AGAIN
        if (standing or waited > max(_MOST, 20 * target)) and self._earned >= _COST:
            self._earned -= _COST
            self.refused += 1
            self._refused_at = now
            raise ResourceExhausted(
                reason_pb2.REASON_OVERLOADED,
                f"the server has more calls than it can answer in time: this one waited {waited * 1000:.0f} ms; "
                "try again later",
                retry_after=max(0.05, 2 * waited) * (0.5 + random.random()),
            )

    def took(self, seconds: float) -> None:
        """A call that was let in has taken so long, without its waiting."""
        self._calls += 0.05 * (seconds - self._calls)
        self._earned = min(_SAVED, self._earned + _EARNED * seconds)


def channel_options(config: Config) -> list[tuple[str, Any]]:
    """What bounds connections, so that none of them costs more than its share."""
    return [
        # Calls in flight on a connection; clients queue what goes beyond.
        ("grpc.max_concurrent_streams", config.max_calls_per_connection),
        # On by default, it refuses streams (RST_STREAM) while earlier ones are known to be over by the client alone:
        # clients that keep to the limit would see UNAVAILABLE.
        ("grpc.http.overload_protection", 0),
        ("grpc.max_allowed_incoming_connections", config.max_connections),
        # A connection that does not even greet, or not in TLS, is dropped.
        ("grpc.server_handshake_timeout_ms", 10_000),
        ("grpc.absolute_max_metadata_size", 16 * 1024),
        ("grpc.max_metadata_size", 8 * 1024),
        # Peers that vanished without a word are found; peers that ping without end are sent away.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.http2.max_ping_strikes", 2),
        # Unused connections are closed, and all of them from time to time: clients spread over servers anew.
        ("grpc.max_connection_idle_ms", round(config.connection_idle_seconds * 1000)),
        ("grpc.max_connection_age_ms", round(config.connection_age_seconds * 1000)),
        ("grpc.max_connection_age_grace_ms", round(config.connection_age_grace_seconds * 1000)),
    ]
