"""A start from a snapshot gives the same table as one from the store, or the snapshot is left aside."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fairpost.server.registry import Keys, Registry
from fairpost.server.store import Store
from fairpost.v1 import registry_pb2, seller_event_pb2, standing_pb2

KEYS = Keys.make()


@pytest.fixture
def opened(tmp_path: Path) -> Any:
    """Starts registries on one store, or on a copy of it by name."""
    started: list[Registry] = []

    def make(name: str = "r", keys: Keys = KEYS) -> Registry:
        store = Store.open(f"sqlite:///{tmp_path / name}.sqlite")
        started.append(Registry(store, keys, snapshot_dir=tmp_path))
        started[-1].start()
        return started[-1]

    yield make
    for registry in started:
        registry.close()


def limit(registry: Registry, seller_id: str) -> None:
    change = seller_event_pb2.EnforcementChange(state=standing_pb2.ENFORCEMENT_LIMITED)
    event = seller_event_pb2.SellerEvent(enforcement=change, actor="a", reason="r")
    registry.decisions.record_event(registry_pb2.RecordEventRequest(seller_id=seller_id, event=event))


def standings(registry: Registry) -> list[tuple[int, int, int]]:
    view = registry.lookups.table.view(["s-1", "s-2", "s-3"])
    rows = view.standings
    return [
        (-1, -1, view.sequence)
        if row < 0
        else (int(rows[row]["registration"]), int(rows[row]["enforcement"]), view.sequence)
        for row in view.sellers.tolist()
    ]


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*snapshot*"))


def test_start_from_a_snapshot(
    opened: Callable[..., Registry], registration: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registry = opened()
    assert files(tmp_path) == []
    for seller_id in ("s-1", "s-2"):
        registry.sellers.register(registration(seller_id))
    registry.close()
    (first,) = files(tmp_path)
    assert first.startswith("standings-2-")
    other = tmp_path / "aside"
    other.mkdir()
    shutil.copy(tmp_path / first, other)
    # What comes after the snapshot is caught up with.
    registry = opened()
    assert "registry restored" in capsys.readouterr().out
    limit(registry, "s-1")
    registry.sellers.register(registration("s-3"))
    now = standings(registry)
    registry.close()
    assert files(tmp_path) != [first]
    (tmp_path / files(tmp_path)[0]).unlink()
    shutil.copy(other / first, tmp_path)
    registry = opened()
    assert "registry restored" in capsys.readouterr().out
    assert standings(registry) == now == [(2, 2, 4), (2, 0, 4), (2, 0, 4)]


def test_snapshots_that_do_not_fit(
    opened: Callable[..., Registry], registration: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registry = opened()
    registry.sellers.register(registration("s-1"))
    registry.close()
    shutil.copy(tmp_path / "r.sqlite", tmp_path / "backup.sqlite")
    registry = opened()
    registry.sellers.register(registration("s-2"))
    registry.close()
    (name,) = files(tmp_path)
    assert name.startswith("standings-2-")
    # The store is restored from a backup, and goes on otherwise: the same sequence, another event.
    restored = opened("backup")
    said = capsys.readouterr().out
    assert "snapshot of another log left aside" in said
    assert "registry loaded" in said
    restored.sellers.register(registration("s-3"))
    assert standings(restored) == [(2, 0, 2), (-1, -1, 2), (2, 0, 2)]
    (tmp_path / "kept").mkdir()
    shutil.copy(tmp_path / name, tmp_path / "kept")
    restored.close()
    # A damaged one, a foreign one, one with a wrong name.
    for path in tmp_path.glob("standings*"):
        path.unlink()
    content = bytearray((tmp_path / "kept" / name).read_bytes())
    content[-1] ^= 1
    (tmp_path / name).write_bytes(content)
    registry = opened()
    said = capsys.readouterr().out
    assert "snapshot left aside" in said
    assert "registry loaded" in said
    assert standings(registry) == [(2, 0, 2), (2, 0, 2), (-1, -1, 2)]
    registry.close()
    (tmp_path / "standings-x.snapshot").write_bytes(b"")
    (tmp_path / "standings-99-0000000000000000.snapshot").write_bytes(b"")
    registry = opened()
    assert "registry restored" in capsys.readouterr().out
    assert standings(registry)[1] == (2, 0, 2)


def test_a_folder_that_takes_no_snapshot(
    opened: Callable[..., Registry], registration: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registry = opened()
    registry.sellers.register(registration("s-1"))
    (tmp_path / "standings.snapshot.new").mkdir()
    registry.close()
    assert "snapshot not written" in capsys.readouterr().out
    assert standings(opened())[0] == (2, 0, 1)


def test_one_snapshot_is_written_at_a_time(
    opened: Any, registration: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    registry = opened()
    registry.sellers.register(registration("s-1"))
    snapshots = registry.lookups._snapshots
    begun, may_end = threading.Event(), threading.Event()
    save = type(registry.lookups.table).save
    saved: list[int] = []

    def slow(table: Any, path: Path) -> None:
        begun.set()
        assert may_end.wait(60)
        saved.append(table.sequence)
        save(table, path)

    monkeypatch.setattr(type(registry.lookups.table), "save", slow)
    writing = threading.Thread(target=snapshots.save, args=(registry.lookups.table,))
    writing.start()
    assert begun.wait(60)
    snapshots.save(registry.lookups.table, wait=False)  # leaves it at that
    at_the_end = threading.Thread(target=snapshots.save, args=(registry.lookups.table,))
    at_the_end.start()
    may_end.set()
    writing.join(10)
    at_the_end.join(10)
    assert saved == [1]
    assert len(list(tmp_path.glob("standings-1-*.snapshot"))) == 1
    assert "snapshot not written" not in capsys.readouterr().out
