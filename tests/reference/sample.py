"""One small bundle that uses every feature of the format: folds, fine folds, repeat, allow lists, groups, laws."""

from __future__ import annotations

import numpy as np

from fairpost.engine.folds import DEFAULT, EVASION
from fairpost.engine.source import Cmp, Instruction, Op, Pattern, Policy, Rule, RuleSetSource
from fairpost.engine.vocabulary import CATEGORIES, MAX_CATEGORIES, RECOGNISERS

ALWAYS = (-(2**31), 2**31 - 1)
PRICE = RECOGNISERS.index("price")
CLAIM, DISEASE, SELL, ALLOW, TOLD, ASKED, UNREAD = range(len(RECOGNISERS), len(RECOGNISERS) + 7)
EXPOSURE = {
    "limit": 0.3,
    "review": 0.0,
    "unregistered": 0.7,
    "clean": 1.2,
    "per_year": 0.05,
    "per_strike": 0.1,
    "per_complaint": 0.02,
    "clean_risk": 0.05,
    "floor": 0.5,
    "max": 1.5,
    "commerce": 0.4,
}


def rule(
    name: str, category: str, weight: float, triggers: tuple[int, ...] | None, *code: Instruction, **more: int
) -> Rule:
    return Rule(
        name,
        CATEGORIES.index(category),
        more.get("severity", 2),
        more.get("mode", 0),
        weight,
        more.get("group", -1),
        more.get("from_day", ALWAYS[0]),
        more.get("until_day", ALWAYS[1]),
        triggers,
        code,
    )


def sample_source() -> RuleSetSource:
    thresholds = np.full((2, MAX_CATEGORIES, 5), np.inf, dtype=np.float32)
    medical = CATEGORIES.index("MEDICAL")
    thresholds[:, medical, 1:] = [0.2, 0.5, 0.8, 0.95]
    thresholds[1, medical, 1:] = [0.1, 0.2, 0.3, 0.4]
    return RuleSetSource(
        patterns=[
            Pattern("根治", DEFAULT, True, (CLAIM,)),
            Pattern("最好", DEFAULT | {"repeat"}, True, (CLAIM,)),
            Pattern("100%", frozenset({"case", "width"}), True, (CLAIM,)),
            Pattern("糖尿病", DEFAULT, True, (DISEASE,)),
            Pattern("V", DEFAULT, True, (SELL,)),
            Pattern("包邮", DEFAULT, True, (SELL,)),
            Pattern("下单", DEFAULT, True, (SELL,)),
            Pattern("/加[我你]?.{0,3}(微信|薇信)/", DEFAULT, True, (SELL,), regular=True),
            Pattern("根治疗法", DEFAULT, True, (ALLOW,)),
            Pattern("药到病除", DEFAULT | EVASION, True, (CLAIM,)),
            Pattern("痊愈", DEFAULT | EVASION, True, (CLAIM,)),
            # Context: of MEDICAL rules alone, of several categories, of none.
            Pattern("谣言", DEFAULT | EVASION, True, (TOLD,)),
            Pattern("/据.{0,4}报道/", DEFAULT, True, (TOLD,), regular=True),
            Pattern("请问", DEFAULT, True, (ASKED,)),
            Pattern("求助", DEFAULT, True, (ASKED, UNREAD)),
            Pattern("天气", DEFAULT, True, (UNREAD,)),
        ],
        lists=[*RECOGNISERS, "claim", "disease", "sell", "claim:allow", "told", "asked", "unread"],
        list_allows={CLAIM: (ALLOW,)},
        operands=[
            (CLAIM, -1, 0),
            (DISEASE, -1, 0),
            (SELL, -1, 0),
            (DISEASE, CLAIM, 2),
            (PRICE, -1, 0),
            (TOLD, -1, 0),
            (ASKED, -1, 0),
        ],
        rules=[
            rule(
                "t.sell",
                "COMMERCE",
                0.6,
                (SELL, PRICE),
                Instruction(Op.ANY, a=2),
                Instruction(Op.ANY, a=4),
                Instruction(Op.OR),
            ),
            rule("t.near", "MEDICAL", 0.85, (CLAIM,), Instruction(Op.NEAR, a=0, b=1, n=4)),
            rule("t.group", "MEDICAL", 0.5, (CLAIM,), Instruction(Op.COUNT, Cmp.GE, a=0, n=2), group=0),
            rule("t.shadow", "MEDICAL", 0.9, (DISEASE,), Instruction(Op.ANY, a=3), mode=1),
            rule("t.dated", "ABSOLUTE", 0.5, (CLAIM,), Instruction(Op.ANY, a=0), from_day=20_000, until_day=20_100),
            rule(
                "t.unregistered",
                "UNREGISTERED",
                0.5,
                None,
                Instruction(Op.COMMERCE, Cmp.GE, value=0.5),
                Instruction(Op.UNREGISTERED),
                Instruction(Op.AND),
            ),
            rule(
                "t.told",
                "MEDICAL",
                0.3,
                (CLAIM,),
                Instruction(Op.ANY, a=0),
                Instruction(Op.ANY, a=5),
                Instruction(Op.ANY, a=6),
                Instruction(Op.OR),
                Instruction(Op.AND),
            ),
            rule("t.asked", "ABSOLUTE", 0.2, (CLAIM,), Instruction(Op.NEAR, a=6, b=0, n=6)),
        ],
        channels=["default", "group-chat"],
        languages=["", "zh"],
        policy=Policy([0.3, 0.6, 0.85, 1.0], [0.3], thresholds, EXPOSURE),
        meta={
            "rules": [
                {"id": "t.sell", "basis": [], "message": {}},
                {"id": "t.near", "basis": ["law/17"], "message": {"zh": "不得宣称治病"}},
            ],
            "laws": {
                "law": {
                    "title": {"zh": "测试法", "en": "Test Act"},
                    "articles": {
                        "17": [
                            {"cite": {"zh": "第八条"}, "from": "2018-01-01", "until": "2025-10-15"},
                            {"cite": {"zh": "第九条"}, "from": "2025-10-15", "until": None},
                        ]
                    },
                }
            },
        },
    )
