"""`fairpost check` on real files, as a user runs it."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
COLUMNS = [
    "id",
    "action",
    "risk",
    "commerce",
    "exposure",
    "labels",
    "evidence",
    "shadow",
    "seller_standing",
    "revision",
]
TEXTS = ["今天天气好", "根治糖尿病", '他说"很好"，\n10元包邮，💊根-根治百病']


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write(folder: Path, ending: str, texts: list[str] = TEXTS) -> Path:
    path = folder / f"posts.{ending}"
    if ending == "txt":
        path.write_text("".join(text.replace("\n", " ") + "\n" for text in texts), encoding="utf-8")
    elif ending == "jsonl":
        rows = [json.dumps({"nr": i, "text": text}, ensure_ascii=False) + "\n" for i, text in enumerate(texts)]
        path.write_text("".join(rows), encoding="utf-8")
    elif ending == "csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("nr", "text"), *enumerate(texts)])
    else:
        pq.write_table(pa.table({"nr": range(len(texts)), "text": texts}), path)
    return path


@pytest.mark.parametrize("ending", ["txt", "jsonl", "csv", "parquet"])
def test_every_input_gives_the_same_verdicts(ending: str, tmp_path: Path, bundle: Path, run: Run) -> None:
    out = tmp_path / "out.jsonl"
    done = run("check", write(tmp_path, ending), "--rules", bundle, "-o", out)
    assert done.returncode == 0, done.stderr
    rows = lines(out)
    assert [list(row) for row in rows] == [COLUMNS] * 3
    assert [row["action"] for row in rows] == ["ALLOW", "SHIELD", "SHIELD"]
    assert [row["commerce"] for row in rows] == [0, 0, 0.75]
    assert rows[1]["labels"] == [{"category": "MEDICAL", "score": 0.875, "severity": "high"}]
    assert rows[1]["evidence"] == [
        {
            "rule": "probe.cure",
            "category": "MEDICAL",
            "begin": 0,
            "end": 2,
            "matched": "根治",
            "basis": ["《中华人民共和国广告法》第十七条"],
        }
    ]
    evidence = rows[2]["evidence"][0]
    assert evidence["matched"] == "根-根治"
    assert TEXTS[2][evidence["begin"] : evidence["end"]] == "根-根治"
    assert rows[0]["seller_standing"] is None
    assert len(rows[0]["revision"]) == 12


def test_csv_and_parquet_hold_what_json_lines_hold(tmp_path: Path, bundle: Path, run: Run) -> None:
    posts = write(tmp_path, "jsonl")
    for ending in ("jsonl", "csv", "parquet"):
        assert run("check", posts, "--rules", bundle, "-o", tmp_path / f"out.{ending}").returncode == 0
    expected = lines(tmp_path / "out.jsonl")
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.column_names == COLUMNS
    assert table.to_pylist() == [
        {**row, "risk": pytest.approx(row["risk"]), "exposure": pytest.approx(row["exposure"])} for row in expected
    ]
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == COLUMNS
    for row, wanted in zip(rows, expected, strict=True):
        assert json.loads(row["labels"]) == wanted["labels"]
        assert json.loads(row["evidence"]) == wanted["evidence"]
        assert float(row["risk"]) == wanted["risk"]


def test_ids_are_a_column_or_line_numbers(tmp_path: Path, bundle: Path, run: Run) -> None:
    posts = write(tmp_path, "csv")
    run("check", posts, "--rules", bundle, "-o", tmp_path / "a.jsonl")
    run("check", posts, "--rules", bundle, "-o", tmp_path / "b.jsonl", "--id-column", "nr")
    assert [row["id"] for row in lines(tmp_path / "a.jsonl")] == ["2", "3", "4"]
    assert [row["id"] for row in lines(tmp_path / "b.jsonl")] == ["0", "1", "2"]


def test_text_column(tmp_path: Path, bundle: Path, run: Run) -> None:
    (tmp_path / "x.jsonl").write_text('{"content": "根治"}\n', encoding="utf-8")
    done = run("check", "x.jsonl", "--rules", bundle, "--text-column", "content", "-o", "out.jsonl")
    assert done.returncode == 0
    assert lines(tmp_path / "out.jsonl")[0]["action"] == "SHIELD"


def test_terminal_table_and_summary(tmp_path: Path, bundle: Path, run: Run) -> None:
    done = run("check", write(tmp_path, "txt"), "--rules", bundle)
    assert done.returncode == 0
    assert "«根治»糖尿病" in done.stdout
    assert "MEDICAL 0.88 high" in done.stdout
    assert "3 posts judged by revision" in done.stdout
    assert "posts/s from file to verdict" in done.stdout
    assert "posts/s in the engine on one core" in done.stdout
    assert done.stderr == ""
    assert all(len(line) <= 120 for line in done.stdout.splitlines())


def test_control_characters_of_posts_do_not_reach_the_terminal(tmp_path: Path, bundle: Path, run: Run) -> None:
    (tmp_path / "x.txt").write_bytes("根治\x1b[2J\x07\n".encode())
    assert "\x1b" not in run("check", "x.txt", "--rules", bundle).stdout


def test_bad_rows_are_named_and_do_not_stop_the_run(tmp_path: Path, bundle: Path, run: Run) -> None:
    (tmp_path / "x.txt").write_bytes(b"\xe5\xa5\xbd\n\na\xff\r\n" + b"x" * 100_001 + "\n根治".encode())
    done = run("check", "x.txt", "--rules", bundle, "-o", "out.jsonl")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "x.txt:2: the text is empty",
        "x.txt:3: the text is not valid UTF-8 (byte 2 of the text)",
        "x.txt:4: the text is longer than 100,000 characters",
    ]
    assert "3 bad rows left out" in done.stdout
    assert [(row["id"], row["action"]) for row in lines(tmp_path / "out.jsonl")] == [("1", "ALLOW"), ("5", "SHIELD")]


def test_bad_json_lines(tmp_path: Path, bundle: Path, run: Run) -> None:
    rows = [
        '{"text": "根治"}',
        "{bad",
        "[1]",
        '{"text": 3}',
        '{"txt": "x"}',
        r'{"text": "\ud800"}',
        "",
        '{"text": "好"}',
    ]
    (tmp_path / "x.jsonl").write_text("\n".join(rows), encoding="utf-8")
    done = run("check", "x.jsonl", "--rules", bundle, "-o", "out.jsonl")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "x.jsonl:2: not JSON: Expecting property name enclosed in double quotes at column 2",
        'x.jsonl:3: a list, not an object such as {"text": ...}',
        "x.jsonl:4: 'text' is a number, not a string",
        "x.jsonl:5: there is no 'text'; did you mean 'txt'?",
        "x.jsonl:6: the text is not valid UTF-8 (byte 1 of the text)",
    ]
    assert [row["id"] for row in lines(tmp_path / "out.jsonl")] == ["1", "8"]


def test_bad_csv_rows(tmp_path: Path, bundle: Path, run: Run) -> None:
    (tmp_path / "x.csv").write_bytes(b'\xef\xbb\xbfid,text\n1,a\n2\n3,"b\nc"\n4,\xff\n5,"bad"x\n6,d\n')
    done = run("check", "x.csv", "--rules", bundle, "-o", "out.jsonl", "--id-column", "id")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "x.csv:3: 1 fields, but the header names 2 columns",
        "x.csv:6: the text is not valid UTF-8 (byte 1 of the text)",
        "x.csv:7: not CSV: ',' expected after '\"'",
    ]
    assert [row["id"] for row in lines(tmp_path / "out.jsonl")] == ["1", "3", "6"]


def test_nulls_in_parquet_are_bad_rows(tmp_path: Path, bundle: Path, run: Run) -> None:
    table = pa.table({"text": pa.array(["根治", None, "好"]).dictionary_encode()})
    pq.write_table(table, tmp_path / "x.parquet")
    done = run("check", "x.parquet", "--rules", bundle, "-o", "out.jsonl")
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["x.parquet:2: 'text' is null, not a string"]
    assert [row["id"] for row in lines(tmp_path / "out.jsonl")] == ["1", "3"]


@pytest.mark.parametrize(
    ("name", "content", "arguments", "message"),
    [
        ("x.csv", "id,txt\n1,a\n", [], "x.csv: there is no column 'text' (--text-column); the columns are id, txt"),
        ("x.csv", "id,txt\n1,a\n", [], "; did you mean 'txt'?"),
        ("x.csv", "id,text\n1,a\n", ["--id-column", "nr"], "no column 'nr' (--id-column); the columns are id, text"),
        ("x.csv", "", [], "x.csv: is empty; the first line must name the columns"),
        ("x.jsonl", '{"body": "a"}\n', [], "x.jsonl: there is no column 'text' (--text-column); the columns are body"),
        ("x.txt", "a\n", ["--id-column", "id"], "a .txt file has no columns, so --id-column 'id' cannot be read"),
        ("x.xlsx", "a\n", [], "cannot tell the format from the ending '.xlsx'; known are .txt, .jsonl, .csv, .parquet"),
        ("x.parquet", "a\n", [], "x.parquet: is not a Parquet file, or damaged"),
        ("x.txt", "a\n", ["-o", "out.xml"], "-o out.xml: cannot tell the format from the ending '.xml'; known are"),
        ("x.txt", "a\n", ["-o", "no/out.csv"], "-o no/out.csv: cannot be written: No such file or directory"),
        ("x.txt", "a\n", ["--date", "2026-13-01"], "--date 2026-13-01: not a date; expected ISO 8601"),
        ("x.txt", "a\n", ["--channel", "momets"], "--channel momets: the rule set knows the channels"),
        ("x.txt", "a\n", ["--registry", "127.0.0.1:1"], "name the column with the sellers' ids too: --seller-column"),
    ],
)
def test_usage_errors(
    name: str, content: str, arguments: list[str], message: str, tmp_path: Path, bundle: Path, run: Run
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    done = run("check", name, "--rules", bundle, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.startswith("fairpost: ")
    assert list(tmp_path.iterdir()) == [tmp_path / name]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (
            "http://x",
            "--registry http://x: is neither sqlite:///path/to/registry.sqlite, postgresql://user@host/database",
        ),
        ("sqlite:///no.sqlite", "--registry sqlite:///no.sqlite: no.sqlite: there is no registry here"),
        ("127.0.0.1:1", "no fairpost server answers at 127.0.0.1:1"),
    ],
)
def test_registry_errors(url: str, message: str, tmp_path: Path, bundle: Path, run: Run) -> None:
    (tmp_path / "x.jsonl").write_text('{"text": "a", "seller": "s"}\n')
    done = run("check", "x.jsonl", "--rules", bundle, "--seller-column", "seller", "--registry", url)
    assert done.returncode == 2
    assert message in done.stderr


def test_sellers_without_a_registry_are_unavailable(tmp_path: Path, bundle: Path, run: Run) -> None:
    (tmp_path / "x.jsonl").write_text('{"text": "a", "seller": "s"}\n{"text": "a"}\n{"text": "a", "seller": ""}\n')
    done = run("check", "x.jsonl", "--rules", bundle, "--seller-column", "seller", "-o", "out.jsonl")
    assert done.returncode == 0
    assert "without --registry nothing is known about sellers" in done.stderr
    assert [row["seller_standing"] for row in lines(tmp_path / "out.jsonl")] == ["unavailable", None, None]


def test_missing_and_unreadable_files(tmp_path: Path, bundle: Path, run: Run) -> None:
    assert "no.txt: no such file" in run("check", "no.txt", "--rules", bundle).stderr
    (tmp_path / "folder.txt").mkdir()
    done = run("check", "folder.txt", "--rules", bundle)
    assert done.returncode == 2
    assert "folder.txt: is a folder; name the files in it" in done.stderr
    if os.getuid():  # root may read everything
        (tmp_path / "x.txt").write_text("a\n")
        (tmp_path / "x.txt").chmod(0)
        assert "x.txt: no permission to read it" in run("check", "x.txt", "--rules", bundle).stderr


def test_the_input_is_not_overwritten(tmp_path: Path, bundle: Path, run: Run) -> None:
    posts = write(tmp_path, "jsonl")
    before = posts.read_bytes()
    done = run("check", posts, "--rules", bundle, "-o", "posts.jsonl")
    assert done.returncode == 2
    assert done.stderr == "fairpost: -o posts.jsonl: is one of the files to read; name another\n"
    assert posts.read_bytes() == before


def test_a_wrong_last_file_is_found_before_any_work(tmp_path: Path, bundle: Path, run: Run) -> None:
    (tmp_path / "x.txt").write_text("a\n")
    done = run("check", "x.txt", "no.txt", "--rules", bundle, "-o", "out.jsonl")
    assert done.returncode == 2
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("damage", ["truncated", "flipped", "version", "empty", "foreign"])
def test_damaged_bundles_are_refused_with_the_reason(damage: str, tmp_path: Path, bundle: Path, run: Run) -> None:
    content = bytearray(bundle.read_bytes())
    match damage:
        case "truncated":
            del content[len(content) // 2 :]
        case "flipped":
            content[len(content) // 2] ^= 0x10
        case "version":
            content[8] ^= 0x7F
        case "empty":
            content.clear()
        case _:
            content[:] = b"PK\x03\x04" * 1000
    (tmp_path / "bad.fpb").write_bytes(content)
    (tmp_path / "x.txt").write_text("a\n")
    done = run("check", "x.txt", "--rules", "bad.fpb")
    assert done.returncode == 2
    assert done.stderr.startswith("fairpost: --rules: bad.fpb: ")
    assert "compile it anew with 'fairpost rules compile'" in done.stderr
    assert "Traceback" not in done.stderr


def test_packs_instead_of_a_bundle(tmp_path: Path, pack: Path, run: Run) -> None:
    (tmp_path / "x.txt").write_text("a\n")
    done = run("check", "x.txt", "--rules", pack)
    assert done.returncode == 2
    assert "these are packs; compile them first: fairpost rules compile" in done.stderr


def test_long_lines_and_many_chunks(tmp_path: Path, bundle: Path, run: Run) -> None:
    """Lines across blocks, chunks and the cut of over-long lines keep their numbers."""
    with (tmp_path / "x.txt").open("w", encoding="utf-8") as file:
        for i in range(20_000):
            file.write("根治\r\n" if i % 1000 == 999 else f"第{i}篇" + "好" * (i % 200) + "\n")
        file.write("长" * 1_500_000 + "\n根治")
    done = run("check", "x.txt", "--rules", bundle, "-o", "out.jsonl")
    assert done.stderr.splitlines() == ["x.txt:20001: the text is longer than 100,000 characters"]
    rows = lines(tmp_path / "out.jsonl")
    assert len(rows) == 20_001
    assert [row["id"] for row in rows if row["action"] != "ALLOW"] == [
        str(n) for n in (*range(1000, 20_001, 1000), 20_002)
    ]


def test_several_files(tmp_path: Path, bundle: Path, run: Run) -> None:
    (tmp_path / "a.txt").write_text("根治\n", encoding="utf-8")
    (tmp_path / "b.jsonl").write_text('{"text": "好"}\n', encoding="utf-8")
    done = run("check", "a.txt", "b.jsonl", "--rules", bundle, "-o", "out.parquet")
    assert done.returncode == 0
    assert pq.read_table(tmp_path / "out.parquet")["action"].to_pylist() == ["SHIELD", "ALLOW"]


def test_law_of_a_day(tmp_path: Path, bundle: Path, run: Run) -> None:
    """Before the law was in force, nothing is cited."""
    (tmp_path / "x.txt").write_text("根治\n", encoding="utf-8")
    run("check", "x.txt", "--rules", bundle, "-o", "out.jsonl", "--date", "1990-01-01")
    assert lines(tmp_path / "out.jsonl")[0]["evidence"][0]["basis"] == []


def test_as_a_process(tmp_path: Path, bundle: Path, run: Run) -> None:
    """The exit status and the two streams as a shell sees them."""
    (tmp_path / "x.txt").write_text("根治\n\n", encoding="utf-8")
    done = run("check", "x.txt", "--rules", bundle, "-o", "out.jsonl", process=True)
    assert done.returncode == 1
    assert done.stderr == "x.txt:2: the text is empty\n"
    assert "1 posts judged" in done.stdout
    assert run("check", "no.txt", process=True).stderr == "fairpost: no.txt: no such file\n"


def test_shadow_rules_stand_apart(tmp_path: Path, run: Run) -> None:
    from reference.variants import written

    packs = written(tmp_path, "base")
    assert run("rules", "compile", packs, "-o", "x.fpb").returncode == 0
    path = write(tmp_path, "txt", ["稳赚不赔", "根治，稳赚", "今天"])
    for ending in ("jsonl", "csv", "parquet"):
        done = run("check", path, "--rules", "x.fpb", "-o", f"out.{ending}")
        assert done.returncode == 0, done.stderr
        assert "2 hits of shadow rules" in done.stdout
    rows = lines(tmp_path / "out.jsonl")
    assert [[(x["rule"], x["matched"], x["begin"]) for x in row["shadow"]] for row in rows] == [
        [("probe.gain", "稳赚", 0)],
        [("probe.gain", "稳赚", 3)],
        [],
    ]
    assert [[x["rule"] for x in row["evidence"]] for row in rows] == [[], ["probe.cure-word"], []]
    assert rows[0]["action"] == "ALLOW"
    table = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert [row["shadow"] for row in table] == [row["shadow"] for row in rows]


def test_labels_and_channels(tmp_path: Path, run: Run) -> None:
    from reference.variants import written

    packs = written(tmp_path, "base")
    assert run("rules", "compile", packs, "-o", "x.fpb").returncode == 0
    (tmp_path / "x.csv").write_text(
        "text,bad,where\n根治,1,group-chat\n根治,0,\n最好第一,,\n今天,0,\n", encoding="utf-8"
    )
    done = run("check", "x.csv", "--rules", "x.fpb", "--labels", "bad", "--channel-column", "where", "-o", "out.jsonl")
    assert done.returncode == 0, done.stderr
    assert [row["action"] for row in lines(tmp_path / "out.jsonl")] == ["ALLOW", "LIMIT", "REVIEW", "ALLOW"]
    shown = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "probe.cure-word MEDICAL 1 1 50.00%" in shown
    assert "1 1 1 0.00% 0.00% 50.00%" in shown  # missed, false alarms, passed
    wrong = run("check", "x.csv", "--rules", "x.fpb", "--labels", "text")
    assert wrong.returncode == 2
    assert "x.csv:2: --labels text: '根治' is no label" in wrong.stderr
