"""The registry's store: SQLAlchemy Core over SQLite (one machine) or PostgreSQL (several).

    with Store.open("sqlite:////var/lib/fairpost/registry.sqlite") as store:
        with store.write() as connection: ...

A transaction that `write` has left without an exception is on disk.
"""

from __future__ import annotations

from fairpost.server.store import schema
from fairpost.server.store.database import Store, StoreError, now_ms

__all__ = ["Store", "StoreError", "now_ms", "schema"]
