"""A worker's tie to the other workers, over its supervisor."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any, Final

from fairpost.server.coordination import Change, Confirmation, Party
from fairpost.server.errors import Aborted, Unavailable
from fairpost.server.supervisor.channel import Channel, ChannelClosed, ChannelTimeout, Refused
from fairpost.v1 import reason_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Member"]

PATIENCE: Final = 20.0
"""For how long an activation waits for another one. It holds a thread that answers calls meanwhile."""
_SLACK: Final = 5.0
_CARRY_OUT_SECONDS: Final = 120.0
_GATHER_SECONDS: Final = 5.0


class Member:
    """fairpost.server.coordination.Coordinator over a channel to the supervisor. Thread-safe."""

    shares_port = True

    def __init__(self, channel: Channel, worker: int, *, starts_first: bool) -> None:
        self._channel = channel
        self.worker = worker
        self.starts_first = starts_first
        self.leading = False
        self._token = 0  # of whoever is in `exclusive`: there is one at a time

    def leads(self) -> bool:
        return self.leading

    def join(self) -> None:
        self._ask("rules.join", {}, _SLACK)

    @contextlib.contextmanager
    def exclusive(self, patience: float = PATIENCE) -> Iterator[None]:
        try:
            token = self._ask("rules.acquire", {"patience": patience}, patience + _SLACK)
        except Refused as refused:
            raise Aborted(reason_pb2.REASON_CONFLICT, refused.message, retry_after=1.0) from None
        self._token = token
        try:
            yield
        finally:
            with contextlib.suppress(Refused, Unavailable):
                self._ask("rules.release", {"token": token}, _SLACK)

    def carry_out(self, change: Change, _party: Party) -> list[Confirmation]:
        content = {
            "token": self._token,
            "revision": change.revision,
            "digest": change.digest,
            "folder": str(change.folder),
            "history": change.history,
        }
        try:
            answers = self._ask("rules.carry_out", content, _CARRY_OUT_SECONDS)
        except Refused as refused:
            if "errno" in refused.entries:
                number = refused.entries["errno"]
                raise OSError(number, os.strerror(number)) from None
            worker = str(refused.entries.get("worker", self.worker))
            raise Unavailable(
                reason_pb2.REASON_WORKER_NOT_PREPARED, refused.message, metadata={"worker": worker}
            ) from None
        return [Confirmation(**answer) for answer in answers]

    def gather(self, question: str, content: Any = None) -> dict[int, Any]:
        asked = {"question": question, "content": content, "timeout": _GATHER_SECONDS}
        answers = self._ask("gather", asked, _GATHER_SECONDS + _SLACK)
        return {int(number): answer for number, answer in answers.items()}

    def settings(self) -> dict[str, Any] | None:
        answer: dict[str, Any] = self._ask("settings.status", {}, _SLACK)
        return answer

    def _ask(self, question: str, content: Any, timeout: float) -> Any:
        try:
            return self._channel.ask(question, content, timeout=timeout)
        except (ChannelClosed, ChannelTimeout) as error:
            raise Unavailable(
                reason_pb2.REASON_DRAINING, f"the worker has lost its supervisor and ends ({error})", retry_after=1.0
            ) from None
