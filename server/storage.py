"""The registry's store: SQLAlchemy Core over SQLite.

A transaction that `Store.write` has left without an exception is on disk: WAL with synchronous=FULL, so neither a
killed process nor a power failure loses it. The tables are one schema version; a version that this code does not
know is refused.

Who a seller is lies in `sellers` and `licences`; how a seller stands is never stored, it follows from `events`,
whose rows are never changed or removed (two triggers see to it).
"""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
import time
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
import structlog
from sqlalchemy import exc

from fairpost.server.errors import Unavailable
from fairpost.v1 import reason_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["SCHEMA_VERSION", "Store", "StoreError", "events", "licences", "metadata", "now_ms", "requests", "sellers"]

log = structlog.get_logger(__name__)

SCHEMA_VERSION = 1

metadata = sa.MetaData()

# One row. `store_id` is part of consistency tokens: a token of another store is recognised.
store = sa.Table(
    "store",
    metadata,
    sa.Column("schema_version", sa.Integer, nullable=False),
    sa.Column("store_id", sa.String(8), nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
)

# Times are milliseconds since 1970 (UTC); days are dates.
sellers = sa.Table(
    "sellers",
    metadata,
    sa.Column("seller_id", sa.String(128), primary_key=True),
    sa.Column("kind", sa.SmallInteger, nullable=False),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("identity_hash", sa.LargeBinary(32), index=True),
    sa.Column("identity_masked", sa.String(18)),
    sa.Column("credit_code", sa.String(18), index=True),
    sa.Column("categories", sa.JSON, nullable=False),
    sa.Column("exempt_reason", sa.String(500)),
    sa.Column("registered_at", sa.BigInteger, nullable=False),
)

licences = sa.Table(
    "licences",
    metadata,
    sa.Column("seller_id", sa.ForeignKey("sellers.seller_id"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("scope", sa.String(64), nullable=False),
    sa.Column("number", sa.String(64), nullable=False),
    sa.Column("valid_from", sa.Date, nullable=False),
    sa.Column("valid_until", sa.Date),
    sa.Column("evidence", sa.String(500), nullable=False),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("seller_id", sa.ForeignKey("sellers.seller_id"), nullable=False, index=True),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
    sa.Column("actor", sa.String(128), nullable=False),
    sa.Column("reason", sa.String(1000), nullable=False),
    sa.Column("evidence", sa.String(500), nullable=False),
    sa.Column("effective", sa.Date, nullable=False),
    sa.Column("expires", sa.Date),
    sa.Column("decision_id", sa.String(64), nullable=False),
    sa.Column("revision", sa.String(64), nullable=False),
    sa.Column("recorded_at", sa.BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

# Answered writes by their idempotency key. `digest` is keyed: requests hold personal data.
requests = sa.Table(
    "requests",
    metadata,
    sa.Column("request_id", sa.String(128), primary_key=True),
    sa.Column("method", sa.String(64), nullable=False),
    sa.Column("digest", sa.LargeBinary(32), nullable=False),
    sa.Column("response", sa.LargeBinary, nullable=False),
    sa.Column("recorded_at", sa.BigInteger, nullable=False),
)

for _verb in ("UPDATE", "DELETE"):
    sa.event.listen(
        events,
        "after_create",
        sa.DDL(  # type: ignore[no-untyped-call]
            f"CREATE TRIGGER events_no_{_verb.lower()} BEFORE {_verb} ON events "
            "BEGIN SELECT RAISE(ABORT, 'events are append-only'); END"
        ).execute_if(dialect="sqlite"),
    )


class StoreError(Exception):
    """The store cannot be opened; the message says which file and why."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Store:
    """An open store. Reads may run in any number of threads; writes queue on one lock."""

    def __init__(self, engine: sa.Engine, store_id: str) -> None:
        self._engine = engine
        self._writing = threading.Lock()
        self.store_id = store_id

    @classmethod
    def open(cls, path: Path, *, create: bool = True) -> Store:
        """Open the SQLite file; if it is not there, make it or, with create=False, refuse.

        Raises:
            StoreError: no database, damaged, or of another schema version.
        """
        if not create and not path.exists():
            raise StoreError(f"{path}: there is no registry here")
        # Names of sellers are in it: nobody else may read it. SQLite gives its -wal and -shm files the same mode.
        with contextlib.suppress(FileExistsError), open(os.open(path, os.O_CREAT | os.O_EXCL, 0o600)):
            pass
        engine = sa.create_engine(
            sa.URL.create("sqlite", database=str(path)), connect_args={"timeout": 10.0}, hide_parameters=True
        )
        _set_up_sqlite(engine)
        try:
            with engine.connect() as connection:
                store_id = _create_or_check(connection, path)
        except exc.SQLAlchemyError as error:
            engine.dispose()
            raise StoreError(f"{path}: not a usable registry: {_driver_message(error)}") from None
        except StoreError:
            engine.dispose()
            raise
        return cls(engine, store_id)

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection on one consistent state of the store.

        Raises:
            Unavailable: the store cannot be read.
        """
        try:
            with self._engine.connect() as connection:
                yield connection
        except exc.SQLAlchemyError as error:
            raise _unavailable("read", error) from error

    @contextlib.contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction, committed and on disk when the block ends, undone if it raises.

        Raises:
            Unavailable: the store cannot be written; nothing was changed.
        """
        try:
            options = {"fairpost_write": True}
            with self._writing, self._engine.connect().execution_options(**options) as connection, connection.begin():
                yield connection
        except exc.SQLAlchemyError as error:
            raise _unavailable("written", error) from error

    def close(self) -> None:
        """Close all connections; SQLite then folds the write-ahead log into the file."""
        self._engine.dispose()


def _set_up_sqlite(engine: sa.Engine) -> None:
    @sa.event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        # The driver must not begin transactions by itself: it would not before a SELECT, and a reader needs one
        # to see one state in all its queries.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def on_begin(connection: sa.Connection) -> None:
        # A write that starts as a read may find that another process wrote meanwhile, and fail at its end.
        writes = connection.get_execution_options().get("fairpost_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _create_or_check(connection: sa.Connection, path: Path) -> str:
    connection = connection.execution_options(fairpost_write=True)
    with connection.begin():
        if not sa.inspect(connection).has_table("store"):
            metadata.create_all(connection)
            store_id = secrets.token_hex(4)
            row = {"schema_version": SCHEMA_VERSION, "store_id": store_id, "created_at": now_ms()}
            connection.execute(store.insert(), row)
            return store_id
        found = connection.execute(sa.select(store.c.schema_version, store.c.store_id)).one()
    if found.schema_version != SCHEMA_VERSION:
        raise StoreError(
            f"{path}: schema version {found.schema_version}; this version of fairpost reads {SCHEMA_VERSION}"
        )
    return str(found.store_id)


def _driver_message(error: exc.SQLAlchemyError) -> str:
    # `orig` alone: the text of SQLAlchemy's own exceptions quotes the statement's parameters.
    return str(getattr(error, "orig", None) or type(error).__name__)


def _unavailable(verb: str, error: exc.SQLAlchemyError) -> Unavailable:
    kind = type(getattr(error, "orig", None) or error).__name__
    log.error("store fault", kind=kind, message=_driver_message(error))
    message = f"the registry's store cannot be {verb} at present ({kind}); ask again"
    return Unavailable(reason_pb2.REASON_STORE_UNAVAILABLE, message, retry_after=1.0)
