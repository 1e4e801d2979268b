"""Limits of each client on public pages: token buckets by address; what is beyond gets 429 with Retry-After."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

from fairpost.server.access.quotas import Quotas
from fairpost.server.errors import ResourceExhausted
from fairpost.v1 import reason_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

__all__ = ["Limit", "Limits"]


class Limit(NamedTuple):
    """rate: a second in the long run; burst: at once."""

    rate: float
    burst: float


class Limits:
    """Buckets by the limit's name and client. The buckets are those of callers' quotas, which forget the least recently
    seen beyond 10,000."""

    def __init__(self, limits: dict[str, Limit], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._buckets: Final = {
            name: Quotas(limit.rate, burst=limit.burst / limit.rate, clock=clock) for name, limit in limits.items()
        }

    def take(self, name: str, request: Request) -> None:
        """One more of these by the request's client.

        Raises:
            ResourceExhausted: there were too many; nothing is taken.
        """
        try:
            self._buckets[name].bucket(request.state.client.bucket).take(0)
        except ResourceExhausted as error:
            seconds = error.retry_after or 1.0
            raise ResourceExhausted(
                reason_pb2.REASON_QUOTA_USED_UP,
                f"too many requests of this kind from one address; go on in {seconds:.0f} s",
                metadata={"limit": name},
                retry_after=seconds,
            ) from None
