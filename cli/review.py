"""`fairpost review`: the posts that the rules could not settle, on a running server."""

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
from fairpost.cli.seller import Server, standing_text
from fairpost.cli.words import number_of, numbers_of, show_list, text_or_input

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="The review queue: list, claim, uphold, overturn; follow decisions.")

STATES: Final = ("pending", "upheld", "overturned", "lapsed")
ORDERS: Final = ("oldest", "riskiest", "latest", "decided")
ACTIONS: Final = ("ALLOW", "LIMIT", "REVIEW", "SHIELD", "BLOCK")
_SHOWN: Final = 300

ReviewId = Annotated[str, typer.Argument(metavar="REVIEW_ID", help="The review's id.")]
Actor = Annotated[str, typer.Option(envvar="FAIRPOST_ACTOR", help="Who does this.")]
Order = Annotated[str, typer.Option(help=f"Which first: one of {', '.join(ORDERS)}.")]
Category = Annotated[str, typer.Option(help="With a label of this category.")]
Channel = Annotated[str, typer.Option(help="Of this channel; 'default': of posts that name none.")]
Seller = Annotated[str, typer.Option(help="Of this seller.")]
Rule = Annotated[str, typer.Option(help="With this rule in the evidence.")]
Version = Annotated[int, typer.Option(help="Write only if this is the review's version.")]


@app.command(name="list", epilog="Example: fairpost review list --state pending --order riskiest --category MEDICAL")
def list_reviews(
    state: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(STATES)}; repeat for more.")] = None,
    category: Category = "",
    channel: Channel = "",
    seller: Seller = "",
    rule: Rule = "",
    order: Order = "oldest",
    most: Annotated[int, typer.Option(min=1, help="Show no more than these.")] = 100,
    server: Server = DEFAULT_SERVER,
) -> None:
    """List reviews, without the posts' texts."""
    conditions: dict[str, Any] = {"states": numbers_of("--state", state, STATES), "category": category}
    conditions |= {"channel": channel, "seller_id": seller, "rule": rule}
    number = number_of("--order", order, ORDERS)
    with connect(server, "--server", "review") as client:
        found = list(islice(client.reviews(number, **conditions), most + 1))
    _show_list(found, most, render.make_console())


@app.command()
def queue(server: Server = DEFAULT_SERVER) -> None:
    """Show how long the queue is, and of what."""
    with connect(server, "--server", "review") as client:
        found = client.review_queue()
    console = render.make_console()
    counts = {STATES[each.state - 1]: each.count for each in found.counts}
    console.print(", ".join(f"{state} {counts.get(state, 0):,}" for state in STATES))
    console.print(f"claimed at present: {found.claimed:,}")
    if found.HasField("oldest_queued_at"):
        console.print(f"oldest pending: {_time(found.oldest_queued_at)}")
    for name, numbers in (("category", found.categories), ("channel", found.channels)):
        if numbers:
            listed = sorted(numbers.items(), key=lambda pair: (-pair[1], pair[0]))
            console.print(f"by {name}: {', '.join(f'{key} {count:,}' for key, count in listed)}", soft_wrap=True)
    if found.lost:
        console.print(f"left out for want of room, until they are checked again: {found.lost:,}", style="yellow")


@app.command()
def show(review_id: ReviewId, server: Server = DEFAULT_SERVER) -> None:
    """Show a review with its post, the evidence in place, and the seller's other posts."""
    with connect(server, "--server", "review") as client:
        found = client.review(review_id)
    console = render.make_console()
    _show(found.review, console)
    if found.others:
        console.print()
        counts = ", ".join(f"{STATES[each.state - 1]} {each.count}" for each in found.other_counts)
        console.print(Text(f"Other posts of the seller ({counts}):", style="bold"))
        _show_list(found.others, len(found.others), console)


@app.command(epilog="Example: fairpost review claim --actor moderator-2 --order riskiest --count 10")
def claim(
    actor: Actor,
    review_id: Annotated[str, typer.Argument(metavar="[REVIEW_ID]", help="This one; default: the next ones.")] = "",
    count: Annotated[int, typer.Option(min=1, max=50, help="How many.")] = 1,
    minutes: Annotated[int, typer.Option(min=1, max=120, help="For how long nobody else gets them.")] = 10,
    category: Category = "",
    channel: Channel = "",
    seller: Seller = "",
    rule: Rule = "",
    order: Order = "oldest",
    server: Server = DEFAULT_SERVER,
) -> None:
    """Take reviews to decide on; nobody else gets them meanwhile. Claiming one's own again renews the time."""
    fields: dict[str, Any] = {"order": number_of("--order", order, ORDERS), "lease_seconds": 60 * minutes}
    fields |= {"review_id": review_id, "count": 0 if review_id else count}
    fields["filter"] = {"category": category, "channel": channel, "seller_id": seller, "rule": rule}
    with connect(server, "--server", "review") as client:
        found = client.claim_reviews(actor, **fields)
    console = render.make_console()
    if not found:
        console.print("nothing is left to claim")
    for k, review in enumerate(found):
        if k:
            console.print()
        _show(review, console)


@app.command()
def release(review_id: ReviewId, actor: Actor, server: Server = DEFAULT_SERVER) -> None:
    """Give a claimed review back."""
    with connect(server, "--server", "review") as client:
        client.release_review(review_id, actor=actor)
    render.make_console().print(f"{review_id}: free for everybody")


