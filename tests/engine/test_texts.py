"""Texts of every source are the same columns: lists, and Arrow columns of pyarrow, Polars, pandas and by hand."""

from __future__ import annotations

import ctypes
import gc
import itertools
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.arrow import Array, Producer, Schema, capsule
from reference.strategies import examples

from fairpost.engine import Texts
from fairpost.engine.scanner import available_paths, choose_path, chosen_path
from fairpost.engine.texts import parts_of

TYPES = [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view()]
# Short ones are inside a view (12 bytes), others behind it.
some_texts = st.one_of(
    st.none(), st.text(max_size=8), st.sampled_from(["", "a" * 12, "a" * 13, "最" * 4, "最" * 4 + "a", "好" * 100])
)


def contents(texts: Texts) -> list[bytes]:
    return [texts[k] for k in range(len(texts))]


def expected(batch: list[str | None]) -> list[bytes]:
    return [(text or "").encode() for text in batch]


# -- Python strings --------------------------------------------------------------------------------------------------


@examples(300)
@given(st.lists(st.one_of(st.text(max_size=20), st.text(st.characters(max_codepoint=0xFF)), st.binary()), max_size=6))
def test_strings_are_encoded_as_python_does(batch: list[str | bytes]) -> None:
    encoded = [text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass") for text in batch]
    assert contents(Texts.of(batch)) == encoded
    assert contents(Texts.of(tuple(batch))) == encoded
    assert contents(Texts.of(iter(batch))) == encoded


@pytest.fixture(params=available_paths())
def path(request: pytest.FixtureRequest) -> Iterator[str]:
    before = chosen_path()
    choose_path(request.param)
    yield request.param
    choose_path(before)


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("wide", ["", "é", "最", "😀", "\ud800", "\uffff"])
def test_every_kind_of_character_is_encoded(wide: str) -> None:
    """Alone and beside a character that decides how Python stores the string, in runs of every length."""
    points = [0, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xD800, 0xDFFF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF]
    batch = [chr(c) * n + wide + chr(d) for c in points for d in points for n in range(1, 40, 3)]
    assert contents(Texts.of(batch)) == [text.encode("utf-8", "surrogatepass") for text in batch]


@pytest.mark.usefixtures("path")
def test_every_code_point_is_encoded() -> None:
    batch = ["".join(map(chr, range(first, min(first + 997, 0x110000)))) for first in range(0, 0x110000, 997)]
    batch += [text[:-1] + "\U0010ffff" for text in batch]
    assert contents(Texts.of(batch)) == [text.encode("utf-8", "surrogatepass") for text in batch]


def test_many_strings() -> None:
    batch = ["a" * (k % 50) + "好" * (k % 7) for k in range(20_000)]
    assert contents(Texts.of(batch)) == expected(list(batch))


# -- Arrow columns ---------------------------------------------------------------------------------------------------


def forms(batch: list[str | None]) -> list[Any]:
    """The batch as columns of all libraries: whole, sliced, in chunks."""
    made: list[Any] = []
    for kind in TYPES:
        values = batch if "string" in str(kind) else [None if text is None else text.encode() for text in batch]
        made.append(pa.array(values, kind))
        around: list[Any] = [values[0] if values else None, *values, None]
        made.append(pa.array(around, kind)[1:-1])
        parts = [pa.array(values[:2], kind), pa.array([], kind), pa.array(around, kind)[3:-1]]
        made.append(pa.chunked_array(parts if len(batch) > 1 else [made[-1]], kind))
    made += [pl.Series(batch, dtype=pl.String), pl.Series([None, *batch], dtype=pl.String)[1:]]
    made.append(
        pl.concat([pl.Series(batch[:1], dtype=pl.String), pl.Series(batch[1:], dtype=pl.String)], rechunk=False)
    )
    made += [pd.Series(batch, dtype="str"), pd.Series(batch, dtype=pd.ArrowDtype(pa.string()))]
    return made


@examples(60)
@given(st.lists(some_texts, max_size=6))
def test_arrow_columns(batch: list[str | None]) -> None:
    for form in forms(batch):
        assert contents(Texts.of(form)) == expected(batch), form
        assert [text for part in parts_of(form) for text in contents(part)] == expected(batch), form


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary(), pa.large_binary()])
def test_bytes_are_not_copied(kind: pa.DataType) -> None:
    array = pa.array(["ab", "最好", None, "c"], pa.string()).cast(kind)
    texts = Texts.of(array[1:])
    assert texts.bytes.__array_interface__["data"][0] == array.buffers()[2].address
    assert contents(texts) == ["最好".encode(), b"", b"c"]
    chunked = pa.chunked_array([array, array[2:]])
    for part, chunk in zip(parts_of(chunked), chunked.chunks, strict=True):
        assert part.bytes.__array_interface__["data"][0] == chunk.buffers()[2].address
    assert not texts.bytes.flags.writeable


