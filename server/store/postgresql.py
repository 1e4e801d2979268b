"""PostgreSQL by psycopg 3. Reads see one snapshot (REPEATABLE READ, READ ONLY); writes queue on the row of `head`."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

__all__ = ["make_engine"]

_LOCK_TIMEOUT_MS = 10_000


def make_engine(url: sa.URL) -> sa.Engine:
    engine = sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        hide_parameters=True,
        pool_size=8,
        max_overflow=16,
        pool_pre_ping=True,
        connect_args={"connect_timeout": 10, "options": f"-c lock_timeout={_LOCK_TIMEOUT_MS}"},
    )

    @sa.event.listens_for(engine, "begin")
    def on_begin(connection: sa.Connection) -> None:
        if connection.get_execution_options().get("fairpost_write", False):
            # What the server says is committed is on disk, whatever its configuration says.
            connection.exec_driver_sql("SET LOCAL synchronous_commit = on")
        else:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")

    @sa.event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.prepare_threshold = 2

    return engine
