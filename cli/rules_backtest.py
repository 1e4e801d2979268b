"""`fairpost rules backtest`: what a change of rules does to verdicts on real posts."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.text import Text

from fairpost.cli import posts, render, rule_sets
from fairpost.cli.errors import require

if TYPE_CHECKING:
    from rich.console import Console

    from fairpost.rules.backtest import Backtest, Sample

__all__ = ["EPILOG", "backtest"]

EPILOG: Final = "\n\n".join(
    [
        "Examples:",
        "fairpost rules backtest shipped my-packs/ posts.parquet --with-shipped",
        "fairpost rules backtest old.fpb new.fpb posts.csv --seller-column seller -o flips.parquet --html report.html",
        "fairpost rules backtest rules.fpb rules.fpb posts.jsonl --enforce-shadows --labels spam",
        "Exit status: 0 all posts were judged; 1 some rows were bad; 2 the run could not be made.",
    ]
)


def backtest(
    old: Annotated[str, typer.Argument(metavar="OLD", help="Bundle, packs, or 'shipped': the rules in force.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Bundle, packs, or 'shipped': the rules to come.")],
    files: Annotated[
        list[Path], typer.Argument(metavar="POSTS...", help=".txt (a post a line), .jsonl, .csv, .parquet")
    ],
    text_column: posts.TextColumnOption = "text",
    id_column: posts.IdColumnOption = None,
    seller_column: posts.SellerColumnOption = None,
    channel_column: posts.ChannelColumnOption = None,
    labels: posts.LabelsOption = None,
    registry: posts.RegistryOption = None,
    channel: posts.ChannelOption = "",
    language: posts.LanguageOption = "",
    date: posts.DateOption = None,
    with_shipped: rule_sets.WithShippedOption = False,
    enforce_shadows: Annotated[
        bool, typer.Option("--enforce-shadows", help="Take the shadow rules of NEW as if they were enforced.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FLIPS.parquet", help="Write every flip, without the posts' texts."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="REPORT.html", help="Write a report, one file that needs no other.")
    ] = None,
    samples: Annotated[int, typer.Option("--samples", metavar="N", min=0, max=1000, help="Flips shown a rule.")] = 2,
    seed: Annotated[int, typer.Option("--seed", metavar="S", min=0, help="Draws the samples.")] = 0,
    exposure_bound: Annotated[
        float, typer.Option("--exposure-bound", min=0.0, help="Differences of exposure up to this are no flip.")
    ] = 0.05,
    commerce_bound: Annotated[
        float, typer.Option("--commerce-bound", min=0.0, help="Differences of commerce up to this are no flip.")
    ] = 0.1,
    top: Annotated[int, typer.Option("--top", metavar="N", min=1, help="Rows of a table on the terminal.")] = 20,
    threads: posts.ThreadsOption = 1,
) -> None:
    """Judge posts by two rule sets and say whose verdicts flip, by which rule, and show some.

    A flip is another action, other categories, or another exposure or commerce score beyond a bound. Posts are read
    a bounded number at a time. OLD and NEW are taken as they stand: cases of packs are not run.
    """
    require("pyarrow", "bulk", "rules backtest")
    from fairpost.cli import readers
    from fairpost.cli.standings import open_registry

    started = time.perf_counter()
    columns = readers.Columns(text_column, id_column, seller_column, channel_column, labels)
    posts.look(files, columns, {"-o": output, "--html": html})
    console, errors = render.make_console(), render.make_console(stderr=True)
    from fairpost.cli.check import known_channel
    from fairpost.cli.rule_sets import opened
    from fairpost.rules.backtest import Backtest, Bounds

    before = opened(old, "OLD", with_shipped=with_shipped)
    after = opened(new, "NEW", with_shipped=with_shipped, enforce_shadows=enforce_shadows)
    known_channel(after, channel)
    on = posts.day_of(date)
    from fairpost.engine.dates import day_of_date

    run = Backtest(
        before,
        after,
        bounds=Bounds(exposure_bound, commerce_bound),
        day=None if on is None else day_of_date(on),
        samples=samples,
        seed=seed,
        channel=channel,
        language=language,
        threads=threads,
    )
    source = posts.PostFiles(files, columns, open_registry(registry), errors)
    _judge(run, source, output)
    run.counts.seconds = time.perf_counter() - started
    _show(run, console, top, samples)
    if output is not None:
        console.print(f"every flip: {output}")
    if html is not None:
        from fairpost.cli.figures import write_text
        from fairpost.rules.backtest.page import page

        write_text(html, page(run, [str(path) for path in files], old, new), "--html")
        console.print(f"report: {html}")
    if source.bad.count or run.counts.at_fault:
        raise typer.Exit(1)


def _judge(run: Backtest, source: posts.PostFiles, output: Path | None) -> None:
    from fairpost.cli.flips import FLIPS, flip_rows
    from fairpost.cli.writers import open_parquet

    with contextlib.ExitStack() as stack:
        out = None if output is None else stack.enter_context(open_parquet(output, FLIPS))
        for batch in source.batches():
            judged = run.add(batch.columns())
            source.note_faults(batch, judged.old)
            if out is not None and len(judged.flips):
                out.write(flip_rows(batch, judged, run.table))


def _show(run: Backtest, console: Console, top: int, samples: int) -> None:
    from fairpost.cli.figures import print_table
    from fairpost.rules.backtest import summary, tables

    first, *rest = summary(run)
    console.print(Text(first, style="bold"))
    for table in tables(run, top):
        print_table(console, table)
    if samples:
        _show_samples(run, console, top)
    console.print()
    for line in rest:
        console.print(Text(line, style="dim"))


def _show_samples(run: Backtest, console: Console, top: int) -> None:
    """The samples of the rules that have the most flips, a rule after the other."""
    from fairpost.rules.backtest.tables import by_rule

    for row in by_rule(run, top).rows:
        name = str(row[0])
        for change in (1, -1, 0):
            found = run.samples.of(name, change)
            if found:
                console.print()
                console.print(Text(run.table.describe(run.table.names.index(name), change), style="bold"))
            for sample in found:
                _show_sample(sample, console)


def _show_sample(sample: Sample, console: Console) -> None:
    line = Text("  ")
    line.append_text(render.action_text(sample.old.action.name))
    line.append(" → ")
    line.append_text(render.action_text(sample.new.action.name))
    line.append(f"  {sample.name}", style="dim")
    if sample.seller:
        line.append(f"  {sample.seller}", style="dim")
    line.append("  ")
    spans = [(e.begin, e.end) for v in (sample.old, sample.new) for e in v.evidence if e.text == 0 and not e.shadow]
    line.append_text(render.excerpt(sample.text, spans, marked=not console.color_system))
    console.print(line, soft_wrap=True)
    for title, verdict in (("old", sample.old), ("new", sample.new)):
        console.print(Text(f"    {title}: {reasons(verdict)}", style="dim"), soft_wrap=True)


def reasons(verdict: Any) -> str:
    """`MEDICAL 0.85; tea.cure-claim 根治` of a verdict, or what it is without any."""
    rules: dict[str, list[str]] = {}
    for each in verdict.evidence:
        if not each.shadow:
            rules.setdefault(each.rule, []).append(each.matched)
    labels = ", ".join(f"{label.category} {label.score:.2f}" for label in verdict.labels)
    named = "; ".join(f"{rule} {' '.join(dict.fromkeys(words))}".rstrip() for rule, words in rules.items())
    scores = f"commerce {verdict.commerce:.2f}, exposure {verdict.exposure:.2f}"
    return "; ".join(part for part in (labels, named, scores) if part)