def test_large_offsets_are_not_copied() -> None:
    array = pa.array(["ab", "最好", "c"], pa.large_string())
    assert Texts.of(array).offsets.__array_interface__["data"][0] == array.buffers()[1].address


def test_memory_lives_as_long_as_it_is_looked_at() -> None:
    before = pa.total_allocated_bytes()
    texts: Texts | None = Texts.of(pa.array(["最好" * 1000] * 100))
    assert texts is not None
    view = texts.bytes[:6]
    texts = None
    gc.collect()
    assert view.tobytes() == "最好".encode()
    assert pa.total_allocated_bytes() > before
    del view
    gc.collect()
    assert pa.total_allocated_bytes() == before
    for _ in range(3):
        Texts.of(pl.Series(["a" * 50] * 10))
        with pytest.raises(TypeError):
            Texts.of(pa.array([1, 2]))
        with pytest.raises(TypeError):
            Texts.of(pa.chunked_array([[1, 2]]))
    gc.collect()
    assert pa.total_allocated_bytes() == before


def test_nulls_that_hide_bytes() -> None:
    bits = pa.py_buffer(bytes([0b11010]))
    offsets = pa.py_buffer(np.array([0, 1, 3, 6, 7, 9], np.int32).tobytes())
    array = pa.Array.from_buffers(pa.string(), 5, [bits, offsets, pa.py_buffer(b"abbcccdee")])
    assert array.to_pylist() == [None, "bb", None, "d", "ee"]
    assert contents(Texts.of(array)) == [b"", b"bb", b"", b"d", b"ee"]
    assert contents(Texts.of(array[2:])) == [b"", b"d", b"ee"]
    assert contents(Texts.of(array.cast(pa.large_string()))) == [b"", b"bb", b"", b"d", b"ee"]


@pytest.mark.parametrize("column", [pa.nulls(3), pa.chunked_array([pa.nulls(2), pa.nulls(1)]), pl.Series([None] * 3)])
def test_column_of_nothing_but_nulls(column: Any) -> None:
    assert contents(Texts.of(column)) == [b"", b"", b""]


@pytest.mark.parametrize(
    "column",
    [pa.array([], kind) for kind in TYPES] + [pa.chunked_array([], pa.string()), pl.Series([], dtype=pl.String)],
)
def test_empty_column(column: Any) -> None:
    assert len(Texts.of(column)) == 0
    assert Texts.of(column).offsets.tolist() == [0]


@pytest.mark.parametrize("kind", TYPES)
def test_large_column(kind: pa.DataType) -> None:
    batch = ["最好的a" * (k % 9) for k in range(50_000)]
    array = pa.array(batch, pa.string()).cast(pa.binary() if "binary" in str(kind) else pa.string()).cast(kind)
    assert contents(Texts.of(array[17:])) == expected(list(batch[17:]))


def test_one_batch_in_all_forms_at_once() -> None:
    batch = ["最", None, "x" * 40]
    for one, other in itertools.combinations(forms(list(batch)), 2):
        assert np.array_equal(np.diff(Texts.of(one).offsets), np.diff(Texts.of(other).offsets))


# -- refusals --------------------------------------------------------------------------------------------------------

KINDS = "expected string, large_string, string_view, binary, large_binary or binary_view"


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pa.array([1]), f"texts: an Arrow column of int64, {KINDS}"),
        (pl.Series([1.5]), f"texts: an Arrow column of float64, {KINDS}"),
        (pa.array([[1]]), f"texts: an Arrow column of lists, {KINDS}"),
        (pa.array([b"ab"], pa.binary(2)), f"texts: an Arrow column of format 'w:2', {KINDS}"),
        (pa.table({"id": [1], "text": ["a"]}), "texts: an Arrow table or struct of id, text: pass one column of texts"),
        (pl.DataFrame({"text": ["a"]}), "texts: an Arrow table or struct of text: pass one column of texts"),
        (pd.DataFrame({"text": ["a"]}), "texts: an Arrow table or struct of text: pass one column of texts"),
        (
            pa.array(["a"]).dictionary_encode(),
            "texts: a dictionary-encoded (categorical) Arrow column: cast it to strings first",
        ),
    ],
)
def test_refused_columns(column: Any, message: str) -> None:
    with pytest.raises(TypeError) as error:
        Texts.of(column)
    assert str(error.value) == message


# -- another producer, without pyarrow ---------------------------------------------------------------------------------


def test_array_is_taken_over_and_released_once() -> None:
    offsets = np.array([0, 1, 3], np.int32).tobytes()
    column = Producer(b"u", 2, [None, offsets, b"abb"])
    texts = Texts.of(column)
    assert not column.array.release  # moved: the producer must not release it
    assert contents(texts) == [b"a", b"bb"]
    gone = weakref.ref(texts.bytes)
    assert column.released == []
    del texts
    gc.collect()
    assert gone() is None
    assert column.released == ["array"]


