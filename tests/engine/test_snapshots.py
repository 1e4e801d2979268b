"""Snapshots of a standing table: written whole or not at all, opened whole or refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fairpost.engine import Texts
from fairpost.engine.seal import digest_of
from fairpost.engine.snapshot import HEADER_DTYPE, InvalidSnapshot
from fairpost.engine.standings import StandingTable, hashes_of
from fairpost.engine.vocabulary import SELLER_RECORD_DTYPE

KEY, OTHER_KEY = bytes(range(16)), bytes(16)
DAY = 20_600
ROW, TALLY = 96, 96 + 3 * 32
"""Where the first row and the first strike counts are."""


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Three sellers, two of them with strikes."""
    made = np.zeros(3, SELLER_RECORD_DTYPE)
    made["licences"] = [1, 2, 3]
    made["strikes"][0, 4], made["strikes"][1, 4] = 1, 2
    table = StandingTable(KEY)
    table.replace(["a", "b", "c"], made, 77, DAY)
    table.save(tmp_path / "table")
    return tmp_path / "table"


def rewrite(path: Path, *, seal: bool = True, at: int = 0, by: bytes = b"", **fields: Any) -> None:
    content = bytearray(path.read_bytes())
    header = np.frombuffer(content, HEADER_DTYPE, 1)
    for name, value in fields.items():
        header[name] = value
    content[at : at + len(by)] = by
    if seal:
        content[32:64] = digest_of(memoryview(content))
    path.write_bytes(content)


def test_round_trip(saved: Path) -> None:
    table = StandingTable.open(saved, KEY)
    assert (len(table), table.sequence, table.day, table.available) == (3, 77, DAY, True)
    view = table.view(["c", "b", "a", "d"], DAY)
    assert view.standings["licences"].tolist() == [3, 2, 1]
    assert view.standings["strikes"][:, 4].tolist() == [0, 2, 1]
    assert saved.stat().st_mode & 0o077 == 0  # it is as good as a list of who is registered, to who has the key
    table.remove("a")
    table.save(saved)
    again = StandingTable.open(saved, KEY)
    assert again.view(["a", "b", "c"], DAY).sellers.tolist() == [-2, 0, 1]


def test_layout(saved: Path) -> None:
    """The bytes as snapshot.py describes them: a change of the format needs another version."""
    content = saved.read_bytes()
    header = np.frombuffer(content, HEADER_DTYPE, 1)[0]
    assert len(content) == 96 + 3 * 32 + 2 * 32 == header["size"]
    assert (header["magic"], header["version"], header["day"], header["sequence"]) == (b"fp-stand", 1, DAY, 77)
    assert (header["rows"], header["tallies"], header["reserved"]) == (3, 2, 0)
    check, first = hashes_of(KEY, [b"fairpost standing table", "a"])
    assert header["key_check"].tobytes() == check.tobytes()
    assert content[ROW : ROW + 16] == first.tobytes()
    assert content[ROW + 16 : ROW + 32].hex() == "01000000" + "00000000" + "01000000" + "00000000"
    assert content[TALLY : TALLY + 32].hex() == "0000000001" + "00" * 27
    assert header["digest"].tobytes() == digest_of(memoryview(content))


def test_more_than_a_piece(tmp_path: Path) -> None:
    """Rows and strike counts of several pieces of the digest."""
    count = 70_000
    numbers = np.arange(count, dtype="<u8")
    ids = Texts(numbers.view(np.uint8), np.arange(count + 1) * 8)
    made = np.zeros(count, SELLER_RECORD_DTYPE)
    made["strikes"][:, 0], made["strikes"][:, 1], made["strikes"][:, 2] = (
        numbers % 256,
        numbers // 256 % 256,
        numbers >> 16,
    )
    table = StandingTable(KEY)
    table.replace(ids, made, 1, DAY)
    table.save(tmp_path / "table")
    content = (tmp_path / "table").read_bytes()
    assert len(content) == 96 + 32 * (count + count - 1)
    assert content[32:64] == digest_of(memoryview(content))
    assert (StandingTable.open(tmp_path / "table", KEY).view(ids, DAY).standings["strikes"] == made["strikes"]).all()


