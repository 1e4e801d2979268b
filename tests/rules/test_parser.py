# ruff: noqa: E501 - tables and sources read better in long lines
"""Conditions: text to tree, and the place of every mistake in the text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairpost.rules import expression as e
from fairpost.rules.parser import MAX_DEPTH, parse
from fairpost.rules.render import render


class Scope:
    channels: Sequence[str] = ("moments", "group-chat")
    has_model = True
    names: ClassVar = {"cure": "health-food.cure", "disease": "health-food.disease", "health-food.cure": "health-food.cure", "health-food.disease": "health-food.disease",
             "common.negation": "common.negation", "price": "price", "contact.phone": "contact.phone"}  # fmt: skip

    def resolve_list(self, name: str) -> str | None:
        return self.names.get(name)

    def list_names(self) -> list[str]:
        return list(self.names)

    def rule_ids(self) -> list[str]:
        return ["health-food.cure-claim", "a.b"]

    def condition(self, name: str) -> None:
        return None

    def condition_names(self) -> list[str]:
        return []


CURE, DISEASE = e.Operand("health-food.cure"), e.Operand("health-food.disease")
NEGATION = e.Operand("common.negation")

GOOD = [
    ("any(cure)", e.Any(CURE)),
    ("any(health-food.cure)", e.Any(CURE)),
    ("all(cure, disease)", e.And((e.Any(CURE), e.Any(DISEASE)))),
    ("price", e.Any(e.Operand("price"))),
    ("contact.phone", e.Any(e.Operand("contact.phone"))),
    ("near(cure, disease, 8)", e.Near(CURE, DISEASE, 8)),
    ("before(common.negation, cure, 0)", e.Before(NEGATION, CURE, 0)),
    ("count(cure) >= 2", e.Count(CURE, False, ">=", 2)),
    ("count(cure, distinct) == 0", e.Count(CURE, True, "==", 0)),
    ("any(free(cure, common.negation, 4))", e.Any(e.Operand("health-food.cure", "common.negation", 4))),
    ("any(unquoted(cure))", e.Any(e.Operand("health-food.cure", unquoted=True))),
    ("count(unquoted(free(cure, disease, 1))) >= 1", e.Count(e.Operand("health-food.cure", "health-food.disease", 1, True), False, ">=", 1)),
    ("any(free(unquoted(cure), disease, 1))", e.Any(e.Operand("health-food.cure", "health-food.disease", 1, True))),
    ("near(free(cure, disease, 1), price, 2)", e.Near(e.Operand("health-food.cure", "health-food.disease", 1), e.Operand("price"), 2)),
    ('rule("a.b")', e.RuleFired("a.b")),
    ("commerce >= 0.4", e.Commerce(">=", 0.4)),
    ("commerce < 1", e.Commerce("<", 1.0)),
    ("model >= 1.5", e.Model(">=", 1.5)),
    ("model < -2", e.Model("<", -2.0)),
    ("seller.registered", e.Registered()),
    ("seller.unregistered", e.Unregistered()),
    ("seller.unavailable", e.Unavailable()),
    ('seller.licence("food")', e.Licence("food")),
    ("seller.strikes(MEDICAL) >= 2", e.Strikes("MEDICAL", ">=", 2)),
    ("seller.strikes() > 3", e.Strikes(None, ">", 3)),
    ("seller.tenure <= 90", e.Tenure("<=", 90)),
    ('seller.enforcement >= "limited"', e.Enforcement(">=", "limited")),
    ('seller.listing == "blacklisted"', e.Listing("==", "blacklisted")),
    ('channel == "moments"', e.Channel("moments")),
    ('channel in ("moments", "group-chat")', e.Or((e.Channel("moments"), e.Channel("group-chat")))),
    ("channel in ('default',)", e.Channel("default")),
    ('language == "zh-Hant"', e.Language("zh-Hant")),
    ("not price", e.Not(e.Any(e.Operand("price")))),
    ("price and (any(cure) or\n  any(disease))  # why", e.And((e.Any(e.Operand("price")), e.Or((e.Any(CURE), e.Any(DISEASE)))))),
    ("price and any(cure) and any(disease)", e.And((e.Any(e.Operand("price")), e.Any(CURE), e.Any(DISEASE)))),
]  # fmt: skip


@pytest.mark.parametrize(("text", "node"), GOOD, ids=[text for text, _ in GOOD])
def test_tree(text: str, node: e.Node) -> None:
    parsed = parse(text, Scope())
    assert parsed.mistakes == []
    assert parsed.node == node


# (text, what stands at the mistake, part of the message); "" stands for the end
BAD = [
    ("any(cur)", "cur)", "unknown list 'cur'; did you mean 'cure'?"),
    ("any(health.cure)", "health.cure", "unknown list 'health.cure'; did you mean 'health-food.cure'?"),
    ("any(cure, disease)", "any(", "any() takes 1 argument, as in any(x), not 2; for several lists write any(x) or any(y)"),
    ('any("cure")', '"cure"', "without quotes: cure"),
    ("any(根治)", "根治", "expected the name of a list or recogniser"),
    ("any(any(cure))", "any(cure)", "expected the name of a list"),
    ("all(cure)", "all(", "two lists or more"),
    ("cure", "cure", "a list is not a condition; write any(cure)"),
    ("near(cure, disease)", "near", "near() takes 3 arguments, as in near(x, y, 8), not 2"),
    ("near(cure, disease, eight)", "eight", "expected a whole number from 0 to 1000, read 'eight'"),
    ("near(cure, disease, -1)", "-1", "-1 is out of range"),
    ("near(cure, disease, n=8)", "n=8", "takes no named arguments"),
    ("near(cure, disease, 3-1)", "3-1", "expected a whole number"),
    ("count(cure)", "count", "is a number; compare it"),
    ("count(cure) >= 256", "256", "out of range: from 0 to 255"),
    ("count(cure) >= 1.5", "1.5", "expected a whole number"),
    ("count(cure, unique) >= 2", "unique", "can only be 'distinct'"),
    ("count(cure) != 2", "count", "compare with >=, >, <=, < or =="),
    ("free(cure, disease, 3)", "free", "write it inside a condition"),
    ("any(free(cure, disease))", "free", "free(x, y, 4)"),
    ("rule(a.b)", "a.b", 'write the id of the rule in quotes: rule("a.b")'),
    ('rule("a.c")', '"a.c"', "unknown rule 'a.c'; did you mean 'a.b'?"),
    ("commerce", "commerce", "alone is not a condition"),
    ("commerce >= 1.1", "1.1", "out of range: from 0 to 1"),
    ("model", "model", "alone is not a condition"),
    ("model() > 1", "model", "model takes no parentheses here"),
    ("seller.tenure() > 1", "seller.tenure", "seller.tenure takes no parentheses here"),
    ("model >= 101", "101", "out of range: from -100 to 100"),
    ("0.4 <= commerce", "0.4", "write the value on the right"),
    ("0.2 < commerce < 0.4", "0.2", "compare two things at a time"),
    ("commerce = 0.4", "commerce", "'=' does not compare; write '=='"),
    ("seller.registred", "seller", "unknown seller predicate 'seller.registred'; did you mean 'seller.registered'?"),
    ("seller.tenure", "seller", "write it as in seller.tenure >= 90"),
    ('seller.license("food")', "seller", "unknown function 'seller.license'"),
    ("seller.licence(food)", "food", "write the licence in quotes"),
    ('seller.licence("fod")', '"fod"', "unknown licence 'fod'; did you mean 'food'?"),
    ("seller.strikes(MEDICL) >= 1", "MEDICL", "unknown category 'MEDICL'; did you mean 'MEDICAL'?"),
    ('seller.enforcement >= "limit"', '"limit"', "unknown enforcement 'limit'; did you mean 'limited'?"),
    ('seller.listing > "none"', "seller", "has no order"),
    ('channel == "moment"', '"moment"', "unknown channel 'moment'; did you mean 'moments'?"),
    ('channel != "moments"', "channel", 'write not channel == "..."'),
    ('channel in "moments"', '"moments"', "write the values in parentheses"),
    ('language == "Chinese"', '"Chinese"', "not a language tag"),
    ("seller.registered()", "seller", "takes no parentheses"),
    ("near(cure, desease, 8) and any(negatoin)", "desease", "did you mean 'disease'?"),
    ("near(cure, desease, 8) and any(common.negatoin)", "common", "did you mean 'common.negation'?"),
    ("price && any(cure)", "&", "write 'and', 'or', 'not'"),
    ("price any(cure)", "price", "is missing between"),
    ("any(cure", "", "a parenthesis is never closed"),
    ("any(cure))", "", "')' without its '('"),
    ("any(cure) and", "", "ends too early"),
    ("  ", "  ", "the condition is empty"),
    ("True", "True", "is not a condition"),
    ("lambda: price", "lambda", "is not a condition"),
    ("__import__('os').system('x')", "__import__", "unknown function"),
    ("[price for x in price]", "[", "is not a condition"),
    ("price if any(cure) else price", "price", "is not a condition"),
    ("(price := 1)", "price", "is not a condition"),
    ("*price", "*", ""),
    ("not " * (MAX_DEPTH + 1) + "price", "", "nested too deep"),
    ("(" * 300 + "price" + ")" * 300, "", "nested too deep"),
    ("price or " * 1000 + "price", "price", "at most 4000"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "at", "part"), BAD, ids=[row[0][:40] for row in BAD])
def test_mistake(text: str, at: str, part: str) -> None:
    parsed = parse(text, Scope())
    assert parsed.node is None
    assert any(text[m.offset :].startswith(at) and part in m.message for m in parsed.mistakes), parsed.mistakes


def test_all_mistakes_of_a_condition() -> None:
    parsed = parse("near(cur, desease, x) or commerce > 2 or price.x", Scope())
    assert [m.offset for m in parsed.mistakes] == [5, 10, 36, 41]


def test_offsets_count_code_points() -> None:
    text = 'language == "zh" and any(x) # 😀\n and "根治😀" and any(y)'
    parsed = parse(text, Scope())
    assert [text[m.offset :][:2] for m in parsed.mistakes] == ["x)", '"根', "y)"]


@pytest.mark.parametrize("text", [text for text, _ in GOOD])
def test_rendered_conditions_parse_back(text: str) -> None:
    node = parse(text, Scope()).node
    assert node is not None
    again = parse(render(node), Scope())
    assert again.node == node, render(node)


@given(
    st.text(
        alphabet=st.sampled_from(list("any(cure)near,disease 8 and or not 0.4<=>=\"'-.\n#[]{}:*根\\\x00😀")),
        max_size=60,
    )
)
def test_nothing_crashes(text: str) -> None:
    parsed = parse(text, Scope())
    assert (parsed.node is None) == bool(parsed.mistakes)
    assert all(0 <= mistake.offset <= len(text) for mistake in parsed.mistakes)
