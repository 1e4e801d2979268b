"""`fairpost seller suspend`, `blacklist`, `strike`, ...: decisions, each an event of the seller's log."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fairpost.cli import render
from fairpost.cli.errors import CommandError, nearest
from fairpost.cli.remote import DEFAULT_SERVER, connect
from fairpost.cli.seller import SellerId, Server, licence_of, standing_text
from fairpost.engine.dates import today
from fairpost.engine.vocabulary import CATEGORIES, COMMERCE, ENFORCEMENT, LISTING, REGISTRATION

if TYPE_CHECKING:
    from fairpost.v1 import seller_event_pb2

__all__ = ["add_to"]

Reason = Annotated[str, typer.Option(help="Why; goes into the log. No personal data.")]
Actor = Annotated[str, typer.Option(envvar="FAIRPOST_ACTOR", help="Who decides.")]
Evidence = Annotated[str, typer.Option(help="Where the evidence is, usually a URL.")]
Until = Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="Last day; default: until changed.")]
Days = Annotated[int | None, typer.Option(min=1, help="How many days, from today on; instead of --until.")]
Version = Annotated[int, typer.Option(help="Write only if this is the seller's version (see `seller show`).")]


def _decide(server: str, seller_id: str, event: seller_event_pb2.SellerEvent, version: int = 0) -> None:
    with connect(server, "--server", "seller") as client:
        from fairpost.v1 import registry_pb2

        request = registry_pb2.RecordEventRequest(seller_id=seller_id, event=event, expected_version=version)
        answer = client.decide(request)
    console = render.make_console()
    console.print(f"event {answer.sequence} of {seller_id}")
    console.print(standing_text(answer.standing))


def _event(actor: str, reason: str, evidence: str = "", expires: str = "", **change: Any) -> Any:
    from fairpost.v1 import seller_event_pb2

    return seller_event_pb2.SellerEvent(actor=actor, reason=reason, evidence=evidence, expires=expires, **change)


def _last_day(until: str, days: int | None) -> str:
    if until and days:
        raise CommandError(f"--until {until} and --days {days}: give one of them")
    return (today() + timedelta(days=days - 1)).isoformat() if days else until


def _penalty(name: str, state: str, help_text: str, *, ends: bool = True) -> Any:
    from_vocabulary = ENFORCEMENT.index(state) + 1

    def lasting(
        seller_id: SellerId,
        reason: Reason,
        actor: Actor,
        until: Until = "",
        days: Days = None,
        evidence: Evidence = "",
        expected_version: Version = 0,
        server: Server = DEFAULT_SERVER,
    ) -> None:
        change: dict[str, Any] = {"enforcement": {"state": from_vocabulary}}
        _decide(server, seller_id, _event(actor, reason, evidence, _last_day(until, days), **change), expected_version)

    def plain(
        seller_id: SellerId,
        reason: Reason,
        actor: Actor,
        evidence: Evidence = "",
        expected_version: Version = 0,
        server: Server = DEFAULT_SERVER,
    ) -> None:
        change: dict[str, Any] = {"enforcement": {"state": from_vocabulary}}
        _decide(server, seller_id, _event(actor, reason, evidence, **change), expected_version)

    command = lasting if ends else plain
    command.__name__, command.__doc__ = name, help_text
    return command


def blacklist(
    seller_id: SellerId,
    reason: Reason,
    actor: Actor,
    review: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="Day on which it is looked at again.")] = "",
    until: Until = "",
    permanent: Annotated[bool, typer.Option("--permanent", help="Without end and review.")] = False,
    evidence: Evidence = "",
    expected_version: Version = 0,
    server: Server = DEFAULT_SERVER,
) -> None:
    """Put a seller on the blacklist: with a day of review, an end, or for good."""
    listing = {"state": LISTING.index("blacklisted") + 1, "review": review, "permanent": permanent}
    _decide(server, seller_id, _event(actor, reason, evidence, until, listing=listing), expected_version)


def rehabilitate(
    seller_id: SellerId,
    reason: Reason,
    actor: Actor,
    evidence: Evidence = "",
    expected_version: Version = 0,
    server: Server = DEFAULT_SERVER,
) -> None:
    """Take a seller off the blacklist."""
    listing = {"state": LISTING.index("rehabilitated") + 1}
    _decide(server, seller_id, _event(actor, reason, evidence, listing=listing), expected_version)


def strike(
    seller_id: SellerId,
    category: Annotated[str, typer.Argument(metavar="CATEGORY", help="Violation category, e.g. MEDICAL.")],
    reason: Reason,
    actor: Actor,
    weight: Annotated[int, typer.Option(min=1, max=10, help="How much it counts.")] = 1,
    evidence: Evidence = "",
    expected_version: Version = 0,
    server: Server = DEFAULT_SERVER,
) -> None:
    """Add a strike. What it leads to is the ladder's business."""
    known = [each for each in CATEGORIES if each != CATEGORIES[COMMERCE]]
    if category not in known:
        raise CommandError(f"{category}: no category; one of {', '.join(known)}{nearest(category, known)}")
    change: dict[str, Any] = {"strike": {"category": category, "weight": weight}}
    _decide(server, seller_id, _event(actor, reason, evidence, **change), expected_version)


