"""Sellers' standings for bulk checks, from a registry's file or from a running server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from fairpost.cli.errors import CommandError, require
from fairpost.cli.remote import credentials, failure
from fairpost.engine.vocabulary import (
    CATEGORIES,
    LICENCES,
    SELLER_NONE,
    SELLER_NOT_FOUND,
    SELLER_UNAVAILABLE,
    STANDING_DTYPE,
)

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["Absent", "Registry", "Remote", "Sellers", "open_registry"]


class Registry(Protocol):
    """Answers about sellers: standings of those it knows."""

    def lookup(self, ids: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[Any]]:
        """(rows, standings): a row of `standings`, SELLER_NOT_FOUND or SELLER_UNAVAILABLE for each id."""


class Absent:
    """No registry was named: nothing can be said about any seller."""

    def lookup(self, ids: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[Any]]:
        return np.full(len(ids), SELLER_UNAVAILABLE, np.int32), np.zeros(0, STANDING_DTYPE)


class Remote:
    """A running server's RegistryService."""

    BATCH: Final = 1000

    def __init__(self, target: str) -> None:
        require("grpc", "client", f"--registry {target}")
        require("grpc_status", "client", f"--registry {target}")
        from fairpost.client import Client

        self._target = target
        try:
            self._client = Client(target, **credentials())
        except ValueError as error:
            raise CommandError(f"--registry {error}") from None

    def lookup(self, ids: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[Any]]:
        from fairpost.client import CallFailed

        rows: list[int] = []
        standings: list[NDArray[Any]] = []
        for first in range(0, len(ids), self.BATCH):
            try:
                answers = self._client.lookup_many(ids[first : first + self.BATCH])
            except CallFailed as error:
                raise failure(error, self._target, "--registry") from None
            rows.extend(self._row(each, standings) for each in answers)
        return np.array(rows, np.int32), np.array(standings, STANDING_DTYPE)

    def _row(self, answer: Any, standings: list[NDArray[Any]]) -> int:
        if answer.outcome == 1:  # LOOKUP_OUTCOME_OK
            standings.append(standing_record(answer.standing))
            return len(standings) - 1
        return SELLER_NOT_FOUND if answer.outcome == 2 else SELLER_UNAVAILABLE


def standing_record(standing: Any) -> NDArray[Any]:
    """The engine's record of a `fairpost.v1.Standing`. Enum values are the vocabulary's positions plus one."""
    record = np.zeros((), STANDING_DTYPE)
    for scope in standing.licences:
        if scope in LICENCES:
            record["licences"] |= np.uint32(1 << LICENCES.index(scope))
    record["tenure_days"] = standing.tenure_days
    record["registration"] = max(standing.registration - 1, 0)
    record["enforcement"] = max(standing.enforcement - 1, 0)
    record["listing"] = max(standing.listing - 1, 0)
    record["complaints"] = min(standing.open_complaints, 255)
    for strikes in standing.strikes:
        if strikes.category in CATEGORIES:
            record["strikes"][CATEGORIES.index(strikes.category)] = min(strikes.count, 255)
    return record


def open_registry(url: str | None) -> Registry:
    """`sqlite:///path/registry.sqlite`, or a server's `host:port`.

    Raises:
        CommandError: neither; the file is missing; the extra `server` is not installed.
    """
    if url is None:
        return Absent()
    if url.startswith(("sqlite:", "postgresql:")):
        require("sqlalchemy", "server", f"--registry {url}")
        return _File(url)
    host, colon, port = url.rpartition(":")
    if not colon or not host or not port.isdigit() or "/" in url:
        raise CommandError(
            f"--registry {url}: is neither sqlite:///path/to/registry.sqlite, postgresql://user@host/database nor "
            "host:port of a fairpost server"
        )
    return Remote(url)


class _File:
    """The store of a server, read once; a running server may go on writing to it."""

    def __init__(self, url: str) -> None:
        from fairpost.server.errors import ServiceError
        from fairpost.server.registry.lookups import load_table
        from fairpost.server.store import Store, StoreError
        from fairpost.server.table import SellerTable

        self._table = SellerTable()
        try:
            with Store.open(url, create=False, migrate=False) as store, store.read() as connection:
                load_table(self._table, connection)
        except (StoreError, ServiceError) as error:
            raise CommandError(f"--registry {url}: {error}") from None

    def lookup(self, ids: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[Any]]:
        view = self._table.view(ids)
        return view.sellers, view.standings


class Sellers:
    """The standing table of one run: every seller is looked up once, until the table is full and starts anew."""

    CAPACITY: Final = 200_000

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._clear()

    def _clear(self) -> None:
        self._rows: dict[str, int] = {}
        self.standings = np.zeros(0, STANDING_DTYPE)

    def rows(self, sellers: pa.StringArray) -> NDArray[np.int32]:
        """The `sellers` column for the engine; `standings` is the table that it points into."""
        coded = sellers.dictionary_encode()
        names: list[str] = coded.dictionary.to_pylist()
        if len(self._rows) + len(names) > self.CAPACITY:
            self._clear()
        unknown = [name for name in names if name not in self._rows]
        if unknown:
            found, standings = self._registry.lookup(unknown)
            base = len(self.standings)
            self.standings = np.concatenate([self.standings, standings])
            self._rows.update(
                (name, int(row) + base if row >= 0 else int(row)) for name, row in zip(unknown, found, strict=True)
            )
        table = np.array([*(self._rows[name] for name in names), SELLER_NONE], np.int32)
        codes = coded.indices.fill_null(len(names)).to_numpy(zero_copy_only=False)
        rows: NDArray[np.int32] = table[codes]
        return rows
