"""Records as a Parquet file."""

from __future__ import annotations

import os
from datetime import date, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

__all__ = ["SCHEMA", "write_parquet"]

_LABEL: Final = pa.struct([("category", pa.string()), ("score", pa.float32()), ("severity", pa.string())])
_EVIDENCE: Final = pa.struct(
    [
        ("rule", pa.string()),
        ("category", pa.string()),
        ("text", pa.uint32()),
        ("begin", pa.uint32()),
        ("end", pa.uint32()),
        ("shadow", pa.bool_()),
        ("matched", pa.string()),
        ("folded", pa.string()),
    ]
)
_SELLER: Final = pa.struct(
    [
        ("registration", pa.string()),
        ("enforcement", pa.string()),
        ("listing", pa.string()),
        ("licences", pa.list_(pa.string())),
        ("strikes", pa.map_(pa.string(), pa.int32())),
        ("tenure_days", pa.uint32()),
        ("open_complaints", pa.uint32()),
    ]
)
SCHEMA: Final = pa.schema(
    [
        ("decision_id", pa.string()),
        ("time", pa.timestamp("ms", "UTC")),
        ("method", pa.string()),
        ("revision", pa.string()),
        ("post_id", pa.string()),
        ("seller_id", pa.string()),
        ("channel", pa.string()),
        ("language", pa.string()),
        ("created_at", pa.timestamp("s", "UTC")),
        ("day", pa.date32()),
        ("unit", pa.string()),
        ("dry_run", pa.bool_()),
        ("seller_outcome", pa.string()),
        ("seller", _SELLER),
        ("fail_policy", pa.string()),
        ("action", pa.string()),
        ("risk", pa.float32()),
        ("commerce", pa.float32()),
        ("exposure", pa.float32()),
        ("labels", pa.list_(_LABEL)),
        ("evidence", pa.list_(_EVIDENCE)),
        ("bounds", pa.list_(pa.string())),
        ("texts_hash", pa.string()),
        ("texts", pa.list_(pa.string())),
        ("verdict_digest", pa.string()),
        ("trace_id", pa.string()),
    ]
)
"""seller_outcome: null where the post names no seller, else "known", "unknown" or "unavailable"; seller: the standing
if it is known."""

_ROWS: Final = 10_000


def write_parquet(records: Iterable[Mapping[str, Any]], path: Path) -> int:
    """Write records; gives how many. The file is there whole, or not at all."""
    scratch = path.with_name(f"{path.name}.{os.getpid()}.new")
    written = 0
    rows = map(_row, records)
    try:
        with pq.ParquetWriter(scratch, SCHEMA, compression="zstd") as writer:
            for part in _parts(rows):
                writer.write_table(pa.Table.from_pylist(part, SCHEMA))
                written += len(part)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
    return written


def _parts(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while part := list(islice(rows, _ROWS)):
        yield part


def _row(record: Mapping[str, Any]) -> dict[str, Any]:
    row = dict(record)
    seller = record["seller"]
    row["seller_outcome"] = "known" if isinstance(seller, dict) else seller
    row["seller"] = seller | {"strikes": list(seller["strikes"].items())} if isinstance(seller, dict) else None
    row["time"] = datetime.fromisoformat(record["time"])
    row["day"] = date.fromisoformat(record["day"])
    return row