def test_every_damage_is_noticed(saved: Path) -> None:
    whole = saved.read_bytes()
    for at in range(len(whole)):
        saved.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        with pytest.raises(InvalidSnapshot):
            StandingTable.open(saved, KEY)
        saved.write_bytes(whole[:at])
        with pytest.raises(InvalidSnapshot):
            StandingTable.open(saved, KEY)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"magic": b"fairpost"}, "starts with b'fairpost', expected b'fp-stand': not a snapshot of a standing table"),
        ({"version": 2}, "format version 2, this fairpost reads version 1: make a new snapshot"),
        ({"size": 300}, "truncated: 256 bytes, the header says 300"),
        ({"size": 200}, "longer than written: 256 bytes, the header says 200"),
        ({"rows": 4}, "damaged: 4 rows and 2 strike counts make 288 bytes, not 256"),
        ({"rows": 2**64 - 1}, "damaged: 18446744073709551615 rows"),
        ({"seal": False, "at": ROW + 3, "by": b"x"}, "checksum does not match: the file is damaged"),
        ({"sequence": -1}, "header: the reserved field is not 0, or the sequence is negative"),
        ({"reserved": 1}, "header: the reserved field is not 0"),
        ({"at": ROW + 28, "by": b"\x05"}, "row 0: a state outside its vocabulary"),
        ({"at": ROW + 32 + 28, "by": b"\x50"}, "row 1: a state outside its vocabulary"),
        ({"at": ROW + 64 + 29, "by": b"\x03"}, "row 2: a state outside its vocabulary"),
        ({"at": ROW + 31, "by": b"\x01"}, "row 0: a state outside its vocabulary"),
        ({"at": ROW + 24, "by": b"\x03"}, "row 0: the number of its strike counts is above 2"),
        ({"rows": 5, "tallies": 0}, "row 0: the number of its strike counts is above 0"),
    ],
)
def test_refusals(saved: Path, change: dict[str, Any], message: str) -> None:
    rewrite(saved, **change)
    with pytest.raises(InvalidSnapshot) as caught:
        StandingTable.open(saved, KEY)
    assert str(caught.value).startswith(f"{saved}: {message}")


def test_two_rows_of_one_seller(saved: Path) -> None:
    rewrite(saved, at=ROW + 32, by=saved.read_bytes()[ROW : ROW + 16])
    with pytest.raises(InvalidSnapshot, match="row 1: its hash is that of an earlier row"):
        StandingTable.open(saved, KEY)


def test_wrong_key(saved: Path) -> None:
    with pytest.raises(InvalidSnapshot, match="made with another key: open it with the key of the table that saved it"):
        StandingTable.open(saved, OTHER_KEY)
    with pytest.raises(ValueError, match="key has 3 bytes, expected 16"):
        StandingTable.open(saved, b"abc")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        StandingTable.open(tmp_path / "nothing", KEY)
    with pytest.raises(FileNotFoundError):
        StandingTable(KEY).save(tmp_path / "no folder" / "table")
    (tmp_path / "empty").touch()
    with pytest.raises(InvalidSnapshot, match="starts with b'', expected"):
        StandingTable.open(tmp_path / "empty", KEY)


def test_a_failed_save_leaves_the_old_one(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = saved.read_bytes()
    table = StandingTable.open(saved, KEY)
    table.remove("a")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        table.save(saved)
    monkeypatch.undo()
    assert saved.read_bytes() == before
    assert os.listdir(saved.parent) == ["table"]
    table.put("d", np.zeros((), SELLER_RECORD_DTYPE))  # nothing is left locked
    table.save(saved)
    assert len(StandingTable.open(saved, KEY)) == 3
