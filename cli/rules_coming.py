"""`fairpost rules keep`, `compare`, `shadows`: rule sets to come and rules on trial, on a running server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from fairpost.cli import render
from fairpost.cli.errors import CommandError
from fairpost.cli.remote import DEFAULT_SERVER, connect
from fairpost.cli.rule_sets import content_of, is_packs, open_bundle
from fairpost.cli.rules_server import Server, grid_of, signature_for, time_of

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["COMPARE_EPILOG", "KEEP_EPILOG", "SHADOWS_EPILOG", "compare", "keep", "shadows"]

KEEP_EPILOG = "Example: fairpost rules keep rules.fpb (then publish its notice, and activate it by its revision later)"
COMPARE_EPILOG = "\n\n".join(
    [
        "Examples:",
        "fairpost rules compare rules.fpb",
        "fairpost rules compare 3f9c0a7be1d2 --reviewed 5000 --samples 2",
        "Exit status: 0 it could be activated now; 1 it could not.",
    ]
)
SHADOWS_EPILOG = "Example: fairpost rules shadows --examples 3"
ACTIONS = ("ALLOW", "LIMIT", "REVIEW", "SHIELD", "BLOCK")


def keep(
    bundle: Annotated[str, typer.Argument(metavar="BUNDLE", help="Compiled rule set.")],
    signature: Annotated[
        Path | None, typer.Option("--signature", metavar="FILE", help="Signature of the bundle; default: BUNDLE.sig.")
    ] = None,
    server: Server = DEFAULT_SERVER,
) -> None:
    """Keep a rule set on a server as a candidate, and activate nothing; the server keeps ten."""
    content = _content(bundle)
    path = Path(bundle)
    signed = signature_for(path, signature) if signature is not None or path.exists() else None
    with connect(server, "--server", "rules keep") as client:
        candidate = client.keep_bundle(content, signature=signed, source=path.name[:200])
    console = render.make_console()
    console.print(f"kept: revision {candidate.revision} ({candidate.name}, {candidate.rule_count} rules)")
    console.print(f"activate it with: fairpost rules activate {candidate.revision}")


def compare(
    rules: Annotated[str, typer.Argument(metavar="RULES", help="Bundle, or a revision that the server keeps.")],
    reviewed: Annotated[
        int, typer.Option(min=0, max=10_000, help="Try it on so many of the latest reviewed posts.")
    ] = 1000,
    samples: Annotated[int, typer.Option(min=0, max=20, help="Flips shown of each rule.")] = 1,
    server: Server = DEFAULT_SERVER,
) -> None:
    """Say what a rule set would change: its notice, whether it may be activated now, verdicts on reviewed posts that
    flip."""
    is_file = Path(rules).exists()
    fields: dict[str, Any] = {"bundle": _content(rules)} if is_file else {"revision": rules}
    with connect(server, "--server", "rules compare") as client:
        found = client.compare_rules(reviewed_posts=reviewed, samples=samples, **fields)
    console = render.make_console()
    change = found.change
    console.print(Text(f"{found.old_revision} -> {found.new_revision}", style="bold"))
    ways = {"stricter": change.stricter, "milder": change.milder, "either": change.either, "neither": change.neither}
    console.print(f"changes: {', '.join(f'{way} {count}' for way, count in ways.items())}")
    console.print(Text(found.notice.title.en))
    if found.outlook.admitted:
        console.print(Text("may be activated now", style="green"))
    else:
        console.print(Text(f"not now: {found.outlook.reason}", style="yellow"))
        console.print(Text(f"  {found.outlook.message}"), soft_wrap=True)
        if found.outlook.HasField("ready_at"):
            console.print(f"  from {time_of(found.outlook.ready_at)} on, by notice {found.outlook.notice}")
    if found.HasField("reviewed"):
        _show_backtest(found.reviewed, console)
    if not found.outlook.admitted:
        raise typer.Exit(1)


def shadows(
    examples: Annotated[int, typer.Option(min=0, max=20, help="Examples of each rule, from the review queue.")] = 0,
    server: Server = DEFAULT_SERVER,
) -> None:
    """Show what the shadow rules in force hit, and what they would change."""
    with connect(server, "--server", "rules shadows") as client:
        found = client.shadow_results(examples)
    console = render.make_console()
    if not found.rules:
        console.print(f"revision {found.revision} has no shadow rules")
        return
    grid = grid_of("shadow rule", "category", "posts", "reviewed", "decides", "upheld", "overturned")
    for each in found.rules:
        people = each.agreement
        grid.add_row(
            each.rule.rule,
            each.rule.category,
            f"{each.posts:,}",
            f"{each.reviewed:,}",
            f"{each.decides:,}",
            f"{people.upheld_held + people.upheld_passed:,}",
            f"{people.overturned_held + people.overturned_passed:,}",
        )
    console.print(grid)
    note = f"posts: since the workers started; the rest: of the latest {found.reviewed_posts:,} reviewed posts"
    console.print(Text(note, style="dim"))
    for each in found.rules:
        for flip in each.examples:
            _show_flip(flip, console)


def _content(bundle: str) -> bytes:
    path = Path(bundle)
    if is_packs(path):
        open_bundle(path)  # says to compile them first, which runs their cases
    if not path.exists():
        raise CommandError(f"{bundle}: no such file")
    return content_of(bundle, "BUNDLE")


def _show_backtest(found: Any, console: Console) -> None:
    console.print()
    console.print(
        f"of {found.posts:,} reviewed posts {found.flips:,} are judged otherwise: {found.stricter:,} more severely, "
        f"{found.milder:,} more mildly"
    )
    if found.HasField("agreement"):
        people = found.agreement
        console.print(
            f"people upheld {people.upheld_held + people.upheld_passed:,}, of which it lets {people.upheld_passed:,} "
            f"pass; they overturned {people.overturned_held + people.overturned_passed:,}, of which it still holds "
            f"{people.overturned_held:,}"
        )
    if found.rules:
        grid = grid_of("rule", "category", "appeared", "vanished", "redefined", "stricter", "milder", "alone")
        for each in found.rules:
            numbers = (each.appeared, each.vanished, each.redefined, each.stricter, each.milder, each.alone)
            grid.add_row(each.rule, each.category, *(f"{number:,}" for number in numbers))
        console.print(grid)
    for flip in found.samples:
        _show_flip(flip, console)


def _show_flip(flip: Any, console: Console) -> None:
    line = Text(f"{'~+-'[flip.change]}{flip.rule}  ", style="dim")
    line.append_text(render.action_text(ACTIONS[flip.old.action - 1]))
    line.append(" → ")
    line.append_text(render.action_text(ACTIONS[flip.new.action - 1]))
    line.append("  ")
    evidence = [*flip.old.evidence, *flip.new.evidence]
    spans = [(each.begin, each.end) for each in evidence if each.text_index == 0 and each.end > each.begin]
    line.append_text(render.excerpt(flip.text, spans, marked=not console.color_system))
    console.print(line, soft_wrap=True)
