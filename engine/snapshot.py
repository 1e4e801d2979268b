"""The snapshot file of a standing table, little-endian throughout.

byte    0  8s   magic "fp-stand"
        8  u4   version, 1
       12  i4   day the records were derived for, in days since 1970
       16  u8   size of the file
       24  i8   sequence: position in the event log that the table shows
       32  32s  digest, made as that of a bundle (layout.py): SHA-256 of bytes 0..31 and of the SHA-256s of each MiB
                from byte 64 on
       64  16s  keyed hash of KEY_CHECK: tells a wrong key
       80  u8   rows
       88  u4   strike counts
       92  u4   0
       96       rows of 32 bytes: keyed hash 16s, licences u4, since_day i4, number of its strike counts u4 (0: none),
                registration and enforcement << 4 u1, listing u1, complaints u1, 0 u1
                strike counts 1, 2, ... of 32 bytes, by category
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final

import numpy as np

from fairpost.engine.layout import DIGEST_PIECE

__all__ = [
    "HEADER_DTYPE",
    "KEY_CHECK",
    "MAGIC",
    "PIECE_ROWS",
    "ROW_BYTES",
    "InvalidSnapshot",
    "SnapshotReader",
    "SnapshotWriter",
]

MAGIC: Final = b"fp-stand"
VERSION: Final = 1
KEY_CHECK: Final = b"fairpost standing table"
ROW_BYTES: Final = 32
PIECE_ROWS: Final = DIGEST_PIECE // ROW_BYTES
_SEALED = 64
"""The first byte that pieces of the digest are made of."""

HEADER_DTYPE: Final = np.dtype(
    [
        ("magic", "S8"),
        ("version", "<u4"),
        ("day", "<i4"),
        ("size", "<u8"),
        ("sequence", "<i8"),
        ("digest", "V32"),
        ("key_check", "V16"),
        ("rows", "<u8"),
        ("tallies", "<u4"),
        ("reserved", "<u4"),
    ]
)
assert HEADER_DTYPE.itemsize == 96


class InvalidSnapshot(ValueError):
    """The file is no whole snapshot of this version, or of a table with another key; the message says which."""


class _Digest:
    """The digest of a file that passes by in pieces of any length."""

    def __init__(self, head: bytes) -> None:
        self._whole = hashlib.sha256(head)
        self._piece = hashlib.sha256()
        self._room = DIGEST_PIECE

    def update(self, content: memoryview) -> None:
        while len(content):
            taken = content[: self._room]
            self._piece.update(taken)
            self._room -= len(taken)
            content = content[len(taken) :]
            if not self._room:
                self._end_piece()

    def _end_piece(self) -> None:
        self._whole.update(self._piece.digest())
        self._piece, self._room = hashlib.sha256(), DIGEST_PIECE

    def digest(self) -> bytes:
        if self._room < DIGEST_PIECE:
            self._end_piece()
        return self._whole.digest()


class SnapshotWriter:
    """Writes a snapshot beside `path` and puts it there when it is whole and on the disk."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        descriptor, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
        self._temporary = Path(name)
        self._file: BinaryIO = os.fdopen(descriptor, "wb")

    def begin(self, *, day: int, sequence: int, key_check: bytes, rows: int, tallies: int) -> None:
        header = np.zeros(1, HEADER_DTYPE)
        size = HEADER_DTYPE.itemsize + ROW_BYTES * (rows + tallies)
        header[0] = (MAGIC, VERSION, day, size, sequence, b"", key_check, rows, tallies, 0)
        content = header.tobytes()
        self._file.write(content)
        self._digest = _Digest(content[:32])
        self._digest.update(memoryview(content)[_SEALED:])

    def write(self, content: memoryview) -> None:
        """Rows or strike counts, in their order."""
        self._digest.update(content)
        self._file.write(content)

    def finish(self) -> None:
        """Seal, sync, rename."""
        self._file.seek(32)
        self._file.write(self._digest.digest())
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._temporary.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def abandon(self) -> None:
        """After `finish`, nothing."""
        self._file.close()
        self._temporary.unlink(missing_ok=True)


class SnapshotReader:
    """Reads a snapshot from front to back. What it gives is to be believed only after `verify`.

    Raises:
        OSError: the file cannot be read.
        InvalidSnapshot: it is none, of another version, or not of the size that it tells.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._name = os.fspath(path)
        self._file: BinaryIO = open(path, "rb")  # noqa: SIM115, closed by __exit__
        try:
            self._read_header()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> SnapshotReader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def _read_header(self) -> None:
        content = self._file.read(HEADER_DTYPE.itemsize)
        size = os.fstat(self._file.fileno()).st_size
        if content[: len(MAGIC)] != MAGIC:
            raise self.fault(f"starts with {content[:8]!r}, expected {MAGIC!r}: not a snapshot of a standing table")
        if len(content) < HEADER_DTYPE.itemsize:
            raise self.fault(f"truncated: {size} bytes is shorter than the header ({HEADER_DTYPE.itemsize} bytes)")
        self.header: Any = np.frombuffer(content, HEADER_DTYPE)[0]
        version = int(self.header["version"])
        if version != VERSION:
            raise self.fault(f"format version {version}, this fairpost reads version {VERSION}: make a new snapshot")
        if (told := int(self.header["size"])) != size:
            what = "truncated" if told > size else "longer than written"
            raise self.fault(f"{what}: {size} bytes, the header says {told}")
        self.rows, self.tallies = int(self.header["rows"]), int(self.header["tallies"])
        wanted = HEADER_DTYPE.itemsize + ROW_BYTES * (self.rows + self.tallies)
        if wanted != size:
            raise self.fault(
                f"damaged: {self.rows} rows and {self.tallies} strike counts make {wanted} bytes, not {size}"
            )
        self._digest = _Digest(content[:32])
        self._digest.update(memoryview(content)[_SEALED:])

    def pieces(self, count: int) -> Iterator[tuple[int, memoryview]]:
        """The next `count` rows or strike counts: (number of the first, their bytes), piece by piece, in one buffer."""
        buffer = memoryview(bytearray(ROW_BYTES * min(count, PIECE_ROWS)))
        for first in range(0, count, PIECE_ROWS):
            piece = buffer[: ROW_BYTES * min(PIECE_ROWS, count - first)]
            if self._file.readinto(piece) != len(piece):  # type: ignore[attr-defined]
                raise self.fault("truncated while it was read")
            self._digest.update(piece)
            yield first, piece

    def verify(self, key_check: bytes) -> None:
        """After all pieces: raise InvalidSnapshot unless the file is as it was written, and with this key."""
        if self._digest.digest() != self.header["digest"].tobytes():
            raise self.fault("checksum does not match: the file is damaged")
        if self.header["key_check"].tobytes() != key_check:
            raise self.fault("made with another key: open it with the key of the table that saved it")
        if self.header["reserved"] or self.header["sequence"] < 0:
            raise self.fault("header: the reserved field is not 0, or the sequence is negative")

    def fault(self, what: str) -> InvalidSnapshot:
        return InvalidSnapshot(f"{self._name}: {what}")
