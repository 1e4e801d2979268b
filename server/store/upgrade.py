"""From an empty database, or one of an earlier revision, to the newest (Alembic; revisions are in `migrations/`)."""

from __future__ import annotations

import logging
import secrets
import time
from pathlib import Path
from typing import Final

import sqlalchemy as sa
import structlog
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from fairpost.server.store.errors import StoreError

__all__ = ["FIRST", "MIGRATIONS", "bring_up", "config_for", "newest"]

log = structlog.get_logger(__name__)

MIGRATIONS: Final = Path(__file__).parent / "migrations"
FIRST: Final = "0001"
"""Revision of the stores made before there were revisions."""


def config_for(connection: sa.Connection) -> Config:
    """Alembic's configuration for one open connection."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def newest() -> str:
    """The revision that this version of fairpost reads and writes."""
    head = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    assert head is not None
    return head


def bring_up(connection: sa.Connection, shown: str, *, create: bool, migrate: bool) -> None:
    """Make the tables, or bring them to the newest revision, in one transaction.

    Args:
        shown: the store's name in errors.
        create: whether an empty database becomes a registry.
        migrate: whether an older revision is migrated.

    Raises:
        StoreError: empty, of an unknown (newer) revision, or of an older one and migrate=False.
    """
    logging.getLogger("alembic").setLevel(logging.WARNING)
    wanted = newest()
    with connection.begin():
        if connection.dialect.name == "postgresql":
            # Two servers that start on an empty database at once: the second waits, then finds it made.
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(748302551)")
        tables = set(sa.inspect(connection).get_table_names())
        found = MigrationContext.configure(connection).get_current_revision()
        if found is None and "store" in tables:
            found = FIRST
            command.stamp(config_for(connection), FIRST)
        if found == wanted:
            return
        if found is None:
            if tables & {"sellers", "events"}:
                raise StoreError(f"{shown}: has tables that are no registry of fairpost; take an empty database")
            if not create:
                raise StoreError(f"{shown}: there is no registry here")
        else:
            known = {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
            if found not in known:
                raise StoreError(
                    f"{shown}: is at revision {found}, of a newer version of fairpost; this one reads {wanted}"
                )
            if not migrate:
                raise StoreError(
                    f"{shown}: is at revision {found}, this version of fairpost needs {wanted}; stop the servers of "
                    f"the older version, then run: fairpost registry migrate --registry URL"
                )
        started = time.monotonic()
        command.upgrade(config_for(connection), "head")
        if found is None:
            values = {"store_id": secrets.token_hex(4), "created_at": time.time_ns() // 1_000_000}
            connection.execute(
                sa.text("INSERT INTO store (store_id, created_at) VALUES (:store_id, :created_at)"), values
            )
    if found is not None:
        log.info("registry migrated", was=found, now=wanted, seconds=round(time.monotonic() - started, 3))
