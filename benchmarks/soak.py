"""Activations of two alternating rule sets under load, and workers killed under load: what callers see of it.

    make soak                                                     # 1,000 activations, then a kill a second for a minute
    .venv/bin/python benchmarks/soak.py --activations 200 --kill-seconds 10 --workers 2 --callers 4

A real `fairpost serve` with the shipped packs and a second rule set made of them; callers are processes of their own,
each with a connection of its own that checks one post at a time. Prints, for the time before, during and after: calls,
failures by status, p50 and p99; replies whose revision is neither of the two, or one that was replaced before the call
began; private memory of each worker before and after. Exit status 1 if a bound is broken: a failed call or a wrong
revision during activations, memory after more than 5% above before, p99 during more than twice p99 before (needs cores
of its own for the callers); and while workers are killed a status other than UNAVAILABLE of bare calls, any failure of
calls through fairpost.client (half of the callers), or a torn line in the decision log.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from serving import exit_status, serving

from fairpost.client import CallFailed, Client, Retry
from fairpost.rules import compile_packs, shipped_packs
from fairpost.server.access import keys
from fairpost.server.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.synchronize import Event

POSTS = (
    "秋款女装上新，全场 99 元包邮，加V：abc12345",
    "本店秘方根治糖尿病，无效退款，一盒199元",
    "今天天气真好，和朋友去爬山了",
    "新茶到货，明前龙井一斤280，喜欢的留言",
)
EXTRA = """\
pack: soak
lists:
  word: [浸泡测试专用词]
rules:
  - id: soak.word
    category: ABSOLUTE
    severity: low
    weight: 0.5
    when: any(word)
    basis: [cn.advertising-law/9-3]
    message: {zh: 测试, en: test}
    cases: {match: [浸泡测试专用词], pass: [今天天气好]}
"""

Call = tuple[float, float, str, str]
"""When it began and ended (CLOCK_MONOTONIC, the same in all processes), the revision, the status."""


def call(target: str, ready: Any, stop: Event, results: Any) -> None:
    """A caller: checks one post after another until it is told to stop. Says that it is ready after its first call."""
    import grpc

    from fairpost.v1 import filter_pb2, filter_pb2_grpc, post_pb2

    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
    requests = [filter_pb2.CheckPostRequest(post=post_pb2.Post(text=text), dry_run=True) for text in POSTS]
    calls: list[Call] = []
    channel = grpc.insecure_channel(target, options=options)
    check = filter_pb2_grpc.FilterServiceStub(channel).CheckPost
    number = 0
    while not stop.is_set():
        begun = time.monotonic()
        try:
            revision, status = check(requests[number % len(requests)], timeout=30).verdict.revision, ""
        except grpc.RpcError as error:
            revision, status = "", error.code().name
            channel.close()
            channel = grpc.insecure_channel(target, options=options)
            check = filter_pb2_grpc.FilterServiceStub(channel).CheckPost
        calls.append((begun, time.monotonic(), revision, status))
        number += 1
        if number == 1:
            ready.release()
    results.put(calls)


def call_by_library(target: str, ready: Any, stop: Event, results: Any) -> None:
    """The same through fairpost.client, which tries again."""
    calls: list[Call] = []
    # As docs/deployment.md has it for servers of which all workers may be starting.
    with Client(target, retry=Retry(attempts=30, longest=0.5)) as client:
        number = 0
        while not stop.is_set():
            begun = time.monotonic()
            try:
                revision, status = client.check(POSTS[number % len(POSTS)], dry_run=True).revision, ""
            except CallFailed as error:
                revision, status = "", f"{error} after {error.attempts} attempts"
            calls.append((begun, time.monotonic(), revision, status))
            number += 1
            if number == 1:
                ready.release()
    results.put(calls)


class Load:
    """Callers in processes of their own."""

    def __init__(self, target: str, callers: int, by: Callable[..., None] = call) -> None:
        context = multiprocessing.get_context("spawn")
        self._stop = context.Event()
        self._results = context.Queue()
        ready = context.Semaphore(0)
        self._callers = [
            context.Process(target=by, args=(target, ready, self._stop, self._results)) for _ in range(callers)
        ]
        for each in self._callers:
            each.start()
        for _ in self._callers:
            ready.acquire()

    def end(self) -> list[Call]:
        self._stop.set()
        calls = [each for _ in self._callers for each in self._results.get()]
        for each in self._callers:
            each.join()
        return calls


def private(pid: int) -> int:
    """Memory of a process that it shares with nobody, in KiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Dirty", "Swap:")))


def told(name: str, calls: Sequence[Call], seconds: float) -> tuple[float, Counter[str]]:
    """Prints what a stretch of time was like; gives its p99 in milliseconds and failures by status."""
    failed = Counter(status for *_, status in calls if status)
    taken = np.array([(ended - begun) * 1e3 for begun, ended, _, status in calls if not status] or [0.0])
    p50, p99 = np.percentile(taken, [50, 99])
    print(
        f"{name:>12}: {len(calls) / seconds:9,.0f} calls/s, p50 {p50:.2f} ms, p99 {p99:.2f} ms, "
        f"failed: {dict(failed) or 'none'}"
    )
    return float(p99), failed


def stale(calls: Sequence[Call], confirmed: Sequence[tuple[float, float, str]]) -> int:
    """Replies to calls that began after an activation was confirmed and ended before the next one began, with another
    revision than that one's."""
    wrong = 0
    ends = [*(begun for begun, _, _ in confirmed[1:]), float("inf")]
    for (_, done, revision), following in zip(confirmed, ends, strict=True):
        wrong += sum(
            not status and seen != revision
            for begun, ended, seen, status in calls
            if begun > done and ended < following
        )
    return wrong


