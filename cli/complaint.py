"""`fairpost complaint`: consumers' complaints, from filing to resolution, on a running server."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.table import Table as Grid
from rich.text import Text

from fairpost.cli import render
from fairpost.cli.remote import DEFAULT_SERVER, connect
from fairpost.cli.seller import SellerId, Server
from fairpost.cli.words import number_of, numbers_of, show_list, text_or_input

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Complaints: file, assign, answer, resolve; what is overdue.")

KINDS: Final = ("return", "quality", "false-claim", "delivery", "counterfeit", "safety", "other")
STATES: Final = ("filed", "assigned", "answered", "resolved", "withdrawn")
OUTCOMES: Final = ("upheld", "rejected", "settled")

ComplaintId = Annotated[str, typer.Argument(metavar="COMPLAINT_ID", help="The complaint's id.")]
Actor = Annotated[str, typer.Option(envvar="FAIRPOST_ACTOR", help="Who does this.")]
Version = Annotated[int, typer.Option(help="Write only if this is the complaint's version.")]


@app.command(
    epilog="Example: fairpost complaint file tea-shop --kind return --consumer buyer-9 --received 2026-11-20 "
    "--statement '七天内退货，卖家不理'"
)
def file(
    seller_id: SellerId,
    kind: Annotated[str, typer.Option(help=f"One of {', '.join(KINDS)}.")],
    consumer: Annotated[str, typer.Option(help="The consumer's id on your platform.")],
    statement: Annotated[str, typer.Option(help="What the consumer says; '-' reads it from standard input.")],
    contact: Annotated[str, typer.Option(help="How the consumer is reached; stored encrypted.")] = "",
    post: Annotated[str, typer.Option(help="Id of the post.")] = "",
    order: Annotated[str, typer.Option(help="Id of the order.")] = "",
    received: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="Day on which the goods came.")] = "",
    evidence: Annotated[list[str] | None, typer.Option(help="Where the evidence is; repeat for more.")] = None,
    server: Server = DEFAULT_SERVER,
) -> None:
    """File a complaint against a registered seller. Its clocks start to run."""
    fields = {
        "seller_id": seller_id,
        "kind": number_of("--kind", kind, KINDS),
        "consumer_id": consumer,
        "statement": text_or_input(statement),
        "consumer_contact": contact,
        "post_id": post,
        "order_id": order,
        "received_on": received,
        "evidence": evidence or [],
    }
    with connect(server, "--server", "complaint") as client:
        answer = client.file_complaint(**fields)
    _show(answer.complaint, render.make_console())


@app.command()
def assign(
    complaint_id: ComplaintId,
    handler: Annotated[str, typer.Argument(metavar="HANDLER", help="Who works on it from now on.")],
    actor: Actor,
    expected_version: Version = 0,
    server: Server = DEFAULT_SERVER,
) -> None:
    """Give a complaint to a handler."""
    with connect(server, "--server", "complaint") as client:
        found = client.assign_complaint(complaint_id, handler=handler, actor=actor, expected_version=expected_version)
    _show(found, render.make_console())


@app.command()
def answer(
    complaint_id: ComplaintId,
    text: Annotated[str, typer.Option(help="What the seller says; '-' reads it from standard input.")],
    actor: Actor,
    expected_version: Version = 0,
    server: Server = DEFAULT_SERVER,
) -> None:
    """Record the seller's answer."""
    with connect(server, "--server", "complaint") as client:
        found = client.answer_complaint(
            complaint_id, answer=text_or_input(text), actor=actor, expected_version=expected_version
        )
    _show(found, render.make_console())


