"""`fairpost rules`, as a user runs it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_lint_of_a_sound_pack(pack: Path, run: Run) -> None:
    done = run("rules", "lint", pack)
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1].startswith("0 errors")


def test_lint_names_every_error_by_place(pack: Path, tmp_path: Path, run: Run) -> None:
    text = pack.read_text(encoding="utf-8").replace("any(cure)", "any(cur)").replace("severity: high", "severity: hihg")
    (tmp_path / "bad.yaml").write_text(text, encoding="utf-8")
    done = run("rules", "lint", "bad.yaml")
    assert done.returncode == 1
    errors = [line for line in done.stdout.splitlines() if ": error: " in line]
    assert len(errors) >= 2
    assert all(line.startswith("bad.yaml:") for line in errors)
    assert any("'cur'" in line and "cure" in line for line in errors)
    assert any("'hihg'" in line and "high" in line for line in errors)


def test_compile_writes_a_bundle_and_says_what_is_in_it(pack: Path, tmp_path: Path, run: Run) -> None:
    done = run("rules", "compile", pack, "-o", "rules.fpb")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("rules.fpb: revision ")
    assert " 2 rules, " in done.stdout
    again = run("rules", "compile", pack, "-o", "again.fpb")
    assert again.returncode == 0
    assert (tmp_path / "rules.fpb").read_bytes() == (tmp_path / "again.fpb").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again.fpb", "rules.fpb"]


def test_a_pack_whose_cases_fail_does_not_compile(pack: Path, tmp_path: Path, run: Run) -> None:
    text = pack.read_text(encoding="utf-8").replace("今天天气好", "今天根治")
    (tmp_path / "bad.yaml").write_text(text, encoding="utf-8")
    done = run("rules", "compile", "bad.yaml")
    assert done.returncode == 1
    assert "bad.yaml:20:43: error: " in done.stderr
    assert "rule probe.cure must not fire on '今天根治' and does" in done.stderr
    assert "fairpost: not compiled: 1 errors" in done.stderr
    assert not (tmp_path / "rules.fpb").exists()
    tested = run("rules", "test", "bad.yaml", "-v")
    assert tested.returncode == 1
    assert "must not fire on '今天根治' and does" in tested.stdout
    assert "4 of 5 cases of 2 rules hold" in tested.stdout


def test_test_counts_cases(pack: Path, run: Run) -> None:
    done = run("rules", "test", pack, "-v")
    assert done.returncode == 0
    assert "3 of 3    probe.cure" in done.stdout
    assert "5 of 5 cases of 2 rules hold" in done.stdout


def test_a_pack_beside_the_shipped_ones(pack: Path, tmp_path: Path, run: Run) -> None:
    text = pack.read_text(encoding="utf-8").replace("any(cure)", "any(cure) and not any(common.negation)")
    (tmp_path / "x.yaml").write_text(text, encoding="utf-8")
    alone = run("rules", "compile", "x.yaml")
    assert alone.returncode == 1
    assert "unknown list 'common.negation'" in alone.stderr
    done = run("rules", "compile", "x.yaml", "--with-shipped", "-o", "all.fpb")
    assert done.returncode == 0, done.stderr
    assert run("rules", "diff", "all.fpb", "all.fpb").returncode == 0


def test_diff(pack: Path, bundle: Path, tmp_path: Path, run: Run) -> None:
    text = pack.read_text(encoding="utf-8").replace("weight: 0.875", "weight: 0.5").replace("治愈", "药到病除")
    (tmp_path / "new.yaml").write_text(text, encoding="utf-8")
    assert run("rules", "compile", "new.yaml", "-o", "new.fpb").returncode == 0
    done = run("rules", "diff", bundle, "new.fpb")
    assert done.returncode == 1
    assert "~ probe.cure" in done.stdout
    assert "weight: 0.875 -> 0.5" in done.stdout
    assert "+ 药到病除" in done.stdout
    assert "- 治愈" in done.stdout
    same = run("rules", "diff", bundle, bundle)
    assert same.returncode == 0
    assert "nothing that is enforced changes" in same.stdout


def test_schema_is_json(run: Run) -> None:
    assert "properties" in json.dumps(json.loads(run("rules", "schema").stdout))


@pytest.mark.parametrize("command", [["lint"], ["test"], ["compile"]])
def test_missing_packs(command: list[str], run: Run) -> None:
    done = run("rules", *command, "nowhere.yaml")
    assert done.returncode == 2
    assert done.stderr == "fairpost: nowhere.yaml: no such file or folder\n"


def test_compile_into_a_folder_that_is_not_there(pack: Path, run: Run) -> None:
    done = run("rules", "compile", pack, "-o", "no/rules.fpb")
    assert done.returncode == 2
    assert "fairpost: -o no/rules.fpb: cannot be written: No such file or directory" in done.stderr


def test_diff_of_packs_says_to_compile(pack: Path, bundle: Path, run: Run) -> None:
    done = run("rules", "diff", pack, bundle)
    assert done.returncode == 2
    assert "these are packs; compile them first" in done.stderr


def test_the_shipped_packs_are_compiled_once(tmp_path: Path, run: Run) -> None:
    """A damaged copy in the cache is made anew; a sound one is kept."""
    (tmp_path / "x.txt").write_text("今天天气好\n", encoding="utf-8")
    cache = tmp_path / "cache"
    first = run("check", "x.txt", "-o", "out.jsonl", FAIRPOST_CACHE=str(cache))
    assert first.returncode == 0, first.stderr
    (kept,) = cache.iterdir()
    content, made = kept.read_bytes(), kept.stat().st_mtime_ns
    assert run("check", "x.txt", "-o", "out.jsonl", FAIRPOST_CACHE=str(cache)).returncode == 0
    assert kept.stat().st_mtime_ns == made
    kept.write_bytes(content[:1000])
    assert run("check", "x.txt", "-o", "out.jsonl", FAIRPOST_CACHE=str(cache)).returncode == 0
    assert kept.read_bytes() == content
