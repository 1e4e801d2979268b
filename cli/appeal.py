"""`fairpost appeal`: what sellers contest, and what becomes of it, on a running server."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.table import Table as Grid
from rich.text import Text

from fairpost.cli import render
from fairpost.cli.errors import CommandError
from fairpost.cli.remote import DEFAULT_SERVER, connect
from fairpost.cli.seller import SellerId, Server, standing_text
from fairpost.cli.words import numbers_of, show_list, text_or_input

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Appeals against strikes, penalties, listings and violations.")

STATES: Final = ("filed", "upheld", "overturned")

AppealId = Annotated[str, typer.Argument(metavar="APPEAL_ID", help="The appeal's id.")]
Actor = Annotated[str, typer.Option(envvar="FAIRPOST_ACTOR", help="Who decides; not who took the first decision.")]
Why = Annotated[str, typer.Option(help="Why; shown to the seller. '-' reads it from standard input.")]
Version = Annotated[int, typer.Option(help="Write only if this is the appeal's version.")]


@app.command()
def file(
    seller_id: SellerId,
    event: Annotated[int, typer.Argument(metavar="EVENT", help="Number of the event (see `seller events`).")],
    statement: Annotated[str, typer.Option(help="What the seller says; '-' reads it from standard input.")],
    evidence: Annotated[list[str] | None, typer.Option(help="Where the evidence is; repeat for more.")] = None,
    server: Server = DEFAULT_SERVER,
) -> None:
    """File an appeal against one event of a seller's log."""
    with connect(server, "--server", "appeal") as client:
        found = client.file_appeal(seller_id, event, text_or_input(statement), evidence=evidence or [])
    _show(found, render.make_console())


@app.command()
def uphold(
    appeal_id: AppealId, decision: Why, actor: Actor, expected_version: Version = 0, server: Server = DEFAULT_SERVER
) -> None:
    """Let the decision stand."""
    _decide(server, appeal_id, "upheld", decision, actor, expected_version, None)


@app.command(
    epilog="Example: fairpost appeal overturn a-40c1 --decision '医院科普，不是广告' --actor moderator-2 "
    "--case regression.yaml"
)
def overturn(
    appeal_id: AppealId,
    decision: Why,
    actor: Actor,
    case: Annotated[
        Path | None,
        typer.Option(metavar="OUT", help="Write the regression case of an overturned violation's rules there (YAML)."),
    ] = None,
    expected_version: Version = 0,
    server: Server = DEFAULT_SERVER,
) -> None:
    """Undo the decision: the action is lifted, the strike removed, what followed from it computed anew."""
    _decide(server, appeal_id, "overturned", decision, actor, expected_version, case)


def _decide(
    server: str, appeal_id: str, state: str, decision: str, actor: str, version: int, case: Path | None
) -> None:
    with connect(server, "--server", "appeal") as client:
        answer = client.decide_appeal(
            appeal_id,
            state=STATES.index(state) + 1,
            decision=text_or_input(decision),
            actor=actor,
            expected_version=version,
        )
    console = render.make_console()
    _show(answer.appeal, console)
    console.print(standing_text(answer.standing))
    if case is not None and answer.regression_case:
        try:
            case.write_text(answer.regression_case, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"--case {case}: cannot be written: {error.strerror}") from None
        console.print(f"regression case: {case}; try it with: fairpost rules test {case}", soft_wrap=True)
    elif case is not None:
        console.print("no regression case: the appeal is not against a violation whose post is kept")


@app.command()
def show(appeal_id: AppealId, server: Server = DEFAULT_SERVER) -> None:
    """Show an appeal."""
    with connect(server, "--server", "appeal") as client:
        found = client.appeal(appeal_id)
    _show(found, render.make_console())


@app.command(name="list")
def list_appeals(
    seller: Annotated[str, typer.Option(help="Of this seller.")] = "",
    state: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(STATES)}; repeat for more.")] = None,
    most: Annotated[int, typer.Option(min=1, help="Show no more than these.")] = 100,
    server: Server = DEFAULT_SERVER,
) -> None:
    """List appeals, oldest first."""
    numbers = numbers_of("--state", state, STATES)
    with connect(server, "--server", "appeal") as client:
        conditions = {"seller_id": seller, "states": numbers, "page_size": min(most, 1000)}
        found = list(islice(client.list_appeals(**conditions), most + 1))
    grid = Grid("appeal", "seller", "against", "state", "filed", box=None, pad_edge=False, header_style="bold")
    for each in found[:most]:
        filed = each.filed_at.ToDatetime().date().isoformat()
        grid.add_row(each.appeal_id, each.seller_id, str(each.against), STATES[each.state - 1], filed)
    show_list(render.make_console(), grid, len(found), most)


def _show(appeal: Any, console: Console) -> None:
    grid = Grid.grid(padding=(0, 2))
    grid.add_row("appeal", appeal.appeal_id)
    grid.add_row("of", appeal.seller_id)
    grid.add_row("against", f"event {appeal.against}")
    grid.add_row("state", STATES[appeal.state - 1])
    for name, value in (
        ("statement", appeal.statement),
        ("evidence", "\n".join(appeal.evidence)),
        ("decision", appeal.decision),
        ("decided by", appeal.actor),
    ):
        if value:
            grid.add_row(name, Text(value))
    grid.add_row("version", str(appeal.version))
    console.print(grid)
