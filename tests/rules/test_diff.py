# ruff: noqa: E501 - tables and sources read better in long lines
"""The difference between two bundles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fairpost.rules import bundle_of, diff_bundles, load_packs
from fairpost.rules.diff import BundleDiff, Change, ListChange, RuleChange

Write = Callable[..., Path]
Compare = Callable[..., BundleDiff]


@pytest.fixture
def compare(write: Write, sound: dict[str, str]) -> Compare:
    """Difference that replacing texts (old=, new= pairs) in one of the sources makes."""

    def compared(file: str, *replacements: tuple[str, str]) -> BundleDiff:
        old = bundle_of(load_packs(write()))
        text = sound[file]
        for before, after in replacements:
            assert before in text
            text = text.replace(before, after)
        return diff_bundles(old, bundle_of(load_packs(write(**{file: text}))))

    return compared


def test_nothing(compare: Compare) -> None:
    difference = compare("medical", ("    unless:", "\n    # a comment moves the lines\n    unless:"))
    assert difference.old_revision != difference.new_revision  # the line numbers
    assert not difference
    assert str(difference).endswith("nothing that is enforced changes")


def test_rules(compare: Compare) -> None:
    difference = compare(
        "medical",
        ("weight: 0.85", "weight: 0.8"),
        ("disease, 8)", "disease, 6)"),
        ("- id: medical.sold-cure", "- id: medical.sold"),
    )
    assert [rule["id"] for rule in difference.rules_added] == ["medical.sold"]
    assert [rule["id"] for rule in difference.rules_removed] == ["medical.sold-cure"]
    when = "near(cure, disease, {}) and not before(negation, cure, 4)"
    assert difference.rules_changed == (
        RuleChange("medical.cure-claim", (Change("weight", 0.85, 0.8), Change("when", when.format(8), when.format(6)))),
    )
    assert not difference.lists
    text = str(difference)
    assert (
        '  + medical.sold (MEDICAL, critical, weight 0.9, shadow): rule("medical.cure-claim") and commerce >= 0.5'
        in text
    )
    assert "  ~ medical.cure-claim\n      weight: 0.85 -> 0.8\n" in text


def test_lists(compare: Compare) -> None:
    difference = compare(
        "medical", ("湿疹, ", ""), ("包治]", "包治, 药到病除]"), ("allow: [根治疗法]", "allow: [根治疗法, 根治术]"), ("{words: [不能, 不得]", "{words: [不能, 不得], fold: [case]")
    )  # fmt: skip
    folds = Change("folds", ["width", "case", "script", "digits", "letters", "zero-width", "separators"], ["case"])
    assert difference.lists == (
        ListChange("medical.cure", ("药到病除",), ()),
        ListChange("medical.disease", (), ("湿疹",)),
        ListChange("medical.negation", (), (), (folds,)),
        ListChange("medical.negation:allow", (), (), (folds,)),
        ListChange("medical:allow", ("根治术",), ()),
    )
    assert "  medical.cure\n      + 药到病除\n  medical.disease\n      - 湿疹\n" in str(difference)


def test_another_writing_of_a_word_is_no_change(compare: Compare) -> None:
    assert not compare("medical", ("湿疹", "濕 疹"))


def test_policy_and_laws(compare: Compare) -> None:
    difference = compare(
        "policy", ("ABSOLUTE: {REVIEW: 0.2}", "ABSOLUTE: {REVIEW: 0.25, BLOCK: 0.9}"), ("clean: 1.2", "clean: 1.1")
    )
    assert difference.policy == (
        Change("thresholds.group-chat.ABSOLUTE.REVIEW", 0.2, 0.25),
        Change("thresholds.group-chat.ABSOLUTE.BLOCK", None, 0.9),
        Change("exposure.clean", 1.2, 1.1),
    )
    difference = compare("laws", ("until: 2020-01-01", "until: 2019-12-31"))
    assert difference.laws == (
        Change("cn.advertising-law.article 9 from 2015-09-01.until", "2020-01-01", "2019-12-31"),
    )
    assert "until: 2020-01-01 -> 2019-12-31" in str(difference)


def test_files_and_bytes(write: Write, tmp_path: Path) -> None:
    content = bundle_of(load_packs(write()))
    path = tmp_path / "rules.fpb"
    path.write_bytes(content)
    assert not diff_bundles(path, content)
