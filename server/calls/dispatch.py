"""The one way from a request to its answer: observe, admit, limit, answer.

A call is let in before its request is received: who may not call, or not now, costs no more than that.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from fairpost.server.calls.waits import CALLS, Waits
from fairpost.server.errors import Internal, InvalidArgument, ResourceExhausted, ServiceError
from fairpost.v1 import reason_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fairpost.server.calls.call import Call, Method
    from fairpost.server.calls.streams import Streams

__all__ = ["Admission", "Dispatcher", "Gate", "Observation", "Observer"]

log = structlog.get_logger(__name__)

_USUAL_BYTES: Final = 4 * 1024 * 1024


class Admission(Protocol):
    """A call that was let in."""

    def message(self, size: int) -> None:
        """One more request message, of `size` bytes, is about to be answered.

        Raises:
            ServiceError: a quota is used up, or the caller has given up.
        """

    def check(self) -> None:
        """Whether the call may go on; asked again and again of calls that last.

        Raises:
            ServiceError: its credentials hold no longer.
        """

    def leave(self) -> None:
        """The call has ended; called once."""


class Gate(Protocol):
    """Who may call what, and how much of it."""

    def enter(self, method: Method, call: Call) -> Admission:
        """Let a call in.

        Raises:
            ServiceError: not this caller, or not now.
        """


class Observation(Protocol):
    """A call that is being watched."""

    def begin_message(self) -> None:
        """A request message of Kind.STREAM has come and is about to be answered."""

    def message(self, received: bytes | None, sent: bytes) -> None:
        """A request message was answered; for parts `received` is None after the first."""

    def end(self, error: ServiceError | None, *, gone: bool = False) -> None:
        """The call has ended: well, with an error, or because the caller is gone. Called once."""


class Observer(Protocol):
    """Who watches calls: metrics, traces, logs. Never fails."""

    def begin(self, method: Method, call: Call) -> Observation: ...


class Dispatcher:
    """Answers calls. Thread-safe; knows no transport. Whatever goes wrong leaves as a ServiceError."""

    def __init__(self, gate: Gate, observer: Observer, streams: Streams, waits: Waits | None = None) -> None:
        self._gate = gate
        self._observer = observer
        self._streams = streams
        self._waits = waits if waits is not None else Waits()

    def unary(self, method: Method, call: Call, requests: Iterator[bytes]) -> bytes:
        """The answer of Kind.UNARY to the one request; b"" if the caller is gone."""
        assert method.answer is not None
        observation = self._observer.begin(method, call)
        failure: ServiceError | None = None
        gone = False
        try:
            admission = self._gate.enter(method, call)
            try:
                content = self._receive(method, call, requests, lends=CALLS)
                answer = _answered(method, method.answer, admission, content)
            finally:
                admission.leave()
            observation.message(content, answer)
            return answer
        except Exception as error:
            if gone := not call.is_active():  # what fails after that is of no interest to anybody
                return b""
            failure = _known(error, method)
            raise failure from None
        finally:
            observation.end(failure, gone=gone)

    def stream(self, method: Method, call: Call, requests: Iterator[bytes]) -> Iterator[bytes]:
        """The answers of Kind.STREAM; close the generator when the caller is gone."""
        answer = method.answer
        assert answer is not None

        def admitted(admission: Admission) -> Iterator[bytes]:
            def answer_one(content: bytes) -> bytes:
                observation.begin_message()
                sent = _answered(method, answer, admission, content)
                observation.message(content, sent)
                return sent

            return self._streams.run(call, requests, answer_one)

        observation = self._observer.begin(method, call)
        yield from self._watched(method, call, observation, admitted)

    def parts(self, method: Method, call: Call, requests: Iterator[bytes]) -> Iterator[bytes]:
        """The parts of Kind.PARTS; close the generator when the caller is gone."""
        parts = method.parts
        assert parts is not None

        def admitted(admission: Admission) -> Iterator[bytes]:
            content = self._receive(method, call, requests)
            _check_size(method, content)
            admission.message(len(content))
            received: bytes | None = content

            def listens() -> bool:
                admission.check()
                return call.is_active()

            for part in parts(content, listens):
                observation.message(received, part)
                received = None
                wait = self._waits.begin(call, self._waits.idle_seconds)
                try:
                    yield part
                finally:
                    self._waits.end(wait)

        observation = self._observer.begin(method, call)
        yield from self._watched(method, call, observation, admitted)

    def _receive(self, method: Method, call: Call, requests: Iterator[bytes], *, lends: str = "") -> bytes:
        """The one request of a call; large ones get as much more time as they may be larger."""
        waits = self._waits
        wait = waits.begin(call, waits.receive_seconds * max(1.0, method.max_bytes / _USUAL_BYTES), lends=lends)
        try:
            content = next(requests, None)
        finally:
            waits.end(wait)
        if content is None:
            raise InvalidArgument(reason_pb2.REASON_MALFORMED_REQUEST, f"{method.path} takes a request; there was none")
        return content

    def _watched(
        self, method: Method, call: Call, observation: Observation, admitted: Callable[[Admission], Iterator[bytes]]
    ) -> Iterator[bytes]:
        failure: ServiceError | None = None
        gone = False
        try:
            admission = self._gate.enter(method, call)
            try:
                yield from admitted(admission)
                gone = not call.is_active()
            finally:
                admission.leave()
        except GeneratorExit:
            gone = True
            raise
        except Exception as error:
            if gone := not call.is_active():  # what fails after that is of no interest to anybody
                return
            failure = _known(error, method)
            raise failure from None
        finally:
            observation.end(failure, gone=gone)


def _answered(method: Method, answer: Callable[[bytes], bytes], admission: Admission, content: bytes) -> bytes:
    _check_size(method, content)
    admission.message(len(content))
    return answer(content)


def _check_size(method: Method, content: bytes) -> None:
    if len(content) > method.max_bytes:
        raise ResourceExhausted(
            reason_pb2.REASON_REQUEST_TOO_LARGE,
            f"the request has {len(content)} bytes; at most {method.max_bytes} are taken. Send fewer posts in one "
            "message",
            metadata={"limit": str(method.max_bytes), "size": str(len(content))},
        )


def _known(error: Exception, method: Method) -> ServiceError:
    """The error itself, or one that names an incident in the log and nothing else."""
    if isinstance(error, ServiceError):
        return error
    incident = secrets.token_hex(6)
    log.error("unexpected error", incident=incident, method=method.path, exc_info=error)
    return Internal(
        reason_pb2.REASON_INTERNAL,
        f"the server failed; its log has the details under incident {incident}",
        metadata={"incident": incident},
    )
