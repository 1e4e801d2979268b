"""Files of the decision log: whole lines whatever happens, rotation, reading."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairpost.server.observe.decisions.files import InvalidLog, LogFile, files_of, read_records


def line(number: int, time: str = "2026-11-28T00:00:00.000Z") -> bytes:
    return json.dumps({"version": 1, "decision_id": f"D{number}", "time": time}).encode() + b"\n"


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0  # 2027-01-15T08:00:00Z

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opened(tmp_path: Path, clock: Clock) -> Callable[..., LogFile]:
    def make(name: str = "0", **options: Any) -> LogFile:
        settings: dict[str, Any] = {"max_bytes": 1 << 20, "max_seconds": 1e9, "clock": clock} | options
        return LogFile(tmp_path / "log", name, **settings)

    return make


def ids(path: Path) -> list[str]:
    return [record["decision_id"] for record in read_records(path)]


def test_lines_are_appended_and_gone_on_with_after_a_restart(opened: Callable[..., LogFile]) -> None:
    first = opened()
    first.append(line(1) + line(2))
    first.close()
    second = opened()
    second.append(line(3))
    second.close()
    assert second.path == first.path
    assert ids(second.path) == ["D1", "D2", "D3"]
    assert second.cut_lines == 0
    assert oct(second.path.stat().st_mode & 0o777) == "0o600"
    assert oct(second.folder.stat().st_mode & 0o777) == "0o700"


@given(st.lists(st.integers(0, 200_000), max_size=4), st.integers(0, 150_000))
def test_an_incomplete_last_line_is_cut_off(tmp_path_factory: Any, lengths: list[int], torn: int) -> None:
    folder = tmp_path_factory.mktemp("log")
    whole = b"".join(b"x" * length + b"\n" for length in lengths)
    (folder / "decisions-0.jsonl").write_bytes(whole + b"y" * torn)
    (folder / "decisions-9.jsonl").write_bytes(whole + b"y" * torn)  # of a process that is no more
    closed = folder / "decisions-0-20261128T190501.123Z.jsonl"
    closed.write_bytes(b"y")
    file = LogFile(folder, "0", max_bytes=1 << 30, max_seconds=1e9)
    file.close()
    assert file.cut_lines == 2 * (torn > 0)
    assert file.path.read_bytes() == (folder / "decisions-9.jsonl").read_bytes() == whole
    assert closed.read_bytes() == b"y", "closed files are nobody's business"


def test_rotation_by_size(opened: Callable[..., LogFile], clock: Clock) -> None:
    file = opened(max_bytes=len(line(1)) * 2)
    for number in range(5):
        file.append(line(number))
    file.append(line(5) * 7)  # larger than a file: alone in one
    names = [path.name for path in files_of([file.folder])]
    assert names == [
        "decisions-0-20270115T080000.000Z-1.jsonl",
        "decisions-0-20270115T080000.000Z-2.jsonl",
        "decisions-0-20270115T080000.000Z.jsonl",
        "decisions-0.jsonl",
    ]
    assert file.closed == 3
    assert (
        sorted(each for path in files_of([file.folder]) for each in ids(path))
        == ["D0", "D1", "D2", "D3", "D4"] + ["D5"] * 7
    )
    file.close()


def test_rotation_by_age_counts_from_the_first_record(opened: Callable[..., LogFile], clock: Clock) -> None:
    file = opened(max_seconds=3600)
    file.append(line(1, "2027-01-15T08:00:00.000Z"))
    clock.now += 3000
    file.keep_house()
    file.close()
    file = opened(max_seconds=3600)
    file.keep_house()
    assert file.closed == 0
    clock.now += 600
    file.keep_house()
    assert file.closed == 1
    clock.now += 7200
    file.keep_house()
    assert file.closed == 1, "an empty file does not get old"
    file.close()


def test_closed_files_are_on_disk_before_they_have_their_name(
    opened: Callable[..., LogFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = opened()
    file.append(line(1))
    done: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda _: done.append("fsync"))
    rename = Path.rename

    def renamed(path: Path, target: Path) -> Path:
        done.append("rename")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", renamed)
    file.rotate()
    assert done == ["fsync", "rename", "fsync"], "the file, its name, its folder"
    file.close()


def test_old_files_are_removed(opened: Callable[..., LogFile], clock: Clock) -> None:
    clock.now = time.time()  # files' times are the system's
    file = opened(keep_days=2)
    file.append(line(1))
    file.rotate()
    file.append(line(2))
    other = file.folder / "decisions-7-20270101T000000.000Z.jsonl"
    other.write_bytes(line(3))
    kept = file.folder / "decisions-7.jsonl"
    kept.write_bytes(line(4))
    stray = file.folder / "notes.jsonl"
    stray.write_bytes(line(5))
    closed = next(path for path in file.folder.glob("decisions-0-*"))
    for path in (other, kept, stray, closed):
        os.utime(path, (clock.now, clock.now))
    clock.now += 86_400
    file.keep_house()
    assert other.exists()
    clock.now += 86_401
    file.keep_house()
    assert not other.exists()
    assert not closed.exists()
    assert kept.exists()
    assert stray.exists()
    file.close()


def test_a_locked_file_is_left_to_its_process(opened: Callable[..., LogFile]) -> None:
    first = opened()
    second = opened()
    assert second.path.name == f"decisions-0-{os.getpid()}.jsonl"
    second.append(line(2))
    first.append(line(1))
    with pytest.raises(OSError, match="is locked by another process"):
        opened()
    first.close()
    second.close()
    assert ids(first.path) == ["D1"]


def test_a_full_disk_leaves_whole_lines(opened: Callable[..., LogFile], monkeypatch: pytest.MonkeyPatch) -> None:
    file = opened()
    file.append(line(1))
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: write(descriptor, content[:5]))
    with pytest.raises(OSError, match=r"5 of \d+ bytes were written; is the disk full"):
        file.append(line(2))

    def fails(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", fails)
    with pytest.raises(OSError, match="No space left"):
        file.append(line(2))
    monkeypatch.undo()
    file.append(line(3))
    file.close()
    assert ids(file.path) == ["D1", "D3"]


def test_a_rotation_that_fails_is_tried_again(opened: Callable[..., LogFile], monkeypatch: pytest.MonkeyPatch) -> None:
    file = opened()
    file.append(line(1))

    def fails(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(file, "_open", fails)
    with pytest.raises(OSError, match="Too many"):
        file.rotate()
    with pytest.raises(OSError, match="Too many"):
        file.append(line(2))
    monkeypatch.undo()
    file.append(line(3))
    file.close()
    assert ids(file.path) == ["D3"]


def test_reading(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(line(1) + line(2) + b'{"version": 1, "decision_id": "D3"')
    assert ids(path) == ["D1", "D2"], "what is being written is left out"
    assert [record["decision_id"] for record in read_records(path, containing="D2")] == ["D2"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no json\n", "x.jsonl:2: is no record of a decision"),
        (b"[]\n", "x.jsonl:2: is no record of a decision"),
        (b'{"version": 1}\n', "x.jsonl:2: is no record of a decision"),
        (b'{"version": 2, "decision_id": ""}\n', "x.jsonl:2: is of version 2; this fairpost reads version 1"),
    ],
)
def test_what_is_no_record(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(line(1) + content)
    with pytest.raises(InvalidLog, match=message):
        list(read_records(path))


def test_what_is_no_log(tmp_path: Path) -> None:
    with pytest.raises(InvalidLog, match=r"has no decision log \(decisions-\*.jsonl\)"):
        files_of([tmp_path])
    with pytest.raises(InvalidLog, match="no such file or folder"):
        files_of([tmp_path / "away"])
