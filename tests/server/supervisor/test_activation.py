"""Activations over two real workers: all or none, under load, and what memory they leave."""

from __future__ import annotations

import os
import resource
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from fairpost.client import CallFailed
from fairpost.v1 import rules_pb2

WORDS = {"根治": 0.97, "特效": 0.65}


def resident(pid: int) -> int:
    """Memory of a process that is its own, in KiB: what others share with it is not counted."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Dirty", "Swap:")))


def test_activations_under_load_and_in_memory(server: Any, bundle: Any, load: Any, workers: Any) -> None:
    running = server(workers=2).start()
    bundles = [bundle(WORDS | {f"词{i}": 0.5 for i in range(n)}, name=f"n{n}") for n in (40, 60)]
    confirmed: list[tuple[float, float, str]] = []

    def activate(number: int) -> None:
        begun = time.monotonic()
        answer = running.client.activate(bundles[number % 2])
        confirmed.append((begun, time.monotonic(), answer.active.revision))
        assert [each.confirmed for each in answer.workers] == [True, True]

    activate(0)
    with load(running.port) as made:
        for i in range(1, 21):
            activate(i)
            time.sleep(0.1)
    assert made.failures == []
    known = {revision for _, _, revision in confirmed}
    assert {revision for _, _, revision in made.replies} == known
    assert len(made.replies) > 50
    # A call that began after an activation was confirmed and ended before the next one began has that revision.
    looked = 0
    for (_, done, revision), (following, _, _) in zip(confirmed, [*confirmed[1:], (float("inf"), 0, "")], strict=True):
        between = [each for begun, came, each in made.replies if begun > done and came < following]
        looked += len(between)
        assert set(between) <= {revision}
    assert looked > 10

    # 200 more: what was loaded is freed.
    for i in range(40):
        activate(i)
    pids = [worker.pid for worker in workers(running.client).values()]
    before = [resident(pid) for pid in pids]
    for i in range(200):
        activate(i)
    after = [resident(pid) for pid in pids]
    assert [worker.pid for worker in workers(running.client).values()] == pids
    assert all(late <= early * 1.05 for early, late in zip(before, after, strict=True)), (before, after)


def test_a_worker_that_cannot_prepare(server: Any, bundle: Any, caller: Any, workers: Any) -> None:
    """No files can be opened in one worker: nobody serves the new rule set, and then all do."""
    running = server(workers=2).start()
    first = running.client.activate(bundle(WORDS, name="first")).active.revision
    good = caller(running.port, running.api_key)
    assert good.check("好").revision == first  # it is connected
    victim = workers(running.client)[1].pid
    limits = resource.prlimit(victim, resource.RLIMIT_NOFILE)
    resource.prlimit(victim, resource.RLIMIT_NOFILE, (0, limits[1]))
    request = rules_pb2.ActivateBundleRequest(bundle=bundle(WORDS, name="second"), source="second")
    with pytest.raises(CallFailed) as caught:
        good.call("ActivateBundle", request)
    if caught.value.reason == "REASON_STORE_UNAVAILABLE":  # it was the victim that was asked
        resource.prlimit(victim, resource.RLIMIT_NOFILE, limits)
        victim = workers(running.client)[0].pid
        resource.prlimit(victim, resource.RLIMIT_NOFILE, (0, limits[1]))
        with pytest.raises(CallFailed) as caught:
            good.call("ActivateBundle", request)
    failure = caught.value
    assert (failure.code, failure.reason) == ("UNAVAILABLE", "REASON_WORKER_NOT_PREPARED")
    assert failure.metadata["worker"] in ("0", "1")
    revision = failure.message.split()[1]
    assert failure.message.startswith(f"revision {revision} cannot be served by all workers, so none serves it (worker")
    assert failure.message.endswith("Too many open files)")
    resource.prlimit(victim, resource.RLIMIT_NOFILE, limits)
    status = running.client.status()
    assert [worker.revision for worker in status.workers] == [first, first]
    assert (status.last_failure.reason, status.last_failure.source) == ("REASON_WORKER_NOT_PREPARED", "second")
    answer = good.call("ActivateBundle", request)
    assert answer.active.revision == revision
    assert {worker.revision for worker in workers(running.client).values()} == {revision}

    # Rolled back everywhere; a worker that starts anew takes what was persisted, byte for byte.
    answer = running.client.roll_back()
    assert ([each.confirmed for each in answer.workers], answer.active.revision) == ([True, True], first)
    for pid in [worker.pid for worker in workers(running.client).values()]:
        os.kill(pid, signal.SIGKILL)
    running.wait_logged("child serves", child="worker 0", count=2)
    running.wait_logged("child serves", child="worker 1", count=2)
    found = [caller(running.port).check("根治").revision for _ in range(8)]
    assert set(found) == {first}
    again = caller(running.port, running.api_key).call("ListRevisions", rules_pb2.ListRevisionsRequest())
    assert [each.revision for each in again.revisions] == [first, revision]
