"""Lays a bundle's sections out as one file, and the digest that seals it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from threading import Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairpost.engine import layout

__all__ = ["assemble", "digest_of"]

_THREADS = 4
_PIECES = 4  # fewer are hashed before a thread has started


def digest_of(content: memoryview) -> bytes:
    """The digest of a bundle, 32 bytes: SHA-256 over bytes 0..31 and the SHA-256 of each `DIGEST_PIECE` bytes from
    byte 64 on. Pieces of a large bundle are hashed by several threads; hashlib releases the GIL."""
    body = content[64:]
    pieces = range(0, len(body), layout.DIGEST_PIECE)
    digests = [b""] * len(pieces)

    def run(first: int, step: int) -> None:
        for number in range(first, len(pieces), step):
            begin = pieces[number]
            digests[number] = hashlib.sha256(body[begin : begin + layout.DIGEST_PIECE]).digest()

    step = 1 if len(pieces) < _PIECES else min(_THREADS, os.cpu_count() or 1, len(pieces))
    threads = [Thread(target=run, args=(k, step)) for k in range(1, step)]
    for thread in threads:
        thread.start()
    run(0, step)
    for thread in threads:
        thread.join()
    return hashlib.sha256(bytes(content[:32]) + b"".join(digests)).digest()


def assemble(sections: Mapping[str, NDArray[Any]], flags: int = 0) -> bytes:
    """The sections as a sealed file; those that are not given are empty.

    Args:
        flags: `layout.BundleFlag`.
    """
    columns = [
        np.ascontiguousarray(sections.get(tag, np.zeros(0)), dtype=dtype) for tag, dtype in layout.SECTIONS.items()
    ]
    table = np.zeros(len(columns), dtype=layout.SECTION_DTYPE)
    at = _align(layout.HEADER_DTYPE.itemsize + table.nbytes)
    for number, (tag, column) in enumerate(zip(layout.SECTIONS, columns, strict=True)):
        table[number] = (tag.encode(), column.dtype.itemsize, at, column.size, 0)
        at = _align(at + column.nbytes)
    image = np.zeros(at + layout.PADDING, dtype=np.uint8)
    header = image[:64].view(layout.HEADER_DTYPE)
    header[0] = (layout.MAGIC, layout.FORMAT_VERSION, len(table), image.size, flags, 0, b"")
    image[64 : 64 + table.nbytes] = table.view(np.uint8)
    for record, column in zip(table, columns, strict=True):
        begin = int(record["offset"])
        image[begin : begin + column.nbytes] = column.reshape(-1).view(np.uint8)
    header["digest"] = digest_of(image.data)
    return image.tobytes()


def _align(offset: int) -> int:
    return -(-offset // layout.ALIGNMENT) * layout.ALIGNMENT
