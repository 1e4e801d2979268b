"""Judging with a RuleSet: verdicts, bad posts, columns, units, threads."""

from __future__ import annotations

import datetime
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from fairpost.engine import (
    SELLER_NONE,
    SELLER_NOT_FOUND,
    SELLER_UNAVAILABLE,
    STANDING_DTYPE,
    Action,
    InvalidPost,
    RuleSet,
    Status,
    Texts,
)
from fairpost.engine.shares import LEAST_BYTES

EPOCH = datetime.date(1970, 1, 1)


def day(text: str) -> int:
    return (datetime.date.fromisoformat(text) - EPOCH).days


def test_a_verdict_says_why(sample_ruleset: RuleSet) -> None:
    verdict = sample_ruleset.check("这款茶 根.治 糖尿病！", day=day("2026-01-01"))
    assert verdict.action is Action.SHIELD
    assert verdict.exposure == 0.0
    assert [(label.category, label.severity) for label in verdict.labels] == [("MEDICAL", "high")]
    assert verdict.labels[0].score == pytest.approx(0.85)
    assert [(e.rule, e.matched, e.begin, e.end, e.folded, e.shadow) for e in verdict.evidence] == [
        ("t.near", "根.治", 4, 7, "根治", False),
        ("t.near", "糖尿病", 8, 11, "糖尿病", False),
    ]
    assert verdict.evidence[0].message == "不得宣称治病"
    assert verdict.revision == sample_ruleset.revision


@pytest.mark.parametrize(("on", "citation"), [("2025-10-14", "《测试法》第八条"), ("2025-10-15", "《测试法》第九条")])
def test_the_citation_is_the_one_in_force(sample_ruleset: RuleSet, on: str, citation: str) -> None:
    assert sample_ruleset.check("根治糖尿病", day=day(on)).evidence[0].basis == (citation,)


def test_a_post_from_before_the_law_cites_nothing(sample_ruleset: RuleSet) -> None:
    assert sample_ruleset.check("根治糖尿病", day=day("2001-01-01")).evidence[0].basis == ()


def test_dated_rules(sample_ruleset: RuleSet) -> None:
    categories = {
        on: [label.category for label in sample_ruleset.check("根治", day=on).labels]
        for on in (19_999, 20_000, 20_099, 20_100)
    }
    assert categories == {19_999: [], 20_000: ["ABSOLUTE"], 20_099: ["ABSOLUTE"], 20_100: []}


def test_a_group_adds_up_to_its_cap(sample_ruleset: RuleSet) -> None:
    verdict = sample_ruleset.check("根治，最好")  # t.group: 0.5, capped at 0.3
    assert verdict.labels[0].score == pytest.approx(0.3)
    assert verdict.action is Action.LIMIT
    assert verdict.exposure == pytest.approx(0.3)


def test_a_shadow_rule_changes_nothing_and_is_seen(sample_ruleset: RuleSet) -> None:
    verdict = sample_ruleset.check("糖尿病")
    assert verdict.action is Action.ALLOW
    assert not verdict.labels
    assert verdict.risk == 0.0
    assert [(e.rule, e.shadow) for e in verdict.evidence] == [("t.shadow", True)]


def test_the_channel_chooses_the_thresholds(sample_ruleset: RuleSet) -> None:
    texts = ["根治糖尿病"] * 3
    batch = sample_ruleset.check_batch(texts, channels=["default", "group-chat", "no such channel"])
    assert batch.action.tolist() == [Action.SHIELD, Action.BLOCK, Action.SHIELD]


def standing(**fields: Any) -> np.ndarray:
    record = np.zeros(1, dtype=STANDING_DTYPE)
    for name, value in fields.items():
        record[name] = value
    return record


def test_the_three_answers_of_the_registry(sample_ruleset: RuleSet) -> None:
    batch = sample_ruleset.check_batch(
        ["包邮"] * 5,
        sellers=[0, 1, SELLER_NONE, SELLER_NOT_FOUND, SELLER_UNAVAILABLE],
        standings=np.concatenate([standing(registration=2, tenure_days=731), standing(registration=3)]),
    )
    fired = [
        [sample_ruleset.rule_ids[k] for k in batch.fired_rule[batch.fired_begin[i] : batch.fired_begin[i + 1]]]
        for i in range(5)
    ]
    assert ["t.unregistered" in rules for rules in fired] == [False, True, False, True, False]
    assert batch.exposure.tolist() == pytest.approx([1.2 + 0.05 * 731 / 365.25, 0.7, 1.0, 0.7, 1.0])


