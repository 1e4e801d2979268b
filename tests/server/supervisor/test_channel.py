"""The control channel: both sides ask at once, late and lost answers, refusals, what is no frame."""

from __future__ import annotations

import socket
import struct
import threading
import time
from typing import Any

import pytest

from fairpost.server.supervisor.channel import LARGEST, Channel, ChannelClosed, ChannelTimeout, Refused


def echo(question: str, content: Any) -> Any:
    if question == "wait":
        time.sleep(content)
    elif question == "refuse":
        raise Refused("not today", reason="REASON_X", worker=3)
    elif question == "fail":
        raise ZeroDivisionError("by nothing")
    return {"question": question, "content": content}


def pair(**options: Any) -> tuple[Channel, Channel]:
    left, right = socket.socketpair()
    return Channel(left, echo, name="left", **options).start(), Channel(right, echo, name="right").start()


def test_both_sides_ask_at_once() -> None:
    left, right = pair()
    answers: list[Any] = []

    def ask(channel: Channel, number: int) -> None:
        answers.append((number, channel.ask(f"问{number}", ["字" * number], timeout=10)))

    threads = [threading.Thread(target=ask, args=((left, right)[i % 2], i)) for i in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [(i, {"question": f"问{i}", "content": ["字" * i]}) for i in range(40)]
    left.close()


def test_a_slow_answer_keeps_no_other_and_is_dropped_when_late() -> None:
    left, right = pair()
    with pytest.raises(ChannelTimeout, match=r"left: no answer to 'wait' within 0\.05 s"):
        left.ask("wait", 2.0, timeout=0.05)
    begun = time.monotonic()
    assert left.ask("x", timeout=60)["question"] == "x"
    assert time.monotonic() - begun < 1.9
    time.sleep(2.1)
    assert left.ask("y", timeout=60)["question"] == "y"
    right.close()


def test_large_contents_go_through() -> None:
    left, right = pair()
    text = "指标" * 500_000
    assert right.ask("metrics", text, timeout=10)["content"] == text
    left.close()


def test_refusals_and_failures_come_back() -> None:
    left, right = pair()
    with pytest.raises(Refused) as caught:
        left.ask("refuse", timeout=60)
    assert (caught.value.message, caught.value.entries) == (
        "not today",
        {"kind": "Refused", "reason": "REASON_X", "worker": 3},
    )
    with pytest.raises(Refused, match="ZeroDivisionError: by nothing"):
        left.ask("fail", timeout=60)
    right.close()


def test_who_waits_learns_that_the_other_side_has_gone() -> None:
    ended = threading.Event()
    left, right = pair(on_end=ended.set)
    threading.Timer(0.05, right.close).start()
    with pytest.raises(ChannelClosed, match="left: closed before 'wait' was answered"):
        left.ask("wait", 30, timeout=60)
    assert ended.wait(60)
    assert left.closed
    with pytest.raises(ChannelClosed, match="left: closed"):
        left.ask("x", timeout=60)
    left.close()  # twice is no fault


@pytest.mark.parametrize(
    "content",
    [struct.pack(">I", LARGEST + 1), struct.pack(">I", 3) + b"{no", struct.pack(">I", 2) + b"[]", b"\x00\x00"],
)
def test_what_is_no_frame_ends_the_channel(content: bytes) -> None:
    left, right = socket.socketpair()
    ended = threading.Event()
    channel = Channel(left, echo, on_end=ended.set).start()
    right.sendall(content)
    right.shutdown(socket.SHUT_WR)
    assert ended.wait(60)
    assert channel.closed
    right.close()
