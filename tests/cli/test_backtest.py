"""`fairpost rules backtest`, as a user runs it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from reference.variants import compiled, written

Run = Callable[..., subprocess.CompletedProcess[str]]

ROWS: list[dict[str, Any]] = [
    {"nr": "a1", "text": "根治糖尿病", "shop": "tea", "where": "moments", "bad": 1},
    {"nr": "a2", "text": "今天天气好", "shop": "tea", "where": "moments", "bad": 0},
    {"nr": "a3", "text": "最好第一", "shop": "nuts", "where": None, "bad": None},
    {"nr": "a4", "text": "稳赚不赔", "shop": None, "where": "group-chat", "bad": 1},
]
COLUMNS = ["--id-column", "nr", "--seller-column", "shop", "--channel-column", "where", "--labels", "bad"]


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Variants of one pack as folders (`base`) and, by the name `base.fpb`, compiled."""
    from fairpost.rules import bundle_of, load_packs

    folder = tmp_path_factory.mktemp("bundles")
    paths = {}
    for name in ("base", "lighter", "enforced", "policy"):
        paths[name] = written(folder, name)
        paths[f"{name}.fpb"] = folder / f"{name}.fpb"
        paths[f"{name}.fpb"].write_bytes(bundle_of(load_packs(paths[name])))
    return paths


def posts(folder: Path, ending: str = "jsonl") -> Path:
    path = folder / f"posts.{ending}"
    if ending == "jsonl":
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS), encoding="utf-8")
    elif ending == "csv":
        lines = ["nr,text,shop,where,bad"]
        lines += [",".join("" if value is None else str(value) for value in row.values()) for row in ROWS]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    else:
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    return path


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_flips_of_every_input(ending: str, tmp_path: Path, bundles: dict[str, Path], run: Run) -> None:
    done = run(
        "rules",
        "backtest",
        bundles["base"],
        bundles["lighter.fpb"],
        posts(tmp_path, ending),
        *COLUMNS,
        "-o",
        "f.parquet",
    )
    assert done.returncode == 0, done.stderr
    assert "of 4 posts 2 are judged otherwise (500,000.0 per million); 0 get a stricter action, 2 a milder one" in (
        " ".join(done.stdout.split())
    )
    table = pq.read_table(tmp_path / "f.parquet")
    rows = table.to_pylist()
    assert [(r["id"], r["seller"], r["channel"], r["violating"], r["old_action"], r["new_action"]) for r in rows] == [
        ("a1", "tea", "moments", True, "SHIELD", "REVIEW"),
        ("a3", "nuts", None, None, "REVIEW", "LIMIT"),
    ]
    place = 2 if ending == "csv" else 1
    assert [r["row"] for r in rows] == [place, place + 2]
    assert [r["kinds"] for r in rows] == [["action"], ["action", "exposure"]]
    assert [r["rules_redefined"] for r in rows] == [["probe.cure"], ["probe.both"]]
    assert (rows[1]["old_exposure"], rows[1]["new_exposure"]) == pytest.approx((0.0, 0.3))
    assert (rows[0]["categories_appeared"], rows[0]["rules_appeared"], rows[0]["rules_vanished"]) == ([], [], [])
    assert "text" not in table.column_names


def test_terminal(tmp_path: Path, bundles: dict[str, Path], run: Run) -> None:
    done = run("rules", "backtest", bundles["base.fpb"], bundles["enforced"], posts(tmp_path), *COLUMNS)
    assert done.returncode == 0, done.stderr
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "probe.gain INVESTMENT 1 1 1 1 1 1 1" in lines  # flips, +, alone, stricter, old hits, new hits, violating
    assert "ALLOW 1 0 1 2" in lines
    assert "group-chat 1 1 1 1,000,000.0" in lines
    assert "+probe.gain" in lines
    assert "ALLOW → SHIELD a4 «稳赚»不赔" in lines
    assert any(line.startswith("new: INVESTMENT 0.90; probe.gain 稳赚; commerce 0.00") for line in lines)
    assert "old 1 1 1 100.00% 50.00% 0.00%" in lines
    assert "new 2 0 1 100.00% 100.00% 0.00%" in lines


