"""Many rows into a table at once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["insert_many"]


def insert_many(connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows with the same columns; a column that no row has is left to its default.

    On SQLite the rows go to the driver as they are: SQLAlchemy's work on every parameter costs more there than the
    insertion does.
    """
    if not rows:
        return
    if connection.dialect.name != "sqlite":
        connection.execute(table.insert(), rows)
        return
    names = list(rows[0])
    columns = [(name, _converter(table.c[name].type)) for name in names]
    converted = [tuple([row[name] if into is None else into(row[name]) for name, into in columns]) for row in rows]
    listed = ", ".join(names)
    connection.exec_driver_sql(f"INSERT INTO {table.name} ({listed}) VALUES ({', '.join('?' * len(names))})", converted)


def _converter(kind: sa.types.TypeEngine[Any]) -> Callable[[Any], Any] | None:
    """What SQLAlchemy would make of a value for SQLite; None: nothing else."""
    if isinstance(kind, sa.Date):
        return lambda day: None if day is None else day.isoformat()
    if isinstance(kind, sa.JSON):
        return json.dumps
    return None
