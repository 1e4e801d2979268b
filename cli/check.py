"""`fairpost check`: bulk judgement of files, a bounded number of posts in memory at a time."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
from rich.columns import Columns
from rich.table import Table as Grid
from rich.text import Text

from fairpost.cli import readers, render
from fairpost.cli.errors import CommandError, nearest
from fairpost.cli.posts import BadRows, progress, truth_of, words_of
from fairpost.cli.standings import Registry, Sellers
from fairpost.cli.verdicts import Posts
from fairpost.cli.verdicts import Table as Verdicts
from fairpost.engine.dates import day_of_date, today
from fairpost.engine.vocabulary import CATEGORIES, Action, Status

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rich.console import Console

    from fairpost.cli.writers import Output
    from fairpost.engine import RuleSet, VerdictBatch
    from fairpost.rules.statistics import RuleCounts
    from fairpost.rules.tables import Table

__all__ = ["Options", "check"]

ROWS_SHOWN: Final = 50
RULES_SHOWN: Final = 20
REASONS: Final = {
    Status.INVALID_UTF8: "the text is not valid UTF-8 (byte {offset} of the text)",
    Status.EMPTY: "the text is empty",
    Status.TOO_LONG: "the text is longer than {limit:,} characters",
}


@dataclass(frozen=True)
class Options:
    """How to read the posts and what they have in common."""

    columns: readers.Columns
    channel: str = ""
    language: str = ""
    day: date | None = None
    max_characters: int = 100_000


@dataclass
class Tally:
    """What a run counted."""

    posts: int = 0
    bad: int = 0
    shadow: int = 0
    capped: int = 0
    actions: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(Action), np.int64))
    categories: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(CATEGORIES), np.int64))
    engine_seconds: float = 0.0
    seconds: float = 0.0
    rules: RuleCounts | None = None
    """Where posts are labelled: what each rule finds among them."""


class Gallery:
    """The posts shown on the terminal: the first ones, and of more than fit only those that are not allowed."""

    def __init__(self) -> None:
        self.rows: list[tuple[dict[str, Any], str]] = []
        self._allowed: list[tuple[int, dict[str, Any], str]] = []
        self.seen = 0

    def add(self, made: pa.RecordBatch, texts: pa.BinaryArray) -> None:
        """Rows of a verdict table and their texts."""
        not_allowed = np.flatnonzero(np.asarray(made.column("action").to_numpy(zero_copy_only=False)) != "ALLOW")
        if self.seen + made.num_rows <= ROWS_SHOWN:
            picked = np.arange(made.num_rows)
        else:
            self.rows = [row for row in self.rows if row[0]["action"] != "ALLOW"]
            picked = not_allowed[: max(ROWS_SHOWN - len(self.rows), 0)]
        self.seen += made.num_rows
        if len(picked):
            chosen = pa.array(picked)
            for row, text in zip(made.take(chosen).to_pylist(), texts.take(chosen).to_pylist(), strict=True):
                self.rows.append((row, text.decode("utf-8")))

    def show(self, console: Console, tally: Tally) -> None:
        """Print the table."""
        grid = Grid(show_lines=True, expand=False)
        grid.add_column("id", style="dim", overflow="fold", max_width=16)
        grid.add_column("action", no_wrap=True)
        grid.add_column("exposure", justify="right", no_wrap=True)
        grid.add_column("labels", overflow="fold")
        grid.add_column("post", ratio=1, overflow="fold")
        for row, text in self.rows:
            grid.add_row(
                row["id"],
                render.action_text(row["action"]),
                render.exposure_text(row["exposure"]),
                render.labels_text(row["labels"]),
                render.excerpt(
                    text, [(e["begin"], e["end"]) for e in row["evidence"]], marked=not console.color_system
                ),
            )
        if self.rows:
            console.print(grid)
        refused = tally.posts - int(tally.actions[Action.ALLOW])
        if self.seen > len(self.rows) and len(self.rows) < refused:
            console.print(f"{len(self.rows)} of {refused:,} posts that are not ALLOW; -o FILE writes every verdict")
        elif self.seen > len(self.rows):
            console.print("only posts that are not ALLOW are shown; -o FILE writes every verdict", style="dim")


def check(
    files: list[Path],
    rules: RuleSet,
    registry: Registry,
    options: Options,
    output: Output | None,
    console: Console,
    errors: Console,
) -> Tally:
    """Judge every post of the files; verdicts go to `output`, or some of them to the terminal.

    Raises:
        CommandError: a file cannot be read at all, or lacks a column. Bad rows raise nothing.
    """
    started = time.perf_counter()
    tally = Tally()
    bad = BadRows(errors)
    gallery = None if output is not None else Gallery()
    day = day_of_date(options.day or today())
    table = Verdicts(rules, day)
    sellers = Sellers(registry)
    if options.columns.label is not None:
        from fairpost.rules.statistics import RuleCounts

        tally.rules = RuleCounts(rules)
    for chunk in progress(files, options.columns, errors, lambda: tally.posts):
        rows = None if chunk.sellers is None else sellers.rows(chunk.sellers)
        standings = None if rows is None else sellers.standings
        before = time.thread_time()
        batch = rules.check_batch(
            chunk.texts,
            sellers=rows,
            standings=standings,
            channels=_channels(rules, chunk, options.channel),
            languages=options.language or None,
            days=day,
            max_characters=options.max_characters,
        )
        tally.engine_seconds += time.thread_time() - before
        _count(batch, tally)
        if tally.rules is not None:
            tally.rules.add(batch, truth_of(chunk, str(options.columns.label)))
        refused = [
            (int(chunk.places[i]), fault(batch, int(i), options.max_characters)) for i in np.flatnonzero(batch.status)
        ]
        for place, reason in sorted(chunk.bad + refused):
            bad.add(chunk.path, place, reason)
        if output is None and gallery is None:
            continue
        ids = chunk.ids if chunk.ids is not None else pa.array(chunk.places).cast(pa.string())
        made = table.record_batch(batch, Posts(chunk.texts, ids, rows, standings))
        if output is not None:
            output.write(made)
        elif gallery is not None:
            ok = batch.status == 0
            gallery.add(made, chunk.texts if ok.all() else chunk.texts.filter(pa.array(ok)))
    tally.bad = bad.count
    bad.close()
    tally.seconds = time.perf_counter() - started
    if gallery is not None:
        gallery.show(console, tally)
    return tally


def _channels(rules: RuleSet, chunk: readers.Chunk, default: str) -> Any:
    """What the engine takes as the channels of a chunk."""
    if chunk.channels is None:
        return default or None
    words = words_of(chunk.channels)
    return np.array([rules.channel_id(word or default) for word in words.words], np.uint16)[words.codes]


def fault(batch: VerdictBatch, post: int, max_characters: int = 100_000) -> str:
    """Why a post of a batch could not be judged."""
    return REASONS[Status(int(batch.status[post]))].format(
        offset=int(batch.status_offset[post]) + 1, limit=max_characters
    )


def _count(batch: VerdictBatch, tally: Tally) -> None:
    ok = batch.status == 0
    tally.posts += int(ok.sum())
    tally.actions += np.bincount(batch.action[ok], minlength=len(Action))
    tally.categories += np.bincount(batch.label_category, minlength=len(CATEGORIES))
    tally.shadow += int(batch.evidence_shadow.sum())
    tally.capped += int(np.count_nonzero(batch.flags))


def summary(tally: Tally, rules: RuleSet, output: Path | None) -> list[Any]:
    """What a run found, for printing: by action and by category, and how fast it was."""
    total = max(tally.posts, 1)
    actions = Grid("action", "posts", "share", title=None, box=None, header_style="dim", padding=(0, 2))
    actions.columns[1].justify = actions.columns[2].justify = "right"
    for action in Action:
        count = int(tally.actions[action])
        actions.add_row(render.action_text(action.name), f"{count:,}", f"{100 * count / total:.2f}%")
    categories = Grid("category", "posts", "share", box=None, header_style="dim", padding=(0, 2))
    categories.columns[1].justify = categories.columns[2].justify = "right"
    for number in np.argsort(-tally.categories, kind="stable"):
        count = int(tally.categories[number])
        if count:
            categories.add_row(CATEGORIES[number], f"{count:,}", f"{100 * count / total:.2f}%")
    for column in (*actions.columns, *categories.columns):
        column.no_wrap = True
    both = Columns([actions, categories], padding=(0, 4))  # one below the other on a narrow terminal
    notes = [f"{tally.posts:,} posts judged by revision {rules.revision}"]
    if tally.bad:
        notes.append(f"{tally.bad:,} bad rows left out")
    if tally.shadow:
        notes.append(f"{tally.shadow:,} hits of shadow rules")
    if tally.capped:
        notes.append(f"{tally.capped:,} posts ran into a cap of the engine")
    if output is not None:
        notes.append(f"written to {output}")
    speed = (
        f"{tally.seconds:.2f} s: {tally.posts / max(tally.seconds, 1e-9):,.0f} posts/s from file to verdict, "
        f"{tally.posts / max(tally.engine_seconds, 1e-9):,.0f} posts/s in the engine on one core"
    )
    return [both, Text("; ".join(notes)), Text(speed, style="dim")]


def labelled_tables(tally: Tally) -> list[Table]:
    """What was found among labelled posts, in all and by rule; nothing without labels."""
    if tally.rules is None:
        return []
    from fairpost.rules.statistics.tables import agreement, precision

    return [table for table in (agreement(tally.rules), precision(tally.rules, RULES_SHOWN)) if table.rows]


def known_channel(rules: RuleSet, channel: str) -> None:
    """Refuse a channel that the rule set does not name: on the command line that is a misspelling.

    Raises:
        CommandError: unknown channel.
    """
    if channel and channel != "default" and rules.channel_id(channel) == 0:
        known = rules.meta.get("channels", [])
        raise CommandError(
            f"--channel {channel}: the rule set knows the channels {', '.join(known)}{nearest(channel, known)}"
        )
