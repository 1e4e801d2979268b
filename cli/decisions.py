"""`fairpost decisions` and `fairpost replay`: what servers wrote into their decision logs."""

from __future__ import annotations

import contextlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.table import Table
from rich.text import Text

from fairpost.cli import render
from fairpost.cli.errors import CommandError, require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import Console

    from fairpost.server.observe.decisions.replay import Difference

    Judge = Callable[[dict[str, Any]], Sequence[Difference]]

__all__ = ["REPLAY_EPILOG", "app", "replay"]

app = typer.Typer(no_args_is_help=True, help="Read decision logs: export them as Parquet.")

REPLAY_EPILOG: Final = "\n\n".join(
    [
        "Examples:",
        "fairpost replay 01M8HRSYK8DAJTMD10000EJ9KE --log decisions/ --rules-dir data/rules",
        "fairpost replay --all --log decisions/decisions-0.jsonl --rules-dir data/rules",
        "Exit status: 0 the same to the last bit; 1 something differs, or (with --all) could not be judged again; "
        "2 the decision could not be judged again.",
    ]
)
_SHOWN: Final = 20

Logs = Annotated[
    list[Path],
    typer.Option("--log", envvar="FAIRPOST_DECISION_LOG", metavar="PATH", help="Decision log: its folder, or files."),
]


@app.command(
    "export",
    epilog="\n\n".join(
        [
            "Examples:",
            "fairpost decisions export decisions/ -o decisions.parquet",
            "fairpost decisions export decisions/decisions-0-*.jsonl -o closed.parquet",
        ]
    ),
)
def export(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Folder of a decision log, or files.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT.parquet", help="What to write.")],
) -> None:
    """Write decisions as a Parquet file, one row a decision.

    Lines that are still being written are left out. The file appears when it is whole.
    """
    require("pyarrow", "bulk", "decisions export")
    require("grpc", "server", "decisions export")
    from fairpost.server.observe.decisions.export import write_parquet

    if output.suffix.lower() != ".parquet":
        raise CommandError(f"-o {output}: is to end with .parquet; the log itself is JSON Lines already")
    try:
        written = write_parquet(_records(paths), output)
    except OSError as error:
        raise CommandError(f"-o {output}: cannot be written: {error.strerror or error}") from None
    render.make_console().print(f"{written:,} decisions written to {output}", soft_wrap=True)


def replay(
    decision_id: Annotated[str, typer.Argument(metavar="DECISION_ID", help="Which decision.")] = "",
    log: Logs = [],  # noqa: B006
    rules_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Activated rule sets: the folder rules in the server's data directory."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every decision of the log.")] = False,
    server: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Let a running server judge, as a dry run, instead of the engine here."),
    ] = None,
) -> None:
    """Judge a logged post again, by exactly the revision and the standing of then, and compare to the last bit.

    Needs the bundle of the revision, and a log with texts (fairpost serve --decision-log-texts).
    """
    require("grpc", "server", "replay")
    if not log:
        raise CommandError("name the decision log: --log PATH")
    if bool(decision_id) == every:
        raise CommandError("name a decision, or --all")
    console = render.make_console()
    with _judge(rules_dir, server) as judge:
        if every:
            _replay_all(_records(log), judge, console)
        else:
            _replay_one(decision_id, _records(log, containing=decision_id), judge, console)


@contextlib.contextmanager
def _judge(rules_dir: Path | None, server: str | None) -> Iterator[Judge]:
    """What judges a record again."""
    from fairpost.server.observe.decisions.replay import Replay

    if server is not None:
        from fairpost.cli.remote import connect
        from fairpost.cli.replaying import judged_by

        with connect(server, "--server", "replay --server") as client:
            yield partial(judged_by, client)
    elif rules_dir is not None:
        yield Replay(rules_dir).judge
    else:
        raise CommandError("name the folder of activated rule sets: --rules-dir DATA_DIR/rules (or --server)")


def _records(paths: Sequence[Path], *, containing: str = "") -> Iterator[dict[str, Any]]:
    from fairpost.server.observe.decisions.files import InvalidLog, files_of, read_records

    try:
        for path in files_of(paths):
            yield from read_records(path, containing=containing)
    except InvalidLog as error:
        raise CommandError(str(error)) from None
    except OSError as error:
        raise CommandError(f"{error.filename}: {error.strerror}") from None


def _replay_one(
    decision_id: str,
    records: Iterator[dict[str, Any]],
    judge: Judge,
    console: Console,
) -> None:
    from fairpost.server.observe.decisions.replay import ReplayError

    record = next((record for record in records if record["decision_id"] == decision_id), None)
    if record is None:
        raise CommandError(
            f"{decision_id}: is not in the log; it was sampled out, dropped, or is in another server's log"
        )
    try:
        found = judge(record)
    except ReplayError as error:
        raise CommandError(str(error)) from None
    if not found:
        said = Text.assemble(f"{decision_id}: the same to the last bit: ", render.action_text(record["action"]))
        said.append(f", risk {record['risk']!r}, exposure {record['exposure']!r}, revision {record['revision']}")
        console.print(said, soft_wrap=True)
        return
    console.print(f"{decision_id}: differs")
    console.print(_table([(decision_id, each) for each in found], with_id=False))
    raise typer.Exit(1)


def _replay_all(records: Iterator[dict[str, Any]], judge: Judge, console: Console) -> None:
    from fairpost.server.observe.decisions.replay import ReplayError

    same = differing = 0
    differences: list[tuple[str, Difference]] = []
    refused: dict[str, int] = {}
    for record in records:
        try:
            found = judge(record)
        except ReplayError as error:
            # Which decision it is makes every message another one.
            why = str(error).replace(record["decision_id"], "(decision)")
            refused[why] = refused.get(why, 0) + 1
            continue
        same += not found
        differing += bool(found)
        differences += [(record["decision_id"], each) for each in found][: max(0, _SHOWN - len(differences))]
    console.print(
        f"{same:,} the same to the last bit, {differing:,} differ, {sum(refused.values()):,} not judged again"
    )
    if differences:
        console.print(_table(differences, with_id=True))
    for why, count in refused.items():
        console.print(Text(f"not judged again ({count:,}): {why}"), soft_wrap=True)
    if differing or refused:
        raise typer.Exit(1)


def _table(differences: Sequence[tuple[str, Difference]], *, with_id: bool) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in (*(["decision"] if with_id else []), "field", "then", "now"):
        table.add_column(title)
    for decision_id, each in differences:
        cells = (*([decision_id] if with_id else []), each.field, repr(each.then), repr(each.now))
        table.add_row(*map(Text, cells))
    return table