def soak(target: str, api_key: str, options: argparse.Namespace) -> list[str]:
    """The run itself; gives the bounds that are broken."""
    broken: list[str] = []
    with tempfile.TemporaryDirectory() as folder, Client(target, api_key=api_key, timeout=60, retry=None) as client:
        extra = Path(folder) / "soak.yaml"
        extra.write_text(EXTRA, encoding="utf-8")
        bundles = [compile_packs([shipped_packs()]), compile_packs([shipped_packs(), extra])]
        pids = [worker.pid for worker in client.status().workers]
        load = Load(target, options.callers)
        # Whatever is warm after the first activations under load is warm before.
        known = {client.activate(bundles[i % 2]).active.revision for i in range(10)}
        time.sleep(options.seconds)
        memory = [private(pid) for pid in pids]
        begun = time.monotonic()
        confirmed: list[tuple[float, float, str]] = []
        for i in range(options.activations):
            time.sleep(max(0.0, begun + i * options.every - time.monotonic()))
            asked = time.monotonic()
            answer = client.activate(bundles[i % 2])
            confirmed.append((asked, time.monotonic(), answer.active.revision))
            if not all(worker.confirmed for worker in answer.workers):
                broken.append(f"activation {i} was not confirmed by all: {answer.workers}")
        ended = time.monotonic()
        time.sleep(options.seconds)
        calls = load.end()
        during = [each for each in calls if begun <= each[0] < ended]
        p99_before, _ = told(
            "before", [each for each in calls if begun - options.seconds <= each[0] < begun], options.seconds
        )
        p99_during, failed = told("activations", during, ended - begun)
        told("after", [each for each in calls if each[0] >= ended], options.seconds)
        rate = options.activations / (ended - begun)
        print(f"{options.activations} activations, {rate:.1f} a second")
        strange = {revision for _, _, revision, status in during if not status} - known
        if failed:
            broken.append(f"calls failed during activations: {dict(failed)}")
        if strange:
            broken.append(f"replies of other revisions: {strange}")
        if late := stale(during, confirmed):
            broken.append(f"{late} replies of the old revision after the new one was confirmed")
        if p99_during > 2 * p99_before:
            broken.append(f"p99 during activations is {p99_during / p99_before:.1f} times that before")
        for pid, before in zip(pids, memory, strict=True):
            after = private(pid)
            print(f"process {pid}: {before:,} KiB before, {after:,} KiB after ({after / before - 1:+.1%})")
            if after > before * 1.05:
                broken.append(f"process {pid}: memory has grown by {after / before - 1:.1%}")
    if options.kill_seconds:
        broken += kills(target, options)
    return broken


def kills(target: str, options: argparse.Namespace) -> list[str]:
    """One worker after another is killed, one a second."""
    library = Load(target, options.callers - options.callers // 2, call_by_library)
    load = Load(target, options.callers // 2)
    begun = time.monotonic()
    killed = 0
    for i in range(options.kill_seconds):
        living = []
        with contextlib.suppress(CallFailed), Client(target) as client:  # all may be starting at the moment
            living = [worker.pid for worker in client.status().workers if worker.revision]
        if living:
            os.kill(living[i % len(living)], signal.SIGKILL)
            killed += 1
        time.sleep(max(0.0, begun + i + 1 - time.monotonic()))
    ended = time.monotonic()
    calls = [each for each in load.end() if begun <= each[0] < ended]
    _, failed = told("bare calls", calls, ended - begun)
    calls = [each for each in library.end() if begun <= each[0] < ended]
    _, failed_by_library = told("the library", calls, ended - begun)
    print(f"{killed} workers killed; {sum(failed.values()) / max(killed, 1):.1f} bare calls failed for each")
    broken = [f"bare calls failed with {set(failed)}"] if set(failed) - {"UNAVAILABLE"} else []
    return [*broken, *([f"calls of the library failed: {dict(failed_by_library)}"] if failed_by_library else [])]


def torn(folder: Path) -> list[str]:
    """What is wrong with the decision log: each line is one whole decision."""
    lines = 0
    broken: list[str] = []
    for path in sorted(folder.glob("decisions-*.jsonl")):
        content = path.read_bytes()
        if content and not content.endswith(b"\n"):
            broken.append(f"{path.name} does not end with a line's end")
        for number, line in enumerate(content.splitlines(), 1):
            lines += 1
            try:
                decision = json.loads(line)
            except ValueError as error:
                broken.append(f"{path.name}:{number}: {error}")
            else:
                if not (isinstance(decision, dict) and decision.get("decision_id")):
                    broken.append(f"{path.name}:{number}: no decision")
    print(f"decision log: {lines:,} lines, {len(broken)} of them broken")
    return broken if lines else ["the decision log is empty"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--activations", type=int, default=1000)
    parser.add_argument("--every", type=float, default=0.5, help="seconds from one activation to the next, at least")
    parser.add_argument("--kill-seconds", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=10.0, help="of load before and after the activations")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--callers", type=int, default=4)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        more = ["--workers", str(options.workers), "--decision-log", str(folder / "decisions")]
        with serving(folder, *more) as server:
            with Store.open(f"sqlite:///{folder}/data/registry.sqlite", create=False) as store:
                api_key, _ = keys.create(store, "soak", ["publisher"])
            broken = soak(f"127.0.0.1:{server.port}", api_key, options)
        status = server.process.returncode
        broken += torn(folder / "decisions")
        if status:
            broken.append(f"the server ended with status {status}")
    return exit_status(broken)


if __name__ == "__main__":
    sys.exit(main())
