"""The standing table against a dict: any sequence of changes, and what one batch sees of it."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule
from numpy.typing import NDArray
from reference.standings import Standings, siphash128, standing_on
from reference.strategies import examples

from fairpost.engine import Texts
from fairpost.engine.scanner import available_paths, choose_path
from fairpost.engine.standings import StandingTable, hashes_of
from fairpost.engine.vocabulary import (
    ENFORCEMENT,
    LISTING,
    REGISTRATION,
    SELLER_NONE,
    SELLER_NOT_FOUND,
    SELLER_RECORD_DTYPE,
    SELLER_UNAVAILABLE,
    SINCE_NEVER,
    STANDING_DTYPE,
)

VECTORS = Path(__file__).parents[1] / "data" / "siphash128.txt"
KEY = bytes(range(16))
DAY = 20_600
ALL_BITS = (1 << 64) - 1
PLACEMENTS = (ALL_BITS, 0, 0xF << 60, 0x3, 0x8000_0000_0010_0001)
"""Bits of a hash that choose its place: all; none, so that everything is in one chain; a few of each kind."""


def record(**fields: Any) -> Any:
    """One record, shape ()."""
    made = np.zeros((), SELLER_RECORD_DTYPE)
    made["since_day"] = SINCE_NEVER
    for name, value in fields.items():
        made[name] = value
    return made


def column(made: Sequence[Any]) -> NDArray[Any]:
    return np.array(made, SELLER_RECORD_DTYPE)


def numbered(count: int, first: int = 0) -> NDArray[Any]:
    """Records that can be told apart: `licences` is their number."""
    made = np.zeros(count, SELLER_RECORD_DTYPE)
    made["licences"] = np.arange(first, first + count)
    made["registration"] = 2
    return made


def assert_answers(table: StandingTable, ids: Sequence[str], expected: Sequence[Any], day: int = DAY) -> None:
    view = table.view(list(ids), day)
    assert view.sellers.dtype == np.int32
    assert view.standings.dtype == STANDING_DTYPE
    assert len(view.standings) == (view.sellers >= 0).sum()
    for seller_id, row, wanted in zip(ids, view.sellers.tolist(), expected, strict=True):
        if isinstance(wanted, int):
            assert row == wanted, seller_id
        else:
            assert row >= 0, seller_id
            assert view.standings[row].tobytes() == wanted.tobytes(), seller_id


# ---- hashes -------------------------------------------------------------------------------------------------


@pytest.fixture(params=available_paths())
def path(request: Any) -> Any:
    choose_path(request.param)
    yield request.param
    choose_path()


def test_vectors_of_the_authors(path: str) -> None:
    """`vectors_sip128` of github.com/veorq/SipHash: key 00 01 .. 0f, message 00 01 .. of every length up to 63."""
    content = [bytes(range(length)) for length in range(64)]
    expected = VECTORS.read_text().split()
    assert [siphash128(KEY, each).hex() for each in content] == expected
    assert [row.tobytes().hex() for row in hashes_of(KEY, content)] == expected
    assert [hashes_of(KEY, [each])[0].tobytes().hex() for each in content] == expected


batches = st.integers(0, 100).flatmap(lambda most: st.lists(st.binary(max_size=most), max_size=70))
"""All short, as the quickest kernels want them; or some that take several loads."""


@examples(200)
@given(key=st.binary(min_size=16, max_size=16), batch=batches)
def test_every_path_hashes_alike(key: bytes, batch: list[bytes]) -> None:
    expected = [siphash128(key, each) for each in batch]
    for name in available_paths():
        choose_path(name)
        try:
            assert [row.tobytes() for row in hashes_of(key, batch)] == expected
        finally:
            choose_path()


# ---- any sequence of changes --------------------------------------------------------------------------------

names = st.text("ab1店", min_size=1, max_size=4) | st.integers(0, 300).map("shop-{}".format)
strikes = st.dictionaries(st.integers(0, 31), st.sampled_from([1, 2, 255]), max_size=2)
records = st.builds(
    lambda licences, since, states, complaints, struck: record(
        licences=licences,
        since_day=since,
        registration=states[0],
        enforcement=states[1],
        listing=states[2],
        complaints=complaints,
        strikes=[struck.get(k, 0) for k in range(32)],
    ),
    st.integers(0, 2**32 - 1),
    st.sampled_from([SINCE_NEVER, SINCE_NEVER + 1, -400, 0, DAY - 1, DAY, DAY + 1, 2**31 - 1]),
    st.tuples(
        st.integers(0, len(REGISTRATION) - 1), st.integers(0, len(ENFORCEMENT) - 1), st.integers(0, len(LISTING) - 1)
    ),
    st.integers(0, 255),
    strikes,
)
entries = st.lists(st.tuples(names, records), max_size=40)


class TableMachine(RuleBasedStateMachine):
    """The table and the dict, changed alike."""

    placement = ALL_BITS
    known = Bundle("known")

    def __init__(self) -> None:
        super().__init__()
        self.table = StandingTable(KEY, _placement=self.placement)
        self.reference = Standings()

    @rule(target=known, seller_id=names, made=records)
    def put(self, seller_id: str, made: Any) -> str:
        self.table.put(seller_id, made)
        self.reference.apply(self.reference.sequence, [seller_id], column([made]))
        return seller_id

    @rule(batch=entries)
    def put_many(self, batch: list[tuple[str, Any]]) -> None:
        ids, made = [each[0] for each in batch], column([each[1] for each in batch])
        self.table.put_many(ids, made)
        self.reference.apply(self.reference.sequence, ids, made)

    @rule(count=st.integers(1, 600), first=st.integers(0, 1000))
    def put_numbered(self, count: int, first: int) -> None:
        ids = [f"n{k}" for k in range(first, first + count)]
        self.table.put_many(ids, numbered(count, first))
        self.reference.apply(self.reference.sequence, ids, numbered(count, first))

    @rule(batch=entries, gone=st.lists(names, max_size=10), further=st.integers(0, 5))
    def apply(self, batch: list[tuple[str, Any]], gone: list[str], further: int) -> None:
        ids, made = [each[0] for each in batch], column([each[1] for each in batch])
        sequence = self.reference.sequence + further
        self.table.apply(sequence, ids, made, removed=gone)
        self.reference.apply(sequence, ids, made, gone)

    @rule(count=st.integers(1, 1500), first=st.integers(0, 1000))
    def remove_numbered(self, count: int, first: int) -> None:
        ids = [f"n{k}" for k in range(first, first + count)]
        self.table.apply(self.reference.sequence, [], column([]), removed=ids)
        self.reference.apply(self.reference.sequence, [], column([]), ids)

    @rule(seller_id=known)
    def remove(self, seller_id: str) -> None:
        assert self.table.remove(seller_id) == (seller_id in self.reference.records)
        self.reference.apply(self.reference.sequence, [], column([]), [seller_id])
        assert not self.table.remove(seller_id)

    @rule(batch=entries, sequence=st.integers(0, 2**40), day=st.integers(-(2**31) + 1, 2**31 - 1))
    def replace(self, batch: list[tuple[str, Any]], sequence: int, day: int) -> None:
        ids, made = [each[0] for each in batch], column([each[1] for each in batch])
        self.table.replace(ids, made, sequence, day)
        self.reference.replace(ids, made, sequence, day)

    @rule()
    def save_and_open(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            self.table.save(Path(folder) / "table")
            assert os.listdir(folder) == ["table"]
            opened = StandingTable.open(Path(folder) / "table", KEY)
        assert (len(opened), opened.sequence) == (len(self.table), self.table.sequence)
        assert (opened.day, opened.available) == (self.table.day, True)
        ids = [*self.reference.records, "nobody"]
        expected = [standing_on(each, DAY) for each in self.reference.records.values()]
        assert_answers(opened, ids, [*expected, SELLER_NOT_FOUND])
        if self.placement == ALL_BITS and self.reference.available:
            self.table = opened

    @rule(value=st.booleans())
    def set_available(self, value: bool) -> None:
        self.table.available = value
        self.reference.available = value

    @rule(ids=st.lists(names | st.just(""), max_size=80), day=st.sampled_from([DAY, -(2**31) + 1, 0, 2**31 - 1]))
    def look_up(self, ids: list[str], day: int) -> None:
        assert_answers(self.table, ids, self.reference.answers(ids, day), day)

    @invariant()
    def all_are_there(self) -> None:
        assert len(self.table) == len(self.reference.records)
        assert (self.table.sequence, self.table.day) == (self.reference.sequence, self.reference.day)
        assert self.table.available == self.reference.available
        ids = [*self.reference.records, "", "nobody"]
        assert_answers(self.table, ids, self.reference.answers(ids, DAY))
        for seller_id in ids[:5]:
            if seller_id:
                told, wanted = self.table.record(seller_id), self.reference.records.get(seller_id)
                assert (told and told.tobytes()) == (wanted and wanted.tobytes())


def machine_of(bits: int) -> Any:
    made = type(f"TableMachine{bits:x}", (TableMachine,), {"placement": bits})
    case = made.TestCase  # type: ignore[attr-defined]
    case.settings = examples(12)
    case.settings = type(case.settings)(case.settings, stateful_step_count=25)
    return case


TestAnyChanges = machine_of(ALL_BITS)
TestAllInOneChain = machine_of(0)
TestFewShards = machine_of(PLACEMENTS[2])
TestFewTags = machine_of(PLACEMENTS[3])
TestFewOfAll = machine_of(PLACEMENTS[4])


# ---- growth -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [ALL_BITS, 0xFFF << 52, 0xFFFF])
def test_grows_and_shrinks_through_every_size(bits: int) -> None:
    """Blocks, shards, bits of a row's number: one seller after the other, then all away again."""
    table, count = StandingTable(KEY, _placement=bits), 20_000 if bits == ALL_BITS else 4_000
    ids = [f"seller-{k}" for k in range(count)]
    made = numbered(count)
    empty = table.nbytes
    for k in range(0, count, 7):
        table.put_many(ids[k : k + 7], made[k : k + 7])
        probe = [ids[k // 2], ids[k], f"seller-{k + 7}"]
        found = table.view(probe, DAY)
        assert found.standings["licences"].tolist() == [k // 2, k]
        assert found.sellers.tolist() == [0, 1, SELLER_NOT_FOUND]
    assert table.view(ids, DAY).standings["licences"].tolist() == list(range(count))
    order = np.random.default_rng(5).permutation(count)
    for k in range(0, count, 500):
        gone = [ids[i] for i in order[k : k + 500]]
        table.apply(0, [], column([]), removed=gone)
        assert len(table) == count - k - len(gone)
        left = np.sort(order[k + 500 :])
        found = table.view(ids, DAY)
        assert np.flatnonzero(found.sellers >= 0).tolist() == left.tolist()
        assert found.standings["licences"].tolist() == left.tolist()
    assert table.nbytes <= empty + 300_000


@pytest.mark.parametrize("count", [100_000, 131_072, 150_001, 400_000])
def test_forty_bytes_a_seller(count: int) -> None:
    """At every size on the way, built at once or by additions."""
    numbers = np.arange(count, dtype="<u8")
    texts = Texts(numbers.view(np.uint8), np.arange(count + 1) * 8)
    table = StandingTable(KEY)
    table.replace(texts, numbered(count), 0, DAY)
    assert len(table) == count
    assert 32 <= table.nbytes / count <= 40
    grown, step = StandingTable(KEY), 10_000
    for first in range(0, count, step):
        end = min(first + step, count)
        grown.put_many(Texts(texts.bytes, texts.offsets[first : end + 1]), numbered(end - first, first))
        if end >= 100_000:
            assert 32 <= grown.nbytes / end <= 40, end
    assert (grown.view(texts, DAY).standings["licences"] == numbers).all()


def test_strike_counts_are_kept_once_and_given_back() -> None:
    table = StandingTable(KEY)
    ids = [f"s{k}" for k in range(2_000)]
    table.put_many(ids, numbered(2_000))
    struck = numbered(2_000)
    sizes = []
    for turn in range(4):
        struck["strikes"][:, 3] = np.arange(2_000) % 200 + 1
        struck["strikes"][:, 5] = turn
        table.put_many(ids, struck)
        sizes.append(table.nbytes)
        assert (table.view(ids, DAY).standings["strikes"] == struck["strikes"]).all()
    assert sizes[1:] == sizes[1:2] * 3  # the old counts and the new ones
    table.put_many(ids, numbered(2_000))
    assert not table.view(ids, DAY).standings["strikes"].any()


# ---- one state a batch --------------------------------------------------------------------------------------


def test_a_batch_sees_one_state() -> None:
    """Every change writes all sellers and removes, moves and adds others; a mix of two would show two numbers."""
    table, stop, faults = StandingTable(KEY), threading.Event(), []
    watched = [f"watched-{k}" for k in range(6_000)]
    made = numbered(len(watched))
    made["licences"] = 0
    table.apply(0, watched, made)
    seen: set[int] = set()

    def read(ids: list[str]) -> None:
        last = 0
        while not stop.is_set():
            view = table.view(ids, DAY)
            shown = np.unique(view.standings["licences"])
            if len(view.standings) != len(ids) or shown.tolist() != [view.sequence] or view.sequence < last:
                faults.append((shown.tolist(), view.sequence, last))
                return
            last = view.sequence
            seen.add(last)

    # The longest batch takes the lock more than once.
    readers = [threading.Thread(target=read, args=(ids,)) for ids in (watched, watched[:40], watched[5_000:])]
    for reader in readers:
        reader.start()
    others: list[str] = []
    for sequence in range(1, 151):
        made["licences"] = sequence
        fresh = [f"other-{sequence}-{k}" for k in range(300)]
        gone, others = others[:200], others[200:] + fresh
        table.apply(sequence, watched + fresh, np.concatenate([made, numbered(300)]), removed=gone)
        if sequence % 50 == 0:
            table.replace(watched + others, np.concatenate([made, numbered(len(others))]), sequence, DAY)
    stop.set()
    for reader in readers:
        reader.join()
    assert not faults
    assert len(seen) > 2
    assert table.view(others, DAY).sellers.tolist() == list(range(len(others)))


def test_writers_wait_for_each_other() -> None:
    table = StandingTable(KEY)

    def write(name: str) -> None:
        for k in range(400):
            table.put(f"{name}-{k}", record(licences=k))

    writers = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(table) == 1_600
    for name in "abcd":
        assert table.view([f"{name}-{k}" for k in range(400)], DAY).standings["licences"].tolist() == list(range(400))


# ---- contract -----------------------------------------------------------------------------------------------


def test_what_a_view_gives() -> None:
    table = StandingTable(KEY)
    table.apply(7, ["店一", "b"], column([record(since_day=DAY - 100, complaints=3), record(since_day=DAY + 1)]))
    view = table.view(["b", "", "店一", "店一", "c"], date(2026, 5, 27))
    assert view.sellers.tolist() == [0, SELLER_NONE, 1, 2, SELLER_NOT_FOUND]
    assert view.sequence == 7
    assert view.standings["tenure_days"].tolist() == [0, 100, 100]
    view.standings["complaints"] = 9  # the caller's own
    assert table.view(["店一"], DAY).standings["complaints"].tolist() == [3]
    table.available = False
    assert table.view(["b", "", "c", None], DAY).sellers.tolist() == [-3, SELLER_NONE, SELLER_UNAVAILABLE, SELLER_NONE]
    assert table.record("b") == record(since_day=DAY + 1)
    assert standing_on(record(since_day=0), 5)["tenure_days"] == 5


def test_ids_in_any_form() -> None:
    pa = pytest.importorskip("pyarrow")
    table = StandingTable(KEY)
    table.put_many(["a", "店"], numbered(2, 5))
    forms = [
        ["a", "店", "x"],
        [b"a", "店".encode(), b"x"],
        pa.array(["a", "店", "x"]),
        pa.array(["a", "店", "x"]).slice(0),
    ]
    forms += [Texts("a店x".encode(), [0, 1, 4, 5]), pa.chunked_array([["a"], ["店", "x"]])]
    for form in forms:
        view = table.view(form, DAY)
        assert view.sellers.tolist() == [0, 1, SELLER_NOT_FOUND]
        assert view.standings["licences"].tolist() == [5, 6]


def test_of_several_records_the_last_counts() -> None:
    table = StandingTable(KEY)
    table.put_many(["a", "b", "a"], numbered(3))
    assert table.record("a")["licences"] == 2  # type: ignore[index]
    table.replace(["a", "b", "a", "c"], numbered(4), 3, DAY)
    assert len(table) == 3
    assert table.view(["a", "b", "c"], DAY).standings["licences"].tolist() == [2, 1, 3]
    table.apply(4, ["a"], numbered(1), removed=["a", "unknown"])
    assert table.record("a") is None


def test_refusals() -> None:
    table = StandingTable(KEY)
    table.apply(5, ["a"], numbered(1))
    wrong = numbered(2)
    wrong["enforcement"] = [0, 5]
    cases: list[tuple[Any, type[Exception], str]] = [
        (lambda: StandingTable("k" * 16), TypeError, "key is str, expected 16 bytes"),  # type: ignore[arg-type]
        (lambda: StandingTable(b"short"), ValueError, "key has 5 bytes, expected 16"),
        (lambda: table.put("", numbered(1)[0]), ValueError, r"ids\[0\] is empty: a seller has an id"),
        (lambda: table.put_many(["a", ""], numbered(2)), ValueError, r"ids\[1\] is empty: a seller has an id"),
        (lambda: table.remove(""), ValueError, r"ids\[0\] is empty"),
        (lambda: table.record(""), ValueError, r"ids\[0\] is empty"),
        (lambda: table.put_many(["a"], numbered(2)), ValueError, r"records has shape \(2,\), expected \(1,\)"),
        (lambda: table.put("a", np.zeros((), STANDING_DTYPE)), TypeError, "an array of SELLER_RECORD_DTYPE"),
        (
            lambda: table.put_many(["a", "b"], wrong),
            ValueError,
            r"records\[1\].enforcement is 5, expected one of 0 \(none\), 1 \(warned\)",
        ),
        (lambda: table.apply(4, ["a"], numbered(1)), ValueError, "sequence is 4, but the table shows 5 already"),
        (lambda: table.apply(-1, ["a"], numbered(1)), ValueError, "sequence is -1, expected 0 or more"),
        (lambda: table.replace(["a"], numbered(1), -1, DAY), ValueError, "sequence is -1, expected 0 or more"),
        (lambda: table.view(["a"], 2**31), ValueError, "day is 2147483648, expected a date or days since 1970"),
        (lambda: table.view("a", DAY), TypeError, "must be a list of texts, not one str"),
        (lambda: table.view([1], DAY), TypeError, r"texts\[0\] is int, expected str or bytes"),
    ]
    for call, kind, message in cases:
        with pytest.raises(kind, match=message):
            call()
    assert (len(table), table.sequence) == (1, 5)
    assert table.record("a") == numbered(1)[0]


def test_the_example_in_the_docs() -> None:
    text = (Path(__file__).parents[2] / "docs" / "standings.md").read_text(encoding="utf-8")
    found: dict[str, Any] = {}
    exec(text.split("```python\n")[1].split("```")[0], found)
    view = found["view"]
    assert view.sellers.tolist() == [0, SELLER_NONE, SELLER_NOT_FOUND]
    assert (view.standings["tenure_days"].tolist(), view.sequence) == ([605], 1)
