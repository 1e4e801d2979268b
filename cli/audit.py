"""`fairpost audit`: who has changed what, and whether the log still says so."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fairpost.cli import render
from fairpost.cli.errors import CommandError
from fairpost.cli.keys import open_store
from fairpost.cli.registry import Url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairpost.server.audit import Entry

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="The audit log of a registry's store: verify, list and export it.")


@app.command(
    epilog="\n\n".join(
        [
            "Note the last line somewhere else: with --noted it shows later that nothing before it was written anew.",
            "Example: fairpost audit verify --noted $(cat last-month.txt)",
        ]
    )
)
def verify(
    registry: Url,
    noted: Annotated[
        list[str] | None,
        typer.Option(metavar="ENTRY:HASH", help="What an earlier verification printed; may be repeated."),
    ] = None,
) -> None:
    """Compute the chain again: which entries were changed, removed or inserted. Exit status 1 if any was."""
    wanted = [_noted(text) for text in noted or []]
    with open_store(registry, "audit verify") as store:
        from fairpost.server.audit.reading import verify as look

        found = look(store, noted=wanted)
    console = render.make_console()
    for fault in found.faults:
        console.print(fault, markup=False, highlight=False, soft_wrap=True)
    if found.fault_count > len(found.faults):
        console.print(f"and {found.fault_count - len(found.faults):,} more", highlight=False)
    if found.fault_count:
        console.print(f"{found.entries:,} entries: the chain is broken", highlight=False)
        raise typer.Exit(1)
    console.print(f"{found.entries:,} entries: the chain holds", highlight=False)
    if found.entries:
        console.print(f"{found.head[0]}:{found.head[1]}", highlight=False, soft_wrap=True)


@app.command(
    name="list", epilog="Example: fairpost audit list --actor key:1a2b3c4d --since 2026-11-01 --method ActivateBundle"
)
def list_(
    registry: Url,
    actor: Annotated[str, typer.Option(help="Begins so: 'key:1a2b3c4d', 'server', 'command', 'certificate:'.")] = "",
    method: Annotated[str, typer.Option(help="Has this in it: 'RegisterSeller', 'job', 'keys'.")] = "",
    event: Annotated[int | None, typer.Option(help="Who wrote this event of a seller's log.")] = None,
    refused: Annotated[bool, typer.Option("--refused", help="Refused attempts and failures alone.")] = False,
    since: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="From this day on (UTC).")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The last so many.")] = 50,
) -> None:
    """List entries, oldest first. Sellers are named by the sequences of their events ('fairpost seller events')."""
    from rich.table import Table

    with open_store(registry, "audit list") as store:
        import sqlalchemy as sa

        from fairpost.server.audit.reading import entries
        from fairpost.server.store import schema

        column = schema.audit.c
        conditions: list[sa.ColumnElement[bool]] = []
        if actor:
            conditions.append(column.actor.startswith(actor, autoescape=True))
        if method:
            conditions.append(column.method.contains(method, autoescape=True))
        if refused:
            conditions.append(column.outcome.not_in(["OK", "BEGUN"]))
        if since is not None:
            conditions.append(column.at >= _day(since))
        with store.read() as connection:
            if event is not None:
                conditions.append(column.subject.startswith("event"))
                found = [entry for entry in entries(connection, *conditions) if _has(entry, event)]
            else:
                found = list(entries(connection, *conditions, newest=limit))
    table = Table(box=None, pad_edge=False)
    for heading in ("entry", "time (UTC)", "actor", "from", "method", "about", "outcome"):
        table.add_column(heading, overflow="fold")
    for entry in found:
        at = datetime.fromtimestamp(entry.at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
        short = entry.method.removeprefix("fairpost.v1.")
        table.add_row(str(entry.sequence), at, entry.actor, entry.peer, short, entry.subject, entry.outcome)
    console = render.make_console()
    console.print(table if found else "no such entries")


@app.command(epilog="Example: fairpost audit export --after 1204 -o audit-2026-11.jsonl")
def export(
    registry: Url,
    after: Annotated[int, typer.Option(min=0, help="From the entry after this one on.")] = 0,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Default: standard output.")
    ] = None,
) -> None:
    """Write entries as JSON Lines, with all that their hashes are made of."""
    with open_store(registry, "audit export") as store:
        from fairpost.server.audit.reading import entries, line
        from fairpost.server.store import schema

        def lines() -> Iterator[str]:
            with store.read() as connection:
                for entry in entries(connection, schema.audit.c.sequence > after):
                    yield line(entry, store.store_id) + "\n"

        if output is None:
            sys.stdout.writelines(lines())
            return
        try:
            with output.open("w", encoding="ascii") as file:
                file.writelines(lines())
        except OSError as error:
            raise CommandError(f"--output {output}: cannot be written: {error.strerror}") from None


def _has(entry: Entry, event: int) -> bool:
    found: Any = re.match(r"events? (\d+)(?:-(\d+))?", entry.subject)
    return bool(found) and int(found[1]) <= event <= int(found[2] or found[1])


def _noted(text: str) -> tuple[int, str]:
    number, _, digest = text.partition(":")
    if not (number.isascii() and number.isdigit() and re.fullmatch(r"[0-9a-f]{64}", digest)):
        raise CommandError(f"--noted {text}: is not ENTRY:HASH, as 'fairpost audit verify' prints it")
    return int(number), digest


def _day(text: str) -> int:
    try:
        return round(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError:
        raise CommandError(f"--since {text}: no day; write YYYY-MM-DD") from None
