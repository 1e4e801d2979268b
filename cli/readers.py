"""Input of `fairpost check`: files of posts as a stream of bounded, columnar chunks.

A chunk holds at most `CHUNK` posts as one Arrow binary array; nothing else of the file stays in memory. Texts
are bytes all the way: whether they are UTF-8 is for the engine to say, for each post by itself.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import numpy as np

from fairpost.cli.errors import CommandError, nearest

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["CHUNK", "Chunk", "Columns", "read", "size"]

CHUNK: Final = 8192
BLOCK: Final = 1 << 20
LONGEST_LINE: Final = 1 << 20
"""Longer lines are cut here while reading: far over the engine's limit, so that the post is refused as too long."""


OPTIONS: Final = {
    "id": "--id-column",
    "seller": "--seller-column",
    "channel": "--channel-column",
    "label": "--labels",
    "source": "--source-column",
}


@dataclass(frozen=True)
class Columns:
    """Names of the columns to read; `None` = the file's own numbering, no sellers, channels, labels or sources."""

    text: str = "text"
    id: str | None = None
    seller: str | None = None
    channel: str | None = None
    label: str | None = None
    source: str | None = None

    def wanted(self) -> list[tuple[str, str]]:
        """(option, column) of every column that must be there."""
        return [("--text-column", self.text), *((OPTIONS[kind], name) for kind, name in self.words().items())]

    def words(self) -> dict[str, str]:
        """{kind: column} of the columns beside the text: short words, null where a post has none."""
        named = {
            "id": self.id,
            "seller": self.seller,
            "channel": self.channel,
            "label": self.label,
            "source": self.source,
        }
        return {kind: name for kind, name in named.items() if name is not None}


@dataclass
class Chunk:
    """Consecutive posts of one file.

    `places[i]` is the line (Parquet: row) of post i, from 1. `bad` are rows that hold no post, as (place,
    reason); they are in none of the columns. `position` says how far into the file the reader is, for progress.
    """

    path: Path
    texts: pa.BinaryArray
    places: NDArray[np.int64]
    position: int
    ids: pa.StringArray | None = None
    sellers: pa.StringArray | None = None
    channels: pa.StringArray | None = None
    labels: pa.StringArray | None = None
    sources: pa.StringArray | None = None
    bad: list[tuple[int, str]] = field(default_factory=list)


def read(path: Path, columns: Columns) -> Iterator[Chunk]:
    """Posts of one file, by its ending.

    Raises:
        CommandError: no such file, no permission, unknown ending, unknown column, damaged Parquet.
    """
    if path.is_dir():
        raise CommandError(f"{path}: is a folder; name the files in it, for example {path}/*.jsonl")
    ending = path.suffix.lower()
    reader = READERS.get(ending)
    if reader is None:
        raise CommandError(
            f"{path}: cannot tell the format from the ending {ending or '(none)'!r}; "
            f"known are {', '.join(READERS)}{nearest(ending, READERS)}"
        )
    try:
        yield from reader(path, columns)
    except FileNotFoundError:
        raise CommandError(f"{path}: no such file") from None
    except PermissionError:
        raise CommandError(f"{path}: no permission to read it") from None
    except OSError as error:
        raise CommandError(f"{path}: cannot be read: {error.strerror or error}") from None


