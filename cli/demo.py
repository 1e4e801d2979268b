"""`fairpost demo`: the whole product once, against a real server in a process of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.rule import Rule
from rich.text import Text

from fairpost.cli import render
from fairpost.cli.errors import CommandError
from fairpost.cli.gallery import Sample, show_kinds, show_samples
from fairpost.cli.samples import (
    check_held,
    file_appeals,
    file_complaints,
    publish_documents,
    read_samples,
    register_sellers,
    sample_request,
)

if TYPE_CHECKING:
    from rich.console import Console

    from fairpost.client import Client

__all__ = ["run"]

START_SECONDS: Final = 120.0
"""The first start compiles the shipped packs."""

SWAP_POST: Final = "新到量子能量杯，一杯让水变成小分子团，喝了浑身轻松！199元一个，要的私我"
SWAP_PACK: Final = """\
pack: demo-quantum
description: {zh: 演示用：当天出现的新骗术, en: "For the demo: a trick that turned up today"}
lists:
  quantum: {words: [量子能量杯, 量子能量, 小分子团水, 小分子团]}
rules:
  - id: demo-quantum.cup
    category: FALSE_TRADE
    severity: high
    weight: 0.9
    when: any(quantum) and commerce >= 0.1
    basis: [cn.advertising-law/28]
    message:
      zh: 量子、小分子团等功效没有科学依据，属于虚假宣传
      en: Quantum or small-cluster effects have no scientific basis
    cases:
      match: [量子能量杯，199元一个，包邮]
      pass: [量子力学导论，二手书，20元]
