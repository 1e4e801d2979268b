"""A batch in shares, one for each thread. Whoever works on a share releases the GIL."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

__all__ = ["LEAST_BYTES", "each_in_a_thread", "in_two_steps"]

LEAST_BYTES: Final = 1 << 18
"""Bytes of text; fewer are not worth a thread: starting one takes as long as searching half as many."""

Share = TypeVar("Share")
Answer = TypeVar("Answer")
Place = TypeVar("Place")


def each_in_a_thread(work: Callable[[Share], Answer], shares: Sequence[Share]) -> list[Answer]:
    """work(share) of every share, in order; the first share is the calling thread's own.

    Raises:
        BaseException: what `work` raised for the first share in order at which it raised, once all are through.
    """
    return in_two_steps(work, shares, _nothing, _no_more)


def in_two_steps(
    work: Callable[[Share], Answer],
    shares: Sequence[Share],
    between: Callable[[list[Answer]], Sequence[Place]],
    finish: Callable[[Answer, Place], object],
) -> list[Answer]:
    """The same, and then, in the same threads, finish(answer, place) of every share: `between` is called once, when
    all have their answers, and returns the places.

    Raises:
        BaseException: as each_in_a_thread; then, and if `between` raises, nothing is finished.
    """
    if len(shares) == 1:
        answer = work(shares[0])
        (place,) = between([answer])
        finish(answer, place)
        return [answer]
    answers: list[Answer] = [None] * len(shares)  # type: ignore[list-item]
    places: list[Place] = []
    errors: dict[int, BaseException] = {}

    def turn() -> None:
        if not errors:
            places.extend(between(answers))

    all_through = threading.Barrier(len(shares), action=turn)

    def run(number: int) -> None:
        try:
            answers[number] = work(shares[number])
        except BaseException as error:
            errors[number] = error
        try:
            all_through.wait()
            if not errors:
                finish(answers[number], places[number])
        except threading.BrokenBarrierError:  # `between` raised, in one of the threads: that one tells
            pass
        except BaseException as error:  # an interrupt too: nobody is to wait for this one
            errors[number] = error
            all_through.abort()

    others: list[threading.Thread] = []
    try:
        for number in range(1, len(shares)):
            thread = threading.Thread(target=run, args=(number,))
            thread.start()
            others.append(thread)
    except BaseException:
        all_through.abort()
        raise
    else:
        run(0)
    finally:
        for thread in others:
            thread.join()
    if errors:
        raise errors[min(errors)]
    return answers


def _nothing(answers: list[Answer]) -> Sequence[None]:
    return [None] * len(answers)


def _no_more(answer: Answer, place: None) -> None:
    pass
