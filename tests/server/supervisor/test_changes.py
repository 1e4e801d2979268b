"""Activations over workers that fail at each step: nobody swaps before all have prepared."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from running import until

from fairpost.server.supervisor.changes import Changes, ask_all
from fairpost.server.supervisor.channel import ChannelClosed, ChannelTimeout, Refused

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Line:
    """In the place of a channel."""

    closed: bool = False


@dataclass
class Worker:
    """In the place of a child. faults: by question, what is raised."""

    number: int
    joined: bool = True
    faults: dict[str, Exception] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    killed: int = 0
    channel: Any = field(default_factory=Line)

    @property
    def name(self) -> str:
        return f"worker {self.number}"

    @property
    def pid(self) -> int:
        return 100 + self.number

    def ask(self, question: str, content: Any = None, *, timeout: float) -> Any:
        self.asked.append(question.removeprefix("rules."))
        if question in self.faults:
            raise self.faults[question]
        return {}

    def kill_and_wait(self, channel: Any, seconds: float) -> None:
        self.killed += 1


def change(folder: Path) -> dict[str, Any]:
    return {"revision": "r1", "digest": "d1", "folder": str(folder), "history": "[1]"}


def made(*workers: Worker) -> tuple[Changes, int]:
    changes = Changes(lambda: list(workers), lambda: 1.0)  # type: ignore[arg-type]
    return changes, changes.acquire(workers[0].channel, 1.0)


def test_all_prepare_then_it_is_written_then_all_swap(tmp_path: Path) -> None:
    workers = [Worker(0), Worker(1), Worker(2, joined=False)]
    changes, token = made(*workers)
    answers = changes.carry_out(token, change(tmp_path))
    assert answers == [{"worker": 0, "pid": 100, "why": ""}, {"worker": 1, "pid": 101, "why": ""}]
    # One that has not come so far starts with what is written.
    assert [worker.asked for worker in workers] == [["prepare", "swap"], ["prepare", "swap"], []]
    assert (tmp_path / "activations.json").read_text() == "[1]"


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Refused("self-test: no"), "worker 1: self-test: no"),
        (ChannelClosed("x"), "worker 1: it has ended and is being replaced"),
        (ChannelTimeout("x"), "worker 1: no answer within 60 s"),
    ],
)
def test_if_one_cannot_prepare_nobody_swaps(tmp_path: Path, fault: Exception, why: str) -> None:
    workers = [Worker(0), Worker(1, faults={"rules.prepare": fault})]
    changes, token = made(*workers)
    with pytest.raises(Refused) as caught:
        changes.carry_out(token, change(tmp_path))
    assert caught.value.message == f"revision r1 cannot be served by all workers, so none serves it ({why})"
    assert caught.value.entries == {"worker": 1}
    assert [worker.asked for worker in workers] == [["prepare", "forget"]] * 2
    assert list(tmp_path.iterdir()) == []


def test_one_that_does_not_swap_is_ended_and_told_of(tmp_path: Path) -> None:
    workers = [Worker(0), Worker(1, faults={"rules.swap": ChannelTimeout("x")})]
    changes, token = made(*workers)
    answers = changes.carry_out(token, change(tmp_path))
    assert answers[1] == {"worker": 1, "pid": 101, "why": "no answer within 1 s"}
    assert [worker.killed for worker in workers] == [0, 1]


def test_what_cannot_be_written_is_not_swapped(tmp_path: Path) -> None:
    workers = [Worker(0), Worker(1)]
    changes, token = made(*workers)
    (tmp_path / "activations.json.new").mkdir()
    with pytest.raises(Refused) as caught:
        changes.carry_out(token, change(tmp_path))
    assert caught.value.entries["errno"] == 21
    assert [worker.asked for worker in workers] == [["prepare", "forget"]] * 2


def test_turns_come_one_after_another() -> None:
    lines = [Line() for _ in range(4)]
    changes = Changes(list, lambda: 1.0)
    first = changes.acquire(lines[0], 1.0)  # type: ignore[arg-type]
    order: list[int] = []

    def wait(number: int) -> None:
        token = changes.acquire(lines[number], 60.0)  # type: ignore[arg-type]
        order.append(number)
        changes.release(token)

    threads = []
    for number in (1, 2, 3):
        threads.append(threading.Thread(target=wait, args=(number,)))
        threads[-1].start()
        until(lambda: len(changes._queue) == len(threads))
    assert order == []
    with pytest.raises(
        Refused, match=r"another activation has been under way for 0\.1 s; see GetStatus, and try again"
    ):
        changes.acquire(lines[0], 0.1)  # type: ignore[arg-type]
    changes.release(999)  # not the holder's
    changes.release(first)
    for thread in threads:
        thread.join()
    assert order == [1, 2, 3]


def test_a_turn_ends_with_the_worker_that_has_it(tmp_path: Path) -> None:
    workers = [Worker(0), Worker(1)]
    changes, token = made(*workers)
    with pytest.raises(Refused, match="it is not this worker's turn"):
        changes.carry_out(token + 1, change(tmp_path))
    workers[0].channel.closed = True
    changes.gone(workers[0].channel)
    with pytest.raises(Refused, match="it is not this worker's turn"):
        changes.carry_out(token, change(tmp_path))
    assert changes.acquire(workers[1].channel, 0.1)


def test_a_change_goes_on_when_its_worker_dies(tmp_path: Path) -> None:
    workers = [Worker(0), Worker(1)]
    changes, token = made(*workers)

    def swap(question: str, content: Any = None, *, timeout: float) -> Any:
        if question == "rules.swap":  # meanwhile the worker that asked for it dies
            workers[0].channel.closed = True
            changes.gone(workers[0].channel)
            with pytest.raises(Refused):  # nobody gets in between
                changes.acquire(workers[1].channel, 0.05)
        return {}

    workers[0].faults["rules.swap"] = ChannelClosed("dead")
    workers[1].ask = swap  # type: ignore[method-assign]
    answers = changes.carry_out(token, change(tmp_path))
    assert [answer["why"] for answer in answers] == ["it has ended and is being replaced", ""]
    assert (tmp_path / "activations.json").read_text() == "[1]"
    assert changes.acquire(workers[1].channel, 0.1)  # the turn is free again


def test_ask_all_asks_at_once() -> None:
    class Slow(Worker):
        def ask(self, question: str, content: Any = None, *, timeout: float) -> Any:
            time.sleep(0.5)
            return self.number

    begun = time.monotonic()
    assert ask_all([Slow(i) for i in range(5)], "x", None, timeout=60) == [(i, "") for i in range(5)]  # type: ignore[misc]
    assert time.monotonic() - begun < 2.0
    assert ask_all([], "x", None, timeout=1) == []
