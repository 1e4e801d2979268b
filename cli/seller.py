"""`fairpost seller`: register, show and look up sellers on a running server."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table as Grid
from rich.text import Text

from fairpost.cli import render
from fairpost.cli.errors import CommandError, nearest
from fairpost.cli.remote import DEFAULT_SERVER, connect
from fairpost.engine.vocabulary import ENFORCEMENT, LICENCES, LISTING, REGISTRATION

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["app", "standing_text"]

app = typer.Typer(no_args_is_help=True, help="Register sellers and look at their standing, on a running server.")

KINDS = {"natural-person": 1, "individual-business": 2, "enterprise": 3, "exempt": 4}

Server = Annotated[
    str, typer.Option("--server", envvar="FAIRPOST_SERVER", metavar="HOST:PORT", help="The server to ask.")
]
SellerId = Annotated[str, typer.Argument(metavar="SELLER_ID", help="The seller's id on your platform.")]


@app.command(
    epilog="Example: fairpost seller register tea-shop --kind enterprise --name 清茗茶业有限公司 "
    "--credit-code 91350100M000100Y43 --category food --licence food,JY13501000000001,2024-01-01,2029-01-01"
)
def register(
    seller_id: SellerId,
    name: Annotated[str, typer.Option(help="Legal name.")],
    kind: Annotated[str, typer.Option(help=f"One of {', '.join(KINDS)}.")] = "individual-business",
    category: Annotated[list[str] | None, typer.Option(help="Goods category, e.g. food; repeat for more.")] = None,
    credit_code: Annotated[str, typer.Option(help="Unified social credit code (18 characters).")] = "",
    identity_number: Annotated[
        str, typer.Option(help="Identity number of a natural person; '-' reads it from standard input.")
    ] = "",
    licence: Annotated[
        list[str] | None,
        typer.Option(metavar="SCOPE,NUMBER,FROM[,UNTIL]", help="A licence with ISO dates; repeat for more."),
    ] = None,
    exempt_reason: Annotated[str, typer.Option(help="Why the seller is exempt (kind exempt).")] = "",
    server: Server = DEFAULT_SERVER,
) -> None:
    """Register a seller. Everything that is wrong is told at once; what is still missing is told too."""
    if kind not in KINDS:
        raise CommandError(f"--kind {kind}: unknown; one of {', '.join(KINDS)}{nearest(kind, KINDS)}")
    if identity_number == "-":
        identity_number = sys.stdin.readline().strip()
    with connect(server, "--server", "seller") as client:
        from fairpost.v1 import registry_pb2, seller_pb2

        request = registry_pb2.RegisterSellerRequest(
            seller_id=seller_id,
            kind=KINDS[kind],  # type: ignore[arg-type]
            name=name,
            identity_number=identity_number,
            credit_code=credit_code,
            categories=category or [],
            licences=[seller_pb2.Licence(**_licence(text)) for text in licence or []],
            exempt_reason=exempt_reason,
        )
        answer = client.register(request)
    console = render.make_console()
    console.print(f"registered {answer.seller.seller_id}")
    _show(answer.seller, console)


def _licence(text: str) -> dict[str, str]:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) not in (3, 4):
        raise CommandError(f"--licence {text!r}: expected SCOPE,NUMBER,FROM or SCOPE,NUMBER,FROM,UNTIL with ISO dates")
    if parts[0] not in LICENCES:
        raise CommandError(
            f"--licence {text!r}: unknown scope {parts[0]!r}; one of {', '.join(LICENCES)}{nearest(parts[0], LICENCES)}"
        )
    return dict(zip(("scope", "number", "valid_from", "valid_until"), parts, strict=False))


@app.command()
def show(seller_id: SellerId, server: Server = DEFAULT_SERVER) -> None:
    """Show a seller's whole record, with the identity number masked."""
    with connect(server, "--server", "seller") as client:
        seller = client.seller(seller_id)
    _show(seller, render.make_console())


def _show(seller: Any, console: Console) -> None:
    grid = Grid.grid(padding=(0, 2))
    kinds = {number: name for name, number in KINDS.items()}
    grid.add_row("name", seller.name)
    grid.add_row("kind", kinds.get(seller.kind, "?"))
    if seller.identity_masked:
        grid.add_row("identity number", seller.identity_masked)
    if seller.credit_code:
        grid.add_row("credit code", seller.credit_code)
    grid.add_row("goods", ", ".join(seller.categories))
    for licence in seller.licences:
        term = f"{licence.valid_from} to {licence.valid_until}" if licence.valid_until else f"from {licence.valid_from}"
        grid.add_row("licence", f"{licence.scope} {licence.number}, {term}")
    grid.add_row("standing", standing_text(seller.standing))
    needs = seller.requirements
    for item in needs.currently_due:
        grid.add_row("still missing", Text(item, style="yellow"))
    for item in needs.past_due:
        grid.add_row("ran out", Text(item, style="red"))
    if needs.deadline:
        grid.add_row("next deadline", needs.deadline)
    if needs.disabled_reason:
        grid.add_row("may not sell", Text(needs.disabled_reason, style="bold red"))
    console.print(grid)


def _name(words: tuple[str, ...], number: int) -> str:
    return words[number - 1] if 0 < number <= len(words) else "unknown"


def standing_text(standing: Any) -> Text:
    """`active, enforcement none, listing none; licences food; 900 days; strikes MEDICAL 2`."""
    registration = _name(REGISTRATION, standing.registration)
    text = Text(registration, style="green" if registration == "active" else "red")
    enforcement, listing = _name(ENFORCEMENT, standing.enforcement), _name(LISTING, standing.listing)
    text.append(f", enforcement {enforcement}", style="" if enforcement == "none" else "red")
    text.append(f", listing {listing}", style="red" if listing == "blacklisted" else "")
    if standing.licences:
        text.append(f"; licences {', '.join(standing.licences)}", style="")
    text.append(f"; {standing.tenure_days:,} days", style="dim")
    if standing.strikes:
        text.append("; strikes " + ", ".join(f"{s.category} {s.count}" for s in standing.strikes), style="red")
    return text


@app.command()
def lookup(
    seller_ids: Annotated[list[str], typer.Argument(metavar="SELLER_ID...", help="Sellers to look up.")],
    server: Server = DEFAULT_SERVER,
) -> None:
    """Look up standings, as every check does. Exit status 1 if one of the sellers is not known."""
    with connect(server, "--server", "seller") as client:
        answers = client.lookup_many(seller_ids)
    grid = Grid.grid(padding=(0, 2))
    for each in answers:
        if each.outcome == 1:
            grid.add_row(each.seller_id, standing_text(each.standing))
        else:
            said = "not registered" if each.outcome == 2 else "the registry cannot answer now"
            grid.add_row(each.seller_id, Text(said, style="yellow"))
    render.make_console().print(grid)
    if any(each.outcome != 1 for each in answers):
        raise typer.Exit(1)
