"""Where a post quotes: the engine's reading of quotation marks against the definition, and its bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.conditions import quotations
from reference.sources import policy, rule_of, source_of

from fairpost.engine import RuleSet
from fairpost.engine.folds import DEFAULT
from fairpost.rules import expression as e
from fairpost.rules.compiler import bundle_of
from fairpost.rules.source import ListSource


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    """One rule: the word stands somewhere outside quotation marks."""
    words = ListSource("a.one", ("最好",), frozenset(DEFAULT), True)
    rule = rule_of("a.out", "MEDICAL", e.Any(e.Operand("a.one", unquoted=True)), 0.9)
    return RuleSet.from_bytes(bundle_of(source_of([words], [rule], {}, policy({}))))


def is_out(rules: RuleSet, text: str) -> bool:
    return bool(rules.check(text).labels)


MARKS = st.sampled_from([*'“”‘’「」『』"＂\n', "最好", "最好", "字", "é", "😀", "x" * 50])


@given(st.lists(MARKS, min_size=1, max_size=40).map("".join))
def test_quotations_are_those_of_the_definition(rules: RuleSet, text: str) -> None:
    spans = [(begin, end) for _, begin, end in quotations([text])]
    found = [k for k in range(len(text)) if text.startswith("最好", k)]
    assert is_out(rules, text) == any(not any(b <= k and k + 2 <= end for b, end in spans) for k in found)


def test_at_most_400_bytes_stand_between_marks(rules: RuleSet) -> None:
    assert not is_out(rules, f"“最好{'x' * 394}”")
    assert is_out(rules, f"“最好{'x' * 395}”")


def test_the_first_64_quotations_of_a_post_count(rules: RuleSet) -> None:
    assert not is_out(rules, "“最好”" * 64)
    assert is_out(rules, "“最好”" * 65)


def test_each_text_of_a_post_is_read_on_its_own(rules: RuleSet) -> None:
    assert rules.check("说“", extra=("最好”",)).labels
    assert not rules.check("说", extra=("“最好”",)).labels
