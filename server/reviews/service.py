"""The review queue put together; no transport. It takes and gives the messages of fairpost.v1, raises ServiceError."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairpost.server.registry.jobs import Jobs
from fairpost.server.reviews.claims import Claims
from fairpost.server.reviews.decisions import Decisions
from fairpost.server.reviews.intake import Intake
from fairpost.server.reviews.reading import Reading
from fairpost.server.reviews.retention import Terms, review_job
from fairpost.server.reviews.stream import Stream

if TYPE_CHECKING:
    from fairpost.server.registry import Registry

__all__ = ["Reviews"]


class Reviews:
    """Thread-safe. On the registry's store; it is closed before the registry.

    most_pending: reviews that may wait for a decision. open_days: until one of them lapses; text_days: for which the
    texts of ended ones are kept.
    unavailable_as_not_found: the fail policy of the verdicts.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        most_pending: int = 100_000,
        open_days: int = 30,
        text_days: int = 90,
        unavailable_as_not_found: bool = False,
    ) -> None:
        core = registry.core
        self.intake = Intake(core, most_pending=most_pending, unavailable_as_not_found=unavailable_as_not_found)
        self.reading = Reading(core, self.intake)
        self.claims = Claims(core)
        self.decisions = Decisions(core)
        self.stream = Stream(core, registry.watching)
        self.jobs = Jobs(core, jobs=(review_job(Terms(open_days, text_days)),))

    def start(self) -> None:
        self.intake.start()
        self.jobs.start()

    def close(self) -> None:
        self.intake.close()  # writes what still waits
        self.jobs.close()
