"""What has to be done from time to time: by one server at a time, safe to be done twice.

Each job has a row in `jobs`, and in it a lease: who holds it, until when. It is taken in a transaction, renewed while
the job goes on, and given back at its end; the lease of a server that died ends by itself. Leases are measured by the
servers' own clocks: two that differ by more than a lease may do a job at the same time, which is waste and no harm.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import sqlalchemy as sa
import structlog

from fairpost.server import audit
from fairpost.server.errors import ServiceError
from fairpost.server.registry import complaints, days, retention
from fairpost.server.store import now_ms, schema

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fairpost.server.registry.core import Core

__all__ = ["JOBS", "Job", "JobReport", "Jobs", "run_jobs"]

log = structlog.get_logger(__name__)

LEASE_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 1.0
_RETRY_SECONDS: Final = 30.0


class Job(NamedTuple):
    """part: does some of it, in transactions that keep other writers from waiting; gives what it did, by name, and
    whether there is more. due: whether there is anything to do, found by reading alone. every: seconds between two
    runs."""

    name: str
    due: Callable[[Core], bool]
    part: Callable[[Core], tuple[Counter[str], bool]]
    every: float = 0.0


JOBS: Final[dict[str, Job]] = {
    job.name: job
    for job in (
        Job("days", days.due, days.turn_part),
        Job("complaints", complaints.due, complaints.mark_part),
        Job("retention", retention.due, retention.part, every=3600.0),
    )
}
"""By name, in the order in which they are run."""


@dataclass
class JobReport:
    """What came of a job. state: "done", "failed", or "held" by another server."""

    name: str
    state: str = "done"
    counts: Counter[str] = field(default_factory=Counter)
    error: str = ""


class Jobs:
    """The jobs of one server: `start` runs them, when they are due, until `close`."""

    def __init__(self, core: Core, *, jobs: Sequence[Job] = tuple(JOBS.values())) -> None:
        self._core = core
        self._jobs = jobs
        self._holder = secrets.token_hex(8)
        self._stop = threading.Event()
        self._not_before: dict[str, float] = {}
        self._thread: threading.Thread | None = None
        self.outcomes: Counter[tuple[str, str]] = Counter()
        """Runs so far, by name of the job and state of its report."""

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="registry-jobs", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop after the part that is under way."""
        self._stop.set()
        if self._thread:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while not self._stop.wait(_POLL_SECONDS):
            for job in self._jobs:
                if time.monotonic() >= self._not_before.get(job.name, 0.0) and not self._stop.is_set():
                    self._run_if_due(job)

    def _run_if_due(self, job: Job) -> None:
        try:
            wanted = self._wanted(job)
        except ServiceError as error:
            self._not_before[job.name] = time.monotonic() + _RETRY_SECONDS
            log.error("registry job cannot be looked at", job=job.name, reason=error.reason_name)
            return
        if wanted and self.run(job, every=job.every).state == "failed":
            self._not_before[job.name] = time.monotonic() + _RETRY_SECONDS

    def _wanted(self, job: Job) -> bool:
        """Whether the job's time has come, nobody holds it, and there is something to do: reads alone."""
        row = self._row(job)
        if row is not None and not self._free(row, now_ms(), job.every):
            return False
        return job.due(self._core)

    def run(self, job: Job, *, every: float = 0.0) -> JobReport:
        """Do a job to its end, due or not, unless another server is doing it, or has in the last `every` seconds."""
        report = self._run_once(job, every)
        self.outcomes[job.name, report.state] += 1
        return report

    def _run_once(self, job: Job, every: float) -> JobReport:
        report = JobReport(job.name)
        try:
            if not self._take(job, every):
                report.state = "held"
                return report
            taken = time.monotonic()
            more = True
            while more and not self._stop.is_set():
                with audit.acting(f"job {job.name}"):
                    counts, more = job.part(self._core)
                report.counts += counts
                if more and time.monotonic() - taken > LEASE_SECONDS / 3:
                    if not self._take(job):
                        report.state = "held"
                        return report
                    taken = time.monotonic()
            self._give_back(job, {"last_run": now_ms(), "last_error": ""})
        except Exception as error:
            report.state = "failed"
            # No text of exceptions that are not ours: it may quote rows.
            report.error = error.message if isinstance(error, ServiceError) else type(error).__name__
            log.error("registry job failed", job=job.name, error=report.error, exc_info=_trace(error))
            try:
                self._give_back(job, {"last_error": report.error[:500]})
            except ServiceError as again:
                log.error("registry job keeps its lease until it ends", job=job.name, reason=again.reason_name)
            return report
        if report.counts:
            log.info("registry job done", job=job.name, **report.counts)
        return report

    # ---- the lease --------------------------------------------------------------------------------------

    def _row(self, job: Job) -> Any:
        with self._core.store.read() as connection:
            return connection.execute(sa.select(schema.jobs).where(schema.jobs.c.name == job.name)).one_or_none()

    def _free(self, row: Any, now: int, every: float) -> bool:
        if row.holder == self._holder:
            return True
        held = row.holder and row.held_until > now
        return not held and now - row.last_run >= every * 1000

    def _take(self, job: Job, every: float = 0.0) -> bool:
        table, now = schema.jobs, now_ms()
        lease = {"holder": self._holder, "held_until": now + int(LEASE_SECONDS * 1000)}
        with self._core.store.write() as connection:
            row = connection.execute(sa.select(table).where(table.c.name == job.name)).one_or_none()
            if row is None:
                connection.execute(table.insert(), lease | {"name": job.name, "last_run": 0, "last_error": ""})
            elif not self._free(row, now, every):
                return False
            else:
                connection.execute(sa.update(table).where(table.c.name == job.name), lease)
        return True

    def _give_back(self, job: Job, values: dict[str, Any]) -> None:
        table = schema.jobs
        mine = (table.c.name == job.name) & (table.c.holder == self._holder)
        with self._core.store.write() as connection:
            connection.execute(sa.update(table).where(mine), values | {"holder": "", "held_until": 0})


def run_jobs(core: Core, names: Sequence[str] = ()) -> list[JobReport]:
    """Run jobs now, all or those named, in the order of JOBS.

    Raises:
        KeyError: a name that is none of JOBS.
    """
    wanted = {JOBS[name].name for name in names} or JOBS.keys()
    jobs = Jobs(core)
    return [jobs.run(job) for name, job in JOBS.items() if name in wanted]


def _trace(error: Exception) -> Exception | None:
    return None if isinstance(error, ServiceError) else error
