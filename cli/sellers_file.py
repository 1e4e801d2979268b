"""Files of sellers for `fairpost registry import`: CSV or Parquet, a seller a row."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fairpost.cli.errors import CommandError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from fairpost.server.registry.importing import ImportRow

__all__ = ["COLUMNS", "read_sellers", "rows_of"]

COLUMNS: Final = {
    "seller_id": "id on your platform; required",
    "kind": "natural-person, individual-business, enterprise or exempt; required",
    "name": "legal name; required",
    "identity_number": "of a natural person",
    "credit_code": "unified social credit code",
    "categories": "goods categories, separated by ; (Parquet: or a list); required",
    "licences": "SCOPE,NUMBER,FROM[,UNTIL], separated by ; (Parquet: or a list)",
    "exempt_reason": "of an exempt seller",
    "phone": "",
    "email": "",
    "address": "",
    "registered_on": "day since which the seller has been registered (YYYY-MM-DD); default: today",
}
_REQUIRED: Final = ("seller_id", "kind", "name", "categories")
_BLOCK: Final = 4 << 20


def rows_of(path: Path) -> int | None:
    """How many rows a Parquet file says it has; None for others, and for what reading will refuse."""
    if path.suffix.lower() != ".parquet":
        return None
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError):
        return None


def read_sellers(path: Path) -> Iterator[ImportRow]:
    """The rows of a file, numbered from 1 (the header of a CSV file is none). What cannot be read is in their faults.

    Raises:
        CommandError: no such file, another format, a column that is missing or unknown, a damaged file.
    """
    import pyarrow as pa

    try:
        number = 0
        for batch in _batches(path):
            columns = {name: _plain(batch.column(name)) for name in batch.schema.names}
            for i in range(batch.num_rows):
                number += 1
                yield _row(number, {name: values[i] for name, values in columns.items()})
    except FileNotFoundError:
        raise CommandError(f"{path}: no such file") from None
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from None


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    ending = path.suffix.lower()
    if ending == ".csv":
        import pyarrow as pa
        from pyarrow import csv

        with csv.open_csv(path, read_options=csv.ReadOptions(block_size=_BLOCK)) as peeked:
            names = peeked.schema.names
        _check(path, names)
        # All as text: what a value means is said by the same checks as everywhere, with their messages.
        convert = csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False)
        parse = csv.ParseOptions(newlines_in_values=True)
        with csv.open_csv(path, csv.ReadOptions(block_size=_BLOCK), parse, convert) as reader:
            yield from reader
    elif ending == ".parquet":
        import pyarrow.parquet as pq

        with pq.ParquetFile(path) as file:
            _check(path, file.schema_arrow.names)
            yield from file.iter_batches(batch_size=8192)
    else:
        raise CommandError(f"{path}: cannot tell the format from the ending {ending!r}; .csv and .parquet are read")


def _check(path: Path, names: list[str]) -> None:
    for name in names:
        if name not in COLUMNS:
            raise CommandError(
                f"{path}: unknown column {name!r}; known are {', '.join(COLUMNS)}{nearest(name, COLUMNS)}"
            )
        if names.count(name) > 1:
            raise CommandError(f"{path}: column {name!r} is there twice")
    if missing := [name for name in _REQUIRED if name not in names]:
        raise CommandError(f"{path}: lacks the column {missing[0]!r}; it has {', '.join(names)}")


def _plain(column: pa.Array) -> list[Any]:
    values: list[Any] = column.to_pylist()
    return values


def _row(number: int, values: dict[str, Any]) -> ImportRow:
    from fairpost.cli.seller import KINDS
    from fairpost.server.errors import Violation
    from fairpost.server.registry.importing import ImportRow
    from fairpost.v1 import registry_pb2

    faults: list[Violation] = []
    request = registry_pb2.RegisterSellerRequest()
    registered_on = None
    for name in ("seller_id", "name", "identity_number", "credit_code", "exempt_reason"):
        if value := _text(values.get(name)):
            setattr(request, name, value)
    for name in ("phone", "email", "address"):
        if value := _text(values.get(name)):
            setattr(request.contacts, name, value)
    kind = _text(values.get("kind"))
    if kind in KINDS:
        request.kind = KINDS[kind]  # type: ignore[assignment]
    elif kind:
        faults.append(Violation("kind", f"{kind[:40]!r} is none of {', '.join(KINDS)}"))
        request.kind = 1  # type: ignore[assignment]  # said; not to be reported as missing, too
    request.categories.extend(_list(values.get("categories")))
    for i, text in enumerate(_list(values.get("licences"))):
        parts = [part.strip() for part in text.split(",")]
        if len(parts) in (3, 4):
            request.licences.add(**dict(zip(("scope", "number", "valid_from", "valid_until"), parts, strict=False)))
        else:
            faults.append(Violation(f"licences[{i}]", "must be SCOPE,NUMBER,FROM or SCOPE,NUMBER,FROM,UNTIL"))
    if since := values.get("registered_on"):
        try:
            registered_on = since if type(since) is date else date.fromisoformat(_text(since))
        except ValueError:
            faults.append(Violation("registered_on", f"{_text(since)[:20]!r} is no day; write YYYY-MM-DD"))
    return ImportRow(number, request, registered_on, tuple(faults))


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _list(value: Any) -> list[str]:
    if isinstance(value, list):
        return [_text(each) for each in value]
    return [part.strip() for part in _text(value).split(";") if part.strip()]
