"""One log line a failed call, and ids that the lines of a call have in common.

Lines name method, code, reason, duration and peer; never contents, and no error messages, which may quote them.
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

import structlog

from fairpost.server.observe.calls import CODES

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from fairpost.server.calls.call import Call
    from fairpost.server.errors import ServiceError
    from fairpost.server.observe.watch import Watched

__all__ = ["AccessLog", "current", "name_call", "request_id_of"]

log = structlog.get_logger(__name__)

current: Final[ContextVar[Watched | None]] = ContextVar("fairpost_call", default=None)
"""The call that this thread answers."""

_SOUND_ID: Final = re.compile(r"[0-9A-Za-z._:+/=-]{1,64}")


def request_id_of(call: Call) -> str:
    """The caller's own `x-request-id` if it is a sound one, else 16 random hexadecimal digits."""
    given = call.metadata().get("x-request-id", "")
    return given if _SOUND_ID.fullmatch(given) else secrets.token_hex(8)


def name_call(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: lines written while a call is answered get its `request_id`, and `trace_id` if it is
    traced."""
    watched = current.get()
    if watched is not None:
        event.setdefault("request_id", watched.request_id)
        if trace_id := watched.trace_id:
            event.setdefault("trace_id", trace_id)
    return event


class AccessLog:
    """Thread-safe. rate, burst: lines a second in the long run, and at once; what is beyond is counted, and told by the
    next line."""

    def __init__(self, *, rate: float = 10.0, burst: int = 100, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._clock = clock
        self._lock = threading.Lock()
        self._left = self._burst
        self._last = clock()
        self._left_out = 0

    def failed(self, watched: Watched, error: ServiceError, nanoseconds: int) -> None:
        """A call has ended with an error."""
        with self._lock:
            now = self._clock()
            self._left = min(self._burst, self._left + (now - self._last) * self._rate)
            self._last = now
            if self._left < 1.0:
                self._left_out += 1
                return
            self._left -= 1.0
            left_out, self._left_out = self._left_out, 0
        more: dict[str, Any] = {"left_out": left_out} if left_out else {}
        if incident := error.metadata.get("incident"):
            more["incident"] = incident
        log.info(
            "call failed",
            method=watched.method.path,
            code=CODES[error.code],
            reason=error.reason_name,
            seconds=round(nanoseconds / 1e9, 6),
            peer=watched.call.peer(),
            **more,
        )
