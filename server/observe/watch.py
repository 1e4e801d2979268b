"""What the dispatcher calls at the begin, the messages and the end of each call."""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING

from fairpost.server.access.inner import is_inside
from fairpost.server.observe import access, calls
from fairpost.server.observe.calls import CALLS, MESSAGES, WIDTH, CallCounts, bucket

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fairpost.server.calls.call import Call, Method
    from fairpost.server.errors import ServiceError
    from fairpost.server.observe.access import AccessLog
    from fairpost.server.observe.decisions import DecisionLog
    from fairpost.server.observe.traces import CallSpan, Traces

__all__ = ["Watch"]

# As names of this module they cost less at each call.
_RECEIVED, _SENT, _RECEIVED_BYTES, _SENT_BYTES = calls.RECEIVED, calls.SENT, calls.RECEIVED_BYTES, calls.SENT_BYTES
_CALL_NS, _MESSAGE_NS, _ENDED, _OK = calls.CALL_NS, calls.MESSAGE_NS, calls.ENDED, calls.OK
_current = access.current


class Watch:
    """An `Observer`. Thread-safe; costs 2 us a unary call where neither traces nor the decision log are asked for.

    Args:
        methods: all that are served.
        decisions: gets the messages of the methods that judge; None: nobody does.
        traces: makes a span of each call; None: nobody does.
    """

    def __init__(
        self,
        methods: Sequence[Method],
        *,
        access_log: AccessLog,
        decisions: DecisionLog | None = None,
        traces: Traces | None = None,
    ) -> None:
        self.calls = CallCounts(methods)
        self._access_log = access_log
        self._decisions = decisions
        self._traces = traces
        self._local = self.calls.local
        # A method's place, and where its messages go: looked up by identity, once a call.
        self._places = {
            id(method): (i * WIDTH, decisions if decisions is not None and decisions.wants(method) else None)
            for i, method in enumerate(self.calls.methods)
        }

    def begin(self, method: Method, call: Call) -> Watched:
        watched = Watched(self, method, call)
        if self._traces is not None:
            watched.span = self._traces.begin(method, call)
        return watched


class Watched:
    """A call that is being watched; an `Observation`."""

    __slots__ = (
        "_counts",
        "_decisions",
        "_message_began",
        "_place",
        "_request_id",
        "_watch",
        "began",
        "call",
        "method",
        "span",
    )

    def __init__(self, watch: Watch, method: Method, call: Call) -> None:
        self._watch = watch
        self.method = method
        self.call = call
        self._place, self._decisions = watch._places[id(method)]
        self.span: CallSpan | None = None
        self._request_id = ""
        self._message_began = 0
        watch._local.counts[self._place] += 1  # STARTED
        _current.set(self)
        self.began = perf_counter_ns()

    @property
    def request_id(self) -> str:
        """What log lines of this call have in common; made when it is asked for."""
        if not self._request_id:
            self._request_id = access.request_id_of(self.call)
        return self._request_id

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits, or nothing."""
        return self.span.trace_id if self.span is not None else ""

    def begin_message(self) -> None:
        self._message_began = perf_counter_ns()

    def message(self, received: bytes | None, sent: bytes) -> None:
        # A stream's generator may be closed by another thread than the one that began it.
        counts, place = self._watch._local.counts, self._place
        if received is not None:
            counts[place + _RECEIVED] += 1
            counts[place + _RECEIVED_BYTES] += len(received)
        counts[place + _SENT] += 1
        counts[place + _SENT_BYTES] += len(sent)
        if self._message_began:
            took = perf_counter_ns() - self._message_began
            counts[place + _MESSAGE_NS] += took
            counts[place + MESSAGES + bucket(took)] += 1
        # What readers of the public pages try is nobody's decision, and not kept.
        if self._decisions is not None and received is not None and not is_inside(self.call):
            self._decisions.take(self.method, received, sent, self.trace_id)

    def end(self, error: ServiceError | None, *, gone: bool = False) -> None:
        took = perf_counter_ns() - self.began
        counts, place = self._watch._local.counts, self._place
        counts[place + _CALL_NS] += took
        counts[place + CALLS + bucket(took)] += 1
        if error is None and not gone:
            counts[place + _ENDED] += 1
        else:
            counts[place + _ENDED + (calls.CANCELLED if error is None else error.code)] += 1
            if error is not None:
                self._watch.calls.refuse(self.method, error)
                self._watch._access_log.failed(self, error, took)
        if self.span is not None:
            self.span.end(error, gone=gone)
        _current.set(None)
