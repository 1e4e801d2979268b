"""A shipped rule cites the article in force on the post's day: one offence, the day before a law changes and on it."""

from __future__ import annotations

from datetime import date

import pytest

from fairpost.engine import RuleSet
from fairpost.rules.shipped import shipped_bundle

EPOCH = date(1970, 1, 1).toordinal()
UNFAIR = "《中华人民共和国反不正当竞争法》"


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return RuleSet.open(shipped_bundle())


@pytest.mark.parametrize(
    ("text", "rule", "day", "cited"),
    [
        ("隔壁那家豆浆是粉兑的，要喝现磨来我家", "disparage.contrast", date(2025, 10, 14), UNFAIR + "第十一条"),
        ("隔壁那家豆浆是粉兑的，要喝现磨来我家", "disparage.contrast", date(2025, 10, 15), UNFAIR + "第十二条"),
        ("收到货五星好评返5元，联系客服", "trade.paid-review", date(2025, 10, 14), UNFAIR + "第八条"),
        ("收到货五星好评返5元，联系客服", "trade.paid-review", date(2025, 10, 15), UNFAIR + "第九条"),
        ("猫头鹰标本，懂的私聊", "banned.wild-parts", date(2023, 4, 30), "《中华人民共和国野生动物保护法》第二十七条"),
        ("猫头鹰标本，懂的私聊", "banned.wild-parts", date(2023, 5, 1), "《中华人民共和国野生动物保护法》第二十八条"),
    ],
)
def test_the_article_of_the_day_is_cited(rules: RuleSet, text: str, rule: str, day: date, cited: str) -> None:
    found = [evidence for evidence in rules.check(text, day=day.toordinal() - EPOCH).evidence if evidence.rule == rule]
    assert found, f"{rule} must fire on {text!r}"
    of_that_law = [citation for citation in found[0].basis if citation.startswith(cited[: cited.index("》") + 1])]
    assert of_that_law == [cited]


@pytest.mark.parametrize(
    ("text", "rule", "last_day_before"),
    [
        ("微信号出租，一天200，日结", "banned.lent-accounts", date(2022, 11, 30)),
        ("股民数据一手，万条起，支持测试", "banned.personal-data", date(2021, 10, 31)),
        ("果味小烟，学生也能买，送到宿舍", "banned.sale-to-minors", date(2021, 5, 31)),
    ],
)
def test_no_rule_before_its_law(rules: RuleSet, text: str, rule: str, last_day_before: date) -> None:
    def fired(day: date) -> set[str]:
        return {evidence.rule for evidence in rules.check(text, day=day.toordinal() - EPOCH).evidence}

    assert rule not in fired(last_day_before)
    assert rule in fired(date.fromordinal(last_day_before.toordinal() + 1))
