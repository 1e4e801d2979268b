"""A batch in shares: order, two steps, and what happens when a share fails."""

from __future__ import annotations

import threading
from typing import Any, NoReturn

import pytest

from fairpost.engine.shares import each_in_a_thread, in_two_steps


@pytest.mark.parametrize("count", [1, 2, 5])
def test_answers_stand_in_order_and_each_share_has_a_thread(count: int) -> None:
    seen = each_in_a_thread(lambda share: (share, threading.get_ident()), range(count))
    assert [share for share, _ in seen] == list(range(count))
    assert seen[0][1] == threading.get_ident()


@pytest.mark.parametrize("count", [1, 3])
def test_places_are_made_once_from_all_answers(count: int) -> None:
    turns, finished = [], []

    def between(answers: list[int]) -> list[int]:
        turns.append(list(answers))
        return [answer * 10 for answer in answers]

    def finish(answer: int, place: int) -> None:
        finished.append((answer, place))

    assert in_two_steps(lambda share: share + 1, range(count), between, finish) == list(range(1, count + 1))
    assert turns == [list(range(1, count + 1))]
    assert sorted(finished) == [(answer, answer * 10) for answer in range(1, count + 1)]


def test_the_first_failed_share_tells_and_nothing_is_finished() -> None:
    def work(share: int) -> int:
        if share:
            raise ValueError(f"share {share}")
        return share

    def never(*given: Any) -> NoReturn:
        raise AssertionError("finished")

    with pytest.raises(ValueError, match="share 1"):
        in_two_steps(work, range(3), never, never)


def test_no_places() -> None:
    def between(answers: list[int]) -> NoReturn:
        raise MemoryError("no room")

    with pytest.raises(MemoryError, match="no room"):
        in_two_steps(lambda share: share, range(3), between, lambda answer, place: None)


def test_a_share_that_cannot_finish() -> None:
    def finish(answer: int, place: int) -> None:
        if answer == 1:
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        in_two_steps(lambda share: share, range(3), lambda answers: answers, finish)


def test_a_thread_that_cannot_start(monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start

    def second_fails(thread: threading.Thread) -> None:
        if threading.active_count() > before:
            raise RuntimeError("can't start new thread")
        start(thread)

    before = threading.active_count()
    monkeypatch.setattr(threading.Thread, "start", second_fails)
    with pytest.raises(RuntimeError, match="can't start"):
        in_two_steps(lambda share: share, range(3), lambda answers: answers, lambda answer, place: None)
    assert threading.active_count() == before
