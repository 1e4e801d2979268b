"""Reads a fuzzer's bytes as numbers. What lies past the end is 0, so that every input means something."""

from __future__ import annotations

__all__ = ["Cursor"]


class Cursor:
    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def number(self, size: int = 1) -> int:
        """The next `size` bytes, little-endian."""
        begin, self._at = self._at, self._at + size
        return int.from_bytes(self._content[begin : self._at], "little")

    def rest(self) -> bytes:
        return self._content[self._at :]
