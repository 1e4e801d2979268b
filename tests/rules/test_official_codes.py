"""docs/codes.md: each official code stands there once or more, and each sentence fires the rule named beside it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fairpost.engine import RuleSet
from fairpost.rules.shipped import shipped_bundle

PAGE = Path(__file__).parents[2] / "docs" / "codes.md"
CODES = {"YP": 37, "YL": 23, "YLQX": 33, "NY": 13, "SY": 14, "SP": 20, "J": 7, "YC": 3, "FDC": 27, "ZH": 68}


def table(title: str) -> list[list[str]]:
    section = PAGE.read_text(encoding="utf-8").split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    return rows[2:]


COVERED = table("Covered")
NOT_JUDGED = table("Not judged")


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return RuleSet.open(shipped_bundle())


@pytest.mark.parametrize(("codes", "sentence", "rule"), COVERED)
def test_a_sentence_of_the_kind_fires_its_rule(rules: RuleSet, codes: str, sentence: str, rule: str) -> None:
    assert rule.strip("`") in {evidence.rule for evidence in rules.check(sentence).evidence}, codes


def test_every_code_is_either_covered_or_not_judged() -> None:
    covered = {code for row in COVERED for code in row[0].split(", ")}
    left_out = [code for row in NOT_JUDGED for code in row[0].split(", ")]
    assert len(left_out) == len(set(left_out))
    assert not covered & set(left_out)
    assert covered | set(left_out) == {f"{kind}{n}" for kind, many in CODES.items() for n in range(1, many + 1)}
    counts = re.search(r"Of the (\d+) others, (\d+) have .*?; (\d+) cannot", PAGE.read_text(encoding="utf-8"), re.S)
    assert counts is not None
    assert tuple(map(int, counts.groups())) == (sum(CODES.values()), len(covered), len(left_out))
