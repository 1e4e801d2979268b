# ruff: noqa: E501 - a table reads better in long lines
"""Conditions under a name: what they stand for, what is wrong with them, and where they show again."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairpost.engine import RuleSet
from fairpost.rules import PackError, compile_packs, diff_bundles, lint, load_packs
from fairpost.rules import expression as e
from fairpost.rules.explanation import Explainer
from fairpost.rules.render import render

PACK = """\
pack: tea
lists:
  cure: [根治, 治愈]
  warn: [别信, 警惕]
  ill: [湿疹]
conditions:
  told: any(warn)
  quoted(x): any(x) and not any(unquoted(x)) and told
  far-from(x, y): not near(x, y, 2)
rules:
  - id: tea.cure
    category: MEDICAL
    severity: high
    weight: 0.85
    when: any(cure) and not quoted(cure) and not far-from(free(cure, warn, 1), ill)
    basis: [cn.advertising-law/17]
    message: {zh: 甲, en: a}
    cases:
      match: [根治湿疹, 别信！根治湿疹]
      pass: [别信“根治湿疹”, 别信根治湿疹, 根治多年的湿疹]
"""
OTHER = """\
pack: pot
lists:
  glow: [发光]
rules:
  - id: pot.glow
    category: MEDICAL
    severity: high
    weight: 0.85
    when: any(glow) and not tea.quoted(glow)
    basis: [cn.advertising-law/17]
    message: {zh: 甲, en: a}
    cases: {match: [发光], pass: [别信“发光”]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tea.yaml").write_text(PACK, "utf-8")
    return tmp_path


def messages(folder: Path, old: str, new: str) -> list[str]:
    assert old in PACK
    (folder / "tea.yaml").write_text(PACK.replace(old, new), "utf-8")
    return [f"{p.line}:{p.column}: {p.message}" for p in lint(folder, run_cases=False) if isinstance(p, PackError)]


def test_packs_use_their_own_and_each_others(folder: Path) -> None:
    (folder / "pot.yaml").write_text(OTHER, "utf-8")
    assert not lint(folder)
    source = load_packs(folder)
    assert render(source.rule("tea.cure").condition, "tea") == (
        "any(cure) and not quoted(cure) and not far-from(free(cure, warn, 1), ill)"
    )
    rule = source.rule("pot.glow")
    assert render(rule.condition, "pot") == "any(glow) and not tea.quoted(glow)"
    assert [name for name, _ in rule.conditions] == ["tea.quoted(x)", "tea.told"]


def test_it_is_the_condition_written_out(folder: Path) -> None:
    named = load_packs(folder).rule("tea.cure").condition
    out = (
        "any(cure) and not (any(cure) and not any(unquoted(cure)) and any(warn)) and near(free(cure, warn, 1), ill, 2)"
    )
    (folder / "tea.yaml").write_text(
        PACK.replace("any(cure) and not quoted(cure) and not far-from(free(cure, warn, 1), ill)", out), "utf-8"
    )
    written = load_packs(folder).rule("tea.cure").condition
    assert list(e.operands(named)) == list(e.operands(written))
    assert e.depth(named) == e.depth(written)  # the name is no level


@pytest.mark.parametrize(
    ("old", "new", "places"),
    [
        ("  told: any(warn)", "  told: any(wran)", ["7:13: condition tea.told: unknown list 'wran'; did you mean 'warn'?"]),
        ("  told: any(warn)", "  told: quoted(warn)", ["7:9: condition tea.told: tea.quoted: conditions go round in a circle: tea.told -> tea.quoted -> tea.told"]),
        ("  told: any(warn)", "  Told: any(warn)", ["7:3: condition name 'Told' must be", "8:"]),
        ("  told: any(warn)", "  warn: any(warn)", ["7:3: condition name 'warn' is the name of a list", "8:"]),
        ("  told: any(warn)", "  price: any(warn)", ["7:3: condition name 'price' is a word of the rule language", "8:"]),
        ("  quoted(x): ", "  quoted(cure): ", ["8:3: condition 'quoted': parameter 'cure' is the name of a list", "15:"]),
        ("far-from(x, y):", "far-from(x, x):", ["9:3: condition 'far-from' has a parameter twice", "15:"]),
        ("far-from(x, y): not near(x, y, 2)", "far-from(x, y): any(x)", ["9:19: condition tea.far-from(x, y): parameter 'y' is not used"]),
        ("  told: any(warn)", "  told(x): any(x)", ["8:50: condition tea.quoted(x): the condition is written tea.told(x), with 1 list(s)"]),
        ("not quoted(cure)", "not quoted(cure, ill)", ["15:29: when: the condition is written tea.quoted(x), with 1 list(s)"]),
        ("not quoted(cure)", "not quoted", ["15:29: when: the condition is written tea.quoted(x)"]),
        ("not quoted(cure)", "not quotd(cure)", ["15:29: when: unknown function 'quotd'; did you mean 'quoted'?"]),
        ("not quoted(cure)", "not unquoted(cure)", ["15:29: when: unquoted(...) is a set of hits"]),
        ("any(cure) and not quoted", "any(unquoted(cure, ill)) and not quoted", ["15:15: when: write it as in unquoted(x)"]),
        ("any(cure) and not quoted", "any(free(free(cure, warn, 1), ill, 2)) and not quoted", ["15:15: when: free() takes the names of two lists"]),
    ],
)  # fmt: skip
def test_mistakes(folder: Path, old: str, new: str, places: list[str]) -> None:
    found = messages(folder, old, new)
    assert len(found) == len(places), found
    for message, expected in zip(found, places, strict=True):
        assert message.startswith(expected), message


def test_a_condition_that_no_rule_uses_is_a_warning(folder: Path) -> None:
    (folder / "tea.yaml").write_text(PACK.replace("  told: any(warn)", "  told: any(warn)\n  idle: any(ill)"), "utf-8")
    assert [str(p).partition(": ")[2] for p in lint(folder)] == ["warning: condition 'tea.idle' is used by no rule"]


def test_a_commerce_rule_must_not_read_commerce_through_a_name(folder: Path) -> None:
    found = messages(folder, "category: MEDICAL", "category: COMMERCE")
    assert not found
    text = PACK.replace("told: any(warn)", "told: any(warn) and commerce < 0.5")
    (folder / "tea.yaml").write_text(text.replace("category: MEDICAL", "category: COMMERCE"), "utf-8")
    assert ["must not read commerce" in p.message for p in lint(folder, run_cases=False)] == [True]


def test_bundle_explanation_and_difference_show_the_name(folder: Path) -> None:
    old = compile_packs(folder)
    answer = Explainer(old).explain("别信“根治湿疹”").rules[0]
    names = [part.parts[0].name for part in answer.condition.parts if part.op == "not"]
    assert names[0] == "quoted(cure)"
    quoted = answer.condition.parts[1].parts[0]
    assert quoted.holds
    assert [part.name or part.text for part in quoted.parts] == ["any(cure)", "not any(unquoted(cure))", "told"]
    entry = RuleSet.from_bytes(old).meta["rules"][0]
    assert entry["conditions"]["tea.told"] == "any(warn)"
    (folder / "tea.yaml").write_text(PACK.replace("told: any(warn)", "told: any(warn) or any(ill)"), "utf-8")
    change = diff_bundles(old, compile_packs(folder, run_cases=False)).rules_changed[0]
    assert [part.what for part in change.changes] == ["conditions.tea.told"]