def size(path: Path) -> int:
    """What `Chunk.position` counts up to: bytes, or 0 where the file cannot be read (`read` will say why)."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _binary(buffer: NDArray[np.uint8], offsets: NDArray[np.int32]) -> pa.BinaryArray:
    import pyarrow as pa

    return pa.Array.from_buffers(pa.binary(), len(offsets) - 1, [None, pa.py_buffer(offsets), pa.py_buffer(buffer)])


def _check_columns(path: Path, columns: Columns, present: list[str]) -> None:
    for option, name in columns.wanted():
        if name not in present:
            raise CommandError(
                f"{path}: there is no column {name!r} ({option}); the columns are "
                f"{', '.join(present)}{nearest(name, present)}"
            )


def _text(path: Path, columns: Columns) -> Iterator[Chunk]:
    """A post a line. Lines are cut by NumPy from a block of bytes; no line becomes a Python object."""
    for option, name in columns.wanted()[1:]:
        raise CommandError(f"{path}: a .txt file has no columns, so {option} {name!r} cannot be read from it")
    line = 0
    rest = b""
    position = 0
    with path.open("rb") as file:
        while True:
            block = file.read(BLOCK)
            position += len(block)
            if not block and not rest:
                return
            if len(rest) > LONGEST_LINE:
                cut = block.find(b"\n")
                if block and cut < 0:
                    continue  # the rest of a line that is too long already
                rest, block = rest[: LONGEST_LINE + 1], block[max(cut, 0) :]
            whole = rest + block
            end = whole.rfind(b"\n") + 1 if block else len(whole)
            rest = whole[end:]
            if end:
                if whole[end - 1] != 0x0A:
                    whole += b"\n"
                    end += 1
                for chunk in _lines(path, np.frombuffer(whole, np.uint8, end), line, position):
                    line = int(chunk.places[-1])
                    yield chunk
            if not block:
                return


def _lines(path: Path, buffer: NDArray[np.uint8], line: int, position: int) -> Iterator[Chunk]:
    """Chunks of a buffer that ends with a line feed; `line` lines came before it."""
    ends = np.flatnonzero(buffer == 0x0A)
    begins = np.concatenate(([0], ends[:-1] + 1))
    for first in range(0, len(ends), CHUNK):
        last = min(first + CHUNK, len(ends))
        start = int(begins[first])
        part = buffer[start : ends[last - 1] + 1]
        stops = ends[first:last] - start
        returns = (stops > 0) & (part[np.maximum(stops, 1) - 1] == 0x0D)  # CR LF, as Windows writes it
        kept = np.ones(len(part), np.bool_)
        kept[stops] = False
        kept[stops[returns] - 1] = False
        # Bytes that stay before each line's end: all but the ends of the lines before and the CRs up to here.
        offsets = np.zeros(last - first + 1, np.int32)
        np.subtract(stops, np.arange(last - first) + np.cumsum(returns), out=offsets[1:], casting="unsafe")
        places = np.arange(line + first + 1, line + last + 1)
        yield Chunk(path, _binary(part[kept], offsets), places, position)


class _Rows:
    """Collects rows that come one by one into a chunk."""

    def __init__(self, path: Path, columns: Columns) -> None:
        self.path = path
        self.columns = columns
        self.texts: list[bytes] = []
        self.places: list[int] = []
        self.words: dict[str, list[str | None]] = {kind: [] for kind in columns.words()}
        self.bad: list[tuple[int, str]] = []

    def add(self, place: int, text: Any, words: dict[str, Any]) -> None:
        """A row: its text, and its words by kind, as `Columns.words`. Their types are looked at here."""
        if not isinstance(text, str):
            self.bad.append((place, f"{self.columns.text!r} is {_kind(text)}, not a string"))
            return
        for kind in ("seller", "channel"):
            word = words.get(kind)
            if word is not None and not isinstance(word, (str, int)):
                self.bad.append((place, f"{self.columns.words()[kind]!r} is {_kind(word)}, not a string"))
                return
        # Lone surrogates (JSON's escapes, stand-ins for bytes that are no UTF-8) become bytes that the engine refuses.
        self.texts.append(text.encode("utf-8", "surrogatepass"))
        self.places.append(place)
        for kind, column in self.words.items():
            word = words.get(kind)
            column.append(None if word is None or (word == "" and kind != "id") else _word(word))

    def chunk(self, position: int) -> Chunk:
        """What was collected; the collection starts anew."""
        import pyarrow as pa

        found = Chunk(
            self.path,
            pa.array(self.texts, pa.binary()),
            np.array(self.places, np.int64),
            position,
            **{f"{kind}s": pa.array(column, pa.string()) for kind, column in self.words.items()},
            bad=self.bad,
        )
        self.__init__(self.path, self.columns)  # type: ignore[misc]
        return found


def _word(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.encode("utf-8", "replace").decode("utf-8")


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number"
    return "an object" if isinstance(value, dict) else "a list" if isinstance(value, list) else "a string"


def _json_lines(path: Path, columns: Columns) -> Iterator[Chunk]:
    """An object a line. A line that is none is a bad row; other lines go on."""
    rows, words = _Rows(path, columns), columns.words()
    place = position = 0
    checked = False
    with path.open("rb") as file:
        while line := file.readline(LONGEST_LINE * 8):
            place += 1
            position += len(line)
            if not line.endswith(b"\n"):
                position += _skip_line(file)
            if line.isspace():
                continue
            try:
                row = json.loads(line.decode("utf-8-sig" if place == 1 else "utf-8"))
            except UnicodeDecodeError as error:
                rows.bad.append((place, f"not UTF-8 at byte {error.start} of the line"))
                continue
            except json.JSONDecodeError as error:
                rows.bad.append((place, f"not JSON: {error.msg} at column {error.colno}"))
                continue
            if not isinstance(row, dict):
                rows.bad.append((place, f"{_kind(row)}, not an object such as {{{json.dumps(columns.text)}: ...}}"))
                continue
            if not checked:  # a column that the first object lacks is a misspelling, not a bad row
                _check_columns(path, Columns(columns.text), list(row))
                checked = True
            if columns.text not in row:
                rows.bad.append((place, f"there is no {columns.text!r}{nearest(columns.text, row)}"))
                continue
            rows.add(place, row[columns.text], {kind: row.get(name) for kind, name in words.items()})
            if len(rows.texts) == CHUNK:
                yield rows.chunk(position)
    yield rows.chunk(position)


def _skip_line(file: IO[bytes]) -> int:
    """Read on to the end of an over-long line without keeping it; returns the bytes skipped."""
    skipped = 0
    while piece := file.readline(BLOCK):
        skipped += len(piece)
        if piece.endswith(b"\n"):
            break
    return skipped


def _csv(path: Path, columns: Columns) -> Iterator[Chunk]:
    """Comma-separated values with a header, RFC 4180; quoted fields may hold line breaks."""
    rows = _Rows(path, columns)
    csv.field_size_limit(LONGEST_LINE * 8)
    # Two layers by hand: a text file does not tell its position while it is iterated, the bytes below it do.
    with (
        path.open("rb") as raw,
        io.TextIOWrapper(raw, encoding="utf-8-sig", errors="surrogateescape", newline="") as file,
    ):
        reader = csv.reader(file, strict=True)
        try:
            header = next(reader, None)
        except csv.Error as error:
            raise CommandError(f"{path}:1: the header is not CSV: {error}") from None
        if header is None:
            raise CommandError(f"{path}: is empty; the first line must name the columns, for example: id,text")
        _check_columns(path, columns, header)
        text_at = header.index(columns.text)
        at = {kind: header.index(name) for kind, name in columns.words().items()}
        while True:
            place = reader.line_num + 1
            try:
                row = next(reader, None)
            except csv.Error as error:
                rows.bad.append((place, f"not CSV: {error}"))
                continue
            if row is None:
                break
            if not row:
                continue
            if len(row) != len(header):
                rows.bad.append((place, f"{len(row)} fields, but the header names {len(header)} columns"))
                continue
            rows.add(place, row[text_at], {kind: row[number] for kind, number in at.items()})
            if len(rows.texts) == CHUNK:
                yield rows.chunk(raw.tell())
        yield rows.chunk(raw.tell())


def _parquet(path: Path, columns: Columns) -> Iterator[Chunk]:
    """Apache Parquet; texts may be string, large string, binary or dictionary columns."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise CommandError(f"{path}: is not a Parquet file, or damaged: {error}") from None
    total = max(file.metadata.num_rows, 1)
    length = size(path)
    _check_columns(path, columns, file.schema_arrow.names)
    wanted = dict.fromkeys(name for _, name in columns.wanted())
    kind = file.schema_arrow.field(columns.text).type
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not any(test(plain) for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary)) and not (
        pa.types.is_large_binary(plain)
    ):
        raise CommandError(f"{path}: column {columns.text!r} holds {kind}, not strings")
    for option, name in columns.wanted()[1:]:
        if pa.types.is_nested(file.schema_arrow.field(name).type):
            held = file.schema_arrow.field(name).type
            raise CommandError(f"{path}: column {name!r} ({option}) holds {held}, expected words or numbers")
    done = 0
    try:
        for batch in file.iter_batches(CHUNK, columns=list(wanted)):
            texts = batch.column(columns.text)
            if pa.types.is_dictionary(kind):
                texts = texts.dictionary_decode()
            places = np.arange(done + 1, done + batch.num_rows + 1)
            done += batch.num_rows
            words = {kind: _words_of(batch.column(name), kind) for kind, name in columns.words().items()}
            bad: list[tuple[int, str]] = []
            if texts.null_count:
                present = pc.is_valid(texts)
                keep = present.to_numpy(zero_copy_only=False)
                bad = [(int(place), f"{columns.text!r} is null, not a string") for place in places[~keep]]
                texts, places = texts.filter(present), places[keep]
                words = {kind: column.filter(present) for kind, column in words.items()}
            named = {f"{kind}s": column for kind, column in words.items()}
            yield Chunk(path, texts.cast(pa.binary()), places, length * done // total, **named, bad=bad)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise CommandError(f"{path}: damaged after row {done}: {error}") from None


def _words_of(column: pa.Array, kind: str) -> pa.StringArray:
    """A column of words as strings; an empty seller, channel or label is none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    words = column.cast(pa.string())
    return words if kind == "id" else pc.if_else(pc.equal(words, ""), None, words)


READERS: Final[dict[str, Callable[[Path, Columns], Iterator[Chunk]]]] = {
    ".txt": _text,
    ".jsonl": _json_lines,
    ".csv": _csv,
    ".parquet": _parquet,
}
