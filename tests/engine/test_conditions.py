"""The table of condition cases, through the pack compiler, the reference and the engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from reference.conditions import Seller
from reference.verdict import judge

from fairpost.engine import RuleSet
from fairpost.rules import load_packs
from fairpost.rules.compiler import bundle_of
from fairpost.rules.source import Source

TABLE = yaml.safe_load((Path(__file__).parents[1] / "data" / "condition_cases.yaml").read_text("utf-8"))
CASES = TABLE["cases"]
each_case = pytest.mark.parametrize("number", range(len(CASES)), ids=[case["name"] for case in CASES])


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """One pack, with a rule for each case."""
    message = {"zh": "一", "en": "one"}
    rules = [
        {
            "id": f"test.r{number}",
            "category": "MEDICAL",
            "severity": "low",
            "weight": 0.5,
            "when": case["when"],
            **({"unless": case["unless"]} if "unless" in case else {}),
            "basis": ["cn.advertising-law/17"],
            "message": message,
            "cases": {"match": ["一"], "pass": ["二"]},  # they are not run here
        }
        for number, case in enumerate(CASES)
    ]
    path = tmp_path_factory.mktemp("packs") / "test.yaml"
    pack = {"pack": "test", "allow": TABLE["allow"], "lists": TABLE["lists"], "rules": rules}
    path.write_text(yaml.safe_dump(pack, allow_unicode=True), "utf-8")
    return load_packs(path)


@pytest.fixture(scope="module")
def ruleset(source: Source) -> RuleSet:
    return RuleSet.from_bytes(bundle_of(source))


def texts_of(case: dict[str, Any]) -> list[str]:
    return case.get("texts") or [case["text"]]


@each_case
def test_reference(source: Source, number: int) -> None:
    fired = judge(source, texts_of(CASES[number]), Seller()).fired
    assert (f"test.r{number}" in fired) == CASES[number]["holds"]


@each_case
def test_engine(ruleset: RuleSet, number: int) -> None:
    texts = texts_of(CASES[number])
    batch = ruleset.check_batch(texts, segments=[0, len(texts)], days=20000)
    fired = [ruleset.rule_ids[rule] for rule in batch.fired_rule]
    assert (f"test.r{number}" in fired) == CASES[number]["holds"]
