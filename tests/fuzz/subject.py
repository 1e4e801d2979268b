"""The rule set that texts are judged by: every kind of pattern, list and condition; and texts that touch them."""

from __future__ import annotations

from functools import cache

from reference.sources import policy, rule_of, source_of
from reference.strategies import CHANNELS, PIECES, random_model

from fairpost.engine import RuleSet
from fairpost.engine.folds import DEFAULT
from fairpost.engine.regular import is_regular
from fairpost.engine.vocabulary import RECOGNISERS
from fairpost.rules import expression as e
from fairpost.rules.compiler import bundle_of
from fairpost.rules.source import ListSource, Source

__all__ = ["TEXTS", "WORDS", "bundle", "rule_set", "source"]

# Of one symbol, two, three and more; with the same anchor; over several code points; the longest.
_PLAIN = (
    "V",
    "微",
    "包邮",
    "根治",
    "根治糖",
    "纯天然",
    "国家级推荐",
    "国家级推销",
    "ab1",
    "12",
    "kg",
    "ガス",
    "最" + "好a" * 127,
)
_ODD = ("𠮷野家", "㎏", "ﷺ", "ß", "①②")
_REGULAR = ("/加[我偶]?.{0,3}(微|V)/", "/[0-9]{1,3}天?(见效|根治)/", "/(最|极)好(好|a){2,6}[吃用]/", "/a[b-d]{0,8}1/")
_LISTS = (
    ListSource("a.plain", _PLAIN, DEFAULT, True, ("a.plain:allow", "a:allow")),
    ListSource("a.inside", ("ab", "1", "好a", "治糖"), DEFAULT, False),
    ListSource("a.repeat", ("最好", "好吃好", "a1a"), DEFAULT | {"repeat"}, True),
    ListSource("a.fine", ("100%", "A-B", "最 好", "Ａ"), frozenset({"case", "width"}), True),
    ListSource("a.exact", ("VX", "é", "e\u0301", "后"), frozenset(), False),
    ListSource("a.odd", _ODD, DEFAULT, False),
    ListSource("a.regular", _REGULAR, DEFAULT, True),
    ListSource("a.disease", ("糖尿病", "湿疹"), DEFAULT, True),
    ListSource("a.plain:allow", ("根治疗法", "纯天然气"), DEFAULT, True),
    ListSource("a:allow", ("包邮箱", "ab12"), DEFAULT, False),
)
_WORDS = [word for words in _LISTS for word in words.words if len(word) < 64 and not is_regular(word)]
WORDS = (*_WORDS, *PIECES, *"，。！\n \u200b\ufe0f🇦", "我偶", "天见效", "极好", "吃用", "abcd1")
TEXTS = (
    "根 治*糖尿病 最最最好 v 100% ㎏ 加v：abc12345 138-0013-8000 ￥99.5",
    "本店纯天然，国家级推荐！VX群 ab1 12kg A-B 100％ 最 好",
    "根治疗法；纯天然气。包邮箱 𠮷野家 ﷺ ① ② ß é",
    "微信 abc_123 qq 123456 www.abc.com/x a.b@c.com 九块钱 百分之五 1,299元/件 好吃好好好吃 湿疹。根治湿疹",
    "好a" * 127 + "最" + "好a" * 127,
    "a" * 63 + "根治",
    "加偶一二三微 加我V 30天见效 3 天*根治 极好好a好吃 abcd1 acbdbcdb1",
)


def _any(name: str) -> e.Any:
    return e.Any(e.Operand(name))


@cache
def source() -> Source:
    rules = [
        rule_of("a.sell", "COMMERCE", e.Or((_any("price"), _any("a.inside"))), 0.5),
        *(rule_of(f"a.contact{k}", "DIVERT", _any(name), 0.3) for k, name in enumerate(RECOGNISERS) if name != "price"),
        rule_of("a.plain", "ABSOLUTE", _any("a.plain"), 0.5, severity="high", group="a.x"),
        rule_of("a.repeat", "ABSOLUTE", e.Count(e.Operand("a.repeat"), False, ">=", 2), 0.4, group="a.x"),
        rule_of("a.fine", "ABSOLUTE", e.Count(e.Operand("a.fine"), True, ">", 1), 0.4, mode="shadow"),
        rule_of("a.near", "MEDICAL", e.Near(e.Operand("a.plain"), e.Operand("a.disease"), 4), 0.8, severity="critical"),
        rule_of("a.before", "MEDICAL", e.Before(e.Operand("a.disease"), e.Operand("a.plain"), 8), 0.3),
        rule_of("a.far", "MEDICAL", e.Any(e.Operand("a.disease", "a.plain", 2)), 0.2),
        rule_of("a.regular", "DIVERT", _any("a.regular"), 0.4),
        rule_of("a.odd", "ABSOLUTE", e.And((_any("a.odd"), e.Not(_any("a.exact")))), 0.2),
        rule_of("a.after", "ABSOLUTE", e.And((e.RuleFired("a.odd"), e.Commerce(">=", 0.4))), 0.2),
        rule_of("a.model", "DIVERT", e.Model(">=", 0.3), 0.2),
        rule_of("a.channel", "DIVERT", e.And((e.Channel("moments"), e.Unregistered())), 0.2),
    ]
    thresholds = {
        "default": {
            "MEDICAL": {"LIMIT": 0.2, "REVIEW": 0.5, "SHIELD": 0.8, "BLOCK": 0.95},
            "ABSOLUTE": {"LIMIT": 0.3, "REVIEW": 0.6, "SHIELD": 0.7, "BLOCK": 0.9},
        },
        "group-chat": {"DIVERT": {"REVIEW": 0.3}},
    }
    return source_of(_LISTS, rules, {"a.x": 0.6}, policy(thresholds, channels=CHANNELS), random_model(13, 0.01, 0.1))


@cache
def bundle() -> bytes:
    return bundle_of(source())


@cache
def rule_set() -> RuleSet:
    return RuleSet.from_bytes(bundle())
