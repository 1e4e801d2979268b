"""Following the log: streams of what comes after a cursor, for sellers' standings and for the bulletin alike.

Whatever is committed has a sequence, and sequences are committed in order (`store.head`), so whoever has read up to one
has missed nothing. A cursor is a sequence with the store's name; none is ever too old. Only one that lies ahead of the
log is refused: the store was restored from a backup, and the reader knows what it has forgotten.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, TypeVar

from fairpost.server.errors import OutOfRange
from fairpost.v1 import reason_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import sqlalchemy as sa

    from fairpost.server.registry.core import Core

__all__ = ["Watching"]

Part = TypeVar("Part")

_CHECKPOINT_SECONDS: Final = 5.0


class Watching:
    """Those who wait for the log to grow. Thread-safe."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._changed = threading.Condition()
        self._turn = 0
        self._ended = False

    def wake(self) -> None:
        """Something was committed: watchers look."""
        with self._changed:
            self._turn += 1
            self._changed.notify_all()

    def end(self) -> None:
        """Let all watchers end."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def after(self, cursor: str, resync: str) -> int:
        """The sequence of a cursor. resync: what its owner does if it lies ahead of the log, for the message.

        Raises:
            InvalidArgument: no cursor of this store.
            OutOfRange: it lies ahead of the log.
        """
        sequence = self._core.sequence_of(cursor, "cursor")
        last = self._core.store.sequence()
        if sequence > last:
            raise OutOfRange(
                reason_pb2.REASON_CURSOR_EXPIRED,
                f"cursor: is at {sequence}, the log ends at {last}: the registry was restored from an earlier state. "
                f"{resync}",
                metadata={"sequence": str(last)},
            )
        return sequence

    def follow(
        self,
        after: int,
        read: Callable[[sa.Connection, int], tuple[Part, int, bool]],
        active: Callable[[], bool],
    ) -> Iterator[tuple[Part, int]]:
        """Parts with the sequence up to which they are whole, until the server stops or nobody listens any more; empty
        parts come as checkpoints.

        Args:
            read: what comes after a sequence: a part, the sequence up to which it is whole, whether there is more.
            active: whether anybody still listens.
        """
        while not self._ended and active():
            with self._changed:
                turn = self._turn
            with self._core.store.read() as connection:
                part, after, more = read(connection, after)
            yield part, after
            if not more:
                self._wait(turn, active)

    def _wait(self, turn: int, active: Callable[[], bool]) -> None:
        """Until something was committed, or it is time for a checkpoint."""
        left = _CHECKPOINT_SECONDS
        with self._changed:
            while self._turn == turn and not self._ended and left > 0 and active():
                # A caller who leaves wakes nobody: look from time to time.
                self._changed.wait(0.2)
                left -= 0.2
