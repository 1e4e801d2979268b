"""The commands and their options; what they do is in the modules beside this one."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fairpost.cli import appeal as appeal_commands
from fairpost.cli import audit as audit_commands
from fairpost.cli import bulletin as bulletin_commands
from fairpost.cli import complaint as complaint_commands
from fairpost.cli import decisions as decisions_commands
from fairpost.cli import keys as keys_commands
from fairpost.cli import posts, remote, seller_decisions
from fairpost.cli import registry as registry_commands
from fairpost.cli import review as review_commands
from fairpost.cli import rules as rules_commands
from fairpost.cli import seller as seller_commands
from fairpost.cli import serve as serve_command
from fairpost.cli.errors import CommandError, require
from fairpost.cli.rule_sets import open_bundle

if TYPE_CHECKING:
    from fairpost.engine import RuleSet

__all__ = ["app"]

app = typer.Typer(
    name="fairpost",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Judge social-commerce posts: false claims are limited, shielded or blocked; honest goods are shown more.",
    add_completion=False,
    epilog="\n\n".join(
        [
            "Examples:",
            "fairpost check posts.txt",
            "fairpost check posts.parquet --seller-column seller --registry 127.0.0.1:50051 -o verdicts.parquet",
            "fairpost serve --port 50051",
            "fairpost rules test my-packs/",
            "fairpost seller lookup tea-shop",
        ]
    ),
)
app.add_typer(rules_commands.app, name="rules")
seller_decisions.add_to(seller_commands.app)
app.add_typer(seller_commands.app, name="seller")
app.add_typer(complaint_commands.app, name="complaint")
app.add_typer(appeal_commands.app, name="appeal")
app.add_typer(review_commands.app, name="review")
app.add_typer(bulletin_commands.app, name="bulletin")
app.add_typer(registry_commands.app, name="registry")
app.add_typer(decisions_commands.app, name="decisions")
app.command("replay", epilog=decisions_commands.REPLAY_EPILOG)(decisions_commands.replay)
app.add_typer(keys_commands.app, name="keys")
app.add_typer(audit_commands.app, name="audit")
app.command("serve", epilog=serve_command.EPILOG)(serve_command.serve)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"fairpost {version('fairpost')}")
        raise typer.Exit


@app.callback()
def root(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
    api_key_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File with the API key for calls to servers (FAIRPOST_API_KEY_FILE; FAIRPOST_API_KEY holds one).",
        ),
    ] = None,
    tls_ca: Annotated[
        str | None,
        typer.Option(metavar="PEM", help="Call servers over TLS; roots of their certificates, or 'system'."),
    ] = None,
) -> None:
    """Options of every command."""
    remote.use(api_key_file, tls_ca)


def open_rules(path: Path | None) -> RuleSet:
    """A compiled rule set; without a path the shipped packs, compiled at first use.

    Raises:
        CommandError: no such file, or it is no sound bundle.
    """
    if path is None:
        from fairpost.rules import PackErrors, shipped_bundle

        try:
            path = shipped_bundle()
        except PackErrors as error:
            raise CommandError(f"the shipped packs do not compile:\n{error}") from None
    return open_bundle(path, "--rules")


@app.command(
    epilog="\n\n".join(
        [
            "Examples:",
            "fairpost check posts.txt",
            "fairpost check posts.csv --text-column content --id-column nr -o verdicts.jsonl",
            "fairpost check posts.jsonl --labels spam",
            "fairpost check posts.parquet --seller-column seller --registry 127.0.0.1:50051 -o verdicts.parquet",
            "Exit status: 0 all posts were judged; 1 some rows were bad; 2 the run could not be made.",
        ]
    )
)
def check(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help=".txt (a post a line), .jsonl, .csv, .parquet")
    ],
    text_column: Annotated[str, typer.Option(help="Column that holds the post's text.")] = "text",
    id_column: Annotated[
        str | None, typer.Option(help="Column with the post's id; default: line or row number.")
    ] = None,
    seller_column: Annotated[str | None, typer.Option(help="Column with the seller's id; needs --registry.")] = None,
    channel_column: posts.ChannelColumnOption = None,
    labels: posts.LabelsOption = None,
    rules: Annotated[
        Path | None, typer.Option(metavar="BUNDLE", help="Compiled rule set; default: the shipped packs.")
    ] = None,
    registry: Annotated[
        str | None,
        typer.Option(metavar="URL", help="sqlite:///path/registry.sqlite, or host:port of a fairpost server."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="OUT", help="Write every verdict: .jsonl, .csv or .parquet."),
    ] = None,
    channel: Annotated[
        str, typer.Option(help="Channel of all posts, e.g. moments; thresholds differ by channel.")
    ] = "",
    language: Annotated[str, typer.Option(help="Language of all posts, e.g. zh.")] = "",
    date: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="Judge by the law of this day; default: today.")
    ] = None,
) -> None:
    """Judge posts in bulk.

    Verdicts have the columns id, action, risk, commerce, exposure, labels, evidence, shadow, seller_standing and
    revision. Spans of evidence count code points of the post's text; shadow is the evidence of shadow rules, which
    change no verdict. Bad rows are reported and left out.
    """
    require("pyarrow", "bulk", "check")
    from fairpost.cli import check as bulk
    from fairpost.cli import readers, render, writers
    from fairpost.cli.figures import print_table
    from fairpost.cli.standings import open_registry

    if registry is not None and seller_column is None:
        raise CommandError(f"--registry {registry}: name the column with the sellers' ids too: --seller-column NAME")
    columns = readers.Columns(text_column, id_column, seller_column, channel_column, labels)
    options = bulk.Options(columns, channel, language, posts.day_of(date))
    posts.look(files, columns, {"-o": output})  # a wrong name as the last file must not cost the run
    opened = open_rules(rules)
    bulk.known_channel(opened, channel)
    sellers = open_registry(registry)
    console, errors = render.make_console(), render.make_console(stderr=True)
    if seller_column is not None and registry is None:
        errors.print("without --registry nothing is known about sellers: their standing counts as unavailable")
    if output is None:
        tally = bulk.check(files, opened, sellers, options, None, console, errors)
    else:
        with writers.open_output(output) as out:
            tally = bulk.check(files, opened, sellers, options, out, console, errors)
    for part in bulk.summary(tally, opened, output):
        console.print(part)
    for table in bulk.labelled_tables(tally):
        print_table(console, table)
    if tally.bad:
        raise typer.Exit(1)


@app.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the server running and print how to call it.")] = False,
) -> None:
    """Start a real server, register sellers, judge the sample posts over gRPC, swap the rules while checking."""
    require("grpc", "server", "demo")
    require("sqlalchemy", "server", "demo")
    from fairpost.cli.demo import run

    raise typer.Exit(run(keep=keep))
