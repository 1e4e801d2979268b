"""Opening a store, and its transactions."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
import structlog
from sqlalchemy import exc

from fairpost.server.errors import Aborted, Unavailable
from fairpost.server.store import postgresql, sqlite, upgrade
from fairpost.server.store.errors import StoreError
from fairpost.server.store.schema import head, store
from fairpost.v1 import reason_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

__all__ = ["Store", "StoreError", "now_ms"]

log = structlog.get_logger(__name__)

# SQLSTATE classes of PostgreSQL: the same transaction may go through when it is tried again.
_RETRY: Final = frozenset({"40001", "40P01", "55P03"})
# The same of SQLite: another process held the lock for longer than the driver waits.
_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})

_SCRUB_MS: Final = 500
_told: dict[str, float] = {}


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Store:
    """An open store. Reads run in any number of threads; writes queue, in this process and among all."""

    def __init__(self, engine: sa.Engine, store_id: str, url: str) -> None:
        self._engine = engine
        self._writing = threading.Lock()
        self.store_id = store_id
        self.url = url
        """Where it is, without a password."""

    @classmethod
    def open(cls, url: str, *, create: bool = True, migrate: bool | None = None) -> Store:
        """Open a store; an empty one gets its tables, unless create=False.

        Args:
            url: `sqlite:///relative/path`, `sqlite:////absolute/path` or `postgresql://user:password@host/database`.
            migrate: whether an older revision is brought to the newest. Default: on SQLite, which one server has for
                itself. On PostgreSQL other servers of the older version may be running, so it is said explicitly
                (`fairpost registry migrate`).

        Raises:
            StoreError: no such database, damaged, of a newer revision, or of an older one that is not to be migrated.
        """
        try:
            parsed = sa.make_url(url)
        except exc.ArgumentError:
            raise StoreError(f"{url}: is neither sqlite:///path nor postgresql://user@host/database") from None
        shown = parsed.render_as_string(hide_password=True)
        if parsed.get_backend_name() == "sqlite":
            path = Path(parsed.database or "")
            if not path.name:
                raise StoreError(f"{shown}: names no file; write sqlite:///path/to/registry.sqlite")
            shown = str(path)
            if not create and not path.exists():
                raise StoreError(f"{shown}: there is no registry here")
            # Names of sellers are in it: nobody else may read it. SQLite gives its -wal and -shm files the same mode.
            try:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
            except FileExistsError:
                pass
            except OSError as error:
                raise StoreError(f"{shown}: cannot be made: {error.strerror}") from None
            engine = sqlite.make_engine(parsed)
        elif parsed.get_backend_name() == "postgresql":
            engine = postgresql.make_engine(parsed)
        else:
            raise StoreError(f"{shown}: is neither sqlite:///path nor postgresql://user@host/database")
        if migrate is None:
            migrate = parsed.get_backend_name() == "sqlite"
        try:
            with engine.connect().execution_options(fairpost_write=True) as connection:
                upgrade.bring_up(connection, shown, create=create, migrate=migrate)
            with engine.connect() as connection, connection.begin():
                store_id = connection.execute(sa.select(store.c.store_id)).scalar_one()
        except exc.SQLAlchemyError as error:
            engine.dispose()
            raise StoreError(f"{shown}: not a usable registry: {_driver_message(error)}") from None
        except StoreError:
            engine.dispose()
            raise
        return cls(engine, str(store_id), shown)

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def dialect(self) -> str:
        return self._engine.dialect.name

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection on one state of the store: all queries in the block see the same.

        Raises:
            Unavailable: the store cannot be read.
        """
        try:
            with self._engine.connect() as connection, connection.begin():
                yield connection
        except (exc.DBAPIError, exc.TimeoutError) as error:
            raise _refused("read", error) from error

    @contextlib.contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction, committed and on disk when the block ends, undone if it raises. No other runs meanwhile, in
        any process: it holds `head`.

        Raises:
            Unavailable: the store cannot be written. Nothing was changed, unless the connection broke in the very
                commit: a request with a request_id is safe to repeat.
            Aborted: another transaction was in the way; nothing was changed, and trying again is right.
        """
        try:
            with (
                self._writing,
                self._engine.connect().execution_options(fairpost_write=True) as connection,
                connection.begin(),
            ):
                if self.dialect != "sqlite":  # which has begun with a lock on everything
                    connection.execute(sa.select(head.c.sequence).with_for_update())
                yield connection
        except (exc.DBAPIError, exc.TimeoutError) as error:
            raise _refused("written", error) from error

    def has(self, query: sa.Select[Any]) -> bool:
        """Whether a query finds anything: by a read, since no writer must wait where nothing is to be written.

        Raises:
            Unavailable: the store cannot be read.
        """
        with self.read() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def sequence(self) -> int:
        """Sequence of the last event that is committed."""
        with self.read() as connection:
            return int(connection.execute(sa.select(head.c.sequence)).scalar_one())

    def scrub(self) -> bool:
        """Let what was deleted or overwritten vanish from SQLite's files now; gives whether it has.

        In the file itself it is overwritten at once (secure_delete). Older pages are still in the write-ahead log
        until that is folded in and cut to nothing, which somebody's long read can keep from happening; then the next
        checkpoint does it. PostgreSQL has no such means: it frees rows (autovacuum), and overwrites them when it needs
        the space.

        Raises:
            Unavailable: the store cannot be written.
        """
        if self.dialect != "sqlite":
            return True
        try:
            # On the driver's own connection, since a checkpoint cannot run in a transaction.
            with contextlib.closing(self._engine.raw_connection()) as connection:
                cursor = connection.cursor()
                cursor.execute(f"PRAGMA busy_timeout = {_SCRUB_MS}")
                try:
                    (busy, _, _) = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                finally:
                    cursor.execute(f"PRAGMA busy_timeout = {round(sqlite.SECONDS * 1000)}")
        except sqlite3.OperationalError as error:
            raise _refused("written", error) from error
        if busy:
            log.warning("erased data are in the write-ahead log until the next checkpoint: somebody reads")
        return not busy

    def close(self) -> None:
        """Close all connections; SQLite then folds the write-ahead log into the file."""
        self._engine.dispose()


def _driver_message(error: Exception) -> str:
    # `orig` alone: the text of SQLAlchemy's own exceptions quotes the statement's parameters. One line of it:
    # PostgreSQL's DETAIL quotes rows.
    text = str(getattr(error, "orig", None) or type(error).__name__)
    return text.splitlines()[0] if text else type(error).__name__


def _refused(verb: str, error: Exception) -> Unavailable | Aborted:
    original = getattr(error, "orig", None) or error
    busy = getattr(original, "sqlite_errorcode", 0) & 0xFF in _BUSY
    if busy or getattr(original, "sqlstate", None) in _RETRY:
        message = "another transaction was in the way; nothing was changed: send the request again"
        return Aborted(reason_pb2.REASON_CONFLICT, message, retry_after=0.05)
    kind = type(original).__name__
    # A store that is away fails every call and every poll: one line a second tells it.
    if (now := time.monotonic()) - _told.get(kind, float("-inf")) >= 1.0:
        _told[kind] = now
        log.error("store fault", kind=kind, message=_driver_message(error))
    message = f"the registry's store cannot be {verb} at present ({kind}); ask again"
    return Unavailable(reason_pb2.REASON_STORE_UNAVAILABLE, message, retry_after=1.0)
