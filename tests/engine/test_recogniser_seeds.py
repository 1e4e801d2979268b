"""What kernels/seeds.h relies on: what symbols tell of the view; and places where a seed is easily missed."""

from __future__ import annotations

import pytest
from reference.matching import Pattern
from reference.recognisers import VIEW, recognise
from reference.sources import matcher_bundle

from fairpost.engine import RuleSet
from fairpost.engine.folds import DEFAULT, fold

DROPPED = " .·–—_*~+,:()'\"“”[【「=>→⇒👉☞❤@/%‰¥$€£₩"
"""What may stand between a seed's characters in an expression of docs/recognisers.md."""


def kept(codes: list[int]) -> list[int]:
    """Letters, digits and Han characters."""
    return [c for c in codes if 0x30 <= c <= 0x39 or 0x61 <= c <= 0x7A or 0x4E00 <= c <= 0x9FFF]


def test_the_scan_keeps_what_seeds_are_made_of() -> None:
    for code in range(0x110000):
        if 0xD800 <= code < 0xE000:
            continue
        view = fold(chr(code), VIEW)[0]
        assert kept(fold(chr(code), DEFAULT)[0]) == kept(view), hex(code)
        if 0x4000 <= code <= 0x9FFF:  # their lead byte is E4 to E9: the peek does not fold them
            assert [c >= 0x3400 for c in view] == [True], hex(code)
        if 0x20 <= code < 0x7F:
            assert view == [ord(chr(code).lower())]


def test_the_scan_drops_what_stands_between() -> None:
    for character in DROPPED:
        assert fold(character, DEFAULT)[0] == [], character


@pytest.fixture(scope="module")
def bare() -> RuleSet:
    return RuleSet.from_bytes(matcher_bundle([Pattern("没有这个词", DEFAULT)]))


@pytest.mark.parametrize(
    "text",
    [
        "加Q群：287595590",
        "x.h\u200bttp://a.com",
        "xhttp.com http:t.cn/zl",
        "hｔtp://a.cn/。",
        "a.b.c.d.e.f.g.com.cn/x",
        f"{'a' * 63}.{'b' * 63}.{'c' * 63}.{'d' * 63}.{'e' * 63}.{'f' * 63}.com/{'x.' * 1100}",
        f"{'a' * 65}@b.com {'a' * 64}@b.com c@d@e.com",
        "a.\x00com a@\x01b.com +\x7fv12345 5\x00% ¥\x1f5",
        "5¥99 5￥ 99 $1,234.5万 三千两百块钱",
        "市场价只需: 12 拿货价为是仅只5 现价只需要只9",
        "百分百分之五点五 50\u200b% 1.5 ‰ 12345678.1234%",
        f"{'1' * 3000}元 {'9' * 1500}13812345678",
        "1 3-8*1.2~3 4 5 6 7 8",
        "V：abcdef 微号:abcdef +v 12345 加我v号是为加12345 ｗｅｉｘｉｎ12345",
        "⑩元½斤 ㏂com ⑫/㎏ №400-123-4567",
        "13捌壹贰3肆56柒8 壹3玖零00零壹111 一三八一二三四五六七八 13812345678一 二13捌12345678 13捌123456789",
        "q扣 123４567８ 叩q：壹234伍 微信：abc_壹2345",
        "wx壹贰叁45人 加微零12345 QQ123456一个 微信feng一下2 vx:abcde一二三四五2",
        "\u200b".join("微信号vx12345，t.me/a a@b.com 99元"),
    ],
)
def test_hits_are_the_reference_s(bare: RuleSet, text: str) -> None:
    found = {(name, begin, end) for _, name, begin, end in bare.matches(text)}
    assert found == {(r.recogniser, r.begin, r.end) for r in recognise(text)}
