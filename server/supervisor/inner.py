"""Where the workers' inner sockets are, and the token that opens them (server/access/inner.py)."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fairpost.server.config import StartError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["InnerSockets", "inner_sockets"]

_NAME: Final = "sockets"
_LONGEST: Final = 90
"""Bytes of the folder's path: a socket's whole path has at most 107 (sun_path)."""


@dataclass(frozen=True, slots=True)
class InnerSockets:
    """folder: enterable by this user alone; token: of this start."""

    folder: Path
    token: str

    def task(self, worker: int | None) -> dict[str, Any]:
        """What a worker is told; with None, the HTTP side, which gets the folder."""
        if worker is None:
            return {"folder": str(self.folder), "token": self.token}
        return {"socket": str(self.folder / str(worker)), "token": self.token}

    def __repr__(self) -> str:
        return f"InnerSockets({str(self.folder)!r})"


@contextlib.contextmanager
def inner_sockets(data_dir: Path) -> Iterator[InnerSockets]:
    """A new folder, removed at the end: in the data directory, which this supervisor has locked, or where that has too
    long a name in the system's folder for temporary files.

    Raises:
        StartError: it cannot be made.
    """
    try:
        folder = data_dir.absolute() / _NAME
        if len(str(folder).encode()) > _LONGEST:
            folder = Path(tempfile.mkdtemp(prefix="fairpost-"))
        else:
            shutil.rmtree(folder, ignore_errors=True)  # of a supervisor that was killed
            folder.mkdir(mode=0o700)
    except OSError as error:
        raise StartError(f"{data_dir}: no folder for sockets can be made: {error.strerror}") from None
    try:
        yield InnerSockets(folder, secrets.token_hex(32))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
