"""`fairpost rules explain`, as a user runs it: what it prints is what the verdict says."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from reference.variants import written

from fairpost.engine import RuleSet
from fairpost.rules import bundle_of, load_packs
from fairpost.rules.cases import standing_of
from fairpost.rules.schema import SellerModel

Run = Callable[..., subprocess.CompletedProcess[str]]
DAY = 20454  # 2026-01-01


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("packs"), "base")


TEXTS = ["今天", "根*治糖尿病，最好第一，稳赚，一元", "最好的，一元包邮", "一元旦 加微信abc123，包邮"]
SELLERS = [None, "{}", "{tenure_days: 900, strikes: {MEDICAL: 1}}", "unknown", "unavailable"]


@pytest.mark.parametrize(
    ("text", "seller", "channel"),
    [
        *((text, None, channel) for text in TEXTS for channel in ("", "group-chat")),
        *((TEXTS[3], seller, "") for seller in SELLERS[1:]),
    ],
)
def test_every_number_is_the_verdict_s(text: str, seller: str | None, channel: str, packs: Path, run: Run) -> None:
    options = ["--rules", packs, "--date", "2026-01-01"]
    options += ["--seller", seller] if seller else []
    options += ["--channel", channel] if channel else []
    done = run("rules", "explain", text, *options)
    assert done.returncode == 0, done.stderr
    rules = RuleSet.from_bytes(bundle_of(load_packs(packs)))
    standing: Any = {None: None, "unknown": -2, "unavailable": -3}.get(seller, "a standing")
    if standing == "a standing":
        import yaml

        assert seller is not None
        standing = standing_of(SellerModel.model_validate(yaml.safe_load(seller)))
    verdict = rules.check(text, seller=standing, channel=channel or None, day=DAY)
    shown = done.stdout
    assert f"{verdict.action.name}  risk {verdict.risk:.4f}  commerce {verdict.commerce:.4f}" in shown
    assert f"exposure {verdict.exposure:.4f}" in shown
    assert f"\ncommerce {verdict.commerce:.4f}\n" in shown
    scores = dict(re.findall(r"^([A-Z_]+) = 1 - .* = ([\d.]+), ", shown, re.MULTILINE))
    expected = {label.category: f"{label.score:.4f}" for label in verdict.labels}
    assert {name: score for name, score in scores.items() if name != "COMMERCE"} == expected
    assert "x = " in shown or scores.get("COMMERCE", "0.0000") == f"{verdict.commerce:.4f}"
    if verdict.labels:
        assert re.search(rf"^risk = 1 - .* = {verdict.risk:.4f}$", shown, re.MULTILINE)
    steps = re.findall(r"^ +([\d.]+)  ", shown.split("\nExposure\n")[1].split("\n\n")[0], re.MULTILINE)
    assert steps[-1] == f"{verdict.exposure:.4f}"
    laws = {law for x in verdict.evidence if not x.shadow for law in x.basis}
    assert set(re.findall(r"^  (《.*)$", shown, re.MULTILINE)) == laws
    fired = set(re.findall(r"^fired (\S+)", shown, re.MULTILINE))
    batch = rules.check_batch([text], channels=channel or None, days=DAY)
    assert seller or fired == {rules.rule_ids[k] for k in batch.fired_rule}


def test_steps(packs: Path, run: Run) -> None:
    done = run("rules", "explain", "根*治糖尿病，最好第一，稳赚，一元旦一元", "--rules", packs, "--date", "2026-01-01")
    assert done.returncode == 0, done.stderr
    for line in (
        "根治糖尿病最好第一稳赚一元旦一元",
        "dropped: * at 1, ， at 6, ， at 11, ， at 14",
        "probe.cure: 根*治 [0, 3) = 根治",
        "probe.sold: 一元 [15, 17) does not count inside the allow word 一元旦 [15, 18) of probe.sold:allow",
        "fired probe.cure  MEDICAL high, weight 0.85",
        "    true   near(cure, disease, 8)   根*治 [0, 3), 糖尿病 [3, 6)",
        "fired probe.gain  INVESTMENT critical, weight 0.9  shadow: counts for nothing",
        "    true   all of",
        "        true   commerce >= 0.5",
        "    0.7  group probe.claim: probe.best, probe.both: 0.76, capped at 0.7",
        "MEDICAL = 1 - (1 - 0.85)(1 - 0.4) = 0.9100, high",
        "    thresholds of default: LIMIT 0.3 reached, REVIEW 0.6 reached, SHIELD 0.8 reached, BLOCK 0.95 not reached",
        "  0.0000  the action is SHIELD: not displayed",
    ):
        assert line in done.stdout, line
    only = run("rules", "explain", "一元", "--rules", packs, "--fired").stdout
    assert "fired probe.sells" in only
    assert "probe.best" not in only
    assert "probe.best" in run("rules", "explain", "最好", "--rules", packs).stdout


def test_json_from_standard_input(packs: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments in ([], ["-"]):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("根治糖尿病\n".encode())))
        done = run("rules", "explain", *arguments, "--rules", packs, "--json", "--date", "2026-01-01")
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert found["text"] == "根治糖尿病"
        assert (found["action"], found["date"], found["channel"]) == ("SHIELD", "2026-01-01", "default")
        assert found["laws"] == ["《中华人民共和国广告法》第十七条"]
        (rule,) = [rule for rule in found["rules"] if rule["id"] == "probe.cure"]
        assert rule["condition"]["witnesses"][0] == {"list": "probe.cure", "begin": 0, "end": 2}
        assert found["origins"] == [0, 1, 2, 3, 4]
        assert found["restored"] is None


def test_the_shipped_packs(run: Run) -> None:
    done = run("rules", "explain", "祖传秘方，包治百病")
    assert done.returncode == 0, done.stderr
    assert "fired medical." in done.stdout


def test_nothing_found(packs: Path, run: Run) -> None:
    done = run("rules", "explain", "你好", "--rules", packs)
    assert "none was evaluated" in done.stdout
    assert "no category is violated" in done.stdout


def test_control_characters_do_not_reach_the_terminal(packs: Path, run: Run) -> None:
    done = run("rules", "explain", "根治\x1b[31m糖尿病\r\x07", "--rules", packs)
    assert done.returncode == 0, done.stderr
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", done.stdout)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([""], "the post cannot be judged: text is empty"),
        (["x", "--rules", "missing.fpb"], "--rules missing.fpb: no such file"),
        (["x", "--channel", "momments"], "--channel momments: the rule set knows the channels"),
        (["x", "--seller", "tea-shop"], "--seller tea-shop: is neither 'unknown' nor 'unavailable' nor a standing"),
        (["x", "--seller", "{tenure: 3}"], "--seller: tenure: Extra inputs are not permitted"),
        (["x", "--seller", "{registration: activ}"], "--seller: registration: unknown registration 'activ'"),
        (["x", "--registry", "sqlite:///x.sqlite"], "--registry sqlite:///x.sqlite: name the seller too: --seller ID"),
        (["x", "--date", "2026-13-01"], "--date 2026-13-01: not a date"),
    ],
)
def test_what_is_wrong_is_said(arguments: list[str], message: str, packs: Path, run: Run) -> None:
    rules = [] if "--rules" in arguments else ["--rules", packs]
    done = run("rules", "explain", *arguments, *rules)
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_standard_input_that_is_no_text(packs: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"ab\xff")))
    done = run("rules", "explain", "--rules", packs)
    assert done.returncode == 2
    assert "standard input is not UTF-8: byte 2 is 0xFF" in done.stderr
