"""Calls, messages, bytes and latencies by method, counted by each thread for itself.

prometheus-client's own counters take a lock and look their labels up at every step: some 2 us for one observation of a
histogram. Here each thread adds to a list of its own that nobody else writes, and a scrape adds the lists up. All
numbers are integers that only grow.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from google.rpc import code_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fairpost.server.calls.call import Method
    from fairpost.server.errors import ServiceError

__all__ = ["BUCKETS", "CODES", "CallCounts", "Histogram", "MethodCounts"]

BUCKETS: Final = (
    *(0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005),
    *(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
"""Upper bounds of the latency histograms, seconds."""
CODES: Final[tuple[str, ...]] = tuple(code_pb2.Code.Name(number) for number in range(17))
"""Names of the gRPC status codes, by number."""
OK: Final = code_pb2.OK
CANCELLED: Final = code_pb2.CANCELLED

_BOUNDS: Final = [round(bound * 1e9) for bound in BUCKETS]  # nanoseconds
_SIZE: Final = len(BUCKETS) + 1

# Where a method's numbers stand in its part of a thread's list.
STARTED: Final = 0
RECEIVED: Final = 1
SENT: Final = 2
RECEIVED_BYTES: Final = 3
SENT_BYTES: Final = 4
CALL_NS: Final = 5
MESSAGE_NS: Final = 6
ENDED: Final = 7  # + code
CALLS: Final = ENDED + len(CODES)  # + bucket
MESSAGES: Final = CALLS + _SIZE  # + bucket
WIDTH: Final = MESSAGES + _SIZE


def bucket(nanoseconds: int) -> int:
    """The first bucket whose upper bound is not less; len(BUCKETS) for the one without a bound."""
    return bisect_left(_BOUNDS, nanoseconds)


class Histogram(NamedTuple):
    """counts: by bucket, not cumulated, the last one without a bound. seconds: sum of all observations."""

    counts: tuple[int, ...]
    seconds: float


class MethodCounts(NamedTuple):
    """What happened to a method so far. ended: by number of the status code. calls: latency from the first byte that
    was read to the answer; messages: the same for each message of a stream."""

    method: Method
    started: int
    ended: tuple[int, ...]
    received: int
    sent: int
    received_bytes: int
    sent_bytes: int
    calls: Histogram
    messages: Histogram

    @property
    def in_flight(self) -> int:
        return max(0, self.started - sum(self.ended))


class _Local(threading.local):
    """This thread's list; made when the thread counts for the first time, and kept when it ends."""

    def __init__(self, lists: list[list[int]], size: int) -> None:
        self.counts = [0] * size
        lists.append(self.counts)


class CallCounts:
    """Thread-safe. `local.counts[i * WIDTH + ...]` are the calling thread's numbers of methods[i]."""

    def __init__(self, methods: Sequence[Method]) -> None:
        self.methods = tuple(methods)
        self._lists: list[list[int]] = []
        self.local = _Local(self._lists, len(self.methods) * WIDTH)
        self._lock = threading.Lock()
        self._refused: Counter[tuple[Method, str]] = Counter()

    def refuse(self, method: Method, error: ServiceError) -> None:
        with self._lock:
            self._refused[method, error.reason_name] += 1

    def refused(self) -> dict[tuple[Method, str], int]:
        """Failed calls by method and reason."""
        with self._lock:
            return dict(self._refused)

    def read(self) -> list[MethodCounts]:
        """The sums over all threads, in the order of the methods."""
        totals = [sum(column) for column in zip(*list(self._lists), strict=True)]
        found = []
        for i, method in enumerate(self.methods):
            part = totals[i * WIDTH : (i + 1) * WIDTH]
            calls = Histogram(tuple(part[CALLS:MESSAGES]), part[CALL_NS] / 1e9)
            messages = Histogram(tuple(part[MESSAGES:]), part[MESSAGE_NS] / 1e9)
            found.append(
                MethodCounts(
                    method,
                    started=part[STARTED],
                    ended=tuple(part[ENDED:CALLS]),
                    received=part[RECEIVED],
                    sent=part[SENT],
                    received_bytes=part[RECEIVED_BYTES],
                    sent_bytes=part[SENT_BYTES],
                    calls=calls,
                    messages=messages,
                )
            )
        return found
