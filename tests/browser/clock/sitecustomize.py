"""Moves the wall clock of a server under test: with FAIRPOST_TEST_CLOCK, fairpost's own code gets the time that
`time.time()` would tell, plus the seconds that the named file has (a double).

Only what fairpost's modules ask for is moved. Libraries keep the real time: a deadline that grpcio counts from it
would be over otherwise. The file is mapped, so that a test moves all processes of a server at once.
"""

from __future__ import annotations

import mmap
import os
import struct
import sys
import time


def _move(path: str) -> None:
    with open(path, "r+b") as file:
        shift = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)
    real, real_ns = time.time, time.time_ns

    def ours() -> bool:
        return str(sys._getframe(2).f_globals.get("__name__", "")).startswith("fairpost.")

    def moved() -> float:
        return real() + (struct.unpack("d", shift[:])[0] if ours() else 0.0)

    def moved_ns() -> int:
        return real_ns() + (int(struct.unpack("d", shift[:])[0] * 1e9) if ours() else 0)

    time.time, time.time_ns = moved, moved_ns


if _path := os.environ.get("FAIRPOST_TEST_CLOCK"):
    _move(_path)
