"""The standings of a whole registry as a file: `fairpost registry export`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import sqlalchemy as sa

from fairpost.cli.errors import CommandError
from fairpost.engine.dates import date_of_day
from fairpost.engine.vocabulary import (
    CATEGORIES,
    ENFORCEMENT,
    LICENCES,
    LISTING,
    REGISTRATION,
    SELLER_RECORD_DTYPE,
    SINCE_NEVER,
)
from fairpost.server.registry.log import head_sequence
from fairpost.server.store import schema

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fairpost.server.store import Store

__all__ = ["SCHEMA", "write_standings"]

SCHEMA: Final = pa.schema(
    [
        ("seller_id", pa.string()),
        ("registration", pa.string()),
        ("enforcement", pa.string()),
        ("listing", pa.string()),
        ("licences", pa.string()),
        ("since", pa.date32()),
        ("open_complaints", pa.uint8()),
        ("strikes", pa.string()),
    ]
)
"""licences: scopes joined by ";"; strikes: CATEGORY:COUNT joined by ";"; since: null while not active."""

_ROWS: Final = 20_000


def write_standings(store: Store, path: Path) -> tuple[int, int]:
    """Write all standings at one sequence; gives how many, and the sequence. The file is there whole, or not at all.

    Raises:
        CommandError: another ending than .csv and .parquet; the folder may not be written.
    """
    ending = path.suffix.lower()
    if ending not in (".csv", ".parquet"):
        raise CommandError(
            f"-o {path}: cannot tell the format from the ending {ending!r}; .csv and .parquet are written"
        )
    scratch = path.with_name(f".{path.name}.{os.getpid()}.part")
    columns = schema.sellers.c
    query = sa.select(columns.seller_id, columns.standing).order_by(columns.seller_id)
    count = 0
    try:
        writer: Any = (pa.csv.CSVWriter if ending == ".csv" else pq.ParquetWriter)(scratch, SCHEMA)
        try:
            with writer, store.read() as connection:
                sequence = head_sequence(connection)
                for part in connection.execute(query.execution_options(yield_per=_ROWS)).partitions():
                    writer.write_table(pa.Table.from_batches([_batch(part)]))
                    count += len(part)
            scratch.replace(path)
        finally:
            scratch.unlink(missing_ok=True)
    except OSError as error:
        raise CommandError(f"-o {path}: cannot be written: {error.strerror}") from None
    return count, sequence


def _batch(part: Sequence[Any]) -> pa.RecordBatch:
    rows = np.frombuffer(b"".join(row.standing for row in part), SELLER_RECORD_DTYPE)
    since = [None if day == SINCE_NEVER else date_of_day(day) for day in rows["since_day"].tolist()]
    columns = [
        [row.seller_id for row in part],
        [REGISTRATION[number] for number in rows["registration"].tolist()],
        [ENFORCEMENT[number] for number in rows["enforcement"].tolist()],
        [LISTING[number] for number in rows["listing"].tolist()],
        [_scopes(bits) for bits in rows["licences"].tolist()],
        since,
        rows["complaints"].tolist(),
        [_strikes(counts) for counts in rows["strikes"]],
    ]
    return pa.RecordBatch.from_arrays(
        [pa.array(values, field.type) for values, field in zip(columns, SCHEMA, strict=True)], schema=SCHEMA
    )


def _scopes(bits: int) -> str:
    return ";".join(scope for bit, scope in enumerate(LICENCES) if bits >> bit & 1)


def _strikes(counts: np.ndarray) -> str:
    return ";".join(f"{CATEGORIES[number]}:{counts[number]}" for number in np.flatnonzero(counts).tolist())
