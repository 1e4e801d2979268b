"""The shipped packs cite the law of a post's day: the article on false publicity moved from 8 to 9 on 2025-10-15."""

from __future__ import annotations

import datetime

import pytest

from fairpost.engine import RuleSet
from fairpost.engine.dates import day_of_date
from fairpost.rules import shipped_bundle

POSTS = {
    "trade.paid-review": "好评返现5元，加微信领取",
    "trade.brushing": "淘宝刷单兼职，日结，一单10元，加我",
    "trade.tag-price": "茶叶礼盒，吊牌可以写1680，拿货只要118，送礼有面",
}


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return RuleSet.open(shipped_bundle())


@pytest.mark.parametrize("rule", POSTS)
@pytest.mark.parametrize(
    ("on", "article", "other"), [((2025, 10, 14), "第八条", "第九条"), ((2025, 10, 15), "第九条", "第八条")]
)
def test_false_publicity_is_cited_as_on_the_day(
    rules: RuleSet, rule: str, on: tuple[int, int, int], article: str, other: str
) -> None:
    verdict = rules.check(POSTS[rule], day=day_of_date(datetime.date(*on)))
    cited = {law for evidence in verdict.evidence if evidence.rule == rule for law in evidence.basis}
    assert "《中华人民共和国反不正当竞争法》" + article in cited
    assert "《中华人民共和国反不正当竞争法》" + other not in cited
