"""What runs in a child, which the zygote has forked.

It asks the supervisor what it is to be, becomes that, and ends when it is told to, or when the supervisor has gone.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from typing import TYPE_CHECKING, Any, Final

from fairpost.server import logs
from fairpost.server.config import Config
from fairpost.server.supervisor.channel import Channel, ChannelClosed, ChannelTimeout, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Link", "main"]

_HELLO_SECONDS: Final = 900.0
"""The first worker may have to compile rules and bring a store up to date, for which the others wait."""
_CLOSE_SECONDS: Final = 10.0


class Link:
    """A child's end of its channel. task: what it is to be; answers: what it answers, to be added to; inherited:
    further descriptors that it got from the supervisor."""

    def __init__(self, end: socket.socket, inherited: Sequence[int] = ()) -> None:
        self.inherited = tuple(inherited)
        self.stop = threading.Event()
        """Set when it is to end."""
        self.drain_seconds: float | None = None
        """How long calls in flight get then; None: as the settings say."""
        self.on_stop: Callable[[], None] = lambda: None
        self.answers: dict[str, Callable[[Any], Any]] = {"ping": lambda _: {}, "drain": self._drain}
        self.channel = Channel(end, self._answer, on_end=self._stop, name="supervisor").start()
        self.task: dict[str, Any] = self.channel.ask("hello", timeout=_HELLO_SECONDS)
        self.settings = Config.of_json(self.task["settings"])
        signal.signal(signal.SIGTERM, lambda _number, _frame: self._stop())

    def serving(self) -> None:
        """Tell the supervisor that calls are answered from now on."""
        self.channel.ask("serving", timeout=_HELLO_SECONDS)

    def failed(self, why: str) -> None:
        """Tell the supervisor why this cannot start."""
        self.channel.ask("failed", {"why": why}, timeout=_HELLO_SECONDS)

    def _answer(self, question: str, content: Any) -> Any:
        answer = self.answers.get(question)
        if answer is None:
            raise Refused(f"{self.task['name']} does not answer {question!r} (yet)")
        return answer(content)

    def _drain(self, content: Any) -> dict[str, Any]:
        self.drain_seconds = content["seconds"]
        self._stop()
        return {}

    def _stop(self) -> None:
        if self.stop.is_set():
            return
        self.stop.set()
        seconds = self.settings.drain_seconds if self.drain_seconds is None else self.drain_seconds
        # Without a supervisor nobody else ends what hangs.
        watch = threading.Timer(seconds + _CLOSE_SECONDS, os._exit, (1,))
        watch.daemon = True
        watch.start()
        self.on_stop()


def main(kind: str, descriptors: Sequence[int]) -> int:
    """Be a child until the end; gives the exit status. descriptors: of the channel, and further ones."""
    if kind == "web":
        from fairpost.server.web.child import run
    else:
        from fairpost.server.supervisor.worker import run
    try:
        link = Link(socket.socket(fileno=descriptors[0]), descriptors[1:])
    except (ChannelClosed, ChannelTimeout, Refused):
        return 1
    logs.name_process(link.task["name"])
    logs.configure(link.settings)
    try:
        return run(link)
    except (ChannelClosed, ChannelTimeout):
        return 1  # the supervisor has gone
