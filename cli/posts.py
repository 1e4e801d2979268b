"""Posts of files for commands that judge them in bulk: read, their sellers looked up, their labels read, with a
progress bar where somebody watches."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from fairpost.cli.errors import CommandError

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.console import Console

    from fairpost.cli import readers
    from fairpost.cli.standings import Registry
    from fairpost.engine import VerdictBatch
    from fairpost.rules.backtest import Posts, Words
    from fairpost.rules.truth import Truth

__all__ = ["BadRows", "Batch", "PostFiles", "day_of", "look", "progress", "words_of"]

BAD_ROWS_SHOWN = 100

TextColumnOption = Annotated[str, typer.Option("--text-column", help="Column that holds the post's text.")]
IdColumnOption = Annotated[
    str | None, typer.Option("--id-column", help="Column with the post's id; default: line or row number.")
]
SellerColumnOption = Annotated[
    str | None,
    typer.Option("--seller-column", help="Column with the seller's id; what is known of him comes from --registry."),
]
ChannelColumnOption = Annotated[
    str | None, typer.Option("--channel-column", help="Column with the post's channel; default: --channel.")
]
LabelsOption = Annotated[
    str | None,
    typer.Option(
        "--labels",
        metavar="COLUMN",
        help="Column that says what is known of the post: 0 or 1 (false or true, normal or spam), "
        "or the categories that it violates (MEDICAL, or MEDICAL,DIVERT); empty: nothing.",
    ),
]
RegistryOption = Annotated[
    str | None,
    typer.Option(
        "--registry", metavar="URL", help="sqlite:///path/registry.sqlite, or host:port of a fairpost server."
    ),
]
ChannelOption = Annotated[
    str, typer.Option("--channel", help="Channel of all posts, e.g. moments; thresholds differ by channel.")
]
LanguageOption = Annotated[str, typer.Option("--language", help="Language of all posts, e.g. zh.")]
DateOption = Annotated[
    str | None, typer.Option("--date", metavar="YYYY-MM-DD", help="Judge by the law of this day; default: today.")
]
ThreadsOption = Annotated[
    int, typer.Option("--threads", metavar="N", min=1, max=1024, help="Threads that judge; figures are the same.")
]


def day_of(text: str | None) -> date | None:
    """The date of a --date option.

    Raises:
        CommandError: it is none.
    """
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CommandError(f"--date {text}: not a date; expected ISO 8601, for example 2026-01-31") from None


class BadRows:
    """Says which rows could not be judged, by file and line; the first hundred, and then how many more."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.count = 0

    def add(self, path: Path, place: int, reason: str) -> None:
        self.count += 1
        if self.count <= BAD_ROWS_SHOWN:
            self._console.print(Text(f"{path}:{place}: {reason}"), soft_wrap=True)

    def close(self) -> None:
        if self.count > BAD_ROWS_SHOWN:
            self._console.print(f"... and {self.count - BAD_ROWS_SHOWN:,} more bad rows")


