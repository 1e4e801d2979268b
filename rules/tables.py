"""Tables of figures as plain data, so that a terminal, a page and a file show the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

__all__ = ["Cell", "Column", "Table", "shown"]

Cell: TypeAlias = str | int | float | None


@dataclass(frozen=True)
class Column:
    """One column: its heading, and what its cells are.

    kind: "text"; "count", whole numbers; "share", 0..1, shown in per cent; "rate", per million posts; "number".
    """

    name: str
    kind: str = "count"

    @property
    def is_text(self) -> bool:
        return self.kind == "text"


@dataclass(frozen=True)
class Table:
    """A title, columns, and rows that are sorted already. `note` says what must be known to read it.

    whole: a terminal shows columns of nothing but zeros too.
    """

    title: str
    columns: tuple[Column, ...]
    rows: Sequence[tuple[Cell, ...]]
    note: str = ""
    whole: bool = False


_FORMS: Final = {"text": "{}", "count": "{:,}", "share": "{:.2%}", "rate": "{:,.1f}", "number": "{:.4g}"}


def shown(cell: Cell, column: Column) -> str:
    """A cell as people read it; nothing for None."""
    return "" if cell is None else _FORMS[column.kind].format(cell)
