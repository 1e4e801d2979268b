"""Activations over all workers: one at a time; every worker prepares, or nobody swaps."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog

from fairpost.server.files import write_durably
from fairpost.server.supervisor.channel import Channel, ChannelClosed, ChannelTimeout, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fairpost.server.supervisor.children import Child

__all__ = ["Changes", "ask_all"]

log = structlog.get_logger(__name__)

_PREPARE_SECONDS: Final = 60.0
_KILL_SECONDS: Final = 10.0


def ask_all(children: Sequence[Child], question: str, content: Any, *, timeout: float) -> list[tuple[Any, str]]:
    """Ask all at once; of each its answer and "", or None and why there is none."""

    def ask(child: Child) -> tuple[Any, str]:
        try:
            return child.ask(question, content, timeout=timeout), ""
        except ChannelClosed:
            return None, "it has ended and is being replaced"
        except ChannelTimeout:
            return None, f"no answer within {timeout:g} s"
        except Refused as refused:
            return None, refused.message

    if not children:
        return []
    with ThreadPoolExecutor(len(children), thread_name_prefix="ask") as pool:
        return list(pool.map(ask, children))


class Changes:
    """The turn to activate, and what is done in it. Thread-safe.

    workers: all of them. timeout: seconds within which a worker has to swap.
    """

    def __init__(self, workers: Callable[[], Sequence[Child]], timeout: Callable[[], float]) -> None:
        self._workers = workers
        self._timeout = timeout
        self._changed = threading.Condition()
        self._tokens = itertools.count(1)
        self._queue: deque[int] = deque()
        self._holder: tuple[int, Channel] | None = None
        self._busy = False

    def acquire(self, channel: Channel, patience: float) -> int:
        """Wait for the turn; gives a token for `release`.

        Raises:
            Refused: others had it all the time.
        """
        with self._changed:
            token = next(self._tokens)
            self._queue.append(token)
            try:
                mine = self._changed.wait_for(
                    lambda: channel.closed or (self._holder is None and self._queue[0] == token), patience
                )
                if not mine or channel.closed:
                    raise Refused(
                        f"another activation has been under way for {patience:g} s; see GetStatus, and try again"
                    )
                self._holder = token, channel
            finally:
                self._queue.remove(token)
                self._changed.notify_all()
            return token

    def release(self, token: int) -> None:
        with self._changed:
            if self._holder is not None and self._holder[0] == token and not self._busy:
                self._holder = None
            self._changed.notify_all()

    def gone(self, channel: Channel) -> None:
        """A worker has ended; its turn ends with it, or with what is being done in it."""
        with self._changed:
            if self._holder is not None and self._holder[1] is channel and not self._busy:
                self._holder = None
            self._changed.notify_all()

    def carry_out(self, token: int, content: dict[str, Any]) -> list[dict[str, Any]]:
        """What coordination.Coordinator.carry_out says, for a Change as JSON. It is carried to its end even if the
        worker that asked for it dies meanwhile.

        Raises:
            Refused: not this worker's turn; a worker cannot serve it (entry `worker`), or the history cannot be
                written (entry `errno`). Nobody has swapped.
        """
        with self._changed:
            if self._holder is None or self._holder[0] != token:
                raise Refused("it is not this worker's turn")
            self._busy = True
            channel = self._holder[1]
        try:
            return self._carry_out(content)
        finally:
            with self._changed:
                self._busy = False
                if channel.closed:
                    self._holder = None
                self._changed.notify_all()

    def _carry_out(self, content: dict[str, Any]) -> list[dict[str, Any]]:
        revision, history = content["revision"], content["history"]
        children = [child for child in self._workers() if child.joined]
        channels = [child.channel for child in children]
        about = [child.pid for child in children]
        asked = {"revision": revision, "digest": content["digest"]}
        answers = ask_all(children, "rules.prepare", asked, timeout=_PREPARE_SECONDS)
        faults = [(child, why) for child, (_, why) in zip(children, answers, strict=True) if why]
        if faults:
            ask_all(children, "rules.forget", asked, timeout=self._timeout())
            told = "; ".join(f"{child.name}: {why}" for child, why in faults)
            raise Refused(
                f"revision {revision} cannot be served by all workers, so none serves it ({told})",
                worker=faults[0][0].number,
            )
        try:
            write_durably(Path(content["folder"]) / "activations.json", history.encode())
        except OSError as error:
            ask_all(children, "rules.forget", asked, timeout=self._timeout())
            raise Refused(str(error), errno=error.errno) from None
        # From here on it is what a new worker starts with.
        answers = ask_all(children, "rules.swap", {"revision": revision, "history": history}, timeout=self._timeout())
        told_of = []
        for child, channel, pid, (_, why) in zip(children, channels, about, answers, strict=True):
            if why:
                log.error("worker did not swap and is killed", child=child.name, pid=pid, why=why)
                child.kill_and_wait(channel, _KILL_SECONDS)
            told_of.append({"worker": child.number, "pid": pid, "why": why})
        return told_of
