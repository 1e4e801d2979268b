"""A batch in shares, one for each thread. Whoever works on a share releases the GIL."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

__all__ = ["LEAST_BYTES", "each_in_a_thread"]

LEAST_BYTES: Final = 1 << 16
"""Bytes of text; fewer are not worth a thread."""

Share = TypeVar("Share")
Answer = TypeVar("Answer")


def each_in_a_thread(work: Callable[[Share], Answer], shares: Sequence[Share]) -> list[Answer]:
    """work(share) of every share, in order; the first share is the calling thread's own.

    Raises:
        BaseException: what `work` raised for the first share in order at which it raised, once all are through.
    """
    answers: list[Answer] = [None] * len(shares)  # type: ignore[list-item]
    errors: dict[int, BaseException] = {}

    def run(number: int) -> None:
        try:
            answers[number] = work(shares[number])
        except BaseException as error:
            errors[number] = error

    others = [threading.Thread(target=run, args=(number,)) for number in range(1, len(shares))]
    for thread in others:
        thread.start()
    run(0)
    for thread in others:
        thread.join()
    if errors:
        raise errors[min(errors)]
    return answers
