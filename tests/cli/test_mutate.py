"""`fairpost rules mutate`, as a user runs it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


def changed(pack: Path, folder: Path, old: str, new: str) -> Path:
    """A copy of the pack with one text in place of another."""
    path = folder / "changed.yaml"
    path.write_text(pack.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    return path


def with_floor(pack: Path, folder: Path, floor: str) -> Path:
    return changed(pack, folder, "pack: probe\n", f"pack: probe\nfloor: {floor}\n")


def test_terminal(pack: Path, run: Run) -> None:
    done = run("rules", "mutate", pack, "--kind", "separators", "--kind", "pinyin", "--lost", "1", "--pairs")
    assert done.returncode == 0, done.stderr
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[0] == "3 match cases mutated; 0 have no words in their evidence"
    assert "Cases by kind of evasion; tables: own, strength: measured" in lines
    assert any(line.startswith("separators 2 2 100.00%") for line in lines)
    assert any(line.startswith("pinyin 3 ") for line in lines)
    assert "By pair of kinds, the worst 1 of 1" in lines
    assert "By rule, the worst 2 of 2" in lines
    assert "floors are not compared: they are shares over all kinds, as measured, with the engine's tables" in lines


def test_a_rule_below_its_floor(pack: Path, tmp_path: Path, run: Run) -> None:
    assert run("rules", "mutate", with_floor(pack, tmp_path, "0.01")).returncode == 0
    done = run("rules", "mutate", with_floor(pack, tmp_path, "1"), "--top", "1")
    assert done.returncode == 1
    assert "rule probe.cure finds " in done.stdout
    assert ", its floor is 100.0%" in done.stdout


def test_posts_and_a_file_of_mutants(pack: Path, tmp_path: Path, run: Run) -> None:
    rows = [{"text": "这款茶根治糖尿病", "spam": 1}, {"text": "根治了", "spam": 0}, {"text": "今天", "spam": 1}]
    (tmp_path / "posts.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    done = run("rules", "mutate", pack, "--posts", "posts.jsonl", "--kind", "zero-width", "-o", "mutants.parquet")
    assert done.returncode == 0, done.stderr
    assert "1 posts that violate and are acted on mutated; 0 have no words in their evidence" in done.stdout
    assert "Posts by kind of evasion; tables: own, strength: measured" in done.stdout
    found = pq.read_table(tmp_path / "mutants.parquet").to_pylist()
    assert {row["origin"] for row in found} == {"case", "post"}
    post = next(row for row in found if row["origin"] == "post")
    assert (post["rule"], post["kinds"], post["text"], post["kept"]) == (None, ["zero-width"], "这款茶根治糖尿病", True)
    assert post["mutant"] != post["text"]
    assert sorted(path.name for path in tmp_path.iterdir() if "part" in path.name) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--kind", "pinyn"], "--kind pinyn: unknown kind 'pinyn'; did you mean 'pinyin'?"),
        (["--tables", "gone"], "--tables gone: no such folder; expected one with pinyin_char.tsv, "),
        (["-o", "mutants.csv"], "-o mutants.csv: this table is written as Parquet"),
        (["gone.yaml"], "gone.yaml: no such file or folder"),
        (["--posts", "gone.jsonl"], "gone.jsonl: no such file"),
    ],
)
def test_what_cannot_be_run(arguments: list[str], message: str, pack: Path, run: Run) -> None:
    done = run("rules", "mutate", *([] if arguments[0] == "gone.yaml" else [pack]), *arguments)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())


def test_a_pack_with_errors(pack: Path, tmp_path: Path, run: Run) -> None:
    done = run("rules", "mutate", changed(pack, tmp_path, "severity: high", "severity: hihg"))
    assert done.returncode == 2
    assert "nothing was mutated: 1 errors in the packs:" in done.stderr
    assert "'hihg'" in done.stderr


@pytest.mark.parametrize("floor", ["1.5", "high"])
def test_a_floor_that_is_none(floor: str, pack: Path, tmp_path: Path, run: Run) -> None:
    done = run("rules", "lint", with_floor(pack, tmp_path, floor))
    assert done.returncode == 1
    message = {
        "1.5": "floor: 1.5 is out of range; it should be less than or equal to 1",
        "high": "floor: expected a number, read 'high'",
    }
    assert message[floor] in done.stdout


def test_strength(pack: Path, run: Run) -> None:
    done = run("rules", "mutate", pack, "--kind", "homophone", "--strength", "uniform")
    assert done.returncode == 0, done.stderr
    assert "tables: own, strength: uniform" in done.stdout
    done = run("rules", "mutate", pack, "--strength", "unifrom")
    assert done.returncode == 2
    assert (
        "--strength unifrom: unknown strength 'unifrom'; did you mean 'uniform'? Known: measured, uniform"
        in " ".join(done.stderr.split())
    )
