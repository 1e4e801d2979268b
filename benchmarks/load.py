"""A server under load: what it does a second, what that costs in processor time, and how long callers wait.

    FAIRPOST_LOADGEN=path/to/loadgen python benchmarks/load.py [--workers 1,2] [--seconds 3] [--rounds 2]

The load comes from a closed-loop gRPC client in C++ that sends serialised requests (FAIRPOST_LOADGEN; its arguments are
those of `load_arguments`, and it prints one line of JSON): a client in Python would be the limit. The server is kept to
one core and the client to another; with several workers the server has both cores, and what counts is processor time.
A bare grpcio server that answers every request with the same bytes is measured in the same run, and, for streams, the
same server with objects of the protobuf runtime in place of the wire codec; figures of different machines are compared
by their ratios to these. Posts are made from the sample posts; with FAIRPOST_CORPORA they are real:
honest ones, and the mix of all other benchmarks.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from corpus import corpora, made_posts, posts_of
from serving import serving

from fairpost.client import Client
from fairpost.v1 import filter_pb2, post_pb2, registry_pb2, seller_pb2

FILTER, REGISTRY = "/fairpost.v1.FilterService/", "/fairpost.v1.RegistryService/"
POSTS = 16_384
SELLERS = 1_000
BARE = "bare grpcio echo"
LESS_LOAD = (1, 2, 3, 4, 6, 8, 12, 16)
ECHO = """
import sys
from concurrent.futures import ThreadPoolExecutor
import grpc
answer = b"x" * 148
handler = grpc.unary_unary_rpc_method_handler(lambda request, context: answer)
server = grpc.server(ThreadPoolExecutor(4))
methods = {"CheckPost": handler}
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("fairpost.v1.FilterService", methods)])
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
server.wait_for_termination()
"""


# The same server, but that each request becomes objects of the protobuf runtime and each answer is made of them: the
# path of unusual requests, for all of them.
OBJECTS = """
import signal, sys
from pathlib import Path
from fairpost.server import Config, Server
from fairpost.server.filtering import FilterService
FilterService._answered = FilterService.answer_by_messages
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
server = Server(Config(data_dir=Path(sys.argv[1]), port=0, port_file=Path(sys.argv[2]), log_level="warning")).start()
try:
    signal.pause()
finally:
    server.stop()
"""


@dataclass(frozen=True)
class Workload:
    """Requests of one kind. per: posts or ids in each; callers: in flight at saturation."""

    name: str
    path: str
    messages: Sequence[bytes]
    per: int = 1
    mode: str = "unary"
    callers: int = 32
    window: int = 1


@dataclass(frozen=True)
class Figures:
    """What one run of the load generator told. cores: processor time of the server a second."""

    rate: float
    p50_us: float
    p99_us: float
    errors: int
    cores: float

    @property
    def cpu_us(self) -> float:
        """Processor time of the server a message, in microseconds."""
        return self.cores / self.rate * 1e6 if self.rate else 0.0


@dataclass
class Row:
    """A workload's figures: the best of the rounds, and those with about half as much to do."""

    workload: Workload
    best: Figures | None = None
    half: Figures | None = None
    objects: Figures | None = None


# ---- requests