@app.command(epilog="Example: fairpost review uphold 6f1e09a2c4d87b3550e1a9fc --actor moderator-2 --action block")
def uphold(
    review_id: ReviewId,
    actor: Actor,
    action: Annotated[str, typer.Option(help="shield or block; default: shield, or what the verdict said.")] = "",
    category: Annotated[str, typer.Option(help="Of the violation; default: that with the highest score.")] = "",
    note: Annotated[str, typer.Option(help="Why; the seller sees it. '-' reads it from standard input.")] = "",
    expected_version: Version = 0,
    server: Server = DEFAULT_SERVER,
) -> None:
    """The rules were right: shield or block the post. A registered seller gets the ladder's strike."""
    wanted = number_of("--action", action.upper(), ACTIONS) if action else 0
    fields: dict[str, Any] = {"state": STATES.index("upheld") + 1, "action": wanted, "category": category}
    _decide(server, review_id, fields | {"actor": actor, "note": note, "expected_version": expected_version}, None)


@app.command(
    epilog="Example: fairpost review overturn 6f1e09a2c4d87b3550e1a9fc --actor moderator-2 --note '转述新闻' "
    "--case regression.yaml"
)
def overturn(
    review_id: ReviewId,
    actor: Actor,
    note: Annotated[str, typer.Option(help="Why; '-' reads it from standard input.")],
    case: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Write the regression case of its rules there (YAML).")
    ] = None,
    expected_version: Version = 0,
    server: Server = DEFAULT_SERVER,
) -> None:
    """The post is in order: allow it. What was recorded against the seller for it is undone."""
    fields: dict[str, Any] = {"state": STATES.index("overturned") + 1, "actor": actor, "note": note}
    _decide(server, review_id, fields | {"expected_version": expected_version}, case)


@app.command(epilog='Example: fairpost review watch --from-beginning | while read -r line; do echo "$line"; done')
def watch(
    cursor: Annotated[str, typer.Option(help="Where an earlier run ended.")] = "",
    from_beginning: Annotated[bool, typer.Option("--from-beginning", help="All decisions there are.")] = False,
    server: Server = DEFAULT_SERVER,
) -> None:
    """Follow decisions: a line of JSON each, with the cursor to go on from. Ends with Ctrl-C."""
    import orjson
    from google.protobuf.json_format import MessageToDict

    with connect(server, "--server", "review") as client:
        for part in client.watch_reviews(cursor, from_beginning=from_beginning):
            for decision in part.decisions:
                line = MessageToDict(decision, preserving_proto_field_name=True) | {"cursor": part.cursor}
                typer.echo(orjson.dumps(line).decode())


def _decide(server: str, review_id: str, fields: dict[str, Any], case: Path | None) -> None:
    fields["note"] = text_or_input(fields["note"])
    with connect(server, "--server", "review") as client:
        answer = client.decide_review(review_id, **fields)
    console = render.make_console()
    _show(answer.review, console)
    if answer.HasField("standing"):
        console.print(standing_text(answer.standing))
    if case is None:
        return
    if not answer.regression_case:
        console.print("no regression case: no rule had led to it, or the post is not kept any more")
        return
    try:
        case.write_text(answer.regression_case, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"--case {case}: cannot be written: {error.strerror}") from None
    console.print(f"regression case: {case}; try it with: fairpost rules test {case}", soft_wrap=True)


def _show_list(found: Iterable[Any], most: int, console: Console) -> None:
    listed = list(found)
    grid = Grid("review", "post", "seller", "channel", "verdict", "risk", "labels", "state", "queued", box=None)
    grid.pad_edge, grid.header_style = False, "bold"
    for each in listed[:most]:
        state = STATES[each.state - 1]
        if each.claimed_by:
            state += f", claimed by {each.claimed_by}"
        elif each.outcome:
            state += f": {ACTIONS[each.outcome - 1]}"
        grid.add_row(
            each.review_id,
            Text(each.post_id),
            each.seller_id,
            Text(each.channel),
            ACTIONS[each.action - 1],
            f"{each.risk:.2f}",
            ", ".join(label.category for label in each.labels),
            Text(state),
            _time(each.queued_at),
        )
    show_list(console, grid, len(listed), most)


def _show(review: Any, console: Console) -> None:
    grid = Grid.grid(padding=(0, 2))
    grid.add_row("review", review.review_id)
    if review.HasField("post"):
        spans = [
            (each.begin, each.end)
            for each in review.verdict.evidence
            if not each.shadow and each.text_index == 0 and each.end > each.begin
        ]
        text = render.excerpt(review.post.text, spans, marked=not console.color_system, budget=_SHOWN)
        grid.add_row("post", text)
        for extra in review.post.extra_texts:
            grid.add_row("", render.excerpt(extra.text, [], marked=False, budget=_SHOWN))
    for name, value in (
        ("post id", review.post_id),
        ("seller", review.seller_id),
        ("channel", review.channel),
        ("verdict", f"{ACTIONS[review.action - 1]}, risk {review.risk:.2f}"),
        ("labels", ", ".join(f"{label.category} {label.score:.2f}" for label in review.labels)),
        ("rules", ", ".join(review.rules)),
        ("shadow rules", ", ".join(review.shadow_rules)),
        ("law", "\n".join(dict.fromkeys(law for each in review.verdict.evidence for law in each.basis))),
        ("state", STATES[review.state - 1]),
        ("claimed by", review.claimed_by and f"{review.claimed_by}, until {_time(review.claimed_until)}"),
        ("outcome", ACTIONS[review.outcome - 1] if review.outcome else ""),
        ("note", review.note),
        ("decided by", review.actor),
        ("violation", f"event {review.violation}" if review.violation else ""),
        ("version", str(review.version)),
    ):
        if value:
            grid.add_row(name, Text(value))
    console.print(grid)


def _time(stamp: Any) -> str:
    return str(stamp.ToDatetime().strftime("%Y-%m-%d %H:%M:%SZ"))
