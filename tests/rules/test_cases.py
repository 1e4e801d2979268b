# ruff: noqa: E501 - tables and sources read better in long lines
"""Cases: a pack whose own cases fail does not compile, and its author learns why."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fairpost.engine import RuleSet, TextModel
from fairpost.engine.dates import day_of_date
from fairpost.rules import PackErrors, bundle_of, compile_packs, lint, load_packs, run_cases
from fairpost.rules.cases import DEFAULT_DAY, default_day

Write = Callable[..., Path]


def test_cases_of_the_sound_pack_pass(write: Write) -> None:
    source = load_packs(write())
    results = run_cases(source, bundle_of(source))
    assert len(results) == 9
    assert all(result.passed for result in results)
    [shadow] = [result for result in results if result.rule.mode == "shadow" and result.case.fires]
    assert shadow.fired == ("medical.sale", "medical.cure-claim", "medical.sold-cure")


def test_failing_cases_stop_the_compiler(write: Write, sound: dict[str, str]) -> None:
    medical = sound["medical"].replace("match: [这款茶根治糖尿病,", "match: [这款茶根治疗法治糖尿病,")
    medical = medical.replace("pass: [今天天气好]", "pass: [今天包 邮]")
    with pytest.raises(PackErrors) as caught:
        compile_packs(write(medical=medical))
    first, second = caught.value.errors
    assert (first.line, first.column) == (23, 15)
    assert first.message.startswith("rule medical.cure-claim must fire on '这款茶根治疗法治糖尿病' and does not")
    assert "hits of medical.cure: none; not counted inside the allow words '根治疗法'\n" in first.message
    assert "hits of medical.disease: '糖尿病' at 8\n" in first.message
    assert "folded: 这款茶根治疗法治糖尿病" in first.message
    assert "  false  near(cure, disease, 8)\n      true   not before(negation, cure, 4)\n" in first.message
    assert '  true   not seller.licence("drug-retail")\n' in first.message
    assert (second.line, second.column) == (30, 38)
    assert second.message.startswith("rule medical.sale must not fire on '今天包 邮' and does")
    assert "hits of medical.sold: '包 邮' at 2" in second.message
    assert "commerce: 0.600" in second.message


def test_lint_runs_cases(write: Write, sound: dict[str, str]) -> None:
    folder = write(medical=sound["medical"].replace("pass: [今天天气好]", "pass: [包邮]"))
    assert sorted(p.kind for p in lint(folder)) == ["error", "warning"]
    assert [p.kind for p in lint(folder, run_cases=False)] == ["warning"]


def test_a_case_that_cannot_be_judged(write: Write, sound: dict[str, str]) -> None:
    medical = sound["medical"].replace("pass: [今天天气好]", f"pass: [{'好' * 100_001}]")
    with pytest.raises(
        PackErrors, match=r"30:38: error: case '好+\.\.\.' of medical.sale cannot be judged: .*too long"
    ):
        compile_packs(write(medical=medical))


def test_sellers_of_cases(write: Write, sound: dict[str, str]) -> None:
    pack = """\
pack: seller-tests
rules:
  - id: seller-tests.registered
    category: UNREGISTERED
    severity: low
    weight: 0.5
    basis: [cn.advertising-law/17]
    message: {zh: 一, en: a}
    when: seller.registered
    cases:
      match: [{text: 一, seller: {}}, {text: 一, seller: {registration: active}}]
      pass: [一, {text: 一, seller: unknown}, {text: 一, seller: unavailable}, {text: 一, seller: {registration: lapsed}}]
  - id: seller-tests.unregistered
    category: UNREGISTERED
    severity: low
    weight: 0.5
    basis: [cn.advertising-law/17]
    message: {zh: 一, en: a}
    when: seller.unregistered
    cases:
      match: [{text: 一, seller: unknown}, {text: 一, seller: {registration: pending}}]
      pass: [一, {text: 一, seller: unavailable}, {text: 一, seller: {}}]
  - id: seller-tests.standing
    category: STANDING
    severity: low
    weight: 0.5
    basis: [cn.advertising-law/17]
    message: {zh: 一, en: a}
    when: >-
      seller.strikes(MEDICAL) >= 2 or seller.strikes() > 5 or seller.enforcement >= "limited"
      or seller.listing == "blacklisted" or seller.tenure > 900 or seller.unavailable
    cases:
      match:
        - {text: 一, seller: {strikes: {MEDICAL: 2}}}
        - {text: 一, seller: {strikes: {COSMETIC: 3, MEDICAL: 1, RIGHTS: 2}}}
        - {text: 一, seller: {enforcement: suspended}}
        - {text: 一, seller: {listing: blacklisted}}
        - {text: 一, seller: {tenure_days: 901}}
        - {text: 一, seller: unavailable}
      pass:
        - 一
        - {text: 一, seller: {strikes: {MEDICAL: 1, COSMETIC: 4}, enforcement: warned, listing: rehabilitated, tenure_days: 900}}
        - {text: 一, seller: unknown}
  - id: seller-tests.post
    category: ABSOLUTE
    severity: low
    weight: 0.5
    basis: [cn.advertising-law/17]
    message: {zh: 一, en: a}
    when: channel in ("moments", "group-chat") and not language == "en"
    cases:
      match: [{text: 一, channel: moments}, {text: 一, channel: group-chat, language: zh}]
      pass: [一, {text: 一, channel: moments, language: en}]
"""
    compile_packs(write(sellers=pack))


def test_day_of_a_case(write: Write, sound: dict[str, str]) -> None:
    medical = sound["medical"].replace("{from: 2015-09-01}", "{from: 2027-01-01, until: 2028-01-01}")
    medical = medical.replace("    mode: shadow\n", "    mode: shadow\n    effective: {until: 2027-06-01}\n")
    source = load_packs(write(medical=medical))
    days = {rule.id: default_day(rule, source) for rule in source.rules}
    assert days["medical.sale"] == DEFAULT_DAY
    assert days["medical.cure-claim"] == days["medical.sold-cure"] == day_of_date(datetime.date(2027, 1, 1))


def test_a_model_for_the_conditions(write: Write, sound: dict[str, str]) -> None:
    """A rule may ask the text model that the packs are compiled with; a failing case says what it answered."""
    medical = sound["medical"].replace("any(sold) or price", "any(sold) and model > 0")
    asking, never = (TextModel(np.zeros(256, np.int8), 1.0, bias) for bias in (0.5, -0.5))
    folder = write(medical=medical)
    rules = RuleSet.from_bytes(compile_packs(folder, model=asking))
    assert rules.check("只要99元包邮").model == 0.5
    assert [p.kind for p in lint(folder, model=asking)] == ["warning"]
    with pytest.raises(PackErrors) as caught:
        compile_packs(folder, model=never)
    assert "false  model > 0\n" in str(caught.value)
    assert "model: -0.500" in str(caught.value)
