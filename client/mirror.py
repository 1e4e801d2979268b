"""A local copy of all standings, kept current by differences, with proof that it is whole.

mirror = SellerMirror(client)
mirror.refresh()                    # a snapshot first, differences from then on
mirror.entries["tea-shop"].standing
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from fairpost.client.errors import CallFailed

if TYPE_CHECKING:
    from fairpost.client.client import Client
    from fairpost.v1 import registry_pb2

__all__ = ["MirrorBroken", "SellerMirror"]

_MODULUS = 1 << 128


class MirrorBroken(Exception):
    """The copy differs from the registry even after a fresh snapshot."""


class SellerMirror:
    """Not thread-safe. `entries` by seller id; `cursor` where it stands in the log."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.entries: dict[str, registry_pb2.MirrorEntry] = {}
        self.cursor = ""
        self._sum = 0

    def refresh(self) -> int:
        """Bring the copy up to date; gives the number of entries that were transferred.

        A copy whose checksum is wrong, or which the registry does not know any more, is taken anew.

        Raises:
            CallFailed: the registry cannot be asked.
            MirrorBroken: the fresh copy is wrong, too.
        """
        if self.cursor:
            try:
                taken = self._differences()
            except CallFailed as failed:
                if failed.code not in ("OUT_OF_RANGE", "INVALID_ARGUMENT"):
                    raise
            else:
                if taken is not None:
                    return taken
        return self._take()

    def _differences(self) -> int | None:
        taken = 0
        while True:
            answer = self._client.diff(self.cursor)
            for entry in answer.entries:
                self._put(entry)
            taken += len(answer.entries)
            self.cursor = answer.cursor
            if not answer.more:
                return taken if self.checksum == answer.checksum else None

    def _take(self) -> int:
        self.entries, self._sum, self.cursor = {}, 0, ""
        checksum = b""
        for part in self._client.snapshot():
            for entry in part.entries:
                self._put(entry)
            self.cursor, checksum = part.cursor, part.checksum
        if self.checksum != checksum:
            raise MirrorBroken(f"{len(self.entries)} entries whose checksum is not the registry's; is this one older?")
        return len(self.entries)

    def _put(self, entry: registry_pb2.MirrorEntry) -> None:
        before = self.entries.pop(entry.seller_id, None)
        if before is not None:
            self._sum -= _number(before)
        if entry.HasField("standing"):
            self.entries[entry.seller_id] = entry
            self._sum += _number(entry)

    @property
    def checksum(self) -> bytes:
        """16 bytes, as in GetSnapshotResponse."""
        return (self._sum % _MODULUS).to_bytes(16, "little")


def _number(entry: registry_pb2.MirrorEntry) -> int:
    digest = hashlib.sha256(entry.SerializeToString(deterministic=True)).digest()
    return int.from_bytes(digest[:16], "little")
