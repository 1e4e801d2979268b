"""Reading the bulletin: lists, documents, notices of rule changes, feeds."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, cast
from zoneinfo import ZoneInfo

import typer
from rich.table import Table as Grid
from rich.text import Text

from fairpost.cli import render
from fairpost.cli.errors import CommandError
from fairpost.cli.posts import day_of
from fairpost.cli.remote import DEFAULT_SERVER, connect
from fairpost.cli.rule_sets import WithShippedOption, content_of
from fairpost.cli.seller import Server
from fairpost.cli.words import number_of, numbers_of, show_list

if TYPE_CHECKING:
    from fairpost.v1 import bulletin_pb2

__all__ = ["KINDS", "STATES", "feed", "list_documents", "notice", "show", "shown_time"]

KINDS: Final = ("guideline", "regulation", "rule-change", "notice")
STATES: Final = ("scheduled", "public", "superseded", "withdrawn")
_FORMATS: Final = ("markdown", "html", "mail", "json")
_CHINA: Final = ZoneInfo("Asia/Shanghai")
_FEED_ENTRIES: Final = 50

SHOW_EPILOG: Final = "\n\n".join(
    [
        "Examples:",
        "fairpost bulletin show seller-rules",
        "fairpost bulletin show seller-rules --language en --format mail --sender bulletin@example.com > rules.eml",
    ]
)
NOTICE_EPILOG: Final = "\n\n".join(
    [
        "Examples:",
        "fairpost bulletin notice old.fpb new.fpb",
        "fairpost bulletin notice shipped my-packs/ --with-shipped --language en --from 2026-12-12 -o notice.md",
        "Exit status: 0 the new rules make nothing stricter; 1 they may, so that activation may wait for the notice.",
    ]
)
FEED_EPILOG: Final = "Example: fairpost bulletin feed --format atom --language en --category MEDICAL -o feed.atom"

DocumentId = Annotated[str, typer.Argument(metavar="DOCUMENT_ID", help="The document's id.")]
LanguageOption = Annotated[str, typer.Option(help="zh or en; where there is no English, Chinese.")]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write there; default: standard output.")
]


def shown_time(timestamp: Any) -> str:
    """In China."""
    return datetime.fromtimestamp(timestamp.ToMilliseconds() / 1000, _CHINA).strftime("%Y-%m-%d %H:%M")


def list_documents(
    kind: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(KINDS)}; repeat for more.")] = None,
    category: Annotated[str, typer.Option(help="With this category.")] = "",
    rule: Annotated[str, typer.Option(help="About this rule.")] = "",
    law: Annotated[str, typer.Option(help="About this law or article.")] = "",
    query: Annotated[str, typer.Option(help="That contain this text.")] = "",
    withdrawn: Annotated[bool, typer.Option("--withdrawn", help="Withdrawn ones, too.")] = False,
    scheduled: Annotated[bool, typer.Option("--scheduled", help="What is not public yet, and nothing else.")] = False,
    language: LanguageOption = "zh",
    most: Annotated[int, typer.Option(min=1, help="Show no more than these.")] = 100,
    server: Server = DEFAULT_SERVER,
) -> None:
    """List public documents, the latest first publication first."""
    conditions = {
        "kinds": numbers_of("--kind", kind, KINDS),
        "category": category,
        "rule": rule,
        "law": law,
        "query": query,
        "withdrawn": withdrawn,
        "titles_only": True,
        "page_size": min(most + 1, 1000),
    }
    with connect(server, "--server", "bulletin") as client:
        listed = client.scheduled() if scheduled else client.documents(**conditions)
        found = list(islice(listed, most + 1))
    grid = Grid("document", "kind", "version", "state", "at", "title", box=None, pad_edge=False, header_style="bold")
    for each in found[:most]:
        at = each.publish_at if each.state == 1 else each.withdrawn_at if each.state == 4 else each.published_at
        title = getattr(each.content.title, _language(language)) or each.content.title.zh
        row = (each.document_id, KINDS[each.kind - 1], str(each.number), STATES[each.state - 1], shown_time(at))
        grid.add_row(*row, Text(title))
    show_list(render.make_console(), grid, len(found), most)


def show(
    document_id: DocumentId,
    number: Annotated[int, typer.Option(min=0, help="An earlier version; default: the newest.")] = 0,
    language: LanguageOption = "zh",
    form: Annotated[str, typer.Option("--format", help=f"One of {', '.join(_FORMATS)}.")] = "markdown",
    sender: Annotated[str, typer.Option(help="Sender's address, of --format mail.")] = "bulletin@localhost",
    to: Annotated[list[str] | None, typer.Option(help="An address, of --format mail; repeat for more.")] = None,
    output: Output = None,
    server: Server = DEFAULT_SERVER,
) -> None:
    """Print a document as it is public, or an earlier version of it."""
    number_of("--format", form, _FORMATS)
    chosen = _language(language)
    with connect(server, "--server", "bulletin") as client:
        document = client.document(document_id, number)
    from google.protobuf.json_format import MessageToJson

    from fairpost.server.bulletin.html import html_of
    from fairpost.server.bulletin.mail import mail
    from fairpost.server.bulletin.texts import body_in, title_in

    if form == "json":
        content = MessageToJson(document, preserving_proto_field_name=True, ensure_ascii=False) + "\n"
    elif form == "html":
        content = html_of(body_in(document, chosen))
    elif form == "mail":
        try:
            _write(output, bytes(mail(document, chosen, sender=sender, to=to or ())))
        except ValueError as error:
            raise CommandError(str(error)) from None
        return
    else:
        content = f"# {title_in(document, chosen)}\n\n{_about(document)}\n\n{body_in(document, chosen)}"
    _write(output, content.rstrip("\n").encode() + b"\n")


def _about(document: bulletin_pb2.Document) -> str:
    """A line of facts."""
    parts = [f"{document.document_id} version {document.number}", KINDS[document.kind - 1], STATES[document.state - 1]]
    parts.append(f"published {shown_time(document.published_at)}")
    if document.content.effective_from:
        parts.append(f"holds from {document.content.effective_from}")
    if document.content.effective_until:
        parts.append(f"until {document.content.effective_until}")
    if document.state == 4:
        parts.append(f"withdrawn {shown_time(document.withdrawn_at)}: {document.withdrawal_reason}")
    return "; ".join([*parts, f"version of the document {document.version}"])


def notice(
    old: Annotated[str, typer.Argument(metavar="OLD", help="Rule set before: bundle, packs, or 'shipped'.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Rule set after.")],
    language: LanguageOption = "zh",
    begin: Annotated[
        str | None, typer.Option("--from", metavar="YYYY-MM-DD", help="First day of the new rules; default: in 7 days.")
    ] = None,
    emergency: Annotated[str, typer.Option(metavar="REASON", help="Why the term is not kept, if it is not.")] = "",
    with_shipped: WithShippedOption = False,
    output: Output = None,
) -> None:
    """Print the notice of a rule change, made from two rule sets. Needs no server, and publishes nothing."""
    from fairpost.engine.dates import today
    from fairpost.rules.notices import Notice, markdown, title

    chosen = _language(language)
    day = day_of(begin) or today() + timedelta(days=0 if emergency else 7)
    before, after = (content_of(each, name, with_shipped=with_shipped) for each, name in ((old, "OLD"), (new, "NEW")))
    made = Notice.between(before, after, day, emergency_reason=emergency)
    _write(output, f"# {title(made, chosen)}\n\n{markdown(made, chosen)}".encode("utf-8", "replace"))
    if made.tightens:
        raise typer.Exit(1)


def feed(
    form: Annotated[str, typer.Option("--format", help="atom or json.")] = "atom",
    language: LanguageOption = "zh",
    category: Annotated[str, typer.Option(help="Of this category; default: all.")] = "",
    title: Annotated[str, typer.Option(help="Title of the feed.")] = "",
    author: Annotated[str, typer.Option(help="Who publishes.")] = "fairpost",
    base_url: Annotated[str, typer.Option(help="Address of the public pages, for links.")] = "",
    output: Output = None,
    server: Server = DEFAULT_SERVER,
) -> None:
    """Write a feed of the latest 50 publications and withdrawals: Atom, or JSON Feed."""
    number_of("--format", form, ("atom", "json"))
    chosen = _language(language)
    with connect(server, "--server", "bulletin") as client:
        from fairpost.server.bulletin.feeds import Feed, atom, json_feed
        from fairpost.v1 import bulletin_pb2 as messages

        request = messages.ListDocumentsRequest(
            category=category, withdrawn=True, latest_change_first=True, page_size=_FEED_ENTRIES
        )
        answer = client.call("List", request)
    source = answer.cursor.partition(".")[0]
    try:
        made = Feed(source, chosen, title or {"zh": "公告", "en": "Bulletin"}[chosen], author, base_url, category)
    except ValueError as error:
        raise CommandError(str(error)) from None
    _write(output, (atom if form == "atom" else json_feed)(made, answer.documents))


def _language(word: str) -> Literal["zh", "en"]:
    number_of("--language", word, ("zh", "en"))
    return cast('Literal["zh", "en"]', word)


def _write(output: Path | None, content: bytes) -> None:
    if output is None:
        # Bytes, whatever the terminal's encoding; what stands in for a terminal may take text alone.
        if (buffer := getattr(sys.stdout, "buffer", None)) is not None:
            sys.stdout.flush()
            buffer.write(content)
            buffer.flush()
        else:
            sys.stdout.write(content.decode())
        return
    try:
        output.write_bytes(content)
    except OSError as error:
        raise CommandError(f"-o {output}: {error.strerror}") from None