@app.command(
    epilog="Example: fairpost complaint resolve c-71f0 --outcome upheld --resolution '应当退货退款' --strike RIGHTS "
    "--actor handler-3"
)
def resolve(
    complaint_id: ComplaintId,
    outcome: Annotated[str, typer.Option(help=f"One of {', '.join(OUTCOMES)}.")],
    resolution: Annotated[str, typer.Option(help="Why; shown to both sides. '-' reads it from standard input.")],
    actor: Actor,
    strike: Annotated[str, typer.Option(metavar="CATEGORY", help="A strike with it; only with upheld.")] = "",
    weight: Annotated[int, typer.Option(min=1, max=10, help="Weight of the strike.")] = 1,
    expected_version: Version = 0,
    server: Server = DEFAULT_SERVER,
) -> None:
    """End a complaint: for the consumer, for the seller, or by agreement."""
    with connect(server, "--server", "complaint") as client:
        found = client.resolve_complaint(
            complaint_id,
            outcome=number_of("--outcome", outcome, OUTCOMES),
            resolution=text_or_input(resolution),
            actor=actor,
            strike_category=strike,
            strike_weight=weight if strike else 0,
            expected_version=expected_version,
        )
    _show(found, render.make_console())


@app.command()
def withdraw(
    complaint_id: ComplaintId, actor: Actor, expected_version: Version = 0, server: Server = DEFAULT_SERVER
) -> None:
    """End a complaint on the consumer's wish."""
    with connect(server, "--server", "complaint") as client:
        found = client.withdraw_complaint(complaint_id, actor=actor, expected_version=expected_version)
    _show(found, render.make_console())


@app.command()
def show(complaint_id: ComplaintId, server: Server = DEFAULT_SERVER) -> None:
    """Show a complaint with its clocks and the consumer's contact."""
    with connect(server, "--server", "complaint") as client:
        found = client.complaint(complaint_id)
    _show(found, render.make_console())


@app.command(name="list")
def list_complaints(
    seller: Annotated[str, typer.Option(help="Of this seller.")] = "",
    state: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(STATES)}; repeat for more.")] = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only those with a clock that ran out.")] = False,
    handler: Annotated[str, typer.Option(help="Of this handler.")] = "",
    most: Annotated[int, typer.Option(min=1, help="Show no more than these.")] = 100,
    server: Server = DEFAULT_SERVER,
) -> None:
    """List complaints, oldest first."""
    conditions = {
        "seller_id": seller,
        "states": numbers_of("--state", state, STATES),
        "overdue": overdue,
        "handler": handler,
        "page_size": min(most, 1000),
    }
    with connect(server, "--server", "complaint") as client:
        found = list(islice(client.list_complaints(**conditions), most + 1))
    grid = Grid("complaint", "seller", "kind", "state", "filed", "due", box=None, pad_edge=False, header_style="bold")
    for each in found[:most]:
        grid.add_row(
            each.complaint_id,
            each.seller_id,
            KINDS[each.kind - 1],
            _state(each),
            each.filed_at.ToDatetime().date().isoformat(),
            min((clock.due for clock in each.clocks if not clock.stopped), default=""),
        )
    show_list(render.make_console(), grid, len(found), most)


def _state(complaint: Any) -> Text:
    words = STATES[complaint.state - 1]
    if complaint.outcome:
        words += f", {OUTCOMES[complaint.outcome - 1]}"
    return Text(f"{words}, overdue" if complaint.overdue else words, style="red" if complaint.overdue else "")


def _show(complaint: Any, console: Console) -> None:
    grid = Grid.grid(padding=(0, 2))
    grid.add_row("complaint", complaint.complaint_id)
    grid.add_row("against", complaint.seller_id)
    grid.add_row("about", KINDS[complaint.kind - 1])
    grid.add_row("state", _state(complaint))
    for name, value in (
        ("consumer", complaint.consumer_id),
        ("contact", complaint.consumer_contact),
        ("post", complaint.post_id),
        ("order", complaint.order_id),
        ("received", complaint.received_on),
        ("handler", complaint.handler),
        ("statement", complaint.statement),
        ("answer", complaint.answer),
        ("resolution", complaint.resolution),
        ("evidence", "\n".join(complaint.evidence)),
    ):
        if value:
            grid.add_row(name, Text(value))
    for clock in complaint.clocks:
        said = f"by {clock.due}" + (f", stopped {clock.stopped}" if clock.stopped else "")
        style = "red" if clock.overdue else ""
        grid.add_row(clock.name, Text(f"{said}{', overdue' if clock.overdue else ''} ({clock.basis})", style=style))
    grid.add_row("version", str(complaint.version))
    console.print(grid)