def test_output_is_the_same_twice(tmp_path: Path, bundles: dict[str, Path], run: Run) -> None:
    made = []
    for threads in (1, 2):
        done = run(
            "rules", "backtest", bundles["base"], bundles["policy"], posts(tmp_path), *COLUMNS,
            "--html", "r.html", "-o", "f.parquet", "--threads", threads, "--seed", 7,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        text = (tmp_path / "r.html").read_text(encoding="utf-8")
        seconds = [line for line in text.splitlines() if "posts/s" not in line]
        shown = [line for line in done.stdout.splitlines() if "posts/s" not in line]
        made.append((seconds, shown, (tmp_path / "f.parquet").read_bytes()))
    assert made[0] == made[1]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["f.parquet", "posts.jsonl", "r.html"]


def test_shadows_enforced_and_the_shipped_packs(tmp_path: Path, bundles: dict[str, Path], run: Run) -> None:
    same = run("rules", "backtest", bundles["base.fpb"], bundles["base.fpb"], posts(tmp_path), "--enforce-shadows")
    assert "1 get a stricter action" in same.stdout
    assert "By rule" in same.stdout
    shipped = run("rules", "backtest", "shipped", "shipped", posts(tmp_path))
    assert shipped.returncode == 0, shipped.stderr
    assert "of 4 posts 0 are judged otherwise" in shipped.stdout


def test_rows_without_a_post_are_told_and_left_out(tmp_path: Path, bundles: dict[str, Path], run: Run) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"text": "根治糖尿病"}\n{"text": 5}\n{"text": ""}\n{"text": "今天"}\n', encoding="utf-8")
    done = run("rules", "backtest", bundles["base"], bundles["lighter"], path, "-o", "f.parquet")
    assert done.returncode == 1
    assert "x.jsonl:2: 'text' is a number, not a string" in done.stderr
    assert "x.jsonl:3: the text is empty" in done.stderr
    assert pq.read_table(tmp_path / "f.parquet")["row"].to_pylist() == [1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["OLD", "NEW", "nowhere.txt"], "nowhere.txt: no such file"),
        (["OLD", "NEW", "posts.xlsx"], "posts.xlsx: cannot tell the format from the ending '.xlsx'"),
        (["OLD", "NEW", "posts.csv", "--text-column", "content"], "posts.csv: there is no column 'content'"),
        (["OLD", "NEW", "posts.csv", "--labels", "label"], "posts.csv: there is no column 'label' (--labels)"),
        (["OLD", "NEW", "posts.jsonl", "--labels", "label"], "--labels label: none of the first posts has a value"),
        (
            ["OLD", "NEW", "posts.jsonl", "--labels", "shop"],
            "posts.jsonl:1: --labels shop: 'tea' is no label: expected 0",
        ),
        (["OLD", "NEW", "empty.txt"], "empty.txt: no posts to judge"),
        (
            ["OLD", "NEW", "x.txt", "--channel-column", "where"],
            "x.txt: a .txt file has no columns, so --channel",
        ),
        (["OLD", "NEW", "lists.parquet", "--labels", "bad"], "column 'bad' (--labels) holds list<"),
        (["missing.fpb", "NEW", "x.txt"], "OLD missing.fpb: no such file"),
        (["OLD", "garbage.fpb", "x.txt"], "NEW: garbage.fpb: starts with b'not a bu', expected"),
        (["OLD", "old-format.fpb", "x.txt"], "format version 0, this fairpost reads version"),
        (["OLD", "bad.yaml", "x.txt"], "NEW bad.yaml: 1 errors in the packs:"),
        (["OLD", "NEW", "x.txt", "-o", "flips.csv"], "-o flips.csv: this table is written as Parquet"),
        (["OLD", "NEW", "x.txt", "-o", "no/flips.parquet"], "-o no/flips.parquet: cannot be written: No such file"),
        (["OLD", "NEW", "x.txt", "--html", "no/r.html"], "--html no/r.html: cannot be written: No such file"),
        (["OLD", "NEW", "x.txt", "--html", "x.txt"], "--html x.txt: is one of the files to read; name another"),
        (["OLD", "NEW", "x.txt", "--channel", "momments"], "--channel momments: the rule set knows the channels"),
        (["OLD", "NEW", "x.txt", "--date", "yesterday"], "--date yesterday: not a date"),
    ],
)
def test_what_is_wrong_is_said(
    arguments: list[str], message: str, tmp_path: Path, bundles: dict[str, Path], run: Run
) -> None:
    for ending in ("jsonl", "csv"):
        posts(tmp_path, ending)
    (tmp_path / "x.txt").write_text("今天\n", encoding="utf-8")
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "garbage.fpb").write_bytes(b"not a bundle" * 20)
    content = bytearray(bundles["base.fpb"].read_bytes())
    content[8:12] = bytes(4)
    (tmp_path / "old-format.fpb").write_bytes(content)
    (tmp_path / "bad.yaml").write_text("pack: bad\nlists: {a: [x]}\nrulez: []\n", encoding="utf-8")
    pq.write_table(pa.table({"text": ["今天"], "bad": [["a"]]}), tmp_path / "lists.parquet")
    words = {"OLD": bundles["base"], "NEW": bundles["base.fpb"]}
    done = run("rules", "backtest", *(words.get(word, word) for word in arguments))
    assert done.returncode == 2, done.stdout
    assert message in done.stderr
    assert not list(tmp_path.glob(".*"))


def test_variants_compile(tmp_path: Path) -> None:
    assert len({rules.revision for rules in compiled(tmp_path).values()}) == 5
