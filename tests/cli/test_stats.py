"""`fairpost rules stats`, as a user runs it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from reference.variants import written

Run = Callable[..., subprocess.CompletedProcess[str]]
ROWS = [("根治糖尿病", 1), ("最好第一", 0), ("稳赚不赔", 1), ("治愈系的歌", 0), ("今天", None), ("一元包邮", "")]


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("packs"), "base")


@pytest.fixture
def posts(tmp_path: Path) -> Path:
    path = tmp_path / "posts.jsonl"
    rows = [json.dumps({"text": text, "bad": bad}, ensure_ascii=False) for text, bad in ROWS]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_terminal(packs: Path, posts: Path, run: Run) -> None:
    done = run("rules", "stats", packs, "--posts", posts, "--labels", "bad")
    assert done.returncode == 0, done.stderr
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[0].endswith("7 rules, 6 posts, 4 of them labelled")
    # rule, category, hits, per million, decides, alone, evaluated, right, wrong, precision, lift
    assert "probe.cure-word MEDICAL 2 333,333.3 50.00% 50.00% 333,333.3 1 1 50.00% 1" in lines
    assert "probe.gain INVESTMENT shadow 1 166,666.7 100.00% 0.00% 166,666.7 1 0 100.00% 2" in lines
    assert "1 1 2 33.33% 50.00% 100.00%" in lines
    assert "probe.cure probe.cure-word 1 100.00%" in lines
    assert "probe.contact COMMERCE 0.0" in lines
    assert "contact.wechat" not in done.stdout.split("Dead words")[0].split("Lists")[1]
    assert any(line.startswith("repeat 1") for line in lines)
    assert "SHIELD" not in done.stdout


def test_json_and_parquet(packs: Path, posts: Path, tmp_path: Path, run: Run) -> None:
    for name in ("a.json", "b.json", "c.parquet"):
        done = run("rules", "stats", packs, "--posts", posts, "--labels", "bad", "-o", name, "--top", "1")
        assert done.returncode == 0, done.stderr
    content = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert (content["posts"], content["labelled"]) == (6, 4)
    rules = {row["rule"]: row for row in content["tables"]["Rules"]}
    assert len(rules) == 5
    assert rules["probe.cure"]["precision"] == 1.0
    assert rules["probe.sells"]["decides"] is None
    words = {(row["word"], row["list"]): row["posts"] for row in content["tables"]["Words"]}
    assert words["治愈", "probe.cure"] == 1
    table = pq.read_table(tmp_path / "c.parquet")
    assert {row["rule"] for row in table.to_pylist()} == set(rules)
    assert "per_million" in table.column_names


def test_without_posts(packs: Path, run: Run) -> None:
    done = run("rules", "stats", packs)
    assert done.returncode == 0, done.stderr
    assert "Folds: what each buys and costs" in done.stdout
    assert "hits, decisions and words are counted on posts: --posts FILE" in done.stdout


def test_a_bundle_has_no_folds(packs: Path, posts: Path, tmp_path: Path, run: Run) -> None:
    assert run("rules", "compile", packs, "-o", "x.fpb").returncode == 0
    done = run("rules", "stats", "x.fpb", "--posts", posts)
    assert done.returncode == 0, done.stderr
    assert "Folds:" not in done.stdout
    assert "what folds buy and cost is known of packs only" in done.stdout


def test_rows_at_fault(packs: Path, tmp_path: Path, run: Run) -> None:
    (tmp_path / "x.txt").write_text("根治\n\n今天\n", encoding="utf-8")
    done = run("rules", "stats", packs, "--posts", "x.txt", "--no-folds")
    assert done.returncode == 1
    assert "x.txt:2: the text is empty" in done.stderr
    assert "1 posts could not be judged" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--labels", "bad"], "name the posts too: --posts FILE"),
        (["-o", "x.parquet"], "name the posts too: --posts FILE"),
        (["-o", "x.csv"], "-o x.csv: cannot tell the format from the ending '.csv'; known are .json, .parquet"),
        (["--posts", "nowhere.txt"], "nowhere.txt: no such file"),
        (["--posts", "posts.jsonl", "--labels", "text"], "posts.jsonl:1: --labels text: '根治糖尿病' is no label"),
        (["--posts", "posts.jsonl", "--channel", "momments"], "--channel momments: the rule set knows the channels"),
        (["-o", "no/x.json"], "-o no/x.json: cannot be written"),
    ],
)
def test_what_is_wrong_is_said(arguments: list[str], message: str, packs: Path, posts: Path, run: Run) -> None:
    done = run("rules", "stats", packs, "--no-folds", *arguments)
    assert done.returncode == 2, done.stdout
    assert message in done.stderr


def test_recall_under_evasion(packs: Path, tmp_path: Path, run: Run) -> None:
    done = run("rules", "stats", packs, "--no-folds", "--mutate", "2", "-o", "x.json")
    assert done.returncode == 0, done.stderr
    assert "by kind of evasion" in done.stdout
    content = json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))
    found = {(row["rule"], row["kind"]): row for row in content["tables"]["Recall under evasion"]}
    assert found["probe.cure", "separators"]["recall"] == 1.0
    assert run("rules", "compile", packs, "-o", "x.fpb").returncode == 0
    refused = run("rules", "stats", "x.fpb", "--mutate", "2")
    assert refused.returncode == 2
    assert "--mutate 2: x.fpb is a bundle, which has no cases; name its packs" in refused.stderr