@pytest.mark.parametrize(
    ("fields", "exposure"),
    [
        ({"tenure_days": 100_000}, 1.5),
        ({"strikes": [0, 2, 1] + [0] * 29}, 0.9),
        ({"strikes": [0, 30] + [0] * 30}, 0.5),
        ({"enforcement": 1}, 1.2),
        ({"enforcement": 2}, 1.0),
        ({"listing": 1}, 1.0),
        ({"listing": 2}, 1.2),
    ],
)
def test_exposure_of_clean_commerce(sample_ruleset: RuleSet, fields: dict[str, Any], exposure: float) -> None:
    seller = standing(registration=2, **fields)
    assert sample_ruleset.check("包邮", seller=seller).exposure == pytest.approx(exposure)


def test_what_is_no_commerce_is_neutral(sample_ruleset: RuleSet) -> None:
    assert sample_ruleset.check("天气真好", seller=standing(registration=2)).exposure == 1.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"\xe6\x9c\x80\xff", "text is not UTF-8: byte 3 is 0xFF"),
        (b"ok \xc0\x80", "text is not UTF-8: byte 3 is 0xC0"),  # overlong
        (b"\xed\xa0\x80", "text is not UTF-8: byte 0 is 0xED"),  # surrogate
        (b"\xf4\x90\x80\x80", "text is not UTF-8: byte 0 is 0xF4"),  # above U+10FFFF
        ("最好"[0].encode()[:2], "text is not UTF-8: byte 0 is 0xE6"),  # cut off
        ("a\ud800", "text is not UTF-8: byte 1 is 0xED"),
        ("", "text is empty: a post needs at least one character"),
        ("好" * 21, "text is too long: 63 bytes, more than 20 characters"),
    ],
)
def test_bad_posts_say_what_is_wrong_and_spare_their_neighbours(
    sample_ruleset: RuleSet, text: str | bytes, message: str
) -> None:
    with pytest.raises(InvalidPost) as error:
        sample_ruleset.check(text, max_characters=20)
    assert str(error.value) == message
    batch = sample_ruleset.check_batch(["根治糖尿病", text, "根治糖尿病"], max_characters=20)
    assert batch[1].error == message
    assert batch.status[1] != Status.OK
    assert batch[0] == batch[2]
    assert batch[0].action is Action.SHIELD
    assert batch[0].evidence[0].begin == 0


def test_a_text_at_the_limit_is_judged(sample_ruleset: RuleSet) -> None:
    assert sample_ruleset.check("好" * 20, max_characters=20).error is None


def test_an_extra_text_is_named(sample_ruleset: RuleSet) -> None:
    with pytest.raises(InvalidPost, match="extra text 2 is not UTF-8: byte 0 is 0xFF"):
        sample_ruleset.check("好", extra=["好", b"\xff"])


def test_nothing_matches_across_texts(sample_ruleset: RuleSet) -> None:
    assert sample_ruleset.check("根治", extra=["糖尿病"], day=0).labels == ()
    verdict = sample_ruleset.check("好", extra=["", "a 根治糖尿病"])
    assert [(e.text, e.begin, e.end) for e in verdict.evidence] == [(2, 2, 4), (2, 4, 7)]


@pytest.mark.parametrize(("unit", "span"), [("utf8", (4, 10)), ("utf16", (2, 4)), ("codepoints", (1, 3))])
def test_units(sample_ruleset: RuleSet, unit: str, span: tuple[int, int]) -> None:
    evidence = sample_ruleset.check("😀根治糖尿病", unit=unit).evidence[0]
    assert (evidence.begin, evidence.end) == span
    assert evidence.matched == "根治"


def columns_of(batch: Any) -> dict[str, list[Any]]:
    return {name: column.tolist() for name, column in vars(batch).items() if isinstance(column, np.ndarray)}


def test_every_kind_of_input_gives_the_same(sample_ruleset: RuleSet) -> None:
    texts = ["根治糖尿病", "最最好 v", "", "é😀根 治、糖尿病", "a" * 300]
    expected = columns_of(sample_ruleset.check_batch(texts, days=0))
    encoded = [text.encode() for text in texts]
    offsets = np.cumsum([0] + [len(text) for text in encoded])
    for same in (
        encoded,
        tuple(texts),
        Texts(b"".join(encoded), offsets),
        pa.array(texts),
        pa.array(texts, pa.large_string()),
        pa.array(encoded, pa.binary()),
        pa.array(["x", *texts, "y"]).slice(1, 5),
        pa.chunked_array([texts[:2], texts[2:]]),
    ):
        assert columns_of(sample_ruleset.check_batch(same, days=0)) == expected


