"""kill -9 at random moments under write load: what was acknowledged is there, what is derived follows from the log.

    make crash                                       # 200 times on each store
    .venv/bin/python tests/server/crash.py --rounds 20 --store postgresql --seed 7

A round starts `fairpost serve` (a process of its own), lets several threads write over gRPC, kills the server at a
random moment, starts it again, and looks: every acknowledged registration, event and update is in the answers; what
was in flight is sent again under its request_id and is then there exactly once; `verify` finds no difference, so that
no post's violation is there twice either. On PostgreSQL, a backend or the database server itself is killed first in
some of the rounds, while the writers go on.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster import Cluster
from stdnum.cn import uscc

from fairpost.client import CallFailed, Client
from fairpost.server.access import keys
from fairpost.server.audit.reading import verify as verify_chain
from fairpost.server.registry import Keys, Registry
from fairpost.server.registry.verify import verify
from fairpost.server.store import Store
from fairpost.v1 import post_pb2, registry_pb2, seller_event_pb2, seller_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

WRITERS = 4
PER_STORE = 20
"""Rounds on one store; then a new one, so that looking at all of it stays quick."""
_SECONDS = 300.0
"""In which a server must come up, on a busy machine."""


@dataclass
class Server:
    """`fairpost serve`."""

    folder: Path
    registry: str
    process: subprocess.Popen[bytes] = field(init=False)
    port: int = 0

    def start(self) -> Server:
        port_file = self.folder / "port"
        port_file.unlink(missing_ok=True)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FAIRPOST_")}
        environment |= {"FAIRPOST_REGISTRY": self.registry}
        command = [Path(sys.executable).with_name("fairpost"), "serve", "--workers", "1", "--no-rules", "--port", "0"]
        command += ["--port-file", port_file, "--data-dir", self.folder / "data"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*map(str, command)],
                env=environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                process_group=0,
            )
        deadline = time.monotonic() + _SECONDS
        while not port_file.exists():
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, "the server did not come up"
            time.sleep(0.02)
        self.port = int(port_file.read_text())
        return self

    def kill(self) -> None:
        """With its workers; twice is no fault."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def client(self) -> Client:
        return Client(f"127.0.0.1:{self.port}", timeout=20.0)


@dataclass
class Written:
    """What one round's writers sent: requests with the sequence of their answer, and those without an answer."""

    acknowledged: list[tuple[Any, int]] = field(default_factory=list)
    in_flight: dict[int, Any] = field(default_factory=dict)
    faults: list[Exception] = field(default_factory=list)


def sequence_of(answer: Any) -> int:
    return int(answer.consistency_token.partition(".")[2])


def send(client: Client, request: Any) -> int:
    """Send a write, or a post to be checked; gives the write's sequence."""
    if isinstance(request, post_pb2.Post):
        client.check(request)
        return 0
    if isinstance(request, registry_pb2.RegisterSellerRequest):
        return sequence_of(client.register(request))
    if isinstance(request, registry_pb2.UpdateSellerRequest):
        return sequence_of(client.update_seller(request))
    answer = client.record_event(request.seller_id, request.event, request_id=request.request_id)
    return int(answer.sequence)


def write(server: Server, written: Written, writer: int, mark: str, stop: threading.Event, seed: int) -> None:
    """Write until told to stop or the server is gone; what was not answered is sent again."""
    chance = random.Random(seed)
    mine: list[str] = []
    client = server.client()
    try:
        for number in range(1_000_000):
            name = f"{mark}-{writer}-{number}"
            request = next_write(chance, name, mark, mine)
            written.in_flight[writer] = request
            while not stop.is_set() and server.process.poll() is None:
                try:
                    sequence = send(client, request)
                except CallFailed as error:
                    if error.code not in ("UNAVAILABLE", "ABORTED", "CANCELLED"):
                        raise  # neither the store nor the server is away
                    stop.wait(0.02)
                    continue
                break
            else:
                return
            if not isinstance(request, post_pb2.Post):
                written.acknowledged.append((request, sequence))
            del written.in_flight[writer]
            if isinstance(request, registry_pb2.RegisterSellerRequest):
                mine.append(name)
    except Exception as error:
        written.faults.append(error)
    finally:
        client.close()