def verify(
    seller_id: SellerId,
    actor: Actor,
    next_verification: Annotated[str, typer.Option("--next", metavar="YYYY-MM-DD", help="Verify again by this day.")],
    reason: Reason = "verified",
    evidence: Evidence = "",
    server: Server = DEFAULT_SERVER,
) -> None:
    """Note that a seller's record was verified."""
    change: dict[str, Any] = {"verification": {"next_verification": next_verification}}
    _decide(server, seller_id, _event(actor, reason, evidence, **change))


def licence(
    seller_id: SellerId,
    term: Annotated[str, typer.Argument(metavar="SCOPE,NUMBER,FROM[,UNTIL]", help="The licence, with ISO dates.")],
    actor: Actor,
    reason: Reason = "licence shown",
    evidence: Evidence = "",
    ended: Annotated[
        bool, typer.Option("--ended", help="The seller no longer holds it (SCOPE,NUMBER is enough).")
    ] = False,
    server: Server = DEFAULT_SERVER,
) -> None:
    """Add a licence, give it another term, or end it."""
    if ended:
        scope, _, number = term.partition(",")
        change: dict[str, Any] = {"licence_ended": {"scope": scope, "number": number.partition(",")[0]}}
    else:
        change = {"licence": licence_of(term, "SCOPE,NUMBER,FROM[,UNTIL]") | {"evidence": evidence}}
    _decide(server, seller_id, _event(actor, reason, evidence, **change))


def close(
    seller_id: SellerId,
    reason: Reason,
    actor: Actor,
    expected_version: Version = 0,
    server: Server = DEFAULT_SERVER,
) -> None:
    """Close a registration. What is kept of it is erased three years later."""
    change: dict[str, Any] = {"registration": {"state": REGISTRATION.index("closed") + 1}}
    _decide(server, seller_id, _event(actor, reason, **change), expected_version)


def reopen(
    seller_id: SellerId,
    reason: Reason,
    actor: Actor,
    expected_version: Version = 0,
    server: Server = DEFAULT_SERVER,
) -> None:
    """Confirm a registration, or open a closed one again."""
    change: dict[str, Any] = {"registration": {"state": REGISTRATION.index("active") + 1}}
    _decide(server, seller_id, _event(actor, reason, **change), expected_version)


def export(
    seller_id: SellerId,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="File that gets the JSON, mode 0600.")],
    reason: Reason,
    actor: Actor,
    server: Server = DEFAULT_SERVER,
) -> None:
    """Give out all that is kept about a seller as a person, in clear. It is noted in the log."""
    with connect(server, "--server", "seller") as client:
        content = client.export_person(seller_id, actor=actor, reason=reason)
    try:
        with open(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
    except OSError as error:
        raise CommandError(f"-o {output}: cannot be written: {error.strerror}") from None
    render.make_console().print(f"wrote {len(content):,} bytes to {output}", soft_wrap=True)


def erase(seller_id: SellerId, reason: Reason, actor: Actor, server: Server = DEFAULT_SERVER) -> None:
    """Erase a person's data; the registration must be closed. What the law orders to keep is told, and until when."""
    with connect(server, "--server", "seller") as client:
        answer = client.erase_person(seller_id, actor=actor, reason=reason)
    console = render.make_console()
    console.print(f"erased: {', '.join(answer.erased) or 'nothing was left to erase'}", highlight=False)
    for kept in answer.kept:
        console.print(f"kept until {answer.kept_until}: {kept}", highlight=False, markup=False)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    example = "Example: fairpost seller suspend tea-shop --days 30 --reason 'third strike' --actor moderator-7"
    app.command("warn")(_penalty("warn", "warned", "Warn a seller: nothing is restricted."))
    app.command("limit")(_penalty("limit", "limited", "Give a seller's posts less exposure."))
    app.command("shield")(_penalty("shield", "shielded", "Show a seller's posts to their author only."))
    app.command("suspend", epilog=example)(_penalty("suspend", "suspended", "Suspend a seller: no posts."))
    app.command("reinstate")(
        _penalty("reinstate", "none", "Lift all penalties, those of the ladder so far among them.", ends=False)
    )
    for command in (blacklist, rehabilitate, strike, verify, licence, close, reopen, export, erase):
        app.command()(command)
