"""`fairpost rules train`: labelled posts in, a text model and its card out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from fairpost.cli import posts, render
from fairpost.cli.errors import CommandError, require

if TYPE_CHECKING:
    from rich.console import Console

    from fairpost.rules.training import Posts

__all__ = ["EPILOG", "train"]

EPILOG: Final = "\n\n".join(
    [
        "Examples:",
        "fairpost rules train posts.jsonl -o posts.model",
        "fairpost rules train a.csv b.parquet --packs my-packs/ --source-column origin --leave-out b -o my.model",
        "Exit status: 0 a model was written; 1 some rows were bad; 2 the run could not be made.",
    ]
)


def train(
    files: Annotated[list[Path], typer.Argument(metavar="POSTS...", help="Labelled posts: .jsonl, .csv, .parquet")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="MODEL", help="The model file to write.")],
    packs: Annotated[
        list[Path] | None,
        typer.Option("--packs", metavar="PACK", help="Packs whose COMMERCE rules count; default: the shipped ones."),
    ] = None,
    text_column: posts.TextColumnOption = "text",
    labels: Annotated[
        str, typer.Option("--labels", metavar="COLUMN", help="Column with 1 (sells or promotes), 0 or nothing.")
    ] = "label",
    source_column: Annotated[
        str | None,
        typer.Option("--source-column", metavar="COLUMN", help="Where a post comes from; default: the file's name."),
    ] = None,
    normal: Annotated[
        list[str] | None,
        typer.Option("--normal", metavar="SOURCE", help="Unlabelled posts of this source count as 0. May be repeated."),
    ] = None,
    leave_out: Annotated[
        list[str] | None,
        typer.Option(
            "--leave-out",
            metavar="SOURCE[,SOURCE]",
            help="Also train without these sources of one platform, and measure on them. May be repeated.",
        ),
    ] = None,
    fresh: Annotated[
        list[str] | None,
        typer.Option("--fresh", metavar="SOURCE", help="Never trained on for --leave-out; its 0s count beside."),
    ] = None,
    remark: Annotated[
        list[str] | None,
        typer.Option("--remark", metavar="SOURCE=TEXT", help="What the card says of a source, as its licence."),
    ] = None,
    weight: Annotated[
        list[str] | None,
        typer.Option(
            "--weight",
            metavar="SOURCE=NUMBER",
            help="How much a post of a source counts , default 1; ours are cases, posts, evaded, written.",
        ),
    ] = None,
    written: Annotated[
        int, typer.Option("--written", metavar="N", min=0, help="Posts drawn from our templates beside yours.")
    ] = 12_000,
    own: Annotated[bool, typer.Option("--own/--no-own", help="Train on the posts that come with fairpost too.")] = True,
    cases: Annotated[
        bool, typer.Option("--cases/--no-cases", help="Train on the cases of the packs' rules too.")
    ] = True,
    bits: Annotated[int, typer.Option("--bits", min=8, max=22, help="Log2 of the number of weights.")] = 17,
    strength: Annotated[float, typer.Option("--strength", min=1e-6, help="scikit-learn's C.")] = 5.0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the optimiser; the split has none.")] = 0,
    name: Annotated[
        str | None, typer.Option("--name", help="The model's name on its card; default: the file's.")
    ] = None,
    card: Annotated[
        Path | None, typer.Option("--card", metavar="CARD.md", help="The card; default: beside MODEL.")
    ] = None,
) -> None:
    """Train the text model that says how likely a post sells something.

    A fifth of the posts is held apart, chosen by a hash of their folded text without digits, and measured on. The model
    goes into a bundle with 'fairpost rules compile --model MODEL', or by lying in the folder of the packs.
    """
    require("pyarrow", "bulk", "rules train")
    require("sklearn", "train", "rules train")
    from fairpost.cli import readers
    from fairpost.cli.rules import write_bundle
    from fairpost.rules.training import OURS, Task, model_bytes, model_card
    from fairpost.rules.training import train as train_model

    started = time.perf_counter()
    columns = readers.Columns(text_column, label=labels, source=source_column)
    card = output.with_suffix(".md") if card is None else card
    posts.look(files, columns, {"-o": output, "--card": card})
    console, errors = render.make_console(), render.make_console(stderr=True)
    given, bad = _read(files, columns, normal or [], errors)
    known = set(given.sources.tolist())
    for option, wanted in (("--normal", normal), ("--fresh", fresh), ("--leave-out", _split(leave_out))):
        for source in wanted or []:
            if source not in known:
                raise CommandError(f"{option} {source}: no post has this source; there are {', '.join(sorted(known))}")
    weights = _weights(weight or [])
    for source in weights:
        if source not in known | OURS:
            raise CommandError(f"--weight {source}: no post has this source; there are {', '.join(sorted(known))}")
    from fairpost.cli.rules import sources as sources_of
    from fairpost.rules import PackErrors, load_packs

    try:
        chosen = load_packs(sources_of(packs, False), None)
    except PackErrors as error:
        raise CommandError(f"--packs: they have {len(error.errors)} errors; the first: {error.errors[0]}") from None
    task = Task(
        left=[each.split(",") for each in leave_out or []],
        fresh=fresh or [],
        remarks=_remarks(remark or []),
        weights=weights,
        written=written,
        cases=cases,
        own=own,
        bits=bits,
        strength=strength,
        seed=seed,
        name=name or output.stem,
    )
    tell = (lambda what: errors.print(f"{what} ...")) if errors.is_terminal else (lambda _: None)
    try:
        model, about = train_model(given, chosen, task, tell)
    except ValueError as error:
        raise CommandError(f"{', '.join(map(str, files))}: {error}") from None
    content = model_bytes(model, about)
    write_bundle(output, content)
    write_bundle(card, model_card(about).encode())
    _show(console, output, card, content, about, time.perf_counter() - started)
    if bad:
        raise typer.Exit(1)


def _split(groups: list[str] | None) -> list[str]:
    return [source for group in groups or [] for source in group.split(",")]


def _remarks(given: list[str]) -> dict[str, str]:
    found = {}
    for each in given:
        source, equals, text = each.partition("=")
        if not equals:
            raise CommandError(f"--remark {each}: expected SOURCE=TEXT")
        found[source] = text
    return found


def _weights(given: list[str]) -> dict[str, float]:
    found = {}
    for each in given:
        source, equals, text = each.partition("=")
        try:
            found[source] = float(text)
        except ValueError:
            found[source] = -1.0
        if not (equals and 0.0 <= found[source] <= 1000.0):
            raise CommandError(f"--weight {each}: expected SOURCE=NUMBER, a number from 0 to 1000")
    return found


def _read(files: list[Path], columns: Any, normal: list[str], errors: Console) -> tuple[Posts, int]:
    """All posts that have a label, and how many rows were bad."""
    from fairpost.rules.training import UNLABELLED, Posts
    from fairpost.rules.truth import InvalidLabel, read_label

    texts: list[str] = []
    found: list[int] = []
    sources: list[str] = []
    bad = posts.BadRows(errors)
    for chunk in posts.progress(files, columns, errors, lambda: len(texts), "reading"):
        for place, reason in chunk.bad:
            bad.add(chunk.path, place, reason)
        words = chunk.labels.to_pylist() if chunk.labels is not None else [None] * len(chunk.texts)
        origins = chunk.sources.to_pylist() if chunk.sources is not None else [None] * len(chunk.texts)
        for place, text, word, origin in zip(
            chunk.places.tolist(), chunk.texts.to_pylist(), words, origins, strict=True
        ):
            source = origin or chunk.path.stem
            try:
                label = read_label(word)[0]
            except InvalidLabel as error:
                raise CommandError(f"{chunk.path}:{place}: --labels {columns.label}: {error}") from None
            if label == UNLABELLED and source in normal:
                label = 0
            if label == UNLABELLED or not text:
                continue
            try:
                texts.append(text.decode())
            except UnicodeDecodeError as error:
                bad.add(chunk.path, place, f"not UTF-8 at byte {error.start} of the text")
                continue
            found.append(label)
            sources.append(source)
    bad.close()
    return Posts.of(texts, found, sources), bad.count


def _show(console: Console, output: Path, card: Path, content: bytes, about: dict[str, Any], seconds: float) -> None:
    test = about["test"]
    loss = about["training"]["log loss on the calibration part"]
    console.print(f"{output}: {len(content):,} bytes; its card is {card}", soft_wrap=True)
    console.print(f"log loss {loss['float']} before rounding to int8, {loss['int8']} after")
    console.print(
        f"held apart: {test['posts']:,} posts, F1 {test['f1']:.4f}, ROC AUC {test['auc']:.5f}, "
        f"calibration error {test['calibration_error']:.4f}"
    )
    for source, row in sorted(test["sources"].items()):
        recall = "" if row["recall"] is None else f"recall {100 * row['recall']:.2f}%"
        wrong = "" if row["false_positives"] is None else f"false positives {100 * row['false_positives']:.2f}%"
        console.print(f"  {source}: {', '.join(part for part in (recall, wrong) if part)}")
    for source, value in about["left_out"].items():
        console.print(f"never trained on {source}: ROC AUC {value:.4f}")
    console.print(f"{seconds:.0f} s")