def next_write(chance: random.Random, name: str, mark: str, mine: list[str]) -> Any:
    """A registration, an event of the seller on whom all write, an update, or a post to be checked."""
    kind = chance.random()
    if kind < 0.4 or not mine:
        return registration(name)
    if kind < 0.7:
        strike = seller_event_pb2.Strike(category="MEDICAL", weight=chance.randint(1, 3))
        event = seller_event_pb2.SellerEvent(strike=strike, actor="crash", reason="test", decision_id=name)
        return registry_pb2.RecordEventRequest(request_id=name, seller_id=f"hot-{mark}", event=event)
    if kind < 0.85:
        request = registry_pb2.UpdateSellerRequest(
            request_id=name, seller_id=chance.choice(mine), fields=["name", "contacts"], actor="crash", reason=name
        )
        request.record.name = f"新名 {name}"
        request.record.contacts.address = name
        return request
    # The same few posts again and again: each is a violation once.
    return post_pb2.Post(id=f"{mark}-post-{chance.randrange(6)}", text="本品根治糖尿病", seller_id=f"hot-{mark}")


def registration(name: str) -> registry_pb2.RegisterSellerRequest:
    return registry_pb2.RegisterSellerRequest(
        request_id=name,
        seller_id=name,
        kind=seller_pb2.SELLER_KIND_ENTERPRISE,
        name="示例市食品有限公司",
        credit_code=credit_code(name),
        categories=["food"],
        contacts=seller_pb2.Contacts(phone="13900000000"),
    )


def credit_code(name: str) -> str:
    """A valid one for each seller: accounts with the same one are of the same enterprise, and share its listing."""
    begin = f"91350100M{zlib.crc32(name.encode()) % 10**8:08}"
    return begin + str(uscc.calc_check_digit(begin))


def look(server: Server, written: Written, counts: Counter[str]) -> None:
    """Every acknowledged write is there; what was in flight can be sent again and is then there once."""
    with server.client() as client:
        for request in written.in_flight.values():
            send(client, request)
        repeated = [request for request in written.in_flight.values() if not isinstance(request, post_pb2.Post)]
        requests = [request for request, _ in written.acknowledged] + repeated
        sellers = sorted({request.seller_id for request in requests})
        found = client.lookup_many(sellers, fully=True)
        assert [answer.outcome for answer in found] == [1] * len(sellers), "a seller is gone"
        logs = {seller_id: list(client.events(seller_id)) for seller_id in sellers}
        for request in requests:
            log = logs[request.seller_id]
            if isinstance(request, registry_pb2.RecordEventRequest):
                same = [event for event in log if event.decision_id == request.request_id]
            elif isinstance(request, registry_pb2.UpdateSellerRequest):
                same = [event for event in log if event.reason == request.reason]
            else:
                same = [event for event in log if event.reason == "registered"]
            assert len(same) == 1, f"{request.request_id} is there {len(same)} times"
        for request, sequence in written.acknowledged:
            assert sequence in {event.sequence for event in logs[request.seller_id]}, f"{sequence} is another event"
        posts = Counter(
            event.violation.post_id
            for log in logs.values()
            for event in log
            if event.WhichOneof("change") == "violation"
        )
        assert not posts or max(posts.values()) == 1, f"violations are doubled: {posts}"
    counts["acknowledged"] += len(written.acknowledged)
    counts["in flight"] += len(repeated)
    counts["violations"] += posts.total()


def verified(server: Server, counts: Counter[str]) -> None:
    registry_keys = Keys.open(server.folder / "data" / "identity.key")
    with Store.open(server.registry, create=False) as store:
        found = verify(Registry(store, registry_keys).core)
        chain = verify_chain(store)
    assert not found.differences, "\n".join(map(str, found.differences[:20]))
    assert not chain.faults, "\n".join(chain.faults)
    counts["sellers verified"] += found.sellers
    counts["audit entries verified"] += chain.entries


