"""What a server needs of the other workers on its port: an activation is one for all of them.

`Coordinator` is what `Server` and `RuleSets` see of it. `Alone` is the server that has no others: tests, embedding.
Under a supervisor it is `fairpost.server.supervisor.member.Member`.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from fairpost.server.errors import Aborted
from fairpost.server.files import write_durably
from fairpost.v1 import reason_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

__all__ = ["Alone", "Change", "Confirmation", "Coordinator", "Party", "Questions"]


@dataclass(frozen=True, slots=True)
class Change:
    """A rule set that is to be active in every worker.

    Its file is in the folder already, whole and on disk. history: what activations.json is to say from then on.
    """

    revision: str
    digest: str
    folder: Path
    history: str


class Confirmation(NamedTuple):
    """What a worker said to a change. why: "" if it serves the new rule set now."""

    worker: int
    pid: int
    why: str = ""


class Party(Protocol):
    """A worker's rule sets, as whoever coordinates a change sees them."""

    def prepare(self, revision: str, digest: str) -> None:
        """Open the file, verify it, warm it up; serve the present one meanwhile.

        Raises:
            ServiceError: it cannot be served here.
        """

    def swap(self, revision: str, history: str) -> None:
        """Serve it from now on; prepared or not."""

    def forget(self, revision: str) -> None:
        """It will not be served after all."""


class Coordinator(Protocol):
    """One server's tie to the others. Thread-safe."""

    worker: int
    """Number of this worker, from 0."""
    shares_port: bool
    """Whether others listen on the same port."""
    starts_first: bool
    """Whether this server is to activate what the configuration asks for; others take what is active."""

    def leads(self) -> bool:
        """Whether this server does what one of them is to do: it writes snapshots, it polls the source of rules."""

    def join(self) -> None:
        """Take part in changes from now on. To be called in `exclusive`, once the rule set on disk is served."""

    def exclusive(self, patience: float = ...) -> AbstractContextManager[None]:
        """No other activation, here or in another worker, until the block ends. patience: seconds to wait for it.

        Raises:
            Aborted: another one is under way for long.
            Unavailable: the supervisor has gone.
        """

    def carry_out(self, change: Change, party: Party) -> list[Confirmation]:
        """Every worker prepares, activations.json is written, every worker swaps. To be called in `exclusive`.

        Raises:
            Unavailable: a worker cannot serve it; nobody does, and nothing was written.
            OSError: activations.json cannot be written; nobody has swapped.
        """

    def gather(self, question: str, content: Any = None) -> dict[int, Any]:
        """What each worker answers, by its number; {"error": "..."} for one that does not. Answers are objects; pid,
        started_at (ms) and replaced are added to them."""

    def settings(self) -> dict[str, Any] | None:
        """When the settings were read, and what came of it since, as the supervisor tells; None without one: read_at,
        failed_at (ms or null), failure, need_restart."""


class Questions:
    """What a worker can be asked: named functions from JSON to JSON."""

    def __init__(self) -> None:
        self._answers: dict[str, Callable[[Any], Any]] = {}

    def add(self, name: str, answer: Callable[[Any], Any]) -> None:
        self._answers[name] = answer

    def answer(self, name: str, content: Any = None) -> Any:
        """
        Raises:
            KeyError: nobody answers that (yet).
        """
        return self._answers[name](content)


class Alone:
    """The only server of its data directory."""

    worker = 0
    shares_port = False
    starts_first = True

    def __init__(self, questions: Questions) -> None:
        self._questions = questions
        self._one = threading.Lock()
        self._started_at = time.time_ns() // 1_000_000

    def leads(self) -> bool:
        return True

    def join(self) -> None: ...

    @contextmanager
    def exclusive(self, patience: float = -1.0) -> Iterator[None]:
        if not self._one.acquire(timeout=patience):
            message = f"another activation has been under way for {patience:g} s; see GetStatus, and try again"
            raise Aborted(reason_pb2.REASON_CONFLICT, message, retry_after=1.0)
        try:
            yield
        finally:
            self._one.release()

    def carry_out(self, change: Change, party: Party) -> list[Confirmation]:
        party.prepare(change.revision, change.digest)
        try:
            write_durably(change.folder / "activations.json", change.history.encode())
        except OSError:
            party.forget(change.revision)
            raise
        party.swap(change.revision, change.history)
        return [Confirmation(self.worker, os.getpid())]

    def gather(self, question: str, content: Any = None) -> dict[int, Any]:
        about = {"pid": os.getpid(), "started_at": self._started_at, "replaced": 0}
        return {self.worker: about | self._questions.answer(question, content)}

    def settings(self) -> None:
        return None
