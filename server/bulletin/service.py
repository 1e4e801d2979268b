"""The bulletin put together; no transport. It takes and gives the messages of fairpost.v1 and raises ServiceError."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairpost.server.bulletin.acknowledgements import Acknowledgements
from fairpost.server.bulletin.deliveries import Deliveries
from fairpost.server.bulletin.documents import PUBLISHING, Documents
from fairpost.server.bulletin.guard import NoticeGuard
from fairpost.server.bulletin.notices import NoticeMaker, no_revision
from fairpost.server.bulletin.reading import Reading
from fairpost.server.bulletin.stream import Stream
from fairpost.server.registry.jobs import Jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fairpost.server.bulletin.receivers import Receiver
    from fairpost.server.registry import Registry

__all__ = ["Bulletin"]


class Bulletin:
    """Thread-safe. On the registry's store; it is closed before the registry.

    active: the active bundle's bytes, or None. kept: those of a revision that is kept here. require_notice: whether
    `guard` is to be asked before activations; notice_days: its term. receivers: who is told of what is published.
    """

    def __init__(
        self,
        registry: Registry,
        active: Callable[[], bytes | None],
        kept: Callable[[str], bytes] = no_revision,
        *,
        require_notice: bool = False,
        notice_days: int = 7,
        receivers: Sequence[Receiver] = (),
    ) -> None:
        core = registry.core
        self.notices = NoticeMaker(core, active, kept, notice_days, is_required=require_notice)
        self.documents = Documents(core, self.notices)
        self.reading = Reading(core)
        self.stream = Stream(core, registry.watching)
        self.acknowledgements = Acknowledgements(core)
        self.deliveries = Deliveries(core, receivers)
        self.guard = NoticeGuard(core, self.documents, notice_days)
        self._jobs = Jobs(core, jobs=(PUBLISHING,))

    def start(self) -> None:
        """Begin to publish what is scheduled, and to deliver.

        Raises:
            Unavailable: the store cannot be written.
        """
        self.deliveries.start()
        self._jobs.start()

    def close(self) -> None:
        self._jobs.close()
        self.deliveries.close()
