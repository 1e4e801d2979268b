"""Two workers on one port: what happens when one dies, hangs, or the supervisor does."""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import platform
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from running import alive, stop_in_the_midst, until

from fairpost.client import Client
from fairpost.v1 import filter_pb2, post_pb2

WORDS = {"根治": 0.97, "特效": 0.65}


def has_open(pid: int, path: Path) -> bool:
    return any(Path(os.path.realpath(link)) == path for link in Path(f"/proc/{pid}/fd").iterdir())


def page(port: int, path: str) -> tuple[int, dict[str, Any]]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_killed_and_stopped_workers_are_replaced(
    server: Any, bundle: Any, load: Any, workers: Any, tmp_path: Path
) -> None:
    http = tmp_path / "http-port"
    running = server(workers=2, worker_timeout=3.0, http_port=0, http_port_file=http).start()
    client, port = running.client, int(http.read_text())
    assert page(port, "/healthz") == (200, {"status": "ok", "workers": {"0": "ok", "1": "ok"}})
    none = {"0": "no rule set is active", "1": "no rule set is active"}
    assert page(port, "/readyz") == (503, {"status": "not ready", "workers": none})
    answer = client.activate(bundle(WORDS))
    assert [(each.worker, each.confirmed, each.why) for each in answer.workers] == [(0, True, ""), (1, True, "")]
    assert page(port, "/readyz") == (200, {"status": "ready", "workers": {"0": "ready", "1": "ready"}})
    before = workers(client)
    assert before[0].pid != before[1].pid
    assert {worker.revision for worker in before.values()} == {answer.active.revision}

    # SIGKILL, under load: callers of the other one notice nothing, calls in flight on this one get UNAVAILABLE.
    with load(running.port) as made:
        time.sleep(0.3)
        begun = time.monotonic()
        os.kill(before[1].pid, signal.SIGKILL)
        running.wait_logged("child serves", child="worker 1", count=2)
        time.sleep(0.3)
    assert {code for _, code in made.failures} <= {"UNAVAILABLE"}
    assert len(made.failures) < 30
    assert {revision for _, _, revision in made.replies} == {answer.active.revision}
    assert any(came > begun for _, came, _ in made.replies)
    (line,) = running.wait_logged("child ended", child="worker 1")
    assert (line["pid"], line["status"]) == (before[1].pid, "signal SIGKILL")
    after = workers(client)
    assert (after[1].replaced, after[0].replaced, after[0].pid) == (1, 0, before[0].pid)
    assert after[1].pid not in (0, before[1].pid)
    assert after[1].revision == answer.active.revision

    # SIGSTOP: it answers no ping and is killed; others serve meanwhile.
    os.kill(after[0].pid, signal.SIGSTOP)
    (line,) = running.wait_logged("child does not answer and is killed", child="worker 0")
    assert (line["pid"], line["why"]) == (after[0].pid, "no answer within 3 s")
    running.wait_logged("child serves", child="worker 0", count=2)
    assert workers(client)[0].replaced == 1

    # What forks them dies, and then a worker: both are there again.
    lists = Path(f"/proc/{running.process.pid}/task").glob("*/children")
    (zygote,) = {int(pid) for each in lists for pid in each.read_text().split()} - set(running.children().values())
    os.kill(zygote, signal.SIGKILL)
    os.kill(workers(client)[0].pid, signal.SIGKILL)
    running.wait_logged("child cannot be started", child="worker 0")
    running.wait_logged("child serves", child="worker 0", count=3)

    # The HTTP child is replaced, too, on the same port.
    os.kill(running.children()["web"], signal.SIGKILL)
    running.wait_logged("child serves", child="web", count=2)
    until(lambda: page(port, "/healthz")[0] == 200)
    assert running.stop() == 0
    assert not any(alive(pid) for pid in running.children().values())


def test_sigterm_drains_all_workers(server: Any, bundle: Any, caller: Any) -> None:
    running = server(workers=2, max_request_bytes=64 << 20, max_posts=100_000).start()
    running.client.activate(bundle(WORDS))
    posts = [post_pb2.Post(id=str(i), text="这款茶根治糖尿病" * 5) for i in range(3_000)]
    asked = filter_pb2.CheckPostsRequest(posts=posts)

    def calls() -> list[Callable[[], int]]:
        callers = [caller(running.port) for _ in range(6)]
        for each in callers:
            each.check("好")  # connected
        return [lambda each=each: len(each.filter.CheckPosts(asked, timeout=30).results) for each in callers]  # type: ignore[misc]

    alone = calls()[0]
    begun = time.monotonic()
    alone()
    usual = time.monotonic() - begun
    got, _ = stop_in_the_midst(running, calls, usual)
    assert got == [3_000] * 6
    assert running.wait_logged("stopped")


