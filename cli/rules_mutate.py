"""`fairpost rules mutate`: what rules still find when their cases are written as evaders write."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.text import Text

from fairpost.cli import posts, render
from fairpost.cli.errors import CommandError, require

if TYPE_CHECKING:
    from rich.console import Console

    from fairpost.engine import RuleSet
    from fairpost.rules import Source
    from fairpost.rules.mutation import Mutant, Mutations, Writing

    Write = Callable[[str, Mutant], None]

__all__ = ["EPILOG", "mutate"]

EPILOG: Final = "\n\n".join(
    [
        "Examples:",
        "fairpost rules mutate",
        "fairpost rules mutate my-packs/ --with-shipped --kind homophone --kind split --lost 5",
        "fairpost rules mutate --pairs --posts labelled.jsonl --tables other-tables/ -o mutants.parquet",
        "Kinds: width, case, script, separators, zero-width, inserted-emoji, repeats, styled, upside-down, digits, "
        "contact, homophone, pinyin, mixed-pinyin, split, look-alike, martian, emoji.",
        "Exit status: 0 all rules keep their floors; 1 one does not; 2 the run could not be made.",
    ]
)
PAIRS: Final = 6
"""Pairs of kinds drawn for each text."""


def mutate(
    packs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PACK...]", help="Pack files or folders of them; default: the shipped packs."),
    ] = None,
    with_shipped: Annotated[
        bool, typer.Option("--with-shipped", help="Take the shipped packs too: the given ones may use their lists.")
    ] = False,
    kind: Annotated[
        list[str] | None, typer.Option("--kind", metavar="KIND", help="Only this kind of evasion; may be repeated.")
    ] = None,
    pairs: Annotated[
        bool, typer.Option("--pairs", help=f"Two kinds at once, too: {PAIRS} pairs drawn a text.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", metavar="S", min=0, help="Draws the mutations.")] = 0,
    sample: Annotated[
        int | None, typer.Option("--sample", metavar="N", min=1, help="Only N match cases of each rule; default: all.")
    ] = None,
    post_files: Annotated[
        list[Path] | None,
        typer.Option("--posts", metavar="FILE", help="Mutate labelled posts too, those that violate; may be repeated."),
    ] = None,
    text_column: posts.TextColumnOption = "text",
    labels: Annotated[
        str, typer.Option("--labels", metavar="COLUMN", help="Column that says which posts violate (1, spam).")
    ] = "spam",
    tables: Annotated[
        Path | None,
        typer.Option(
            "--tables", metavar="FOLDER", help="Write with the tables in this folder, not with those the engine reads."
        ),
    ] = None,
    strength: Annotated[
        str,
        typer.Option(
            "--strength",
            metavar="STRENGTH",
            help="How hard homophones and look-alikes disguise: measured, as real adverts do; or uniform, any number "
            "of characters up to half of a word, and all forms alike.",
        ),
    ] = "measured",
    lost: Annotated[
        int,
        typer.Option("--lost", metavar="N", min=0, max=1000, help="Mutants shown of each kind that were not found."),
    ] = 0,
    top: Annotated[int, typer.Option("--top", metavar="N", min=1, help="Rows of a table on the terminal.")] = 20,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="MUTANTS.parquet", help="Write every mutant.")
    ] = None,
) -> None:
    """Apply each kind of evasion to every match case and say what is still found, by kind and by rule.

    A mutation changes every word that made the rule fire, as far as its kind can. A rule whose share falls below its
    floor (`floor:` in its pack) is named; floors are kept with all kinds and the engine's own tables only.
    """
    from fairpost.rules.mutation import fallen

    if post_files or output is not None:
        require("pyarrow", "bulk", "rules mutate with --posts or -o")
    writing = _writing(tables, strength)
    run = _run(writing, _kinds(kind), seed, pairs, lost)
    on_posts = _run(writing, _kinds(kind), seed, pairs, lost)
    console = render.make_console()
    source, rules = _loaded(packs, with_shipped)
    with contextlib.ExitStack() as stack:
        write: Write | None = None
        if output is not None:
            from fairpost.cli.mutants import MutantWriter

            write = stack.enter_context(MutantWriter(output)).write
        _mutate_cases(source, run, sample, write)
        if post_files:
            _mutate_posts(rules, post_files, text_column, labels, on_posts, write)
    _show(run, source, console, top)
    if post_files:
        _show(on_posts, None, console, top)
    if output is not None:
        console.print(f"every mutant: {output}")
    if kind or tables is not None or strength != "measured":
        console.print(
            Text(
                "floors are not compared: they are shares over all kinds, as measured, with the engine's tables",
                style="dim",
            )
        )
        return
    below = fallen(source, run, doubt=0.001 if sample else 0.0)
    for each in below:
        console.print(Text(str(each), style="bold red"))
    if below:
        raise typer.Exit(1)


def _kinds(names: list[str] | None) -> tuple[str, ...]:
    from fairpost.rules.mutation import KINDS
    from fairpost.rules.problems import known

    for name in names or ():
        if name not in KINDS:
            raise CommandError(f"--kind {name}: {known('kind', name, tuple(KINDS))}")
    return tuple(name for name in KINDS if not names or name in names)


def _writing(folder: Path | None, strength: str) -> Writing:
    from fairpost.rules.mutation import Strength, TablesError, own_tables, read_tables
    from fairpost.rules.problems import known

    names = tuple(each.value for each in Strength)
    if strength not in names:
        raise CommandError(f"--strength {strength}: {known('strength', strength, names)}")
    if folder is None:
        return own_tables(Strength(strength))
    try:
        return read_tables(folder, Strength(strength))
    except TablesError as error:
        raise CommandError(f"--tables {error}") from None


def _run(writing: Writing, kinds: tuple[str, ...], seed: int, pairs: bool, lost: int) -> Mutations:
    from fairpost.rules.mutation import Mutations

    return Mutations(writing, kinds, seed, PAIRS if pairs else 0, lost)


def _loaded(packs: list[Path] | None, with_shipped: bool) -> tuple[Source, RuleSet]:
    from fairpost.cli.rules import sources
    from fairpost.engine import RuleSet
    from fairpost.rules import PackErrors, bundle_of, load_packs

    try:
        source = load_packs(sources(packs, with_shipped))
        return source, RuleSet.from_bytes(bundle_of(source))
    except PackErrors as error:
        lines = "\n".join(f"  {each}" for each in error.errors)
        raise CommandError(f"nothing was mutated: {len(error.errors)} errors in the packs:\n{lines}") from None


def _mutate_cases(source: Source, run: Mutations, sample: int | None, write: Write | None) -> None:
    from fairpost.rules.mutation import mutate_cases

    for mutant in mutate_cases(source, run, sample):
        if write is not None:
            write("case", mutant)


def _mutate_posts(
    rules: RuleSet, files: list[Path], text_column: str, labels: str, run: Mutations, write: Write | None
) -> None:
    from fairpost.cli import readers
    from fairpost.cli.standings import open_registry
    from fairpost.rules.mutation import mutate_posts

    columns = readers.Columns(text_column, None, None, None, labels)
    posts.look(files, columns, {})
    source = posts.PostFiles(files, columns, open_registry(None), render.make_console(stderr=True))
    for batch in source.batches():
        for mutant in mutate_posts(rules, _violating(batch), run):
            if write is not None:
                write("post", mutant)


def _violating(batch: posts.Batch) -> list[str]:
    if batch.truth is None:
        return []
    numbers = (batch.truth.state == 1).nonzero()[0].tolist()
    found: list[str] = []
    for number in numbers:
        with contextlib.suppress(UnicodeDecodeError):
            found.append(batch.chunk.texts[number].as_py().decode())
    return found


def _show(run: Mutations, source: Source | None, console: Console, top: int) -> None:
    from fairpost.cli.figures import print_table
    from fairpost.rules.mutation import tables

    what = "match cases" if source is not None else "posts that violate and are acted on"
    console.print(Text(f"{run.texts:,} {what} mutated; {run.without:,} have no words in their evidence", style="bold"))
    for table in tables(run, source, top):
        print_table(console, table)
    for mutant in _lost(run):
        line = Text(f"{' + '.join(mutant.kinds)}: ", style="bold")
        line.append(f"{mutant.rule} " if mutant.rule else "", style="dim")
        line.append(f"{mutant.text} → {mutant.written}", style="")
        console.print(line, soft_wrap=True)


def _lost(run: Mutations) -> Iterator[Mutant]:
    for mutants in run.lost.values():
        yield from mutants
