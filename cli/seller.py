"""`fairpost seller`: register, show and look up sellers on a running server."""

from __future__ import annotations

import sys
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table as Grid
from rich.text import Text

from fairpost.cli import render
from fairpost.cli.errors import CommandError, nearest
from fairpost.cli.remote import DEFAULT_SERVER, connect
from fairpost.cli.words import number_of, numbers_of, show_list
from fairpost.engine.vocabulary import ENFORCEMENT, LICENCES, LISTING, REGISTRATION

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["SellerId", "Server", "app", "licence_of", "standing_text"]

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
    phone: Annotated[str, typer.Option(help="Telephone number; stored encrypted.")] = "",
    email: Annotated[str, typer.Option(help="E-mail address; stored encrypted.")] = "",
    address: Annotated[str, typer.Option(help="Business address; stored encrypted.")] = "",
    server: Server = DEFAULT_SERVER,
) -> None:
    """Register a seller. Everything that is wrong is told at once; what is still missing is told too."""
    number = number_of("--kind", kind, list(KINDS))
    if identity_number == "-":
        identity_number = sys.stdin.readline().strip()
    with connect(server, "--server", "seller") as client:
        from fairpost.v1 import registry_pb2, seller_pb2

        request = registry_pb2.RegisterSellerRequest(
            seller_id=seller_id,
            kind=number,  # type: ignore[arg-type]
            name=name,
            identity_number=identity_number,
            credit_code=credit_code,
            categories=category or [],
            licences=[seller_pb2.Licence(**licence_of(text)) for text in licence or []],
            exempt_reason=exempt_reason,
            contacts=seller_pb2.Contacts(phone=phone, email=email, address=address),
        )
        answer = client.register(request)
    console = render.make_console()
    console.print(f"registered {answer.seller.seller_id}")
    _show(answer.seller, console)


