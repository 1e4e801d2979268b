"""A child that is stuck, or never comes up: killed, waited for longer and longer. Without a server in it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from running import until

from fairpost.server.supervisor import children
from fairpost.server.supervisor.children import Child

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

# Answers what it is asked as told on its command line; serves at once.
PROGRAM = """
import socket, sys, threading
from fairpost.server.supervisor.channel import Channel
stop = threading.Event()
answers = {"ping": {"stuck": float(sys.argv[2])}, "drain": {}}
def answer(question, content):
    if question == "drain":
        stop.set()
    return answers[question]
channel = Channel(socket.socket(fileno=int(sys.argv[1])), answer, on_end=stop.set).start()
channel.ask("serving", timeout=10)
stop.wait()
"""


@pytest.fixture
def child() -> Iterator[Callable[..., Child]]:
    made: list[Child] = []

    def make(*, stuck: float = 0.0, program: str = PROGRAM, timeout: float = 0.4) -> Child:
        def fork(kind: str, descriptors: Sequence[int]) -> Any:
            command = [sys.executable, "-c", program, str(descriptors[0]), str(stuck)]
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=descriptors)

        def answer(child: Child, question: str, content: Any) -> Any:
            child.set_serving()
            return {}

        made.append(Child("worker", 7, fork=fork, answer=answer, timeout=lambda: timeout))
        made[-1].start()
        return made[-1]

    yield make
    for each in made:
        each.forsake()


def test_a_child_serves_until_it_is_told_to_end(child: Any) -> None:
    made = child()
    assert made.wait_served() == ""
    time.sleep(1.0)  # some pings
    assert (made.replaced, made.serving) == (0, True)
    assert made.about()["pid"] == made.pid
    made.stop(1.0)
    assert made.wait_ended(10)
    assert (made.pid, made.serving, made.channel) == (0, False, None)


def test_a_child_whose_calls_are_stuck_is_killed(child: Any, capsys: pytest.CaptureFixture[str]) -> None:
    made = child(stuck=1.3)  # more than three timeouts
    made.wait_served()  # the first ping may come before we look
    until(lambda: made.replaced > 0)
    assert "its calls are stuck for 1.3 s" in capsys.readouterr().out


def test_calls_that_wait_for_long_are_left_alone(child: Any) -> None:
    made = child(stuck=1.1)  # less than that
    assert made.wait_served() == ""
    time.sleep(1.0)
    assert made.replaced == 0


def test_one_that_never_serves_is_tried_again_later_and_later(child: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "_FIRST_WAIT", 0.01)
    told: list[float] = []
    monkeypatch.setattr(children.log, "error", lambda event, **entries: told.append(entries["again_in"]), raising=False)
    made = child(program="raise SystemExit(3)")
    assert made.wait_served() == "worker 7 ended with status 3 before it served; its log says more"
    until(lambda: len(told) >= 4)
    made.forsake()
    assert told[:4] == [0.01, 0.02, 0.04, 0.08]


def test_how_an_end_is_told() -> None:
    assert children._shown(0) == "status 0"
    assert children._shown(2) == "status 2"
    assert children._shown(-signal.SIGSEGV) == "signal SIGSEGV"
    assert children._shown(-64) == "signal SIGRTMAX"
