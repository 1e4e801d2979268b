"""Who has the data directory: one server at a time."""

from __future__ import annotations

import contextlib
import fcntl
import time
from typing import TYPE_CHECKING

from fairpost.server.config import StartError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["joined", "locked", "write_port"]

_LOOK_SECONDS = 0.05


@contextlib.contextmanager
def locked(folder: Path, *, patience: float = 0.0) -> Iterator[None]:
    """Have the data directory, made if missing, for this process and its workers.

    patience: seconds for which workers that outlive their supervisor (it was killed) are waited for.

    Raises:
        StartError: another server has it, or it cannot be used.
    """
    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = stack.enter_context((folder / "lock").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _wait_for_workers(folder, patience)
        except BlockingIOError:
            raise StartError(f"{folder}: another server uses this data directory; stop it or take another") from None
        except OSError as error:
            raise StartError(f"{folder}: cannot be used as data directory: {error.strerror}") from None
        yield


def _wait_for_workers(folder: Path, patience: float) -> None:
    until = time.monotonic() + patience
    with (folder / "workers.lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise
            time.sleep(_LOOK_SECONDS)


@contextlib.contextmanager
def joined(folder: Path) -> Iterator[None]:
    """A worker's share of the data directory that its supervisor has locked."""
    with (folder / "workers.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


def write_port(path: Path, port: int) -> None:
    """Tell whoever waits for the file; it appears whole."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(f"{port}\n")
    temporary.replace(path)
