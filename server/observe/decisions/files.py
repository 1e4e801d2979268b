"""Files of the decision log: appending, rotation, what is left after a crash, and reading.

    decisions-0.jsonl                        what the server process 0 writes to
    decisions-0-20261128T190501.123Z.jsonl   closed at that time, and on disk

One process writes a file, and holds a lock on it. Lines are appended by one write() of whole lines; a process that is
killed in the midst of it leaves at most an incomplete last line, which the next one cuts off.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog

from fairpost.server.files import sync_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["InvalidLog", "LogFile", "files_of", "read_records"]

log = structlog.get_logger(__name__)

_CLOSED: Final = re.compile(r"decisions-.+-\d{8}T\d{6}\.\d{3}Z(?:-\d+)?\.jsonl")
_TAIL: Final = 1 << 16
_SWEEP_SECONDS: Final = 3600.0


class InvalidLog(Exception):
    """A file is no decision log, or is damaged; the message says where."""


class LogFile:
    """The file that this process writes. Not thread-safe.

    Args:
        name: of the process, in the file's name; if the file is locked by another, the process's number is added.
        max_bytes, max_seconds: a file is closed, and another one begun, before it gets larger or older.
        keep_days: closed files of any process are removed after so many days; 0: never.

    Raises:
        OSError: the folder cannot be made or written.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        *,
        max_bytes: int,
        max_seconds: float,
        keep_days: float = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.folder = folder
        self._name = name
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds
        self._keep_seconds = keep_days * 86400
        self._clock = clock
        self._descriptor = -1
        self._swept = float("-inf")
        self.closed = 0
        """Files that were closed."""
        self.cut_lines = 0
        """Incomplete last lines that were cut off."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._cut_others()
        self._open()
        self._sweep()

    def append(self, lines: bytes) -> None:
        """Append whole lines; there are all of them, or none.

        Raises:
            OSError: none was written.
        """
        if self._descriptor < 0:  # another file could not be begun at the last rotation
            self._open()
        if self._size and self._size + len(lines) > self._max_bytes:
            self.rotate()
        try:
            written = os.write(self._descriptor, lines)
            if written == len(lines):
                self._size += written
                return
            error = OSError(f"{written} of {len(lines)} bytes were written; is the disk full?")
        except OSError as failed:
            error = failed
        # Nobody else writes here: what follows the last size is the incomplete part.
        os.ftruncate(self._descriptor, self._size)
        raise error

    def keep_house(self) -> None:
        """Close the file if it is too old, remove closed files that have been kept long enough."""
        now = self._clock()
        if self._descriptor >= 0 and self._size and now - self._began >= self._max_seconds:
            self.rotate()
        if now - self._swept >= _SWEEP_SECONDS:
            self._sweep()

    def rotate(self) -> None:
        """Put the file on disk under its final name, and begin another."""
        os.fsync(self._descriptor)
        moment = datetime.fromtimestamp(self._clock(), UTC)
        stem = f"{self.path.stem}-{moment:%Y%m%dT%H%M%S}.{moment.microsecond // 1000:03}Z"
        target, again = self.folder / f"{stem}.jsonl", 0
        while target.exists():
            again += 1
            target = self.folder / f"{stem}-{again}.jsonl"
        self.path.rename(target)
        os.close(self._descriptor)
        self._descriptor = -1
        sync_folder(self.folder)
        self.closed += 1
        self._open()
        self._sweep()

    def close(self) -> None:
        """Put what was written on disk; the file is gone on with after the next start."""
        if self._descriptor >= 0:
            os.fsync(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> None:
        for name in (self._name, f"{self._name}-{os.getpid()}"):
            path = self.folder / f"decisions-{name}.jsonl"
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:  # a predecessor that still drains, or another server
                os.close(descriptor)
                continue
            except OSError:
                os.close(descriptor)
                raise
            self.path, self._descriptor = path, descriptor
            break
        else:
            raise OSError(f"{path}: is locked by another process")
        self.cut_lines += _cut(self._descriptor)
        self._size = os.fstat(self._descriptor).st_size
        self._began = _first_time(self.path) if self._size else self._clock()

    def _cut_others(self) -> None:
        """Cut what processes left that are no more."""
        for path in self.folder.glob("decisions-*.jsonl"):
            if _CLOSED.fullmatch(path.name):
                continue
            with contextlib.suppress(OSError), path.open("r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self.cut_lines += _cut(file.fileno())

    def _sweep(self) -> None:
        self._swept = self._clock()
        if not self._keep_seconds:
            return
        for path in self.folder.glob("decisions-*.jsonl"):
            with contextlib.suppress(OSError):
                if _CLOSED.fullmatch(path.name) and self._swept - path.stat().st_mtime > self._keep_seconds:
                    path.unlink()


def _cut(descriptor: int) -> int:
    """Cut an incomplete last line off; gives how many there were."""
    size = end = os.fstat(descriptor).st_size
    while end > 0:
        begin = max(0, end - _TAIL)
        found = os.pread(descriptor, end - begin, begin).rfind(b"\n")
        if found >= 0:
            end = begin + found + 1
            break
        end = begin
    if end == size:
        return 0
    os.ftruncate(descriptor, end)
    log.warning("incomplete last line cut off the decision log", bytes=size - end)
    return 1


def _first_time(path: Path) -> float:
    """When the first record of a file was made, seconds since 1970."""
    try:
        with path.open("rb") as file:
            return datetime.fromisoformat(json.loads(file.readline())["time"]).timestamp()
    except (OSError, ValueError, KeyError, TypeError):
        return path.stat().st_mtime


def files_of(paths: Iterable[Path]) -> list[Path]:
    """The files of the logs: of folders all that are decision logs, by name.

    Raises:
        InvalidLog: there is no such file, or the folder has none.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(path.glob("decisions-*.jsonl"))
            if not inside:
                raise InvalidLog(f"{path}: has no decision log (decisions-*.jsonl)")
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise InvalidLog(f"{path}: no such file or folder")
    return found


def read_records(path: Path, *, containing: str = "") -> Iterator[dict[str, Any]]:
    """The records of a file, in order; a last line without an end is left out, as it is being written.

    Args:
        containing: only lines that have this in them are read.

    Raises:
        InvalidLog: a line is no record.
        OSError: the file cannot be read.
    """
    wanted = containing.encode()
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n") or wanted not in line:
                continue
            try:
                record = json.loads(line)
                if record["version"] != 1:
                    raise InvalidLog(
                        f"{path}:{number}: is of version {record['version']}; this fairpost reads version 1"
                    )
                record["decision_id"]
            except (ValueError, KeyError, TypeError):
                raise InvalidLog(f"{path}:{number}: is no record of a decision") from None
            yield record