def posts_by_kind() -> dict[str, list[str]]:
    """Texts: real ones where the corpora are, else made from the samples."""
    folder = corpora()
    if folder is None:
        return {"sample posts": made_posts(POSTS)}
    honest = []
    with (folder / "labelled.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            if entry["source"] == "reviews_shop10" and entry["text"]:
                honest.append(entry["text"])
    step = max(len(honest) // POSTS, 1)
    return {"honest posts": honest[::step][:POSTS], "mixed posts": posts_of(POSTS)}


def workloads() -> list[Workload]:
    """All of them; the echo comes first."""
    ids = [f"load-{i}" for i in range(SELLERS)]
    single = [registry_pb2.LookupSellerRequest(seller_id=name).SerializeToString() for name in ids]
    batch = [registry_pb2.BatchLookupSellersRequest(seller_ids=ids).SerializeToString()]
    found: list[Workload] = []
    for kind, texts in posts_by_kind().items():
        posts = [post_pb2.Post(id=str(i), text=text, seller_id=ids[i % SELLERS]) for i, text in enumerate(texts)]
        unary = [filter_pb2.CheckPostRequest(post=post, dry_run=True).SerializeToString() for post in posts]
        if not found:
            found.append(Workload(BARE, FILTER + "CheckPost", unary))
        for number in (64, 256):
            messages = [
                filter_pb2.StreamCheckRequest(posts=posts[i : i + number], dry_run=True).SerializeToString()
                for i in range(0, len(posts) - number + 1, number)
            ]
            name = f"StreamCheck, {number} {kind} a message"
            found.append(Workload(name, FILTER + "StreamCheck", messages, number, "stream", callers=2, window=4))
        found.append(Workload(f"CheckPost, {kind}", FILTER + "CheckPost", unary))
    found.append(Workload("LookupSeller", REGISTRY + "LookupSeller", single))
    found.append(Workload("BatchLookupSellers, 1,000 ids", REGISTRY + "BatchLookupSellers", batch, SELLERS, callers=4))
    return found


def frames(messages: Sequence[bytes]) -> bytes:
    """As the load generator reads them: each a little-endian 32-bit length and the message."""
    return b"".join(struct.pack("<I", len(message)) + message for message in messages)


# ---- servers


@contextlib.contextmanager
def echo_server(core: str) -> Iterator[tuple[int, int]]:
    """(process, port) of the bare server."""
    process = subprocess.Popen(["taskset", "-c", core, sys.executable, "-c", ECHO], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.pid, int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def fairpost_server(cores: str, workers: int, *, objects: bool = False) -> Iterator[tuple[int, int]]:
    """(process, port) of `fairpost serve` with the shipped packs and some sellers. objects: OBJECTS in place of it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = ["-c", OBJECTS, str(folder / "data"), str(folder / "port")] if objects else None
        options = ["--log-level", "warning", "--workers", str(workers)]
        with serving(folder, *options, prefix=["taskset", "-c", cores], program=program) as server:
            register_sellers(server.port)
            yield server.process.pid, server.port


def register_sellers(port: int) -> None:
    def register(i: int) -> None:
        client.register(
            registry_pb2.RegisterSellerRequest(
                seller_id=f"load-{i}",
                kind=seller_pb2.SELLER_KIND_ENTERPRISE,
                name="示例市食品有限公司",
                credit_code="91350100M000100Y43",
                categories=["food"],
            )
        )

    with Client(f"127.0.0.1:{port}", timeout=60) as client, ThreadPoolExecutor(3) as pool:
        list(pool.map(register, range(SELLERS)))


def processor_seconds(pid: int) -> float:
    """User and system time of a process and all that it started, so far."""
    children: dict[int, list[int]] = {}
    times: dict[int, float] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            number = int(path.parent.name)
            children.setdefault(int(fields[1]), []).append(number)
            times[number] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    found, todo = 0.0, [pid]
    while todo:
        number = todo.pop()
        found += times.get(number, 0.0)
        todo += children.get(number, [])
    return found


# ---- runs


def load_arguments(workload: Workload, port: int, data: Path, seconds: float, warm: float, channels: int) -> list[str]:
    arguments = ["--target", f"127.0.0.1:{port}", "--path", workload.path, "--data", str(data)]
    arguments += ["--mode", workload.mode, "--conc", str(workload.callers), "--window", str(workload.window)]
    arguments += ["--per", str(workload.per), "--channels", str(min(channels, workload.callers))]
    return [*arguments, "--dur", str(seconds), "--warm", str(warm)]


class Loader:
    """Runs the load generator on a core, and looks at the server's processor time meanwhile."""

    def __init__(self, program: str, core: str, folder: Path, seconds: float) -> None:
        self._program = program
        self._core = core
        self._folder = folder
        self._seconds = seconds
        self._warm = max(0.5, seconds / 3)

    def run(self, workload: Workload, pid: int, port: int, channels: int) -> Figures:
        data = self._folder / "messages"
        data.write_bytes(frames(workload.messages))
        arguments = load_arguments(workload, port, data, self._seconds, self._warm, channels)
        process = subprocess.Popen(
            ["taskset", "-c", self._core, self._program, *arguments], stdout=subprocess.PIPE, text=True
        )
        time.sleep(self._warm + self._seconds * 0.15)
        begun, used = time.monotonic(), processor_seconds(pid)
        time.sleep(self._seconds * 0.7)
        cores = (processor_seconds(pid) - used) / (time.monotonic() - begun)
        printed, _ = process.communicate()
        found: dict[str, Any] = json.loads(printed)
        if found["errors"]:
            print(f"{workload.name}: {found['errors']} errors: {found['err']}", file=sys.stderr)
        return Figures(found["rate"], found["p50us"], found["p99us"], found["errors"], cores)


def with_half_the_load(row: Row, run: Callable[[Workload], Figures]) -> Figures | None:
    """The run whose rate is nearest to half of the best, with fewer callers: a closed loop has no other way."""
    assert row.best is not None
    found: Figures | None = None
    for callers in LESS_LOAD:
        if callers >= row.workload.callers and callers > 1:
            break
        made = run(replace(row.workload, callers=callers, window=1))
        if found is None or distance(made, row.best) < distance(found, row.best):
            found = made
        if made.rate > row.best.rate / 2:
            break
    return found


def distance(made: Figures, best: Figures) -> float:
    return abs(made.rate - best.rate / 2)


def table(rows: Sequence[Row], echo: Figures | None) -> str:
    """Markdown. A message is a call, or one message of a stream."""
    lines = [
        "| workload | messages/s | posts or ids/s | of the echo | of objects | CPU a message | a CPU-second "
        "| p50 | p99 | at |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        best, half, per = row.best, row.half, row.workload.per
        if best is None:
            continue
        ratio = f"{best.rate / echo.rate:.2f}" if echo is not None and row.workload.mode == "unary" and per == 1 else ""
        times = f"{best.rate / row.objects.rate:.2f} x" if row.objects is not None else ""
        waits = f"{half.p50_us:,.0f} µs | {half.p99_us:,.0f} µs | {half.rate / best.rate:.0%}" if half else "| |"
        lines.append(
            f"| {row.workload.name} | {best.rate:,.0f} | {best.rate * per:,.0f} | {ratio} | {times} "
            f"| {best.cpu_us:,.1f} µs | {best.rate * per / best.cores if best.cores else 0:,.0f} | {waits} |"
        )
    return "\n".join(lines)


def measure(loader: Loader, workers: int, args: argparse.Namespace) -> list[Row]:
    """All workloads against a server with so many workers."""
    rows = [Row(workload) for workload in workloads() if args.only in workload.name or workload.name == BARE]
    cores = args.server_core if workers == 1 else f"{args.server_core},{args.load_core}"
    # One connection stays with one worker: with several of them, some connections for each.
    channels = 1 if workers == 1 else 4 * workers
    with contextlib.ExitStack() as stack:
        echo = stack.enter_context(echo_server(args.server_core))
        server = stack.enter_context(fairpost_server(cores, workers))
        with_objects = stack.enter_context(fairpost_server(cores, 1, objects=True)) if workers == 1 else None

        def run(workload: Workload) -> Figures:
            is_echo = workload.name == BARE
            pid, port = echo if is_echo else server
            return loader.run(workload, pid, port, 1 if is_echo else channels)

        for _ in range(args.rounds):  # interleaved: what disturbs the machine disturbs all
            for row in rows:
                made = run(row.workload)
                if row.best is None or made.rate > row.best.rate:
                    row.best = made
                if with_objects is not None and row.workload.mode == "stream":
                    made = loader.run(row.workload, *with_objects, 1)
                    if row.objects is None or made.rate > row.objects.rate:
                        row.objects = made
        if workers == 1:
            for row in rows:
                row.half = with_half_the_load(row, run)
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description="A server under load.")
    parser.add_argument("--workers", default="1", help="numbers of worker processes, e.g. 1,2")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each run")
    parser.add_argument("--rounds", type=int, default=2, help="the best counts")
    parser.add_argument("--server-core", default="0")
    parser.add_argument("--load-core", default="1")
    parser.add_argument("--only", default="", help="workloads whose name has this in it")
    args = parser.parse_args()
    program = os.environ.get("FAIRPOST_LOADGEN")
    if not program or not os.access(program, os.X_OK):
        print("load: left out: FAIRPOST_LOADGEN names no program that makes the load", file=sys.stderr)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        loader = Loader(program, args.load_core, Path(folder), args.seconds)
        for workers in map(int, args.workers.split(",")):
            rows = measure(loader, workers, args)
            echo = next((row.best for row in rows if row.workload.name == BARE), None)
            print(f"\n{workers} worker{'s' if workers > 1 else ''}\n\n{table(rows, echo)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
