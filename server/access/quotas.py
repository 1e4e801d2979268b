"""Quotas of callers: token buckets of messages and bytes a second.

A bucket holds what may be used at once (`burst` seconds' worth) and fills at its rate. A message that finds too little
is refused, with the time after which it would not be. One message may be larger than the bucket: it is taken when the
bucket is full, and the bucket is then in debt.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from fairpost.server.errors import ResourceExhausted
from fairpost.v1 import reason_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Bucket", "Quotas"]

_MOST_CALLERS: Final = 10_000


class Bucket:
    """What one caller may still send. Thread-safe."""

    __slots__ = ("_at", "_bytes", "_lock", "_messages", "_quotas")

    def __init__(self, quotas: Quotas) -> None:
        self._quotas = quotas
        self._lock = threading.Lock()
        self._at = quotas.clock()
        self._messages = quotas.messages * quotas.burst
        self._bytes = quotas.bytes * quotas.burst

    def take(self, size: int) -> None:
        """One message of so many bytes.

        Raises:
            ResourceExhausted: there is not enough left; nothing was taken.
        """
        quotas = self._quotas
        with self._lock:
            now = quotas.clock()
            passed, self._at = now - self._at, now
            # A quota of 0 is none.
            self._messages = min(quotas.messages * quotas.burst, self._messages + passed * quotas.messages)
            self._bytes = min(quotas.bytes * quotas.burst, self._bytes + passed * quotas.bytes)
            if quotas.messages and self._messages < 1.0:
                raise _used_up("messages", quotas.messages, (1.0 - self._messages) / quotas.messages)
            wanted = min(size, quotas.bytes * quotas.burst)
            if quotas.bytes and self._bytes < wanted:
                raise _used_up("bytes", quotas.bytes, (wanted - self._bytes) / quotas.bytes)
            self._messages -= 1.0
            self._bytes -= size


class Quotas:
    """The buckets of all callers, the least recently seen forgotten beyond 10,000: it would be full by then.

    messages, bytes: a second, for each caller and in this process; 0: no such quota. burst: seconds' worth at once.
    """

    def __init__(
        self,
        messages: float = 0.0,
        bytes: float = 0.0,
        *,
        burst: float = 2.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.messages = messages
        self.bytes = bytes
        self.burst = burst
        self.clock = clock
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        return bool(self.messages or self.bytes)

    def __len__(self) -> int:
        return len(self._buckets)

    def bucket(self, caller: str) -> Bucket:
        with self._lock:
            bucket = self._buckets.get(caller)
            if bucket is None:
                bucket = self._buckets[caller] = Bucket(self)
                if len(self._buckets) > _MOST_CALLERS:
                    self._buckets.popitem(last=False)
            else:
                self._buckets.move_to_end(caller)
        return bucket


def _used_up(what: str, rate: float, seconds: float) -> ResourceExhausted:
    return ResourceExhausted(
        reason_pb2.REASON_QUOTA_USED_UP,
        f"the caller's quota of {rate:g} {what} a second is used up; go on in {seconds:.3f} s",
        metadata={"quota": f"{what}_per_second", "limit": f"{rate:g}"},
        retry_after=max(seconds, 0.001),
    )