def test_offsets_at_any_address() -> None:
    """A producer may hand out memory that is not aligned."""
    for format, width in ((b"u", np.int32), (b"U", np.int64)):
        offsets = b"\0" + np.array([0, 1, 3], width).tobytes()
        column = Producer(format, 2, [None, offsets, b"abb"])
        column._pointers[1] = (column._pointers[1] or 0) + 1
        assert contents(Texts.of(column)) == [b"a", b"bb"]


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (Producer(b"u", 2, [None, None, b"a"]), "texts: an Arrow array without offsets"),
        (
            Producer(b"u", 1, [None, np.array([0, 2], np.int32).tobytes(), None]),
            "texts: an Arrow array with offsets but without bytes",
        ),
        (Producer(b"u", -1, [None, b"", b""]), "texts: a malformed Arrow array (length -1, offset 0, 3 buffers)"),
        (Producer(b"u", 1, [None]), "texts: a malformed Arrow array (length 1, offset 0, 1 buffers)"),
        (Producer(b"vu", 1, [None, None, b""]), "texts: an Arrow view array without views or sizes"),
    ],
)
def test_malformed_arrays(column: Producer, message: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011
        Texts.of(column)
    assert str(error.value) == message
    gc.collect()
    assert column.released == ["array"]


@pytest.mark.parametrize(("format", "width"), [(b"u", np.int32), (b"Z", np.int64)])
@pytest.mark.parametrize(
    ("offsets", "message"),
    [
        ([0, 3, 2, 4], "texts: offset 2 of an Arrow array is 2: offsets must ascend from 0 or more"),
        ([-1, 3, 3, 4], "texts: offset 0 of an Arrow array is -1: offsets must ascend from 0 or more"),
    ],
)
def test_offsets_that_do_not_ascend(format: bytes, width: type, offsets: list[int], message: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011
        Texts.of(Producer(format, 3, [None, np.array(offsets, width).tobytes(), b"abcd"]))
    assert str(error.value) == message


VIEW = np.dtype([("length", "<i4"), ("prefix", "S4"), ("buffer", "<i4"), ("offset", "<i4")])


@pytest.mark.parametrize(
    "view",
    [(20, b"abcd", 0, 11), (20, b"abcd", 1, 0), (20, b"abcd", -1, 0), (20, b"abcd", 0, -1), (-1, b"", 0, 0)],
)
def test_views_that_point_outside(view: tuple[Any, ...]) -> None:
    def column(null_count: int, view: tuple[Any, ...]) -> Producer:
        views = np.array([(2, b"xy", 0, 0), view], VIEW).tobytes()
        sizes = np.array([30], np.int64).tobytes()
        return Producer(b"vu", 2, [b"\x01" if null_count else None, views, b"abcde" * 6, sizes], null_count)

    with pytest.raises(ValueError, match="texts: view 1 of an Arrow array points outside its buffers"):
        Texts.of(column(0, view))
    assert contents(Texts.of(column(1, view))) == [b"xy", b""]  # a null's view is not looked at
    assert contents(Texts.of(column(0, (20, b"abcd", 0, 10)))) == [b"xy", b"abcde" * 4]


class _CStream(ctypes.Structure):
    pass


_GET = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_CStream), ctypes.c_void_p)
_SAY = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.POINTER(_CStream))
_RELEASE_STREAM = ctypes.CFUNCTYPE(None, ctypes.POINTER(_CStream))
_CStream._fields_ = [
    ("get_schema", _GET),
    ("get_next", _GET),
    ("get_last_error", _SAY),
    ("release", _RELEASE_STREAM),
    ("private_data", ctypes.c_void_p),
]


@pytest.mark.parametrize("said", [b"the disk is full", None])
def test_stream_that_fails(said: bytes | None) -> None:
    """It gives a schema and one array, and then fails."""
    column = Producer(b"u", 1, [None, np.array([0, 1], np.int32).tobytes(), b"a"])
    message = None if said is None else ctypes.create_string_buffer(said)
    arrays = [column.array]

    def get_schema(stream: Any, out: int) -> int:
        ctypes.memmove(out, ctypes.addressof(column.schema), ctypes.sizeof(Schema))
        return 0

    def get_next(stream: Any, out: int) -> int:
        if not arrays:
            return 5
        ctypes.memmove(out, ctypes.addressof(arrays.pop()), ctypes.sizeof(Array))
        return 0

    def release(stream: Any) -> None:
        column.released.append("stream")
        stream.contents.release = _RELEASE_STREAM()

    stream = _CStream(
        _GET(get_schema),
        _GET(get_next),
        _SAY(lambda stream: None if message is None else ctypes.addressof(message)),
        _RELEASE_STREAM(release),
        None,
    )

    class Column:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return capsule(ctypes.addressof(stream), b"arrow_array_stream", None)

    with pytest.raises(ValueError, match=f"texts: the Arrow stream failed: {(said or b'no reason given').decode()}"):
        Texts.of(Column())
    gc.collect()
    assert sorted(column.released) == ["array", "schema", "stream"]