def strike_down(
    server: Server, cluster: Cluster | None, written: Written, chance: random.Random, counts: Counter[str]
) -> None:
    """End something at once, at a random moment of the writing: after some answers, and a part of the next one."""
    kind = "server"
    if cluster:
        kinds = ("backend", "postgresql", "server")
        # One of each first, so that a short run has all.
        kind = kinds[number] if (number := counts["rounds"]) < 3 else chance.choices(kinds, (2, 2, 6))[0]
    moment(written, chance)
    if cluster and kind == "backend":
        with contextlib.suppress(Exception):  # the database may be starting again
            cluster.kill_backends()
        moment(written, chance)
    elif cluster and kind == "postgresql":
        cluster.kill()
        time.sleep(chance.uniform(0.0, 0.3))
        cluster.start()
        moment(written, chance)
    server.kill()
    counts[f"killed {kind}"] += 1


def moment(written: Written, chance: random.Random) -> None:
    wanted, deadline = len(written.acknowledged) + chance.randint(1, 40), time.monotonic() + 60
    while len(written.acknowledged) < wanted and not written.faults:
        assert time.monotonic() < deadline, "nothing is written any more"
        time.sleep(0.001)
    time.sleep(chance.uniform(0.0, 0.02))


def rounds(store: str, number: int, seed: int, report: Any) -> Counter[str]:
    """Kill and look `number` times.

    Raises:
        AssertionError: something is lost, doubled or does not follow from the log.
    """
    chance = random.Random(seed)
    counts: Counter[str] = Counter()
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(Cluster()) if store == "postgresql" else None
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fairpost-crash-")))
        for server in servers(folder, cluster, number):
            stack.callback(server.kill)
            with Store.open(server.registry, create=False) as opened:
                api_key, _ = keys.create(opened, "crash-test", ["publisher"])
            with Client(f"127.0.0.1:{server.port}", api_key=api_key) as client:
                client.activate(bundle(), source="crash test")
            for _ in range(min(PER_STORE, number - counts["rounds"])):
                one_round(server, cluster, chance, counts)
                counts["rounds"] += 1
                report(counts)
            server.kill()
    return counts


def servers(folder: Path, cluster: Cluster | None, number: int) -> Iterator[Server]:
    for first in range(0, number, PER_STORE):
        mine = folder / str(first)
        mine.mkdir()
        url = cluster.url(cluster.database()) if cluster else f"sqlite:///{mine / 'registry.sqlite'}"
        yield Server(mine, url).start()


def one_round(server: Server, cluster: Cluster | None, chance: random.Random, counts: Counter[str]) -> None:
    """Begins and ends with a server that runs."""
    mark, stop, written = f"r{counts['rounds']}", threading.Event(), Written()
    with server.client() as client:
        request = registration(f"hot-{mark}")
        written.acknowledged.append((request, send(client, request)))
    writers = [
        threading.Thread(target=write, args=(server, written, writer, mark, stop, chance.randrange(1 << 30)))
        for writer in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    try:
        strike_down(server, cluster, written, chance, counts)
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert not written.faults, written.faults
    server.start()
    look(server, written, counts)
    verified(server, counts)


def bundle() -> bytes:
    """The small rule set of the server's tests, in which a post with one word is blocked."""
    path = Path(__file__).with_name("conftest.py")
    spec = importlib.util.spec_from_file_location("server_tests", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    content: bytes = module.make_bundle({"根治": 0.97})
    return content


def main(arguments: list[str] | None = None) -> int:
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # what was started is ended, too
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--store", choices=["sqlite", "postgresql"], action="append")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args(arguments)
    for store in options.store or ["sqlite", "postgresql"]:
        print(f"{store}: {options.rounds} rounds, seed {options.seed}", flush=True)
        begun = time.monotonic()

        def report(counts: Counter[str], begun: float = begun) -> None:
            if counts["rounds"] % 10 == 0:
                said = ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()))
                print(f"  {time.monotonic() - begun:6.0f} s: {said}", flush=True)

        counts = rounds(store, options.rounds, options.seed, report)
        said = ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()))
        print(f"{store}: nothing lost, nothing doubled; {said}", flush=True)
    return 0


if __name__ == "__main__":
    # Its own log lines are of no use here.
    import logging

    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    sys.exit(main())
