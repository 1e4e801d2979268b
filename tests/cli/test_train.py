"""`fairpost rules train`, as a user runs it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("sklearn")

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def posts(tmp_path: Path) -> Path:
    """Two sources of posts that share no sentence."""
    rows = [
        {"text": f"{chr(0x5000 + k)}{what}{chr(0x6000 + 7 * k)}{end}", "label": label, "origin": ("a", "b")[k % 2]}
        for k in range(300)
        for label, what, end in ((1, "新货到店十元一斤", "包邮"), (0, "今天下雨早睡", "想家"))
    ]
    path = tmp_path / "posts.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def test_a_model_and_its_card(pack: Path, posts: Path, tmp_path: Path, run: Run) -> None:
    small = ("--packs", pack, "--source-column", "origin", "--no-own", "--written", "400", "--bits", "12")
    done = run("rules", "train", posts.name, "-o", "posts.model", *small, "--weight", "a=2", "--weight", "written=0.25")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("posts.model: ")
    card = (tmp_path / "posts.md").read_text(encoding="utf-8")
    assert "| a | 300 | 150 | 2 |" in card
    assert "| b | 300 | 150 | 1 |" in card
    assert "| written | 400 | 200 | 0.25 |" in card
    assert run("rules", "compile", pack, "--model", "posts.model", "-o", "rules.fpb").returncode == 0


@pytest.mark.parametrize("weight", ["a", "a=many", "a=-1", "a=nan", "=inf"])
def test_a_weight_that_is_no_number(weight: str, pack: Path, posts: Path, run: Run) -> None:
    done = run("rules", "train", posts.name, "-o", "posts.model", "--packs", pack, "--weight", weight)
    assert done.returncode == 2
    assert f"--weight {weight}: expected SOURCE=NUMBER, a number from 0 to 1000" in " ".join(done.stderr.split())


def test_a_weight_of_no_source(pack: Path, posts: Path, run: Run) -> None:
    done = run("rules", "train", posts.name, "-o", "posts.model", "--packs", pack, "--weight", "c=2")
    assert done.returncode == 2
    assert "--weight c: no post has this source; there are posts" in " ".join(done.stderr.split())