def licence_of(text: str, option: str = "--licence") -> dict[str, str]:
    """Fields of a Licence from SCOPE,NUMBER,FROM[,UNTIL]."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) not in (3, 4):
        raise CommandError(f"{option} {text!r}: expected SCOPE,NUMBER,FROM or SCOPE,NUMBER,FROM,UNTIL with ISO dates")
    if parts[0] not in LICENCES:
        raise CommandError(
            f"{option} {text!r}: unknown scope {parts[0]!r}; one of {', '.join(LICENCES)}{nearest(parts[0], LICENCES)}"
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
    for name, value in (
        ("phone", seller.contacts.phone),
        ("e-mail", seller.contacts.email),
        ("address", seller.contacts.address),
        ("exempt because", seller.exempt_reason),
    ):
        if value:
            grid.add_row(name, value)
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
    if seller.same_person:
        grid.add_row("same person", ", ".join(seller.same_person))
    grid.add_row("version", str(seller.version))
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


@app.command(
    epilog="Example: fairpost seller update tea-shop --name 清茗茶叶店 --actor registrar-2 --reason 'new name'"
)
def update(
    seller_id: SellerId,
    actor: Annotated[str, typer.Option(envvar="FAIRPOST_ACTOR", help="Who changes it.")],
    reason: Annotated[str, typer.Option(help="Why; goes into the log. No personal data.")],
    kind: Annotated[str | None, typer.Option(help=f"One of {', '.join(KINDS)}.")] = None,
    name: Annotated[str | None, typer.Option(help="Legal name.")] = None,
    category: Annotated[list[str] | None, typer.Option(help="Goods categories, all of them; repeat for more.")] = None,
    credit_code: Annotated[str | None, typer.Option(help="Unified social credit code.")] = None,
    identity_number: Annotated[
        str | None, typer.Option(help="Identity number; '-' reads it from standard input.")
    ] = None,
    exempt_reason: Annotated[str | None, typer.Option(help="Why the seller is exempt.")] = None,
    phone: Annotated[str | None, typer.Option(help="Telephone number; contacts are replaced together.")] = None,
    email: Annotated[str | None, typer.Option(help="E-mail address.")] = None,
    address: Annotated[str | None, typer.Option(help="Business address.")] = None,
    expected_version: Annotated[int, typer.Option(help="Write only if this is the version (see `seller show`).")] = 0,
    server: Server = DEFAULT_SERVER,
) -> None:
    """Change fields of a record. The record must be as faultless afterwards as a new one."""
    if identity_number == "-":
        identity_number = sys.stdin.readline().strip()
    contacts = {k: v for k, v in (("phone", phone), ("email", email), ("address", address)) if v is not None}
    given = {
        "kind": None if kind is None else number_of("--kind", kind, list(KINDS)),
        "name": name,
        "categories": category or None,
        "credit_code": credit_code,
        "identity_number": identity_number,
        "exempt_reason": exempt_reason,
        "contacts": contacts or None,
    }
    fields = {field: value for field, value in given.items() if value is not None}
    if not fields:
        raise CommandError("nothing to change: give at least one of --name, --category, --credit-code, ...")
    with connect(server, "--server", "seller") as client:
        from fairpost.v1 import registry_pb2

        answer = client.update_seller(
            registry_pb2.UpdateSellerRequest(
                seller_id=seller_id,
                fields=list(fields),
                actor=actor,
                reason=reason,
                expected_version=expected_version,
                record=registry_pb2.RegisterSellerRequest(**fields),  # type: ignore[arg-type]
            )
        )
    console = render.make_console()
    console.print(f"changed {seller_id}: {', '.join(fields)}")
    _show(answer.seller, console)


@app.command(name="list")
def list_sellers(
    query: Annotated[str, typer.Argument(metavar="[TEXT]", help="Part of the name, or the beginning of the id.")] = "",
    registration: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(REGISTRATION)}.")] = None,
    enforcement: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(ENFORCEMENT)}.")] = None,
    listing: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(LISTING)}.")] = None,
    category: Annotated[str, typer.Option(help="Goods category.")] = "",
    number: Annotated[str, typer.Option(help="Identity number or credit code; '-' reads it from standard input.")] = "",
    most: Annotated[int, typer.Option(min=1, help="Show no more than these.")] = 100,
    server: Server = DEFAULT_SERVER,
) -> None:
    """List sellers by id, with what they may sell and how they stand."""
    if number == "-":
        number = sys.stdin.readline().strip()
    conditions = {
        "registrations": numbers_of("--registration", registration, REGISTRATION),
        "enforcements": numbers_of("--enforcement", enforcement, ENFORCEMENT),
        "listings": numbers_of("--listing", listing, LISTING),
        "query": query,
        "category": category,
        "number": number,
        "page_size": min(most, 1000),
    }
    grid = Grid("seller", "name", "goods", "standing", box=None, pad_edge=False, header_style="bold")
    with connect(server, "--server", "seller") as client:
        found = list(islice(client.sellers(**conditions), most + 1))
    for seller in found[:most]:
        grid.add_row(seller.seller_id, seller.name, ", ".join(seller.categories), standing_text(seller.standing))
    show_list(render.make_console(), grid, len(found), most)


@app.command()
def events(seller_id: SellerId, server: Server = DEFAULT_SERVER) -> None:
    """Show a seller's log, oldest first: what happened, who decided, why, until when."""
    with connect(server, "--server", "seller") as client:
        found = list(client.events(seller_id))
    grid = Grid("event", "from", "until", "what", "by", "why", box=None, pad_edge=False, header_style="bold")
    for each in found:
        what = Text(_what(each), style="strike" if each.overturned else "")
        grid.add_row(str(each.sequence), each.effective, each.expires, what, each.actor, each.reason)
    render.make_console().print(grid)


def _what(event: Any) -> str:
    kind = event.WhichOneof("change")
    change = getattr(event, kind)
    words = {"registration": REGISTRATION, "enforcement": ENFORCEMENT, "listing": LISTING}
    if kind in words:
        return f"{kind} {_name(words[kind], change.state)}"
    if kind == "verification":
        return f"verified, again by {change.next_verification}"
    if kind == "strike":
        return f"strike {change.category} {change.weight}"
    if kind in ("licence", "licence_ended"):
        return f"{kind.replace('_', ' ')} {change.scope} {change.number}"
    if kind == "violation":
        return f"{change.action} {change.category} post {change.post_id or '(without id)'}"
    if kind == "complaint":
        return f"complaint {change.complaint_id} {change.state}"
    if kind == "appeal":
        return f"appeal {change.appeal_id} {change.state}, against {change.against}"
    if kind == "turned":
        return "; ".join(change.changes)
    return f"{kind} {', '.join(change.fields)}"
