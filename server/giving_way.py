"""Work in the background that lets calls go first.

Python's threads take turns of 5 ms. While a rule set is opened and checked, some 50 ms of Python, each call would wait
for whole turns of it; with turns a tenth as long it waits for a tenth, as far as what is done can be interrupted
(reading the JSON of a large bundle cannot, and takes 10 ms).
"""

from __future__ import annotations

import contextlib
import sys
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["giving_way"]

_TURN_SECONDS: Final = 0.0005

_lock = threading.Lock()
_inside = 0
_usual = 0.0


@contextlib.contextmanager
def giving_way() -> Iterator[None]:
    """Short turns for all threads of this process during the block; blocks of several threads may overlap."""
    global _inside, _usual
    with _lock:
        if not _inside:
            _usual = sys.getswitchinterval()
            sys.setswitchinterval(min(_usual, _TURN_SECONDS))
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                sys.setswitchinterval(_usual)
