"""The standing table on disk, so that a server with many sellers starts in seconds instead of reading them all.

A snapshot is as good as the log that it was made from: its name says at which event it was made, and has a keyed hash
of that event. Where the store has another event there (it was restored from a backup and went on differently), where
the file is damaged, or was made under another key, it is left aside and the table is filled from the store.
"""

from __future__ import annotations

import contextlib
import re
import threading
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import sqlalchemy as sa
import structlog

from fairpost.engine.snapshot import HEADER_DTYPE
from fairpost.engine.standings import InvalidSnapshot
from fairpost.server.store import schema

if TYPE_CHECKING:
    from pathlib import Path

    from fairpost.server.registry.core import Core
    from fairpost.server.table import SellerTable

__all__ = ["Snapshots"]

log = structlog.get_logger(__name__)

_NAME: Final = re.compile(r"standings-([0-9]{1,18})-([0-9a-f]{16})\.snapshot")


class Snapshots:
    """Snapshots of one registry's table in a folder; at most one is kept. One is written at a time."""

    def __init__(self, core: Core, folder: Path) -> None:
        self._core = core
        self._folder = folder
        self._saved = 0
        self._saving = threading.Lock()

    def restore(self, table: SellerTable, connection: sa.Connection) -> bool:
        """Take the newest snapshot that fits the store; False if there is none."""
        for sequence, path in sorted(self._files(), reverse=True):
            if self._name(connection, sequence) != path.name:
                log.warning("snapshot of another log left aside", file=path.name)
                continue
            try:
                table.restore(path)
            except (InvalidSnapshot, OSError) as error:
                log.warning("snapshot left aside", file=path.name, why=str(error))
                continue
            if table.sequence == sequence:
                self._saved = sequence
                return True
            log.warning("snapshot left aside", file=path.name, why=f"shows event {table.sequence}")
        return False

    def save(self, table: SellerTable, *, wait: bool = True) -> None:
        """Write a snapshot if the table has moved on since the last one. Failing is noted in the log: it is only slower
        to start without. wait: where one is being written, write another after it; else leave it at that."""
        if not self._saving.acquire(blocking=wait):
            return
        try:
            if table.available and table.sequence != self._saved:
                self._save(table)
        finally:
            self._saving.release()

    def _save(self, table: SellerTable) -> None:
        scratch = self._folder / "standings.snapshot.new"
        try:
            table.save(scratch)
            sequence = int(np.fromfile(scratch, HEADER_DTYPE, count=1)["sequence"][0])
            with self._core.store.read() as connection:
                name = self._name(connection, sequence)
            if name is None:
                return
            scratch.replace(self._folder / name)
            for _, path in self._files():
                if path.name != name:
                    path.unlink(missing_ok=True)
            self._saved = sequence
        except Exception as error:
            log.warning("snapshot not written", why=str(error))
        finally:
            with contextlib.suppress(OSError):
                scratch.unlink(missing_ok=True)

    def _files(self) -> list[tuple[int, Path]]:
        found = ((_NAME.fullmatch(path.name), path) for path in self._folder.glob("standings-*.snapshot"))
        return [(int(match[1]), path) for match, path in found if match]

    def _name(self, connection: sa.Connection, sequence: int) -> str | None:
        """What a snapshot at an event is called; None if there is no such event (any more)."""
        events = schema.events.c
        query = sa.select(events.seller_id, events.kind, events.recorded_at).where(events.sequence == sequence)
        row: Any = connection.execute(query).one_or_none()
        if row is None:
            return None
        event = f"snapshot\0{sequence}\0{row.seller_id}\0{row.kind}\0{row.recorded_at}"
        return f"standings-{sequence}-{self._core.keys.hash(event.encode())[:8].hex()}.snapshot"
