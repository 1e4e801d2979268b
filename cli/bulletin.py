"""`fairpost bulletin`: what the official account publishes, on a running server. Reading is in bulletin_reading.py."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.table import Table as Grid
from rich.text import Text

from fairpost.cli import bulletin_reading as reading
from fairpost.cli import render
from fairpost.cli.errors import CommandError
from fairpost.cli.remote import DEFAULT_SERVER, connect
from fairpost.cli.rule_sets import content_of
from fairpost.cli.seller import SellerId, Server
from fairpost.cli.words import number_of, numbers_of, show_list

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True, help="The official account: publish documents and rule changes, see who has them."
)

STATES: Final = ("waiting", "delivered", "dead")

Actor = Annotated[str, typer.Option(envvar="FAIRPOST_ACTOR", help="Who does this; not shown to readers.")]
Version = Annotated[int, typer.Option(help="Write only if this is the document's version (see `bulletin show`).")]
Kind = Annotated[str, typer.Option(help=f"One of {', '.join(reading.KINDS)}.")]
Zh = Annotated[Path | None, typer.Option(metavar="FILE", help="Markdown, Chinese; a first line '# ...' is the title.")]
En = Annotated[Path | None, typer.Option(metavar="FILE", help="Markdown, English, likewise.")]
TitleZh = Annotated[str, typer.Option(help="Title, Chinese.")]
TitleEn = Annotated[str, typer.Option(help="Title, English.")]
Category = Annotated[list[str] | None, typer.Option(help="A category; repeat for more.")]
Law = Annotated[list[str] | None, typer.Option(help="An article, as in cn.advertising-law/17; repeat for more.")]
Rule = Annotated[list[str] | None, typer.Option(help="Id of a rule that it is about; repeat for more.")]
Begin = Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="First day on which it holds.")]
End = Annotated[str, typer.Option("--until", metavar="YYYY-MM-DD", help="Last day on which it holds.")]
Note = Annotated[str, typer.Option(help="What is different from the version before, for readers.")]
Bundle = Annotated[
    str, typer.Option(metavar="BUNDLE", help="The new rule set of a rule change: bundle, packs, or 'shipped'.")
]
Revision = Annotated[str, typer.Option(metavar="REVISION", help="Instead of --bundle: one that the server keeps.")]
RequestId = Annotated[str, typer.Option(help="Idempotency key: the same command again does nothing more.")]
OptionalId = Annotated[str, typer.Option("--id", help="The document; default: a new one.")]

app.command("list")(reading.list_documents)
app.command("show", epilog=reading.SHOW_EPILOG)(reading.show)
app.command("notice", epilog=reading.NOTICE_EPILOG)(reading.notice)
app.command("feed", epilog=reading.FEED_EPILOG)(reading.feed)


@app.command(
    epilog="\n\n".join(
        [
            "Examples:",
            "fairpost bulletin publish --id seller-rules --kind regulation --zh rules.zh.md --actor li",
            "fairpost bulletin publish --kind rule-change --bundle new.fpb --actor li",
        ]
    )
)
def publish(
    actor: Actor,
    kind: Kind,
    document_id: OptionalId = "",
    zh: Zh = None,
    en: En = None,
    title_zh: TitleZh = "",
    title_en: TitleEn = "",
    category: Category = None,
    law: Law = None,
    rule: Rule = None,
    begin: Begin = "",
    end: End = "",
    note: Note = "",
    bundle: Bundle = "",
    revision: Revision = "",
    expected_version: Version = 0,
    request_id: RequestId = "",
    server: Server = DEFAULT_SERVER,
) -> None:
    """Make a document, or a new version of one, public now.

    The text of a rule change is made from the server's active rule set and the new one; --zh and --en stand before it.
    """
    texts = _texts(zh, en, title_zh, title_en)
    tags = {"categories": category or [], "laws": law or [], "rules": rule or []}
    days = {"effective_from": begin, "effective_until": end}
    fields = _fields(kind, document_id, actor, note, bundle, revision, expected_version)
    with connect(server, "--server", "bulletin") as client:
        answer = client.publish(content=_content(texts, **tags, **days), request_id=request_id, **fields)
    _told(answer, render.make_console())


@app.command(
    epilog="Example: fairpost bulletin schedule 2026-12-01T09:00+08:00 --id holiday --kind notice --zh holiday.md "
    "--actor li"
)
def schedule(
    at: Annotated[str, typer.Argument(metavar="TIME", help="When it becomes public: ISO 8601 with a zone.")],
    actor: Actor,
    kind: Kind,
    document_id: OptionalId = "",
    zh: Zh = None,
    en: En = None,
    title_zh: TitleZh = "",
    title_en: TitleEn = "",
    category: Category = None,
    law: Law = None,
    rule: Rule = None,
    begin: Begin = "",
    end: End = "",
    note: Note = "",
    bundle: Bundle = "",
    revision: Revision = "",
    expected_version: Version = 0,
    request_id: RequestId = "",
    server: Server = DEFAULT_SERVER,
) -> None:
    """Store a version that becomes public later. What was scheduled of the document before is cancelled."""
    moment = _moment(at)
    texts = _texts(zh, en, title_zh, title_en)
    tags = {"categories": category or [], "laws": law or [], "rules": rule or []}
    days = {"effective_from": begin, "effective_until": end}
    fields = _fields(kind, document_id, actor, note, bundle, revision, expected_version)
    with connect(server, "--server", "bulletin") as client:
        answer = client.schedule(moment, content=_content(texts, **tags, **days), request_id=request_id, **fields)
    _told(answer, render.make_console())


@app.command()
def withdraw(
    document_id: reading.DocumentId,
    reason: Annotated[str, typer.Option(help="Why; shown to readers.")],
    actor: Actor,
    scheduled: Annotated[bool, typer.Option("--scheduled", help="Only the version that is scheduled.")] = False,
    expected_version: Version = 0,
    server: Server = DEFAULT_SERVER,
) -> None:
    """Take a document back. Its versions stay in the history, with the reason."""
    with connect(server, "--server", "bulletin") as client:
        answer = client.withdraw(
            document_id, reason=reason, actor=actor, scheduled_only=scheduled, expected_version=expected_version
        )
    _told(answer, render.make_console())


@app.command()
def acknowledge(
    seller_id: SellerId,
    document_id: reading.DocumentId,
    number: Annotated[int, typer.Argument(metavar="NUMBER", min=1, help="The version that was read.")],
    actor: Annotated[str, typer.Option(help="Who says so; default: the seller.")] = "",
    server: Server = DEFAULT_SERVER,
) -> None:
    """Record that a seller has read and accepted a document."""
    with connect(server, "--server", "bulletin") as client:
        answer = client.acknowledge(seller_id, document_id, number, actor=actor)
    console = render.make_console()
    console.print(f"{seller_id} has accepted {document_id}, version {number}", highlight=False, markup=False)
    for due in answer.currently_due:
        console.print(f"still due: {due}", highlight=False, markup=False)


@app.command()
def acknowledgements(
    document: Annotated[str, typer.Option(help="Of this document.")] = "",
    seller: Annotated[str, typer.Option(help="Of this seller.")] = "",
    most: Annotated[int, typer.Option(min=1, help="Show no more than these.")] = 100,
    server: Server = DEFAULT_SERVER,
) -> None:
    """List who has accepted what, oldest first."""
    with connect(server, "--server", "bulletin") as client:
        conditions = {"document_id": document, "seller_id": seller, "page_size": min(most + 1, 1000)}
        found = list(islice(client.acknowledgements(**conditions), most + 1))
    grid = Grid("seller", "document", "version", "by", "at", box=None, pad_edge=False, header_style="bold")
    for each in found[:most]:
        at = reading.shown_time(each.recorded_at)
        grid.add_row(each.seller_id, each.document_id, str(each.number), each.actor, at)
    show_list(render.make_console(), grid, len(found), most)


@app.command()
def deliveries(
    receiver: Annotated[str, typer.Option(help="To this receiver.")] = "",
    state: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(STATES)}; repeat for more.")] = None,
    most: Annotated[int, typer.Option(min=1, help="Show no more than these.")] = 100,
    server: Server = DEFAULT_SERVER,
) -> None:
    """List what is told to webhooks and the account, and how that stands; --state dead: the dead letters."""
    conditions = {
        "receiver": receiver,
        "states": numbers_of("--state", state, STATES),
        "page_size": min(most + 1, 1000),
    }
    with connect(server, "--server", "bulletin") as client:
        found = list(islice(client.deliveries(**conditions), most + 1))
    grid = Grid(
        "step", "receiver", "document", "state", "tried", "next", "error", box=None, pad_edge=False, header_style="bold"
    )
    for each in found[:most]:
        later = reading.shown_time(each.next_attempt_at) if each.HasField("next_attempt_at") else ""
        document = f"{each.document_id} {each.number}"
        row = (str(each.sequence), each.receiver, document, STATES[each.state - 1], str(each.attempts), later)
        grid.add_row(*row, Text(each.last_error))
    show_list(render.make_console(), grid, len(found), most)


@app.command()
def retry(
    receiver: Annotated[str, typer.Argument(metavar="RECEIVER", help="The receiver's name.")],
    step: Annotated[int, typer.Argument(metavar="STEP", help="The step (see `bulletin deliveries`).")],
    actor: Actor,
    server: Server = DEFAULT_SERVER,
) -> None:
    """Have a dead or waiting delivery tried again now."""
    with connect(server, "--server", "bulletin") as client:
        client.retry_delivery(receiver, step, actor=actor)
    render.make_console().print(f"step {step} is told to {receiver} again", highlight=False, markup=False)


# ---- what is given -------------------------------------------------------------------------------------


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text}: no time; write it as in 2026-12-01T09:00+08:00") from None
    if moment.tzinfo is None:
        raise CommandError(f"{text}: of which zone? write it as in 2026-12-01T09:00+08:00")
    return moment.astimezone(UTC).replace(tzinfo=None)


def _texts(zh: Path | None, en: Path | None, title_zh: str, title_en: str) -> dict[str, dict[str, str]]:
    """title and body by language."""
    found: dict[str, dict[str, str]] = {"title": {}, "body": {}}
    for language, path, title in (("zh", zh, title_zh), ("en", en, title_en)):
        body = _read(path) if path else ""
        first, _, rest = body.lstrip("\ufeff\n").partition("\n")
        if not title and first.startswith("# "):
            title, body = first[2:].strip(), rest.lstrip("\n")
        found["title"][language], found["body"][language] = title, body
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CommandError(f"{path}: is not UTF-8") from None


def _content(texts: dict[str, dict[str, str]], **fields: Any) -> Any:
    from fairpost.v1 import bulletin_pb2

    named: dict[str, Any] = {name: bulletin_pb2.LocalText(**by_language) for name, by_language in texts.items()}
    return bulletin_pb2.DocumentContent(**named, **fields)


def _fields(
    kind: str, document_id: str, actor: str, note: str, bundle: str, revision: str, expected_version: int
) -> dict[str, Any]:
    return {
        "kind": number_of("--kind", kind, reading.KINDS),
        "document_id": document_id,
        "actor": actor,
        "note": note,
        "bundle": content_of(bundle, "--bundle") if bundle else b"",
        "revision": revision,
        "expected_version": expected_version,
    }


def _told(answer: Any, console: Console) -> None:
    document = answer.document
    words = f"{document.document_id} version {document.number}: {reading.STATES[document.state - 1]}"
    if document.state == 1:
        words += f" for {reading.shown_time(document.publish_at)}"
    console.print(f"{words} (version of the document: {document.version})", highlight=False, markup=False)
    change = document.rule_change
    if change.new_revision:
        counts = f"stricter {change.stricter}, milder {change.milder}, either {change.either}, neither {change.neither}"
        console.print(f"{change.old_revision} -> {change.new_revision}: {counts}", highlight=False, markup=False)
        console.print(f"in force from {document.content.effective_from}", highlight=False, markup=False)
