"""The process that forks children: whose they are, what they get, and what happens when it dies."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from running import alive, until

from fairpost.server.supervisor import forking as module
from fairpost.server.supervisor.channel import Channel, Refused
from fairpost.server.supervisor.forking import Zygote, ZygoteError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def zygote() -> Iterator[Zygote]:
    made = Zygote()
    yield made
    made.close()
    ctypes.CDLL(None).prctl(module._PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)  # other tests leave their orphans to init


def test_a_child_is_the_supervisors(zygote: Zygote) -> None:
    asked = threading.Event()
    answered = threading.Event()

    def answer(question: str, content: Any) -> Any:
        assert question == "hello"
        asked.set()
        answered.wait(60)
        raise Refused("there is nothing to do")

    ours, theirs = socket.socketpair()
    with theirs:
        process = zygote.fork("worker", [theirs.fileno()])
    channel = Channel(ours, answer).start()
    assert asked.wait(60)
    status = dict(line.split(":\t") for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
    assert (int(status["PPid"]), status["Name"]) == (os.getpid(), "fairpost worker")
    # Its channel and the standard ones: nothing of the zygote's, nothing of ours.
    assert len(os.listdir(f"/proc/{process.pid}/fd")) == 4
    answered.set()
    assert process.wait() == 1
    channel.close()
    process.kill()  # nothing happens


def test_a_killed_child_says_so(zygote: Zygote) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        first = zygote.fork("worker", [theirs.fileno()])
        loaded = zygote._popen
        second = zygote.fork("web", [theirs.fileno(), 0])
        assert zygote._popen is loaded, "what was loaded is loaded again"
        for each in (first, second):
            each.kill()
            assert each.wait() == -signal.SIGKILL


def test_a_zygote_that_died_is_started_again(zygote: Zygote) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        child = zygote.fork("worker", [theirs.fileno()])
        first = zygote._popen
        assert first is not None
        first.kill()
        first.wait()
        with pytest.raises(ZygoteError):
            zygote.fork("worker", [theirs.fileno()])
        Path(f"/proc/{child.pid}").stat()  # its children live on
        second = zygote.fork("worker", [theirs.fileno()])
        assert zygote._popen is not None
        assert zygote._popen.pid != first.pid
        for each in (child, second):
            each.kill()
            assert each.wait() == -signal.SIGKILL


def test_one_that_cannot_load_its_code(
    zygote: Zygote, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "_MODULE", "fairpost.server.supervisor.nothing")
    with pytest.raises(ZygoteError, match="the process that forks workers has ended; its log says more"):
        zygote.fork("worker", [0])
    assert "No module named fairpost.server.supervisor.nothing" in capfd.readouterr().err


def test_closed_while_it_loads(zygote: Zygote) -> None:
    failed: list[str] = []

    def fork() -> None:
        try:
            zygote.fork("worker", [0])
        except ZygoteError as error:
            failed.append(str(error))

    waiting = threading.Thread(target=fork)
    waiting.start()
    until(lambda: zygote._popen is not None, seconds=10)
    zygote.close()
    waiting.join(10)
    assert len(failed) == 1
    with pytest.raises(ZygoteError, match="the server is being stopped"):
        zygote.fork("worker", [0])


def test_it_ends_with_its_supervisor() -> None:
    """Killed, not stopped: the zygote ends by itself, and so does its child."""
    program = """
import os, socket, sys, time
from fairpost.server.supervisor.forking import Zygote
zygote = Zygote()
ours, theirs = socket.socketpair()
child = zygote.fork("worker", [theirs.fileno()])
theirs.close()
print(zygote._popen.pid, child.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        pids = [int(each) for each in supervisor.stdout.readline().split()]
        supervisor.kill()
    assert len(pids) == 2
    until(lambda: not any(map(alive, pids)), seconds=10)
