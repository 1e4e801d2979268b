"""Standing tables: changed like the reference, saved, the file damaged and sealed again, opened, and used if that is
allowed.

An input: which bits of a hash choose its place; then 4 bytes for each step: what is done, to which seller, with which
number. A step that damages changes one byte of the file, so one input can damage several.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from reference.standings import Standings

from fairpost.engine.seal import digest_of
from fairpost.engine.snapshot import MAGIC, InvalidSnapshot
from fairpost.engine.standings import StandingTable
from fairpost.engine.vocabulary import SELLER_RECORD_DTYPE

from .cursor import Cursor

__all__ = ["ADD", "DAMAGE", "MANY", "REMOVE", "WORDS", "check", "seeds", "step"]

KEY = bytes(range(16))
DAY = 20_600
PLACEMENTS = ((1 << 64) - 1, 0, 0xF << 60, 3)
ADD, REMOVE, MANY, DAMAGE, CUT = range(5)
_KINDS, _MAX_STEPS, _HEAD = 5, 60, 96
WORDS = (MAGIC, *(bytes([kind]) for kind in range(_KINDS)))


def step(kind: int, seller: int, number: int) -> bytes:
    return bytes([kind, seller]) + number.to_bytes(2, "little")


def seeds() -> Iterator[bytes]:
    some = b"".join(step(ADD, k, 0x0301 * k) for k in range(9)) + step(REMOVE, 4, 0)
    for placement in range(len(PLACEMENTS)):
        yield bytes([placement]) + some + step(MANY, 0, 300) + step(REMOVE, 7, 0) + step(MANY, 200, 0)
        # Every field of the header, of the first row and of the strike counts.
        for at in (*range(0, 160, 3), *range(96 + 8 * 32, 96 + 8 * 32 + 40, 5)):
            yield bytes([placement]) + some + step(DAMAGE, 0xFF, at)
    yield b"\0" + some + step(CUT, 0, 100)


def check(content: bytes) -> None:
    cursor = Cursor(content)
    placement = PLACEMENTS[cursor.number() % len(PLACEMENTS)]
    table, reference, damages = StandingTable(KEY, _placement=placement), Standings(), []
    for sequence in range(min(_MAX_STEPS, (len(content) - 1) // 4)):
        kind, seller, number = cursor.number() % _KINDS, cursor.number(), cursor.number(2)
        if kind in (ADD, MANY):
            ids = [f"s{seller + k}" for k in range(1 if kind == ADD else number % 600)]
            made = np.zeros(len(ids), SELLER_RECORD_DTYPE)
            made["licences"], made["since_day"] = number, number
            made["registration"], made["listing"] = number % 5, number % 3
            made["strikes"][:, number % 32] = number >> 8
            table.apply(sequence, ids, made)
            reference.apply(sequence, ids, made)
        elif kind == REMOVE:
            gone = [f"s{seller + k}" for k in range(1 + number % 600)]
            table.apply(sequence, [], np.empty(0, SELLER_RECORD_DTYPE), removed=gone)
            reference.apply(sequence, [], np.empty(0, SELLER_RECORD_DTYPE), gone)
        else:
            damages.append((kind, seller, number))
    _assert_equal(table, reference)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table"
        table.save(path)
        _assert_equal(StandingTable.open(path, KEY), reference)
        if damages:
            path.write_bytes(_damaged(bytearray(path.read_bytes()), damages))
            with contextlib.suppress(InvalidSnapshot):
                _use(StandingTable.open(path, KEY))


def _assert_equal(table: StandingTable, reference: Standings) -> None:
    assert len(table) == len(reference.records)
    ids = [*reference.records, "", "nobody"]
    view = table.view(ids, DAY)
    for row, wanted in zip(view.sellers.tolist(), reference.answers(ids, DAY), strict=True):
        assert row == wanted if isinstance(wanted, int) else view.standings[row].tobytes() == wanted.tobytes()


def _damaged(file: bytearray, damages: list[tuple[int, int, int]]) -> bytes:
    for kind, seller, number in damages:
        if kind == DAMAGE and file:
            file[number % len(file)] ^= seller
        else:
            del file[number:]
    if len(file) >= _HEAD:
        file[32:64] = digest_of(memoryview(file))
    return bytes(file)


def _use(table: StandingTable) -> None:
    """Whatever is in it: nothing may break."""
    ids = [f"s{k}" for k in range(700)]
    view = table.view(ids, DAY)
    made = np.zeros(len(ids), SELLER_RECORD_DTYPE)
    made["strikes"][:, 1] = np.arange(len(ids)) % 7
    known = int((view.sellers >= 0).sum())
    before = len(table)
    table.apply(max(table.sequence, 0), ids, made)
    assert len(table) == before + len(ids) - known
    table.apply(table.sequence, [], made[:0], removed=ids)
    assert len(table) == before - known
