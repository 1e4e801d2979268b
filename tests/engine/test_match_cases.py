"""The table of match cases, through the reference and through the engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from reference.matching import Match, Pattern, find_all
from reference.sources import fold_set, matcher_bundle

from fairpost.engine import RuleSet

CASES = yaml.safe_load((Path(__file__).parents[1] / "data" / "match_cases.yaml").read_text("utf-8"))
each_case = pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])


def patterns_of(case: dict[str, Any]) -> list[Pattern]:
    folds = fold_set(case.get("folds", ["default"]))
    return [Pattern(word, folds, case.get("word_boundaries", True)) for word in case["patterns"]]


def expected(case: dict[str, Any]) -> list[Match]:
    return [Match(begin, end, pattern) for pattern, begin, end in case["matches"]]


def test_names_are_unique() -> None:
    names = [case["name"] for case in CASES]
    assert len(set(names)) == len(names)


@each_case
def test_reference(case: dict[str, Any]) -> None:
    assert find_all(patterns_of(case), case["text"]) == expected(case)


@each_case
def test_engine(case: dict[str, Any]) -> None:
    ruleset = RuleSet.from_bytes(matcher_bundle(patterns_of(case)))
    found = [
        Match(begin, end, int(name.removeprefix("list ")))
        for _, name, begin, end in ruleset.matches(case["text"])
        if name.startswith("list ")
    ]
    assert sorted(found) == expected(case)