def test_workers_end_with_their_supervisor(server: Any, bundle: Any) -> None:
    """A killed supervisor: its workers drain and end, and the next server waits for that."""
    running = server(workers=2).start()
    revision = running.client.activate(bundle(WORDS)).active.revision
    pids = list(running.children().values())
    running.process.send_signal(signal.SIGKILL)
    running.process.wait()
    running.client.close()
    running.start()
    assert not any(alive(pid) for pid in pids)
    assert running.client.check("根治").revision == revision


def test_a_second_signal_ends_at_once(server: Any) -> None:
    running = server(drain_seconds=60).start()
    (worker,) = running.children().values()
    os.kill(worker, signal.SIGSTOP)  # so that it does not drain
    running.process.send_signal(signal.SIGTERM)
    running.wait_logged("draining")
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(60) == 130
    until(lambda: not alive(worker))


@pytest.mark.parametrize("role", ["supervisor", "worker"])
def test_a_signal_that_another_thread_takes(server: Any, role: str) -> None:
    """As the kernel may have it after SIGSTOP and SIGCONT, or where two signals come at once."""
    number = {"x86_64": 234, "aarch64": 131}.get(platform.machine())
    if number is None:
        pytest.skip("the number of tgkill is not known here")
    running = server(workers=1).start()
    (worker,) = running.children().values()
    pid = running.process.pid if role == "supervisor" else worker
    other = max(int(path.name) for path in Path(f"/proc/{pid}/task").iterdir())
    assert other != pid
    assert ctypes.CDLL(None).syscall(number, pid, other, signal.SIGTERM) == 0
    if role == "supervisor":
        assert running.process.wait(60) == 0
    else:
        running.wait_logged("child serves", child="worker 0", count=2)  # it ended, and another one took its place
        running.wait_logged("child ended", child="worker 0", status="status 0")


def test_a_signal_while_it_starts(server: Any) -> None:
    running = server(workers=2)
    running.data_dir.mkdir()
    with (running.data_dir / "workers.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # workers come no further than this
        starting = threading.Thread(target=lambda: running.start(expect_status=0))
        starting.start()
        until(lambda: hasattr(running, "process"))
        until(lambda: has_open(running.process.pid, running.data_dir / "lock"))
        running.process.send_signal(signal.SIGTERM)
        starting.join()
    assert running.process.returncode == 0


def test_two_servers_do_not_share_a_port(server: Any) -> None:
    first = server().start()
    second = server("other", port=first.port).start(expect_status=2)
    assert f"fairpost serve: 127.0.0.1:{first.port}: cannot be listened on; is the port in use?" in second.printed()
    # The port is kept while no worker listens.
    os.kill(first.children()["worker 0"], signal.SIGSTOP)
    os.kill(first.children()["worker 0"], signal.SIGKILL)
    third = server("other", port=first.port).start(expect_status=2)
    assert third.printed().count("is the port in use?") == 2
    assert first.stop() == 0
    # And is free after that, at once.
    server("other", port=first.port).start()


def test_data_directory_of_another_server(server: Any, inside: Any) -> None:
    running = server().start()
    assert inside().refused() == f"{running.data_dir}: another server uses this data directory; stop it or take another"
    again = server().start(expect_status=2)
    assert f"{running.data_dir}: another server uses this data directory" in again.printed()


def test_a_worker_that_cannot_start_says_why(server: Any) -> None:
    running = server()
    running.data_dir.mkdir()
    (running.data_dir / "identity.key").write_bytes(b"short")
    (running.data_dir / "identity.key").chmod(0o600)
    running.start(expect_status=2)
    assert f"fairpost serve: {running.data_dir}/identity.key: no registry keys; expected JSON" in running.printed()


def test_one_worker_writes_snapshots(server: Any, registration: Any, workers: Any) -> None:
    """One leads; when it dies another one does. Both know of all sellers."""
    running = server(workers=2, snapshot_seconds=0.2).start()
    running.client.register(registration("a"))

    def snapshots() -> list[str]:
        return [path.name for path in running.data_dir.glob("standings-*.snapshot")]

    until(lambda: snapshots() == [name for name in snapshots() if name.startswith("standings-1-")] != [])
    os.kill(workers(running.client)[0].pid, signal.SIGKILL)
    running.wait_logged("child serves", child="worker 0", count=2)
    running.client.close()
    running.client = Client(f"127.0.0.1:{running.port}")
    running.client.register(registration("b", credit_code="91110000100000158D"))
    until(lambda: any(name.startswith("standings-2-") for name in snapshots()))
    assert [line for line in running.printed().splitlines() if "snapshot not written" in line] == []
    assert running.stop() == 0
