"""The standing table with ten million sellers, beside what Python offers; all answers are the same."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fairpost.engine import SELLER_RECORD_DTYPE, StandingTable, Texts
from fairpost.engine.standings import hashes_of
from fairpost.engine.vocabulary import SELLER_NOT_FOUND

SELLERS, BATCH, BATCHES = 10_000_000, 10_000, 100
ID_BYTES, KEY, DAY = 16, bytes(range(16)), 20_600
SHARES = {"hits": 0.0, "half of them": 0.5, "misses": 1.0}
"""Columns, and which share of the ids nobody has."""
by_the_clock = pytest.mark.benchmark(timer=time.perf_counter)


def ids_of(numbers: NDArray[np.int64], prefix: bytes = b"shop") -> NDArray[np.uint8]:
    """uint8[n, 16]: the prefix and 12 digits, unlike those of neighbours."""
    made = np.empty((len(numbers), ID_BYTES), np.uint8)
    made[:, :4] = np.frombuffer(prefix, np.uint8)
    left = numbers * 7919 % 10**12
    for k in range(ID_BYTES - 1, 3, -1):
        made[:, k] = 48 + left % 10
        left //= 10
    return made


def texts_of(ids: NDArray[np.uint8]) -> Texts:
    return Texts(ids.reshape(-1), np.arange(len(ids) + 1, dtype=np.int64) * ID_BYTES)


def strings_of(ids: NDArray[np.uint8]) -> list[str]:
    text = ids.tobytes().decode()
    return [text[k : k + ID_BYTES] for k in range(0, len(text), ID_BYTES)]


@dataclass
class Batch:
    """Some sellers that a batch of posts names."""

    numbers: NDArray[np.int64]
    """Of the sellers; SELLER_NOT_FOUND where there is none."""
    ids: NDArray[np.uint8]

    @cached_property
    def texts(self) -> Texts:
        return texts_of(self.ids)

    @cached_property
    def strings(self) -> list[str]:
        return strings_of(self.ids)


class Sellers:
    """Ten million; one in fifty has strikes."""

    def __init__(self) -> None:
        chance = np.random.default_rng(11)
        self.ids = ids_of(np.arange(SELLERS))
        self.records = np.zeros(SELLERS, SELLER_RECORD_DTYPE)
        self.records["licences"] = np.arange(SELLERS)
        self.records["since_day"] = DAY - chance.integers(0, 4000, SELLERS)
        self.records["registration"] = 2
        struck = chance.random(SELLERS) < 0.02
        self.records["strikes"][struck, 3] = chance.integers(1, 5, struck.sum())
        self.table = StandingTable(KEY)
        self.table.replace(texts_of(self.ids), self.records, 1, DAY)

    @cached_property
    def batches(self) -> dict[str, list[Batch]]:
        """The same for all that look up; a hundred batches name most sellers' cache lines only once."""
        chance = np.random.default_rng(12)
        made: dict[str, list[Batch]] = {}
        for column, share in SHARES.items():
            made[column] = []
            for _ in range(BATCHES):
                numbers = chance.integers(0, SELLERS, BATCH)
                ids = self.ids[numbers]
                missing = chance.random(BATCH) < share
                ids[missing] = ids_of(numbers[missing], b"none")
                made[column].append(Batch(np.where(missing, SELLER_NOT_FOUND, numbers), ids))
        return made


def each(look_up: Callable[[Any], Any], given: list[Any]) -> Callable[[], None]:
    """A round: one batch after the other, whose answers are not kept."""

    def run() -> None:
        for ids in given:
            look_up(ids)

    return run


@pytest.fixture(scope="module")
def sellers() -> Sellers:
    return Sellers()


def assert_answers(found: NDArray[np.int64], batches: list[Batch]) -> None:
    assert np.array_equal(found, np.concatenate([batch.numbers for batch in batches]))


def numbers_seen(views: list[Any]) -> NDArray[np.int64]:
    """Which seller each answer is about: `licences` holds its number."""
    seen = []
    for view in views:
        numbers = view.sellers.astype(np.int64)
        numbers[view.sellers >= 0] = view.standings["licences"]
        seen.append(numbers)
    return np.concatenate(seen)


@pytest.mark.parametrize("form", ["texts", "strings"])
@pytest.mark.parametrize("column", SHARES)
def test_look_up(measure: Callable[..., Any], sellers: Sellers, column: str, form: str) -> None:
    """Batches of 10,000 ids, standings out."""
    batches = sellers.batches[column]
    given = [getattr(batch, form) for batch in batches]
    row = f"fairpost, {'one buffer of UTF-8' if form == 'texts' else 'list[str]'}"
    look_up = sellers.table.view
    measure("lookups", row, column, each(lambda ids: look_up(ids, DAY), given), per=BATCH * BATCHES, rounds=5)
    assert_answers(numbers_seen([look_up(ids, DAY) for ids in given]), batches)


