"""What decides in benchmarks/: instruction counts, the report's ratios, the peers' answers, what the study draws."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import error_study
import instructions
import plain_model
import pytest
from peers import PEERS, Posts, checksum
from report import Run, tables

from fairpost.engine import RuleSet
from fairpost.rules import shipped_bundle
from fairpost.rules.training import Posts as LabelledPosts
from fairpost.rules.training import written

STORED = {
    "instructions a post": {"match": 1000},
    "must agree": {"compiler": "cc 12", "machine": "x86_64"},
    "may differ": {"numpy": "2.0"},
}


def counted(figure: int, compiler: str = "cc 12", numpy: str = "2.0") -> dict[str, Any]:
    return {
        "instructions a post": {"match": figure},
        "must agree": {"compiler": compiler, "machine": "x86_64"},
        "may differ": {"numpy": numpy},
    }


@pytest.mark.parametrize(
    ("now", "status", "said"),
    [
        (counted(1050), 0, "+5.0% against 1,000"),
        (counted(1051), 1, "changed since they were stored: only the code"),
        (counted(1051, numpy="2.1"), 1, "changed since they were stored: numpy 2.0 -> 2.1"),
        (
            counted(2000, compiler="cc 13"),
            0,
            "not compared, the stored numbers are of another tool chain: compiler cc 12",
        ),
        (counted(900), 0, "make instructions ARGS=--store"),
    ],
)
def test_instructions(now: dict[str, Any], status: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert instructions.compare(now, STORED) == status
    assert said in capsys.readouterr().out


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.id)
def test_peers_agree(peer: Any) -> None:
    """Overlapping matches, ends in bytes of the post, whatever the form; characters of one to four bytes."""
    pytest.importorskip(peer.module)
    posts = Posts(["ab哈哈😀哈", "", "é哈", "xabab", "nothing"])
    words = ["ab", "哈", "哈哈", "😀哈", "b", "é"]
    rows = [
        *[(0, 0, 2), (0, 4, 2), (0, 1, 5), (0, 1, 8), (0, 2, 8), (0, 1, 15), (0, 3, 15)],
        *[(2, 5, 2), (2, 1, 5), (3, 0, 3), (3, 4, 3), (3, 0, 5), (3, 4, 5)],
    ]
    if not peer.places:
        rows = sorted({(post, pattern, 0) for post, pattern, _ in rows})
    found = peer.columns(peer.machine(words, posts)(peer.prepare(posts)), posts)
    if peer.places:
        assert sorted(zip(*(column.tolist() for column in found), strict=True)) == sorted(rows)
    else:
        assert sorted(zip(*(column.tolist() for column in found[:2]), strict=True)) == [row[:2] for row in rows]


def test_checksum() -> None:
    """The order of the matches does not matter, everything else does."""
    posts, peer = Posts(["ab", "b"]), PEERS[-1]
    pytest.importorskip(peer.module)
    columns = peer.columns(peer.machine(["ab", "b"], posts)(peer.prepare(posts)), posts)
    assert checksum(columns) == checksum((columns[0][::-1], columns[1][::-1], columns[2][::-1]))
    assert checksum(columns) != checksum((columns[1], columns[0], columns[2]))


def test_report() -> None:
    """The best peer is found by form and by size."""

    def cell(row: str, column: str, seconds: float) -> dict[str, Any]:
        info = {"suite": "peers", "row": row, "column": column, "per": 1000}
        return {"extra_info": info, "stats": {"min": seconds}}

    run = Run(
        {
            "machine_info": {},
            "datetime": "2026-01-01T00:00:00",
            "benchmarks": [
                cell("fairpost", "1k", 0.001),
                cell("one, a call a post", "1k", 0.004),
                cell("one, one buffer", "1k", 0.002),
                cell("two, a call a post", "1k", 0.003),
            ],
        }
    )
    table = tables(run)
    assert "1,000,000" in table
    assert "3.00 x two" in table
    assert "2.00 x one" in table


def test_study_draws_evenly_and_by_seed() -> None:
    found = {
        source: [{"source": source, "text": f"{source}{k}"} for k in range(n)]
        for source, n in (("a", 50), ("b", 3), ("c", 50))
    }
    taken = error_study.drawn(found, 21, seed=1)
    assert [sum(entry["source"] == source for entry in taken) for source in "abc"] == [9, 3, 9]
    assert len({entry["text"] for entry in taken}) == 21
    assert taken == error_study.drawn(found, 21, seed=1) != error_study.drawn(found, 21, seed=2)
    assert len(error_study.drawn(found, 1000, seed=1)) == 103


def test_study_tells_struck_posts_from_missed_adverts() -> None:
    rules = RuleSet.open(shipped_bundle())
    bad, fine = "这款茶根治糖尿病，一盒98元包邮", "新到一批布鞋，128元一双"
    posts = [("x", bad, False), ("x", bad, False), ("y/advert", fine, True), ("y", fine + "。", False)]
    flagged, missed = error_study.judged(rules, posts)
    assert [entry["text"] for entry in flagged["x"]] == [bad]
    assert "MEDICAL" in flagged["x"][0]["labels"]
    assert any("根治" in quote for quote in flagged["x"][0]["quotes"])
    assert {source: len(entries) for source, entries in missed.items()} == {"y/advert": 1}


def test_study_keeps_other_peoples_texts_out_of_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    inside = Path(error_study.__file__).parent / "study.jsonl"
    monkeypatch.setattr("sys.argv", ["error_study.py", str(tmp_path), "-o", str(inside)])
    with pytest.raises(SystemExit):
        error_study.main()
    assert "is inside the repository; the texts may not be kept there" in capsys.readouterr().err
    assert not inside.exists()


def test_plain_models_are_judged_on_the_same_posts(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.setattr(plain_model, "BITS", 12)
    messages = written(300, seed=5)
    sources = [("messages", "life", "others")[k % 3] for k in range(300)]
    posts = LabelledPosts.of(messages.texts, messages.labels.tolist(), sources)
    plain_model.plain_models(posts, ["messages"], ["life"], [["messages"]], ["life"])
    _, heads, *rows = capsys.readouterr().out.splitlines()
    assert heads.split()[-1] == "messages"
    assert len(rows) == 12  # digits as they are: two sets of sources, with and without near copies; masked: without
    assert sum("digits masked" in row for row in rows) == 4
    for row in rows:
        f1, auc, false = re.search(r" (?:in|out) +([\d.]+) +([\d.]+) +([\d.]+)%", row).groups()  # type: ignore[union-attr]
        assert 0.5 < float(f1) <= 1.0
        assert 0.8 < float(auc) <= 1.0
        assert 0.0 <= float(false) <= 100.0
    left = [row for row in rows if "all sources" in row and " out " in row]
    assert all(0.5 < float(row.split()[-1]) <= 1.0 for row in left)
    assert len(left) == 4