"""
BATCH: Final = 32


@dataclass
class Server:
    """A running `fairpost serve` and its folder."""

    process: subprocess.Popen[bytes]
    target: str
    pages: str
    """Address of the public pages and the console."""
    folder: Path
    log: Path
    api_key: str


def run(*, keep: bool) -> int:
    """Run the demo and return the exit status: 0 if every request was answered and the rules were swapped."""
    from fairpost.client import Client

    console = render.make_console()
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(_server(console, keep=keep))
        client = stack.enter_context(Client(server.target, api_key=server.api_key))
        _register_sellers(client, console)
        as_expected = _judge_samples(client, console)
        _fill_pages(client, server, console)
        failures = _swap(client, server, console)
        if keep:
            _how_to_call(server, console)
    if not keep:
        console.print("The server was stopped; [bold]make demo KEEP=1[/] leaves it running and prints how to call it.")
    return 0 if as_expected and not failures else 1


@contextlib.contextmanager
def _server(console: Console, *, keep: bool) -> Iterator[Server]:
    """Start the server on a free loopback port with an empty registry; stop it after the block unless `keep`."""
    folder = Path(tempfile.mkdtemp(prefix="fairpost-demo-"))
    port_file, http_port_file, log = folder / "port", folder / "http-port", folder / "server.log"
    command = [sys.executable, "-m", "fairpost.cli", "serve", "--port", "0"]
    command += ["--port-file", str(port_file), "--data-dir", str(folder / "registry")]
    command += ["--http-port", "0", "--http-port-file", str(http_port_file)]
    console.print(Rule("[bold]fairpost demo", align="left", style="dim"))
    started = time.perf_counter()
    with log.open("wb") as sink:
        # A session of its own: an interrupt in the terminal reaches the demo, which then stops the server.
        process = subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT, start_new_session=True)
    done = False
    try:
        with console.status("starting the server (the first time the rule packs are compiled)"):
            port = _wait_for_port(process, port_file, log)
        console.print(
            f"Server: [bold]127.0.0.1:{port}[/], up in {time.perf_counter() - started:.1f} s; "
            "registry: an empty SQLite file; rules: the shipped packs"
        )
        # Written before the other one.
        pages = f"http://127.0.0.1:{int(http_port_file.read_text())}"
        yield Server(process, f"127.0.0.1:{port}", pages, folder, log, _make_key(folder, console))
        done = True
    finally:
        if not (keep and done):
            _stop(process)
            _remove(folder)


def _make_key(folder: Path, console: Console) -> str:
    """A key for what nobody may do without one, even on this machine: activate rules, work in the console. By the
    command that a user would type."""
    url, file = f"sqlite:///{folder / 'registry' / 'registry.sqlite'}", folder / "demo.key"
    command = ["keys", "create", "demo", "--expires", "1d", "--registry", url, "-o", str(file)]
    for role in ("checker", "registrar", "moderator", "publisher", "ops", "auditor"):
        command += ["--role", role]
    made = subprocess.run([sys.executable, "-m", "fairpost.cli", *command], capture_output=True, text=True, check=False)
    if made.returncode:
        raise CommandError(f"fairpost keys create failed:\n{made.stderr}", status=1)
    how = "[bold]fairpost keys create demo --role publisher ...[/]"
    console.print(f"Key: made with {how}; activating rules and the console need one")
    return file.read_text().strip()


def _wait_for_port(process: subprocess.Popen[bytes], port_file: Path, log: Path) -> int:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise CommandError(f"the server ended with status {process.returncode}:\n{_tail(log)}", status=1)
        with contextlib.suppress(FileNotFoundError, ValueError):
            return int(port_file.read_text())
        time.sleep(0.05)
    raise CommandError(f"the server did not listen within {START_SECONDS:.0f} s:\n{_tail(log)}", status=1)


def _tail(log: Path, lines: int = 25) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def _register_sellers(client: Client, console: Console) -> None:
    """Register the sample sellers; events with dates in the past bring each to its standing."""
    count = register_sellers(client)
    shown = ["seller-food", "seller-lapsed", "seller-blacklisted", "seller-suspended", "seller-unknown"]
    console.print(f"\n{count} sellers registered over gRPC, with licences, strikes and penalties; among them:")
    from fairpost.cli.seller import standing_text

    for answer in client.lookup_many(shown):
        line = Text(f"  {answer.seller_id:<20}")
        line.append(standing_text(answer.standing) if answer.outcome == 1 else Text("not registered", style="yellow"))
        console.print(line)


def _judge_samples(client: Client, console: Console) -> bool:
    """Stream the sample posts, print some verdicts of every kind, and count those that are as expected."""
    # A server whose registry is up cannot show what happens when it is not.
    posts = [post for post in read_samples("posts.yaml") if post.get("registry") != "unavailable"]
    started = time.perf_counter()
    results = list(client.check_many(map(sample_request, posts), batch=BATCH))
    seconds = time.perf_counter() - started
    judged = zip(posts, results, strict=True)
    samples = [Sample.of(post, result.verdict) for post, result in judged if result.error is None]
    refused = sum(result.error is not None for result in results)
    show_kinds(samples, console)
    other = [sample for sample in samples if not sample.as_expected]
    wrong = [sample.id for sample in other if not sample.missed]
    actions = Counter(sample.action for sample in samples)
    line = Text(f"\n{len(posts)} sample posts streamed in {seconds * 1000:.0f} ms: ")
    for name in render.action_names():
        line.append(f"{actions[name]} ").append(render.action_text(name)).append("  ")
    console.print(line)
    if wrong or refused:
        named = ", ".join(wrong[:10]) + (", ..." if len(wrong) > 10 else "")
        console.print(f"[bold red]{len(wrong)} not as expected:[/] {named}; {refused} refused")
    elif other:
        console.print(f"[green]every verdict is the expected one[/] but for {len(other)} known misses")
    else:
        console.print("[green]every verdict is the expected one[/]")
    return not refused


def _fill_pages(client: Client, server: Server, console: Console) -> None:
    """Publish the sample documents, file the sample complaints and appeals, and say where they can be seen."""
    documents, complaints, appeals = publish_documents(client), file_complaints(client), file_appeals(client)
    check_held(client)
    console.print(
        f"\n{documents} documents in the bulletin, {complaints} complaints and {appeals} appeals filed. Public pages: "
        f"[bold]{server.pages}/[/], console: [bold]{server.pages}/console[/]"
    )


@dataclass
class Checker(threading.Thread):
    """Keeps checking one post until it is told to stop; counts answers by revision."""

    client: Client
    post: Any
    answers: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        """Check, again and again."""
        while not self.stop.is_set():
            try:
                self.answers[self.client.check(self.post).revision] += 1
            except Exception as error:
                self.failures.append(str(error))


def _swap(client: Client, server: Server, console: Console) -> list[str]:
    """Activate a second rule set while posts are being checked; returns the failed requests."""
    from fairpost.client import Client
    from fairpost.rules import compile_packs, shipped_packs
    from fairpost.v1 import bulletin_pb2, post_pb2

    console.print()
    console.print(
        Rule(
            "[bold]A new trick turns up; a new rule goes live while posts are being checked", align="left", style="dim"
        )
    )
    post = post_pb2.Post(id="quantum-cup", text=SWAP_POST, seller_id="seller-new")
    before = client.check(post).verdict
    pack = server.folder / "demo-quantum.yaml"
    pack.write_text(SWAP_PACK, encoding="utf-8")
    with console.status("compiling the shipped packs and the new one"):
        bundle = compile_packs([shipped_packs(), pack])
        kind = bulletin_pb2.DOCUMENT_KIND_RULE_CHANGE
        notice = client.publish(document_id="quantum-rule", kind=kind, bundle=bundle, actor="demo").document
    console.print(f"Its notice, made from the difference of the two rule sets: {notice.content.title.zh}")
    with Client(server.target, api_key=server.api_key) as second:
        checker = Checker(second, post)
        checker.start()
        _until(lambda: checker.answers[before.revision] >= 50 or bool(checker.failures))
        started = time.perf_counter()
        revision = client.activate(bundle, source="demo-quantum.yaml").active.revision
        seconds = time.perf_counter() - started
        _until(lambda: checker.answers[revision] >= 50 or bool(checker.failures))
        checker.stop.set()
        checker.join(10)
    after = client.check(post).verdict
    show_samples(
        [
            Sample.of({"id": f"{when} {verdict.revision}", "text": SWAP_POST}, verdict)
            for when, verdict in (("before", before), ("after", after))
        ],
        console,
    )
    counts = ", ".join(f"{count} by {name}" for name, count in checker.answers.items())
    outcome = "[green]no request failed[/]"
    if checker.failures:
        outcome = f"[bold red]{len(checker.failures)} requests failed: {checker.failures[0]}[/]"
    console.print(
        f"Revision [bold]{before.revision}[/] -> [bold]{after.revision}[/], activated in {seconds * 1000:.0f} ms; "
        f"meanwhile one caller got {sum(checker.answers.values())} answers ({counts}) and {outcome}"
    )
    if after.revision == before.revision:
        return ["the revision did not change", *checker.failures]
    return checker.failures


def _until(holds: Any, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.005)


def _how_to_call(server: Server, console: Console) -> None:
    def here(name: str) -> str:
        path = Path(sys.executable).with_name(name)
        return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)

    console.print(Rule("[bold]The server keeps running", align="left", style="dim"))
    console.print(
        f"""The public pages are at {server.pages}/
The console is at {server.pages}/console; log in with the key in {server.folder / "demo.key"}

It listens on {server.target}; its log is {server.log}.

From Python ({here("python")}):

    from fairpost.client import Client
    client = Client("{server.target}")
    print(client.check("本品根治糖尿病，无效退款，加微信 abc12345").verdict)

With any gRPC client (reflection is on), for example grpcurl:

    grpcurl -plaintext -d '{{"post": {{"text": "本品根治糖尿病"}}}}' {server.target} fairpost.v1.FilterService/CheckPost

From the command line:

    {here("fairpost")} seller lookup seller-food --server {server.target}
    {here("fairpost")} check posts.csv --seller-column seller --registry {server.target}

Who has changed what:

    {here("fairpost")} audit list --registry sqlite:///{server.folder / "registry" / "registry.sqlite"}

Stop it with:

    kill {server.process.pid} && tail --pid={server.process.pid} -f /dev/null && rm -r {server.folder}
""",
        markup=False,
        soft_wrap=True,
    )