def test_no_posts(sample_ruleset: RuleSet) -> None:
    none: Any
    for none in ([], pa.array([], pa.string()), Texts(b"", [0])):
        assert len(sample_ruleset.check_batch(none)) == 0


@pytest.mark.parametrize(
    ("texts", "options", "error", "message"),
    [
        ("one text", {}, TypeError, "texts must be a list of texts, not one str"),
        (["a", 5], {}, TypeError, r"texts\[1\] is int, expected str or bytes"),
        (pa.array([1, 2]), {}, TypeError, "an Arrow column of int64"),
        (["a"], {"unit": "characters"}, ValueError, "unit is 'characters', expected one of utf8, utf16, codepoints"),
        (["a"], {"segments": [0, 2]}, ValueError, "segments must be one-dimensional and ascend inside the 1 texts"),
        (["a"], {"sellers": [0]}, ValueError, "sellers holds 0 to 0, but standings has 0 rows"),
        (["a"], {"sellers": [-4]}, ValueError, "sellers holds -4"),
        (["a"], {"sellers": [0, 0]}, ValueError, r"sellers has shape \(2,\)"),
        (["a"], {"sellers": [0], "standings": np.zeros(3)}, TypeError, "standings must be an array of STANDING_DTYPE"),
        (["a"], {"channels": np.array([9], np.uint16)}, ValueError, "channels holds 9, but there are 2"),
        (["a"], {"days": np.zeros(2, np.int32)}, ValueError, r"days has shape \(2,\)"),
        (["a"], {"max_characters": 0}, ValueError, "max_characters is 0"),
    ],
)
def test_wrong_columns(
    sample_ruleset: RuleSet, texts: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        sample_ruleset.check_batch(texts, **options)


def test_texts_must_lie_inside_their_bytes() -> None:
    for offsets in ([0, 9], [2, 1], [-1, 2]):
        with pytest.raises(ValueError, match="offsets must ascend inside the 3 bytes"):
            Texts(b"abc", offsets)


def test_caps_are_reported(sample_ruleset: RuleSet) -> None:
    verdict = sample_ruleset.check("根治，" * 20_000, day=0)
    assert verdict.flags & 1  # MATCHES_CAPPED
    assert verdict.labels[0].category == "MEDICAL"


def test_many_threads_get_what_one_gets(sample_ruleset: RuleSet) -> None:
    texts = [f"第{n}款 根治糖尿病 v 最最好 {n}元" if n % 3 else "今天天气真好" for n in range(2000)]
    expected = columns_of(sample_ruleset.check_batch(texts, days=0))
    with ThreadPoolExecutor(8) as pool:
        for got in pool.map(lambda _: columns_of(sample_ruleset.check_batch(texts, days=0)), range(32)):
            assert got == expected


@pytest.mark.parametrize("threads", [2, 3, 64])
def test_threads_of_one_batch_give_what_one_gives(sample_ruleset: RuleSet, threads: int) -> None:
    texts = [f"第{n}款 根治糖尿病 v 最最好 {n}元" * (n % 19) if n % 3 else "今天天气真好" for n in range(6000)]
    assert sum(map(len, texts)) > 3 * LEAST_BYTES  # of two or three bytes mostly: enough for several shares
    texts[17] = "坏\udc80"  # a fault in the first part, an empty text in each
    alone = columns_of(sample_ruleset.check_batch(texts, days=0))
    assert columns_of(sample_ruleset.check_batch(texts, days=0, threads=threads)) == alone
    posts = np.arange(0, 6001, 2)
    options: dict[str, Any] = {
        "segments": posts,
        "channels": [("default", "group-chat")[n % 2] for n in range(3000)],
        "days": np.arange(20_000, 23_000, dtype=np.int32),
        "sellers": np.full(3000, -1, np.int32),
    }
    alone = columns_of(sample_ruleset.check_batch(texts, **options))
    assert columns_of(sample_ruleset.check_batch(texts, **options, threads=threads)) == alone


def test_a_number_of_threads(sample_ruleset: RuleSet) -> None:
    with pytest.raises(ValueError, match="threads is 0, expected 1 or more"):
        sample_ruleset.check_batch(["好"], threads=0)


def test_matches_names_patterns_and_lists(sample_ruleset: RuleSet) -> None:
    assert sample_ruleset.matches("最最好 ￥9") == [("最好", "claim", 0, 3), ("price", "price", 4, 6)]