@pytest.fixture(scope="module")
def rows_by_id(sellers: Sellers) -> dict[str, int]:
    return {seller_id: row for row, seller_id in enumerate(strings_of(sellers.ids))}


@pytest.mark.parametrize("column", SHARES)
def test_look_up_in_dict(
    measure: Callable[..., Any], sellers: Sellers, rows_by_id: dict[str, int], column: str
) -> None:
    """A dict from ids to rows, and an array of the records: rows and records out."""
    batches = sellers.batches[column]
    given, find, records = [batch.strings for batch in batches], rows_by_id.get, sellers.records

    def look_up(ids: list[str]) -> tuple[NDArray[np.int32], NDArray[Any]]:
        rows = np.array([find(seller_id, SELLER_NOT_FOUND) for seller_id in ids], np.int32)
        return rows, records[rows[rows >= 0]]

    measure("lookups", "dict, list[str]", column, each(look_up, given), per=BATCH * BATCHES, rounds=2)
    assert_answers(np.concatenate([look_up(ids)[0] for ids in given]), batches)


@pytest.fixture(scope="module")
def sorted_hashes(sellers: Sellers) -> tuple[NDArray[np.uint64], NDArray[np.intp]]:
    hashes = hashes_of(KEY, texts_of(sellers.ids)).view("<u8")[:, 1]
    order = np.argsort(hashes)
    return hashes[order], order


@pytest.mark.parametrize("column", SHARES)
def test_look_up_by_search(measure: Callable[..., Any], sellers: Sellers, sorted_hashes: Any, column: str) -> None:
    """numpy's binary search in the sorted hashes, which the engine makes of one buffer of UTF-8."""
    batches = sellers.batches[column]
    given, (hashes, order), records = [batch.texts for batch in batches], sorted_hashes, sellers.records

    def look_up(ids: Texts) -> tuple[NDArray[np.int64], NDArray[Any]]:
        wanted = hashes_of(KEY, ids).view("<u8")[:, 1]
        at = np.minimum(np.searchsorted(hashes, wanted), SELLERS - 1)
        rows = np.where(hashes[at] == wanted, order[at], SELLER_NOT_FOUND)
        return rows, records[rows[rows >= 0]]

    row = "numpy searchsorted, one buffer of UTF-8"
    measure("lookups", row, column, each(look_up, given), per=BATCH * BATCHES, rounds=2)
    assert_answers(np.concatenate([look_up(ids)[0] for ids in given]), batches)


# ---- memory, writing, snapshots -----------------------------------------------------------------------------


def test_bytes(benchmark: Any, sellers: Sellers) -> None:
    """All that the table holds, with what lies idle."""
    size = benchmark.pedantic(lambda: sellers.table.nbytes, rounds=1)
    benchmark.extra_info.update(suite="standing bytes", row="fairpost", column="10M", per=1, figure=size / SELLERS)
    assert 32 < size / SELLERS <= 40


@by_the_clock
def test_replace(measure: Callable[..., Any], sellers: Sellers) -> None:
    """From ids and records in memory to a table."""
    table, ids = StandingTable(KEY), texts_of(sellers.ids)
    measure("standings", "replace", "10M", table.replace, ids, sellers.records, 2, DAY, rounds=1)
    assert len(table) == SELLERS


@by_the_clock
def test_save_and_open(sellers: Sellers, measure: Callable[..., Any], tmp_path: Path) -> None:
    """Written, synced, renamed."""
    measure("standings", "save", "10M", sellers.table.save, tmp_path / "table", rounds=1)
    assert_opens(StandingTable.open(tmp_path / "table", KEY), sellers)


@by_the_clock
def test_open(sellers: Sellers, measure: Callable[..., Any], tmp_path: Path) -> None:
    """The file is in the page cache; the checksum and every row are verified."""
    sellers.table.save(tmp_path / "table")
    opened = measure("standings", "open", "10M", StandingTable.open, tmp_path / "table", KEY, rounds=2)
    assert_opens(opened, sellers)


def assert_opens(table: StandingTable, sellers: Sellers) -> None:
    batches = sellers.batches["half of them"][:3]
    assert_answers(numbers_seen([table.view(batch.texts, DAY) for batch in batches]), batches)


@pytest.mark.parametrize("count", [1, 1000])
def test_apply(measure: Callable[..., Any], sellers: Sellers, count: int) -> None:
    """Sellers whose standing changes, so many in one change of the table: time of one change."""
    batches = sellers.batches["hits"]
    given = [batch.strings[:count] for batch in batches]
    records = [sellers.records[batch.numbers[:count]] for batch in batches]
    table = sellers.table

    def change() -> None:
        for ids, rows in zip(given, records, strict=True):
            table.apply(3, ids, rows)

    measure("standings", f"apply {count:,}", "10M", change, per=BATCHES, rounds=10)
    assert len(table) == SELLERS
