"""Jobs: one server at a time, twice without harm, and what is left of one that died."""

from __future__ import annotations

import threading
import time
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from running import until

from fairpost.server.errors import Unavailable
from fairpost.server.registry import Registry, jobs
from fairpost.server.registry.jobs import JOBS, Job, Jobs, run_jobs
from fairpost.server.store import now_ms, schema
from fairpost.v1 import reason_pb2, seller_pb2

if TYPE_CHECKING:
    from collections.abc import Callable


def row_of(registry: Registry, name: str) -> Any:
    with registry.core.store.read() as connection:
        return connection.execute(sa.select(schema.jobs).where(schema.jobs.c.name == name)).one_or_none()


def test_all_jobs_run(registry: Registry, registration: Any, clock: Any) -> None:
    until = (clock.day + timedelta(days=3)).isoformat()
    licence = seller_pb2.Licence(scope="food", number="1", valid_from="2020-01-01", valid_until=until)
    registry.sellers.register(registration("s", licences=[licence]))
    begun = now_ms()
    assert [(report.name, report.state, report.counts) for report in run_jobs(registry.core)] == [
        (name, "done", {}) for name in JOBS
    ]
    clock.forward(4)
    reports = run_jobs(registry.core, ["days"])
    assert [(report.name, report.state, report.counts) for report in reports] == [("days", "done", {"sellers": 1})]
    row = row_of(registry, "days")
    assert (row.holder, row.last_error) == ("", "")
    assert row.last_run >= begun
    with pytest.raises(KeyError):
        run_jobs(registry.core, ["days", "none"])


def test_a_lease_keeps_others_out(registries: Callable[..., Registry]) -> None:
    first, second = registries(), registries()
    inside, leave = threading.Event(), threading.Event()
    ran: list[str] = []

    def part(_core: Any) -> tuple[Counter[str], bool]:
        ran.append("first")
        inside.set()
        assert leave.wait(60)
        return Counter(), False

    job = Job("slow", lambda core: True, part)
    holder = threading.Thread(target=lambda: Jobs(first.core).run(job))
    holder.start()
    assert inside.wait(60)
    other = Job("slow", lambda core: True, lambda core: (Counter({"x": 1}), False))
    assert Jobs(second.core).run(other).state == "held"
    # A dead holder's lease ends by itself.
    with first.core.store.write() as connection:
        connection.execute(sa.update(schema.jobs), {"held_until": now_ms() - 1})
    report = Jobs(second.core).run(other)
    assert (report.state, report.counts) == ("done", {"x": 1})
    leave.set()
    holder.join()
    # The first one gives nothing back that it no longer holds.
    assert row_of(second, "slow").holder == ""
    assert ran == ["first"]


def test_a_lease_is_renewed_or_lost(registries: Callable[..., Registry], monkeypatch: pytest.MonkeyPatch) -> None:
    registry = registries()
    monkeypatch.setattr(jobs, "LEASE_SECONDS", 0.0)
    ends, parts = [], iter([True, True, False])

    def part(_core: Any) -> tuple[Counter[str], bool]:
        ends.append(row_of(registry, "long").held_until)
        time.sleep(0.005)
        return Counter({"part": 1}), next(parts)

    report = Jobs(registry.core).run(Job("long", lambda core: True, part))
    assert (report.state, report.counts) == ("done", {"part": 3})
    assert ends == sorted(set(ends))

    def stolen(_core: Any) -> tuple[Counter[str], bool]:
        with registry.core.store.write() as connection:
            connection.execute(sa.update(schema.jobs), {"holder": "another", "held_until": now_ms() + 60_000})
        return Counter({"part": 1}), True

    report = Jobs(registry.core).run(Job("long", lambda core: True, stolen))
    assert (report.state, report.counts) == ("held", {"part": 1})


def test_a_job_that_fails(registry: Registry) -> None:
    def part(core: Any) -> tuple[Counter[str], bool]:
        raise Unavailable(reason_pb2.REASON_STORE_UNAVAILABLE, "the store is away")

    assert Jobs(registry.core).run(Job("j", lambda core: True, part)).error == "the store is away"
    row = row_of(registry, "j")
    assert (row.holder, row.last_error, row.last_run) == ("", "the store is away", 0)

    def odd(core: Any) -> tuple[Counter[str], bool]:
        raise ValueError("张三")  # what is not ours may quote rows

    report = Jobs(registry.core).run(Job("j", lambda core: True, odd))
    assert (report.state, report.error) == ("failed", "ValueError")
    assert row_of(registry, "j").last_error == "ValueError"
    assert Jobs(registry.core).run(Job("j", lambda core: True, lambda core: (Counter(), False))).state == "done"
    assert row_of(registry, "j").last_error == ""


def test_the_thread_runs_what_is_due(registries: Callable[..., Registry], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two servers, a job with an interval runs on one, once; one that is never due takes no lease."""
    monkeypatch.setattr(jobs, "_POLL_SECONDS", 0.02)
    ran: list[int] = []

    def part(core: Any) -> tuple[Counter[str], bool]:
        ran.append(1)
        return Counter(), False

    each = [Job("hourly", lambda core: True, part, every=3600.0), Job("idle", lambda core: False, part)]
    both = [Jobs(registries().core, jobs=each) for _ in range(2)]
    for one in both:
        one.start()
    until(lambda: ran)
    time.sleep(0.3)  # whatever would come twice has come
    for one in both:
        one.close()
    assert len(ran) == 1
    assert row_of(registries(), "idle") is None