def progress(
    files: list[Path], columns: readers.Columns, errors: Console, judged: Callable[[], int], doing: str = "checking"
) -> Iterator[readers.Chunk]:
    """Chunks of all files, with a progress bar where somebody watches. `judged` says how many posts are done."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from fairpost.cli import readers

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
    )
    started = time.perf_counter()
    before = 0
    with bar if errors.is_terminal else contextlib.nullcontext():
        task = bar.add_task(doing, total=sum(readers.size(f) for f in files) or None, speed="")
        for path in files:
            for chunk in readers.read(path, columns):
                yield chunk
                speed = judged() / max(time.perf_counter() - started, 1e-9)
                bar.update(
                    task, completed=before + chunk.position, speed=f"{speed:,.0f} posts/s", description=path.name
                )
            before += readers.size(path)


def look(files: list[Path], columns: readers.Columns, outputs: dict[str, Path | None]) -> None:
    """Raise now what reading would raise later: a wrong name as the last file must not cost the run.

    Args:
        outputs: files to be written, by their option.

    Raises:
        CommandError: a file cannot be read, is to be written too, or no post of any has a label.
    """
    from fairpost.cli import readers

    found = columns.label is None
    for path in files:
        for chunk in readers.read(path, columns):
            found = found or chunk.labels is None or chunk.labels.null_count < len(chunk.labels)
            break
        for option, output in outputs.items():
            if output is not None and output.exists() and output.samefile(path):
                raise CommandError(f"{option} {output}: is one of the files to read; name another")
    if not found:
        raise CommandError(f"--labels {columns.label}: none of the first posts has a value in that column")


@dataclass
class Batch:
    """One chunk, ready to be judged. `rows` and `standings` are as in `RuleSet.check_batch`."""

    chunk: readers.Chunk
    rows: Any = None
    standings: Any = None
    sellers: Words | None = None
    channels: Words | None = None
    truth: Truth | None = None

    def columns(self) -> Posts:
        """The same as the libraries take it."""
        from fairpost.rules.backtest import Posts

        return Posts(self.chunk.texts, self.name, self.rows, self.standings, self.sellers, self.channels, self.truth)

    def name(self, post: int) -> str:
        """The post's id, or its line."""
        ids = self.chunk.ids
        return str(ids[post].as_py()) if ids is not None else str(int(self.chunk.places[post]))


@dataclass
class PostFiles:
    """The files of a run. `posts` counts those read."""

    files: list[Path]
    columns: readers.Columns
    registry: Registry
    errors: Console
    posts: int = 0
    bad: BadRows = field(init=False)

    def __post_init__(self) -> None:
        self.bad = BadRows(self.errors)

    def batches(self) -> Iterator[Batch]:
        """All posts, a bounded number at a time; rows that hold none are reported.

        Raises:
            CommandError: a file cannot be read, a label is none, there is no post in any file.
        """
        from fairpost.cli.standings import Sellers

        sellers = Sellers(self.registry)
        for chunk in progress(self.files, self.columns, self.errors, lambda: self.posts, "judging"):
            for place, reason in chunk.bad:
                self.bad.add(chunk.path, place, reason)
            if not len(chunk.texts):
                continue
            batch = Batch(chunk)
            if chunk.sellers is not None:
                batch.rows = sellers.rows(chunk.sellers)
                batch.standings = sellers.standings
                batch.sellers = words_of(chunk.sellers)
            if chunk.channels is not None:
                batch.channels = words_of(chunk.channels)
            if chunk.labels is not None:
                batch.truth = truth_of(chunk, str(self.columns.label))
            yield batch
            self.posts += len(chunk.texts)
        self.bad.close()
        if not self.posts:
            raise CommandError(f"{', '.join(map(str, self.files))}: no posts to judge")

    def note_faults(self, batch: Batch, judged: VerdictBatch) -> None:
        """Tell which posts of a batch could not be judged."""
        from fairpost.cli.check import fault

        for post in judged.status.nonzero()[0].tolist():
            self.bad.add(batch.chunk.path, int(batch.chunk.places[post]), fault(judged, post))


def truth_of(chunk: readers.Chunk, column: str) -> Truth:
    """The labels of a chunk, read.

    Raises:
        CommandError: one is no label; the message has its place.
    """
    from fairpost.rules.truth import InvalidLabel, Truth, read_label

    if chunk.labels is None:
        return Truth.none(len(chunk.texts))
    labels = words_of(chunk.labels)
    try:
        return Truth.of(labels.words, labels.codes)
    except InvalidLabel:
        for place, word in zip(chunk.places.tolist(), chunk.labels.to_pylist(), strict=True):
            try:
                read_label(word)
            except InvalidLabel as error:
                raise CommandError(f"{chunk.path}:{place}: --labels {column}: {error}") from None
        raise


def words_of(column: pa.StringArray) -> Words:
    """A column of words as the libraries take it."""
    from fairpost.rules.backtest import Words

    coded = column.dictionary_encode()
    words: list[str | None] = coded.dictionary.to_pylist()
    codes = coded.indices.fill_null(len(words)).to_numpy(zero_copy_only=False)
    return Words([*words, None], codes)
