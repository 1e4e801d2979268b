"""A stream of batches over connections that may break: every batch is answered once, in order.

What the caller's iterable gives is taken by a thread of its own and put into the outbox, which holds the batches that
have no answer yet, at most `in_flight` of them. grpc's thread sends them. When a stream ends early, the next one begins
with the first unanswered batch; the server judges it again, and records nothing twice.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from fairpost.client.caller import FAULTS, expired
from fairpost.client.catalogue import rpc
from fairpost.client.errors import CallFailed
from fairpost.client.verdicts import declares
from fairpost.client.watchdog import Watchdog
from fairpost.v1 import filter_pb2

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from fairpost.client.caller import Caller
    from fairpost.client.options import Options

    Request = filter_pb2.StreamCheckRequest
    Response = filter_pb2.StreamCheckResponse
    Judged = Generator[tuple[Request, Response | CallFailed], None, None]

__all__ = ["STREAM_CHECK", "check_answer", "judge", "stream_failure"]

STREAM_CHECK = rpc("StreamCheck")


class _Outbox:
    """Requests on their way: from the feeding thread, over grpc's, to the reader."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._changed = threading.Condition()
        self._unanswered: deque[Request] = deque()
        self._sent = 0
        self._calls = 0
        self._fed = False
        self._closed = False
        self._reading = False
        self._error: BaseException | None = None
        self.watchdog: Watchdog

    # ---- the feeding thread

    def feed(self, requests: Iterable[Request]) -> None:
        """Put all requests in, as there is room."""
        try:
            for request in requests:
                with self._changed:
                    self._changed.wait_for(lambda: self._closed or len(self._unanswered) < self._size)
                    if self._closed:
                        return
                    self._unanswered.append(request)
                    if self._reading:
                        self.watchdog.wait()
                    self._changed.notify_all()
        except BaseException as error:  # for the reader, after the answers to what came before it
            self._error = error
        with self._changed:
            self._fed = True
            self._changed.notify_all()

    # ---- grpc's sending thread

    def requests(self) -> Iterator[Request]:
        """What a new call is to send: all that is unanswered, then what comes. Older calls send no more."""
        with self._changed:
            self._calls += 1
            self._sent = 0
            self._changed.notify_all()
            return self._requests(self._calls)

    def _requests(self, mine: int) -> Iterator[Request]:
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._closed or self._calls != mine or self._sent < len(self._unanswered) or self._fed
                )
                if self._closed or self._calls != mine or self._sent == len(self._unanswered):
                    return
                request = self._unanswered[self._sent]
                self._sent += 1
            yield request

    # ---- the reader

    def wait_for_work(self) -> bool:
        """Until there is something to send; False: all has been answered.

        Raises:
            BaseException: what the caller's iterable raised, once all before it has been answered.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._unanswered or self._fed)
            if not self._unanswered and self._error is not None:
                raise self._error
            return bool(self._unanswered)

    def reading(self) -> None:
        """From now on an answer is overdue after a while, if one is due."""
        with self._changed:
            self._reading = True
            if self._unanswered:
                self.watchdog.wait()

    def answered(self, response: Response) -> Request:
        """Take the oldest request out: this is its answer.

        Raises:
            CallFailed: it is not.
        """
        with self._changed:
            request = self._unanswered[0] if self._sent else None
            check_answer(request, response)
            assert request is not None
            self._sent -= 1
            self._take()
            return request

    def given_up(self) -> list[Request]:
        """Take all unanswered requests out."""
        with self._changed:
            taken = list(self._unanswered)
            self._unanswered.clear()
            self._sent = 0
            self._calls += 1
            self._reading = False
            self.watchdog.rest()
            self._changed.notify_all()
            return taken

    def _take(self) -> None:
        self._unanswered.popleft()
        self._reading = False
        self.watchdog.rest()
        self._changed.notify_all()

    @property
    def is_empty(self) -> bool:
        with self._changed:
            return not self._unanswered

    def close(self) -> None:
        """The threads end as soon as they can."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def judge(caller: Caller, options: Options, requests: Iterable[Request], *, in_flight: int) -> Judged:
    """Each request with its answer, in order; with the failure instead where `on_failure` lets the caller go on.

    Raises:
        CallFailed: the server refused, or could not be reached in time and `on_failure` is "raise".
    """
    if in_flight < 1:
        raise ValueError(f"in_flight is {in_flight}; at least 1 batch must be on its way")
    caller.require_usable()
    return _judged(caller, options, requests, _Outbox(in_flight))


def _judged(caller: Caller, options: Options, requests: Iterable[Request], outbox: _Outbox) -> Judged:
    call: Any = None

    def bite() -> None:
        if call is not None:
            call.cancel()

    feeder = threading.Thread(target=outbox.feed, args=(requests,), name="fairpost-feeder", daemon=True)
    failures, index = 0, None
    with Watchdog(options.timeout, bite, caller.pace.now) as watchdog:
        outbox.watchdog = watchdog
        feeder.start()
        try:
            while outbox.wait_for_work():
                failure: CallFailed | None = None
                index = caller.ring.take(index)
                outbox.reading()
                try:
                    call = caller.links[index].stream(STREAM_CHECK)(outbox.requests(), metadata=caller.metadata())
                    if watchdog.bitten:  # while there was no call to cancel
                        call.cancel()
                    for response in call:
                        request = outbox.answered(response)
                        failures = 0
                        caller.budget.answered()
                        caller.ring.answered(index)
                        yield request, response
                        outbox.reading()
                except FAULTS as error:
                    failure = caller.failure(error)
                if failure is None and outbox.is_empty:
                    continue
                failure = stream_failure(failure, expired(options.timeout) if watchdog.bitten else None)
                caller.ring.failed(index, failure)
                if outbox.is_empty and options.retry is not None:
                    continue  # nothing was lost
                failures += 1
                pause = None
                if not watchdog.bitten:
                    pause = caller.pause(failure, options, STREAM_CHECK, failures, watchdog.left())
                if pause is not None:
                    caller.pace.sleep(pause)
                    continue
                if not declares(options.on_failure, failure):
                    raise failure
                for request in outbox.given_up():
                    yield request, failure
                watchdog.forgive()
                failures = 0
        finally:
            outbox.close()
            bite()


def stream_failure(found: CallFailed | None, overdue: CallFailed | None) -> CallFailed:
    """What the end of a stream before its time means."""
    if overdue is not None:
        return overdue
    if found is None:
        return CallFailed("UNAVAILABLE", "the server ended the stream before it had answered everything")
    if found.code == "CANCELLED":  # a server that stops ends idle streams so; we have not cancelled
        return CallFailed("UNAVAILABLE", f"the server ended the stream: {found.message}", found.reason)
    return found


def check_answer(request: Request | None, response: Response) -> None:
    """
    Raises:
        CallFailed: the response is not the answer to the oldest request.
    """
    expected = (request.sequence, len(request.posts)) if request is not None else None
    found = (response.sequence, len(response.results))
    if found != expected:
        due = f"batch {expected[0]} with {expected[1]} posts was due" if expected else "nothing was due"
        raise CallFailed("INTERNAL", f"the server answered batch {found[0]} with {found[1]} results; {due}")
