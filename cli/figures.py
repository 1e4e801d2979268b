"""Tables of figures on a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.table import Table as Grid
from rich.text import Text

from fairpost.cli import render
from fairpost.cli.errors import CommandError
from fairpost.rules.tables import Table, shown

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["print_table", "write_text"]

NAME_WIDTH: Final = 36


def print_table(console: Console, table: Table) -> None:
    """The table with its title and note; empty columns, and those of nothing but zeros, are left out."""
    kept = [
        k
        for k, column in enumerate(table.columns)
        if table.whole or column.kind not in ("count", "text") or not table.rows or any(row[k] for row in table.rows)
    ]
    columns = [table.columns[k] for k in kept]
    console.print()
    console.print(Text(table.title, style="bold"))
    grid = Grid(box=None, header_style="dim", padding=(0, 1), pad_edge=False)
    for k, column in zip(kept, columns, strict=True):
        if column.is_text:
            longest = max((cell_len(str(row[k])) for row in table.rows), default=0)
            grid.add_column(column.name, overflow="fold", min_width=min(longest, NAME_WIDTH))
        else:
            grid.add_column(column.name, justify="right", no_wrap=True)
    for row in table.rows:
        cells = []
        for cell, column in zip((row[k] for k in kept), columns, strict=True):
            text = Text(shown(cell, column))
            if cell in render.ACTION_STYLES:
                text.stylize(render.ACTION_STYLES[str(cell)])
            elif cell == 0 and not column.is_text:
                text.stylize("dim")
            cells.append(text)
        grid.add_row(*cells)
    console.print(grid)
    if table.note:
        console.print(Text(table.note, style="dim"))


def write_text(path: Path, content: str, option: str) -> None:
    """Write a file whole, or not at all.

    Raises:
        CommandError: the folder is not there or may not be written.
    """
    scratch = path.with_name(f".{path.name}.part")
    try:
        scratch.write_text(content, encoding="utf-8")
        scratch.replace(path)
    except OSError as error:
        raise CommandError(f"{option} {path}: cannot be written: {error.strerror}") from None
