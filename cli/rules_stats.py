"""`fairpost rules stats`: what rules, words and folds do on real posts."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.text import Text

from fairpost.cli import posts, render, rule_sets
from fairpost.cli.errors import CommandError, require

if TYPE_CHECKING:
    from fairpost.rules import Source
    from fairpost.rules.mutation import Mutations
    from fairpost.rules.statistics import Statistics
    from fairpost.rules.tables import Table

__all__ = ["EPILOG", "stats"]

EPILOG: Final = "\n\n".join(
    [
        "Examples:",
        "fairpost rules stats --posts posts.parquet",
        "fairpost rules stats my-packs/ --with-shipped --posts posts.jsonl --labels spam --top 50",
        "fairpost rules stats rules.fpb --posts posts.csv -o stats.json",
        "Exit status: 0 all posts were judged; 1 some rows were bad; 2 the run could not be made.",
    ]
)


def stats(
    rules: Annotated[str, typer.Argument(metavar="[RULES]", help="Bundle, packs, or 'shipped'.")] = "shipped",
    files: Annotated[
        list[Path] | None,
        typer.Option("--posts", metavar="FILE", help=".txt, .jsonl, .csv, .parquet; may be given several times."),
    ] = None,
    text_column: posts.TextColumnOption = "text",
    seller_column: posts.SellerColumnOption = None,
    channel_column: posts.ChannelColumnOption = None,
    labels: posts.LabelsOption = None,
    registry: posts.RegistryOption = None,
    channel: posts.ChannelOption = "",
    language: posts.LanguageOption = "",
    date: posts.DateOption = None,
    with_shipped: rule_sets.WithShippedOption = False,
    folds: Annotated[
        bool, typer.Option("--folds/--no-folds", help="Compile packs without each fold too, and compare.")
    ] = True,
    mutate: Annotated[
        int | None,
        typer.Option(
            "--mutate",
            metavar="N",
            min=1,
            help="Write N match cases of each rule of packs in every kind of evasion, and say what is still found.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="OUT", help=".json: every table whole; .parquet: the one of rules."),
    ] = None,
    top: Annotated[int, typer.Option("--top", metavar="N", min=1, help="Rows of a table on the terminal.")] = 20,
    threads: posts.ThreadsOption = 1,
) -> None:
    """Say what each rule, word and fold does on real posts, and what it costs.

    For each rule: hits, how often it decides the action, precision and lift where posts are labelled, which rule it
    nearly always fires with, how often it is evaluated. Dead rules and words. For packs: what each fold finds, and
    what it strikes, compared with the same packs compiled without it.
    """
    ending = None if output is None else output.suffix.lower()
    if ending not in (None, ".json", ".parquet"):
        raise CommandError(f"-o {output}: cannot tell the format from the ending {ending!r}; known are .json, .parquet")
    if files is None and (labels or seller_column or channel_column or ending == ".parquet"):
        raise CommandError("name the posts too: --posts FILE")
    if files or ending == ".parquet":
        require("pyarrow", "bulk", "rules stats")
    started = time.perf_counter()
    made, source, exit_status = _run(
        rules, with_shipped, folds, files, (text_column, seller_column, channel_column, labels), output,
        {"registry": registry, "channel": channel, "language": language, "date": date, "threads": threads},
    )  # fmt: skip
    if files:
        made.seconds = time.perf_counter() - started
    mutations = None
    if mutate is not None:
        if source is None:
            raise CommandError(f"--mutate {mutate}: {rules} is a bundle, which has no cases; name its packs")
        mutations = _mutations(source, mutate)
    _show(made, source, top, mutations)
    if output is not None:
        _write(made, output, mutations)
        render.make_console().print(f"written to {output}")
    if exit_status:
        raise typer.Exit(exit_status)


def _run(
    rules: str,
    with_shipped: bool,
    folds: bool,
    files: list[Path] | None,
    names: tuple[str, str | None, str | None, str | None],
    output: Path | None,
    options: dict[str, Any],
) -> tuple[Statistics, Source | None, int]:
    """(figures, the packs unless a bundle is named, exit status)."""
    from fairpost.cli import readers
    from fairpost.cli.check import known_channel
    from fairpost.cli.rule_sets import loaded
    from fairpost.cli.standings import open_registry
    from fairpost.engine.dates import day_of_date
    from fairpost.rules.statistics import Statistics

    text, seller, channel, label = names
    columns = readers.Columns(text, None, seller, channel, label)
    if files:
        posts.look(files, columns, {"-o": output})
    opened, source = loaded(rules, "RULES", with_shipped=with_shipped)
    known_channel(opened, options["channel"])
    on = posts.day_of(options["date"])
    made = Statistics(
        opened,
        source if folds else None,
        day=None if on is None else day_of_date(on),
        channel=options["channel"],
        language=options["language"],
        threads=options["threads"],
    )
    if not files:
        return made, source, 0
    stream = posts.PostFiles(files, columns, open_registry(options["registry"]), render.make_console(stderr=True))
    for batch in stream.batches():
        judged = made.add(batch.columns())
        stream.note_faults(batch, judged)
    return made, source, 1 if stream.bad.count else 0


def _mutations(source: Source, most: int) -> Mutations:
    """What is still found of `most` match cases of each rule, written in every kind of evasion."""
    from fairpost.rules.mutation import Mutations, mutate_cases, own_tables

    run = Mutations(own_tables())
    for _ in mutate_cases(source, run, most):
        pass
    return run


def _show(made: Statistics, source: Source | None, top: int, mutations: Mutations | None) -> None:
    from fairpost.cli.figures import print_table
    from fairpost.rules.statistics.tables import summary, tables

    console = render.make_console()
    first, *rest = summary(made)
    console.print(Text(first, style="bold"))
    for table in tables(made, top):
        print_table(console, table)
    if mutations is not None:
        from fairpost.rules.mutation import tables as mutation_tables

        for table in mutation_tables(mutations, source, top):
            print_table(console, table)
    if source is None:
        rest.append("what folds buy and cost is known of packs only: name them instead of a bundle")
    if not made.rules.posts:
        rest.append("hits, decisions and words are counted on posts: --posts FILE")
    console.print()
    for line in rest:
        console.print(Text(line, style="dim"))


def _write(made: Statistics, output: Path, mutations: Mutations | None) -> None:
    from fairpost.cli.figures import write_text
    from fairpost.rules.statistics.tables import mutants, rules, tables

    if output.suffix.lower() == ".json":
        found = tables(made) if mutations is None else [*tables(made), mutants(mutations)]
        content = {
            "revision": made.rule_set.revision,
            "posts": made.rules.posts,
            "labelled": made.rules.labelled,
            "tables": {table.title: _objects(table) for table in found},
        }
        write_text(output, json.dumps(content, ensure_ascii=False, indent=1) + "\n", "-o")
        return
    import pyarrow as pa

    from fairpost.cli.writers import open_parquet

    table = rules(made)
    kinds = {"text": pa.string(), "count": pa.int64()}
    schema = pa.schema(
        [(column.name.replace(" ", "_"), kinds.get(column.kind, pa.float64())) for column in table.columns]
    )
    arrays = [pa.array([row[k] for row in table.rows], field.type) for k, field in enumerate(schema)]
    with open_parquet(output, schema) as out:
        out.write(pa.RecordBatch.from_arrays(arrays, schema=schema))


def _objects(table: Table) -> list[dict[str, Any]]:
    names = [column.name.replace(" ", "_") for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in table.rows]
