"""`fairpost rules push`, `activate`, `rollback`, `status`: the rule set of a running server."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from fairpost.cli import render
from fairpost.cli.errors import CommandError, require
from fairpost.cli.remote import DEFAULT_SERVER, connect
from fairpost.cli.rule_sets import content_of, is_packs, open_bundle
from fairpost.cli.rules_signing import signature_beside, signing_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf.timestamp_pb2 import Timestamp
    from rich.console import Console

    from fairpost.v1 import rules_pb2

__all__ = [
    *("ACTIVATE_EPILOG", "PUSH_EPILOG", "ROLLBACK_EPILOG", "activate", "push", "rollback", "status"),
    *("Server", "grid_of", "signature_for", "time_of"),
]

PUSH_EPILOG = "\n\n".join(
    [
        "Examples:",
        "fairpost rules push rules.fpb",
        "fairpost rules push rules.fpb --key rules-key.pem --server rules.example:50051",
        "Exit status: 0 every worker serves it; 1 the server refused it, or a worker had to be replaced.",
    ]
)
ACTIVATE_EPILOG = "Example: fairpost rules activate 3f9c0a7be1d2 (`fairpost rules status` lists what is kept)"
ROLLBACK_EPILOG = "Example: fairpost rules rollback --server rules.example:50051"

Server = Annotated[
    str, typer.Option("--server", envvar="FAIRPOST_SERVER", metavar="HOST:PORT", help="The server to ask.")
]
Emergency = Annotated[
    str,
    typer.Option(
        metavar="REASON", help="Do not wait for the notice of stricter rules; the reason goes onto the notice."
    ),
]


def push(
    bundle: Annotated[
        str,
        typer.Argument(metavar="BUNDLE", help="Compiled rule set; or 'shipped', the packs that come with fairpost."),
    ],
    key: Annotated[
        Path | None,
        typer.Option("--key", metavar="FILE", help="Sign with this private key; default: BUNDLE.sig if it is there."),
    ] = None,
    signature: Annotated[
        Path | None, typer.Option("--signature", metavar="FILE", help="Signature of the bundle; default: BUNDLE.sig.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also if it is empty or has less than half of the rules in force.")
    ] = False,
    emergency: Emergency = "",
    server: Server = DEFAULT_SERVER,
) -> None:
    """Send a rule set to a server and activate it in all of its workers."""
    if key is not None and signature is not None:
        raise CommandError("--key signs, --signature takes one that is there: give one of them")
    path = Path(bundle)
    if is_packs(path):
        open_bundle(path)  # says to compile them first, which runs their cases
    content = content_of(bundle, "BUNDLE")
    signed: tuple[str, bytes] | None = None
    if key is not None:
        signed = signing_key(key, "rules push --key").sign(content)
    elif signature is not None or path.exists():
        signed = signature_for(path, signature)
    with connect(server, "--server", "rules push") as client:
        answer = client.activate(
            content, source=path.name[:200], force=force, signature=signed, emergency_reason=emergency
        )
    _show_outcome(answer, render.make_console())


def activate(
    revision: Annotated[str, typer.Argument(metavar="REVISION", help="A revision that the server keeps.")],
    emergency: Emergency = "",
    server: Server = DEFAULT_SERVER,
) -> None:
    """Activate a revision that the server keeps: a candidate, or one from before a roll back."""
    with connect(server, "--server", "rules activate") as client:
        if any(candidate.revision == revision for candidate in client.candidates()):
            answer: Any = client.activate_kept(revision, emergency_reason=emergency)
        else:
            answer = client.roll_back(revision, emergency_reason=emergency)
    _show_outcome(answer, render.make_console())


def rollback(emergency: Emergency = "", server: Server = DEFAULT_SERVER) -> None:
    """Go back to the rule set that was active before the present one."""
    with connect(server, "--server", "rules rollback") as client:
        answer = client.roll_back(emergency_reason=emergency)
    _show_outcome(answer, render.make_console())


def status(server: Server = DEFAULT_SERVER) -> None:
    """Show what a server and each of its workers judge by, what failed last, and which revisions it keeps."""
    with connect(server, "--server", "rules status") as client:
        found, kept, candidates = client.status(), client.revisions(), client.candidates()
    console = render.make_console()
    console.print(f"{server}: fairpost {found.server_version}")
    if not found.serving:
        console.print(Text("no rule set is active: posts are refused", style="bold red"))
    _show_workers(found.workers, console)
    if found.HasField("source"):
        _show_source(found.source, console)
    if found.HasField("last_failure"):
        failure = found.last_failure
        console.print()
        console.print(Text(f"Last failure, {time_of(failure.at)}: {failure.reason}", style="yellow"))
        console.print(Text(f"  {failure.source}: {failure.message}"), soft_wrap=True)
    if found.HasField("settings"):
        _show_settings(found.settings, console)
    _show_kept("kept revision", "activated", kept, console)
    _show_kept("candidate", "kept", candidates, console)


def signature_for(bundle: Path, given: Path | None) -> tuple[str, bytes] | None:
    if given is None and not bundle.with_name(f"{bundle.name}.sig").exists():
        return None
    require("cryptography", "server", "rules push of a signed bundle")
    return signature_beside(bundle, given)


def _show_outcome(answer: Any, console: Console) -> None:
    active = answer.active
    before = f"; before: {answer.previous.revision}" if answer.HasField("previous") else ""
    signed = f", signed with key {active.signed_by}" if active.signed_by else ""
    console.print(f"active: revision {active.revision} ({active.name}, {active.rule_count} rules{signed}){before}")
    late = [worker for worker in answer.workers if not worker.confirmed]
    console.print(f"confirmed by {len(answer.workers) - len(late)} of {len(answer.workers)} workers")
    for worker in late:
        line = f"worker {worker.worker} (process {worker.pid}) did not, and is replaced by one that does: {worker.why}"
        console.print(Text(line, style="yellow"), soft_wrap=True)
    if late:
        raise typer.Exit(1)


def _show_workers(workers: Sequence[rules_pb2.WorkerStatus], console: Console) -> None:
    grid = grid_of("worker", "process", "revision", "since", "replaced", "fault")
    for worker in workers:
        grid.add_row(
            str(worker.worker),
            str(worker.pid or "-"),
            worker.revision or "-",
            time_of(worker.last_success),
            str(worker.replaced),
            Text(worker.fault or (worker.last_failure.reason if worker.HasField("last_failure") else "")),
        )
    console.print(grid)


def _show_source(source: rules_pb2.SourceStatus, console: Console) -> None:
    console.print()
    console.print(Text(f"Source: {source.source}"), soft_wrap=True)
    looked, following, changed = map(time_of, (source.last_look, source.next_look, source.last_change))
    console.print(f"  looked at {looked}, next {following}; changed {changed}")
    if source.HasField("failure"):
        line = f"  {source.failure.reason}: {source.failure.message}"
        console.print(Text(line, style="yellow"), soft_wrap=True)


def _show_settings(settings: rules_pb2.SettingsStatus, console: Console) -> None:
    if settings.failure:
        console.print()
        read_at, failed_at = time_of(settings.read_at), time_of(settings.failed_at)
        line = f"Settings of {read_at} are in force; those of {failed_at} were refused:"
        console.print(Text(line, style="yellow"))
        console.print(Text(f"  {settings.failure}"), soft_wrap=True)
    if settings.need_restart:
        console.print(f"Changed, and in force after a restart: {', '.join(settings.need_restart)}")


def _show_kept(title: str, at: str, kept: Sequence[rules_pb2.Revision], console: Console) -> None:
    if not kept:
        return
    console.print()
    grid = grid_of(title, "name", "rules", "patterns", at, "signed by", "source")
    for each in kept:
        grid.add_row(
            Text(each.revision, style="bold green" if each.active else ""),
            Text(each.name),
            f"{each.rule_count:,}",
            f"{each.pattern_count:,}",
            time_of(each.activated_at),
            each.signed_by or "-",
            Text(each.source),
        )
    console.print(grid)


def grid_of(*columns: str) -> Table:
    """A table as these commands print them."""
    grid = Table(box=None, header_style="dim", padding=(0, 1), pad_edge=False)
    for column in columns:
        grid.add_column(column, overflow="fold")
    return grid


def time_of(at: Timestamp) -> str:
    """In this machine's zone."""
    if not at.seconds:
        return "-"
    return datetime.fromtimestamp(at.seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")
