"""A child of the supervisor: started, watched, replaced when it dies."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, Final

import structlog

from fairpost.server.supervisor.channel import Channel, ChannelClosed, ChannelTimeout, Refused
from fairpost.server.supervisor.forking import ZygoteError
from fairpost.server.supervisor.signals import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fairpost.server.supervisor.forking import Process

__all__ = ["Child"]

log = structlog.get_logger(__name__)

_SOON_SECONDS: Final = 0.05
_SOUND_SECONDS: Final = 0.1
"""A child that served for so long is replaced at once, however often it dies: the fault is not in how it starts, and
a call that kills workers is better met by many starts, of which each takes a third of a second, than by none."""
_FIRST_WAIT: Final = 0.25
_LONGEST_WAIT: Final = 30.0
_STUCK_FACTOR: Final = 3.0
"""How many timeouts the threads that answer calls may be stuck: calls may wait long for the store, and do no harm."""
_STARTING_SECONDS: Final = 60.0
"""Patience with one that does not serve yet: it loads code and tables, and may not answer meanwhile."""


class Child:
    """One place among the children, and the operating system's process that fills it at present. Thread-safe.

    fork: (kind, descriptors) -> process, whose end of the channel is the first of the descriptors; ZygoteError if there
    is none. answer: what it asks: (child, question, content) -> answer. on_serving, on_end: called when it has begun to
    serve, and when it has ended. timeout: seconds within which it has to answer a ping, asked for each time.
    """

    def __init__(
        self,
        kind: str,
        number: int,
        *,
        fork: Callable[[str, Sequence[int]], Process],
        answer: Callable[[Child, str, Any], Any],
        timeout: Callable[[], float],
        on_serving: Callable[[Child], None] = lambda child: None,
        on_end: Callable[[Child, Channel], None] = lambda child, channel: None,
        inherited: Sequence[int] = (),
    ) -> None:
        self.kind = kind
        self.number = number
        self.name = f"{kind} {number}" if kind == "worker" else kind
        self.pid = 0
        self.started_at = 0
        """Milliseconds since 1970."""
        self.replaced = 0
        self.serving = False
        self.joined = False
        """Whether it takes part in activations."""
        self.fault = ""
        """Why it could not start."""
        self.changed = threading.Condition()
        """Notified when it serves or has ended."""
        self.ends = 0
        self.settings_version = 0
        """Of the settings that it started with, or has taken over since."""
        self.channel: Channel | None = None
        self._fork = fork
        self._answer = answer
        self._timeout = timeout
        self._on_serving = on_serving
        self._on_end = on_end
        self._inherited = tuple(inherited)
        self._process: Process | None = None
        self._stopping = threading.Event()
        self._failures = 0
        self._served_at = 0.0
        self._minder = threading.Thread(target=self._mind, name=f"{self.name}-minder", daemon=True)

    def start(self) -> None:
        self._minder.start()

    def wait_served(self) -> str:
        """Until it serves ("") or has ended; then why."""
        with self.changed:
            wait_until(lambda seconds: self.changed.wait_for(lambda: self.serving or self.ends, seconds))
            return "" if self.serving else self.fault or f"{self.name} ended before it served; its log says more"

    def ask(self, question: str, content: Any = None, *, timeout: float) -> Any:
        """
        Raises:
            ChannelClosed, ChannelTimeout, Refused: as Channel.ask.
        """
        channel = self.channel
        if channel is None:
            raise ChannelClosed(f"{self.name}: is being replaced")
        return channel.ask(question, content, timeout=timeout)

    def about(self) -> dict[str, Any]:
        return {"pid": self.pid, "started_at": self.started_at, "replaced": self.replaced}

    def set_serving(self) -> None:
        with self.changed:
            self.serving = True
            self._served_at = time.monotonic()
            self.changed.notify_all()
        self._on_serving(self)

    def kill(self) -> None:
        """End it at once; it is replaced unless `stop` came before."""
        process = self._process
        if process is not None:
            process.kill()

    def forsake(self) -> None:
        """End it at once and for good."""
        self._stopping.set()
        self.kill()
        if self._minder.is_alive():
            self._minder.join(1.0)

    def kill_and_wait(self, channel: Channel | None, seconds: float) -> None:
        """End the one that this channel leads to, if it has not ended, and wait for that."""
        with self.changed:
            if self.channel is not channel or channel is None:
                return
            self.kill()
            self.changed.wait_for(lambda: self.channel is not channel, seconds)

    def stop(self, seconds: float) -> None:
        """Let it give its calls so many seconds and end; it is not replaced any more. Does not wait."""
        self._stopping.set()
        with contextlib.suppress(ChannelClosed, ChannelTimeout, Refused):
            self.ask("drain", {"seconds": seconds}, timeout=1.0)

    def wait_ended(self, seconds: float) -> bool:
        """Whether it has ended for good."""
        self._minder.join(seconds)
        return not self._minder.is_alive()

    # ---- its thread -------------------------------------------------------------------------------------

    def _mind(self) -> None:
        try:
            self._keep_filled()
        finally:
            with self.changed:
                self.ends += 1  # also where it never began: somebody may wait for that
                self.changed.notify_all()

    def _keep_filled(self) -> None:
        while not self._stopping.is_set():
            event, entries = self._fill()
            if self._stopping.is_set():
                return
            wait = min(_FIRST_WAIT * 2.0 ** (self._failures - 1), _LONGEST_WAIT) if self._failures else _SOON_SECONDS
            log.error(event, child=self.name, **entries, again_in=wait)
            if self._stopping.wait(wait):
                return
            self.replaced += 1

    def _fill(self) -> tuple[str, dict[str, Any]]:
        """Have a process in this place until it ends; gives what is to be logged then."""
        try:
            process, channel = self._spawn()
        except (OSError, ZygoteError) as error:
            with self.changed:
                self.fault = f"{self.name} cannot be started: {error}"
                self.ends += 1
                self.changed.notify_all()
            self._failures += 1
            return "child cannot be started", {"why": str(error)}
        if self._stopping.is_set():  # between the two
            process.kill()
        pinging = threading.Thread(target=self._ping, args=(process, channel), name=f"{self.name}-pulse", daemon=True)
        pinging.start()
        status = process.wait()
        served = time.monotonic() - self._served_at if self.serving else 0.0
        self._end(channel, status)
        pinging.join()
        self._failures = 0 if served >= _SOUND_SECONDS else self._failures + 1
        return "child ended", {"pid": process.pid, "status": _shown(status)}

    def _spawn(self) -> tuple[Process, Channel]:
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = self._fork(self.kind, [theirs.fileno(), *self._inherited])
        except BaseException:
            ours.close()
            raise
        channel = Channel(
            ours, lambda question, content: self._asked(channel, question, content), name=f"to-{self.name}"
        )
        with self.changed:
            self._process = process
            self.pid, self.started_at = process.pid, time.time_ns() // 1_000_000
            self.fault = ""
            self.channel = channel
        channel.start()
        return process, channel

    def _asked(self, channel: Channel, question: str, content: Any) -> Any:
        if channel is not self.channel:
            raise Refused(f"{self.name} is being replaced")
        return self._answer(self, question, content)

    def _end(self, channel: Channel, status: int) -> None:
        channel.close()
        with self.changed:
            self.channel = None
            self.serving = self.joined = False
            self.pid = 0
            self.ends += 1
            if not self.fault and status:
                self.fault = f"{self.name} ended with {_shown(status)} before it served; its log says more"
            self.changed.notify_all()
        self._on_end(self, channel)

    def _ping(self, process: Process, channel: Channel) -> None:
        while not channel.closed and not self._stopping.wait(min(1.0, self._timeout() / 4)):
            timeout = self._timeout()
            patience = timeout if self.serving else max(timeout, _STARTING_SECONDS)
            try:
                stuck = channel.ask("ping", timeout=patience).get("stuck", 0.0)
            except ChannelTimeout:
                why = f"no answer within {patience:g} s"
            except (ChannelClosed, Refused):
                continue
            else:
                if stuck < timeout * _STUCK_FACTOR:
                    continue
                why = f"its calls are stuck for {stuck:.1f} s"
            if not self._stopping.is_set() and self.channel is channel:
                log.error("child does not answer and is killed", child=self.name, pid=process.pid, why=why)
                process.kill()
                return


def _shown(status: int) -> str:
    if status < 0:
        with contextlib.suppress(ValueError):
            return f"signal {signal.Signals(-status).name}"
    return f"status {status}"
