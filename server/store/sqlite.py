"""SQLite: WAL with synchronous=FULL, so neither a killed process nor a power failure loses what was committed."""

from __future__ import annotations

import sqlite3
import time
from typing import Any, Final

import sqlalchemy as sa

__all__ = ["SECONDS", "make_engine"]

SECONDS: Final = 10.0
"""For how long the lock of another process is waited for."""


def make_engine(url: sa.URL) -> sa.Engine:
    engine = sa.create_engine(url, connect_args={"timeout": SECONDS}, hide_parameters=True)

    @sa.event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        # The driver must not begin transactions by itself: it would not before a SELECT, and a reader needs one
        # to see one state in all its queries.
        connection.isolation_level = None
        cursor = connection.cursor()
        _use_wal(cursor)
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        # Deleted personal data must not stay in free pages.
        cursor.execute("PRAGMA secure_delete = ON")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def on_begin(connection: sa.Connection) -> None:
        # A write that starts as a read may find that another process wrote meanwhile, and fail at its end.
        writes = connection.get_execution_options().get("fairpost_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _use_wal(cursor: Any) -> None:
    # The file remembers it. SQLite does not wait for a lock here, as it does elsewhere: others may be opening, too.
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
