"""Waiting in the main thread in such a way that no signal waits with it.

CPython runs handlers in the main thread alone, and only a signal that the kernel gives to the main thread ends its
wait. A process that was stopped and goes on, or that gets two signals at once, may take one in another thread: its
handler would not run before whatever the main thread waits for had come to pass. So the main thread looks up now and
then.
"""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["next_of", "wait_until"]

_LOOK_SECONDS: Final = 0.5

T = TypeVar("T")


def wait_until(wait: Callable[[float], object]) -> None:
    """Until `wait`, which waits for so many seconds at most, says that it is so: `wait_until(event.wait)`."""
    while not wait(_LOOK_SECONDS):
        pass


def next_of(events: queue.SimpleQueue[T]) -> T:
    """What comes next."""
    while True:
        try:
            return events.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            continue
