"""Matches go out to Arrow, NumPy, Polars and pandas without a copy, and live as long as somebody looks at them."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from fairpost.engine import Matches, PatternSet

NAMES = ["post", "pattern", "begin", "end"]
ROWS = [(0, 0, 0, 2), (0, 1, 1, 2), (2, 1, 0, 1)]
SCHEMA = pa.schema([pa.field(name, pa.uint32(), nullable=False) for name in NAMES])


def some() -> Matches:
    return PatternSet.compile(["ab", "b"]).scan(["ab", "", "b"])


def address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


@pytest.fixture
def matches() -> Matches:
    return some()


def test_record_batch(matches: Matches) -> None:
    batch = pa.record_batch(matches)
    assert batch.schema == SCHEMA
    assert [tuple(row.values()) for row in batch.to_pylist()] == ROWS
    batch.validate(full=True)
    for name in NAMES:
        assert batch.column(name).buffers()[1].address == address(getattr(matches, name))
        assert address(batch.column(name).to_numpy()) == address(getattr(matches, name))
    assert pa.schema(matches) == SCHEMA


def test_table_and_data_frames(matches: Matches) -> None:
    assert [tuple(row.values()) for row in pa.table(matches).to_pylist()] == ROWS
    assert pa.RecordBatchReader.from_stream(matches).read_all().schema == SCHEMA
    assert pl.DataFrame(matches).rows() == ROWS
    assert pl.DataFrame(matches).columns == NAMES
    assert list(pd.DataFrame.from_arrow(matches).itertuples(index=False, name=None)) == ROWS


def test_array_of_structs(matches: Matches) -> None:
    array = pa.array(matches)
    assert array.type == pa.struct(list(SCHEMA))
    assert [tuple(row.values()) for row in array.to_pylist()] == ROWS


@pytest.mark.parametrize("rows", [0, 1, 100_000])
def test_any_size(rows: int) -> None:
    matches = PatternSet.compile(["a"]).scan(["a"] * rows)
    assert len(matches) == len(pa.record_batch(matches)) == len(pl.DataFrame(matches)) == rows
    assert pa.table(matches)["post"].to_pylist() == matches.post.tolist() == list(range(rows))


def test_columns_live_as_long_as_they_are_looked_at() -> None:
    matches = some()
    gone = weakref.ref(matches.begin)
    made = [pa.record_batch(matches), pa.table(matches), pa.record_batch(matches).column("begin")]
    del matches
    gc.collect()
    assert gone() is not None
    assert made[0].to_pylist() == made[1].to_pylist()
    del made[:2]
    gc.collect()
    assert made[0].to_pylist() == [0, 1, 0]
    assert gone() is not None
    made.clear()
    gc.collect()
    assert gone() is None


def test_capsules_that_nobody_takes() -> None:
    matches = some()
    gone = weakref.ref(matches.end)
    capsules = [matches.__arrow_c_schema__(), matches.__arrow_c_array__(None), matches.__arrow_c_stream__(None)]
    assert ["arrow_schema" in repr(capsules[0]), "arrow_array" in repr(capsules[1][1])] == [True, True]
    assert "arrow_array_stream" in repr(capsules[2])
    del matches
    gc.collect()
    assert gone() is not None
    capsules.clear()
    gc.collect()
    assert gone() is None
