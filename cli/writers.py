"""Output of `fairpost check -o`: JSON Lines, CSV and Parquet, chosen by the ending.

A file appears under its name when it is whole: it is written beside it and renamed at the end.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from fairpost.cli.errors import CommandError, nearest
from fairpost.cli.verdicts import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import BinaryIO

__all__ = ["Output", "open_output", "open_parquet"]


def texts_of_lists(lists: pa.ListArray, element: pa.StringArray) -> pa.StringArray:
    """JSON arrays from a list column and the JSON text of each of its elements."""
    of = pa.ListArray.from_arrays(lists.offsets, element)
    return pc.binary_join_element_wise("[", pc.binary_join(of, ", "), "]", "")


def json_strings(values: pa.StringArray) -> pa.StringArray:
    """JSON string literals. Distinct values are few against rows (names, matched words) or need no escape (ids)."""
    plain = pc.binary_join_element_wise('"', values, '"', "")
    special = pc.match_substring_regex(values, r'["\\\x00-\x1f\x7f]')
    if not pc.any(special).as_py():
        return pc.fill_null(plain, "null")
    coded = values.dictionary_encode()
    literals = pa.array([json.dumps(v, ensure_ascii=False) for v in coded.dictionary.to_pylist()], pa.string())
    return pc.fill_null(literals.take(coded.indices), "null")


def json_objects(fields: dict[str, pa.StringArray]) -> pa.StringArray:
    """JSON objects from columns of JSON texts."""
    pieces: list[Any] = []
    for number, (name, values) in enumerate(fields.items()):
        pieces += [("{" if number == 0 else ", ") + f'"{name}": ', values]
    return pc.binary_join_element_wise(*pieces, "}", "")


def evidence_texts(evidence: pa.ListArray) -> pa.StringArray:
    """JSON arrays of a column of evidence."""
    item = evidence.values
    basis = item.field("basis")
    return texts_of_lists(
        evidence,
        json_objects(
            {
                "rule": json_strings(item.field("rule")),
                "category": json_strings(item.field("category")),
                "begin": item.field("begin").cast(pa.string()),
                "end": item.field("end").cast(pa.string()),
                "matched": json_strings(item.field("matched")),
                "basis": texts_of_lists(basis, json_strings(basis.values)),
            }
        ),
    )


def as_json(batch: pa.RecordBatch) -> dict[str, pa.StringArray]:
    """Every output column as JSON texts, without a Python loop over posts."""
    labels = batch.column("labels")
    label = labels.values
    number = pa.string()
    label_texts = json_objects(
        {
            "category": json_strings(label.field("category")),
            "score": label.field("score").cast(number),
            "severity": json_strings(label.field("severity")),
        }
    )
    return {
        "id": json_strings(batch.column("id")),
        "action": json_strings(batch.column("action")),
        "risk": batch.column("risk").cast(number),
        "commerce": batch.column("commerce").cast(number),
        "exposure": batch.column("exposure").cast(number),
        "labels": texts_of_lists(labels, label_texts),
        "evidence": evidence_texts(batch.column("evidence")),
        "shadow": evidence_texts(batch.column("shadow")),
        "seller_standing": json_strings(batch.column("seller_standing")),
        "revision": json_strings(batch.column("revision")),
    }


class Format(Protocol):
    """One output format over an open file."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Append rows of `SCHEMA`."""

    def close(self) -> None:
        """Finish; the file itself stays open."""


class JsonLines:
    """An object a line."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, batch: pa.RecordBatch) -> None:
        lines = pc.binary_join_element_wise(json_objects(as_json(batch)), "", "\n")
        _, offsets, content = lines.buffers()
        if len(lines):
            end = int.from_bytes(offsets.slice(4 * (lines.offset + len(lines)), 4).to_pybytes(), "little")
            begin = int.from_bytes(offsets.slice(4 * lines.offset, 4).to_pybytes(), "little")
            self._file.write(content.slice(begin, end - begin))

    def close(self) -> None:
        pass


class Csv:
    """RFC 4180 with a header; labels and evidence are JSON in their cells."""

    def __init__(self, file: BinaryIO) -> None:
        flat = [f if not pa.types.is_nested(f.type) else pa.field(f.name, pa.string()) for f in SCHEMA]
        self._schema = pa.schema(flat)
        self._writer = pa.csv.CSVWriter(file, self._schema, write_options=pa.csv.WriteOptions(quoting_style="needed"))

    def write(self, batch: pa.RecordBatch) -> None:
        texts = as_json(batch)
        columns = [texts[f.name] if pa.types.is_nested(f.type) else batch.column(f.name) for f in SCHEMA]
        self._writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=self._schema))

    def close(self) -> None:
        self._writer.close()


class Parquet:
    """Apache Parquet with nested columns; some chunks to a row group."""

    ROW_GROUP: Final = 65536

    def __init__(self, file: BinaryIO, schema: pa.Schema = SCHEMA) -> None:
        self._schema = schema
        self._writer = pq.ParquetWriter(file, schema, compression="zstd")
        self._held: list[pa.RecordBatch] = []

    def write(self, batch: pa.RecordBatch) -> None:
        self._held.append(batch)
        if sum(b.num_rows for b in self._held) >= self.ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._held:
            self._writer.write_table(pa.Table.from_batches(self._held, self._schema))
            self._held = []

    def close(self) -> None:
        self._flush()
        self._writer.close()


FORMATS: Final[dict[str, Callable[[BinaryIO], Format]]] = {".jsonl": JsonLines, ".csv": Csv, ".parquet": Parquet}


class Output:
    """A file being written. As a context manager: whole at its name after the block, or not there at all."""

    def __init__(self, path: Path, form: Callable[[BinaryIO], Format]) -> None:
        self.path = path
        self._scratch = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            self._file: BinaryIO = self._scratch.open("wb")
        except OSError as error:
            raise CommandError(f"-o {path}: cannot be written: {error.strerror}") from None
        self._format = form(self._file)

    def write(self, batch: pa.RecordBatch) -> None:
        """Append rows of the file's schema (`SCHEMA` for verdicts)."""
        self._format.write(batch)

    def __enter__(self) -> Output:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._format.close()
            self._file.close()
            os.replace(self._scratch, self.path)
        else:
            self._file.close()
            self._scratch.unlink(missing_ok=True)


def open_output(path: Path) -> Output:
    """The writer for a path, by its ending.

    Raises:
        CommandError: unknown ending; the folder is not there or may not be written.
    """
    ending = path.suffix.lower()
    if ending not in FORMATS:
        raise CommandError(
            f"-o {path}: cannot tell the format from the ending {ending or '(none)'!r}; "
            f"known are {', '.join(FORMATS)}{nearest(ending, FORMATS)}"
        )
    return Output(path, FORMATS[ending])


def open_parquet(path: Path, schema: pa.Schema) -> Output:
    """The writer of a table that is Parquet whatever happens.

    Raises:
        CommandError: another ending; the folder is not there or may not be written.
    """
    if path.suffix.lower() != ".parquet":
        raise CommandError(f"-o {path}: this table is written as Parquet; give it a name that ends with .parquet")
    return Output(path, lambda file: Parquet(file, schema))
