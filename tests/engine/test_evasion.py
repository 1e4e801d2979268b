"""The evasion scan: a table of cases, and a property against the reference on every path of the kernels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.matching import Pattern, find
from reference.restoring import find_restored, restore, words_of
from reference.sources import matcher_bundle
from reference.strategies import examples

from fairpost.engine import PatternSet, RuleSet
from fairpost.engine.folds import DEFAULT, EVASION
from fairpost.engine.folds import evasion as tables
from fairpost.engine.scanner import available_paths, choose_path
from fairpost.engine.vocabulary import RECOGNISERS
from fairpost.engine.writings import Vocabulary

ALL = DEFAULT | EVASION | {"repeat"}
WORDS = [
    "根治",
    "最有效",
    "糖尿病",
    "微信",
    "加微信",
    "反感",
    "疑难杂症",
    "包邮",
    "放心",
    "肚子",
    "日赚千元",
    "加vx",
    "5折起",
    "银行",
    "免费",
    "姜",
    "羊奶粉",
    "/治[疗愈].{0,3}糖尿病/",
]


@pytest.fixture(scope="module", params=available_paths())
def path(request: pytest.FixtureRequest) -> Iterator[str]:
    """Everything in the test runs on this path."""
    choose_path(request.param)
    yield request.param
    choose_path()


def spans(ruleset: RuleSet, text: str) -> list[tuple[int, int, int]]:
    """(pattern, begin, end)"""
    return sorted(
        {
            (int(name.removeprefix("list ")), begin, end)
            for _, name, begin, end in ruleset.matches(text)
            if name not in RECOGNISERS
        }
    )


def uses_of(patterns: list[Pattern]) -> frozenset[tuple[str, frozenset[str], int]]:
    """Each pattern is in a list of its own."""
    counts = Counter((p.text, p.folds) for p in patterns)
    return frozenset((text, folds, count) for (text, folds), count in counts.items())


def expected(patterns: list[Pattern], text: str) -> list[tuple[int, int, int]]:
    meant = restore(text, words_of(uses_of(patterns)))
    return sorted(
        {(k, *span) for k, p in enumerate(patterns) for span in find(p, text)}
        | {(k, *span) for k, p in enumerate(patterns) for span in find_restored(p, meant)}
    )


CASES = [
    ("homophone", "本品根智糖尿病", [("根治", "根智"), ("糖尿病", "糖尿病")]),
    ("homophone behind a separator", "本品根 智", [("根治", "根 智")]),
    ("homophone behind a comma", "本品根，智", []),
    ("homophone before a comma in a longer word", "移难，杂症都不怕", [("疑难杂症", "移难，杂症")]),
    ("two of three", "我们的药最友笑", [("最有效", "最友笑")]),
    ("every one of four", "移南砸正都不怕", [("疑难杂症", "移南砸正")]),
    ("pinyin", "gen zhi tangniaobing", [("根治", "gen zhi"), ("糖尿病", "tangniaobing")]),
    ("one syllable in letters", "加wei信", [("微信", "wei信"), ("加微信", "加wei信")]),
    ("letters apart", "g.e.n zhi", [("根治", "g.e.n zhi")]),
    ("full-width and capital letters", "ＧＥＮ治", [("根治", "ＧＥＮ治")]),
    ("letters cut otherwise", "真让人fangan", [("反感", "fangan")]),
    ("letters cut otherwise inside a word", "yinan杂症", [("疑难杂症", "yinan杂症")]),
    ("another reading", "存进yinhang", [("银行", "yinhang")]),
    ("letters that are no pinyin", "genzhx", []),
    ("too few letters", "baoyou 与 wei", [("包邮", "baoyou")]),
    ("parts", "根氵台糖尿疒丙", [("根治", "根氵台"), ("糖尿病", "糖尿疒丙")]),
    ("parts in brackets", "（月土）子疼", [("肚子", "月土）子")]),
    ("look-alike of two", "本品根冶糖尿病", [("根治", "根冶"), ("糖尿病", "糖尿病")]),
    ("look-alike of three", "加徽信", [("加微信", "加徽信"), ("微信", "徽信")]),
    ("rare character for its own sound", "本品根秷", [("根治", "根秷")]),
    ("rare look-alike", "加溦信", [("加微信", "加溦信"), ("微信", "溦信")]),
    ("emoji", "放❤️购买，📦邮", [("放心", "放❤")]),
    ("emoji that is letters to the fold", "今天🆓费", [("免费", "🆓费")]),
    ("emoji that is letters to the fold, as such", "🆓 wifi", []),
    ("letters beside an emoji that is letters", "x🆓费", []),
    ("emoji at the begin", "💰", []),
    ("an emoji for a whole word, at the begin", "🛰", [("微信", "🛰")]),
    ("an emoji for another syllable", "🌲治", [("根治", "🌲治")]),
    (
        "stretched",
        "根治治治糖糖尿病",
        [("根治", "根治"), ("根治", "根治治治"), ("糖尿病", "糖糖尿病"), ("糖尿病", "糖尿病")],
    ),
    ("parts that overlap", "羊女乃粉", [("羊奶粉", "羊女乃粉")]),
    ("parts of one character", "羊女汤", [("姜", "羊女")]),
    (
        "in a regular pattern",
        "氵台疗你的tangniao病",
        [("/治[疗愈].{0,3}糖尿病/", "氵台疗你的tangniao病"), ("糖尿病", "tangniao病")],
    ),
    (
        "the plain part of a regular pattern",
        "治疗一下溏尿病",
        [("/治[疗愈].{0,3}糖尿病/", "治疗一下溏尿病"), ("糖尿病", "溏尿病")],
    ),
    ("all of them", "曰zhuan仟💰", []),
    ("by chance", "一直跟之前一样", []),
    ("as it stands", "根治", [("根治", "根治")]),
    ("a letter for a syllable", "加V信", [("加微信", "加V信"), ("微信", "V信")]),
    ("a letter for a syllable before another one that sounds so", "加w❤", []),
    ("X behind 微", "加微x", [("加微信", "加微x"), ("微信", "微x")]),
    ("X behind something else", "根x", []),
    ("half a suspect in a long word", "疑难杂正常有", [("疑难杂症", "疑难杂正")]),
    ("half a suspect and another one", "疑南杂正常有", []),
    ("half a suspect in a long word behind a comma", "疑难，杂正常有", []),
    ("letters touch", "家vxw", []),
    ("letters do not touch", "家vx", [("加vx", "家vx")]),
    ("digits touch", "15折启", []),
    ("digits do not touch", "全场5折启", [("5折起", "5折启")]),
]


@pytest.mark.parametrize(("name", "text", "found"), CASES, ids=[name for name, *_ in CASES])
def test_cases(path: str, name: str, text: str, found: list[tuple[str, str]]) -> None:
    patterns = [Pattern(word, ALL) for word in WORDS]
    made = spans(RuleSet.from_bytes(matcher_bundle(patterns)), text)
    assert {(WORDS[k], text[begin:end]) for k, begin, end in made} == set(found)
    assert made == expected(patterns, text)


def test_a_listed_disguise_surprises_still() -> None:
    words = Vocabulary()
    for word, uses in (("微信号", 5), ("微芯", 1), ("包邮", 5), ("保佑", 3)):
        words.add([ord(c) for c in word], 1, uses)
    assert {chr(a) + chr(b) for a, b in words.pairs()} == {"微信", "信号", "包邮", "保佑"}


def test_what_was_meant() -> None:
    ruleset = RuleSet.from_bytes(matcher_bundle([Pattern(word, ALL) for word in WORDS]))
    assert ruleset.restored("本品根智，𠮷tang尿疒丙都行") == "本品根治𠮷糖尿病都行"
    assert ruleset.restored("本品根治糖尿病") is None
    assert ruleset.restored("") is None
    far = "天" * 100
    assert ruleset.restored(f"氵台{far}") == f"治{far[:1]}"  # a stretched character, too
    with pytest.raises(UnicodeEncodeError):
        ruleset.restored("\ud800")


def test_a_list_takes_what_it_names() -> None:
    texts = {"phonetic": "根智", "glyph": "根氵台", "emoji": "放❤", "repeat": "根根根治"}
    for name in texts:
        folds = DEFAULT | {name, "glyph" if name == "repeat" else name}
        ruleset = RuleSet.from_bytes(matcher_bundle([Pattern(word, folds) for word in ("根治", "放心")]))
        assert {
            other for other, text in texts.items() if spans(ruleset, text) not in ([], [(0, 2, 4)])
        } == folds - DEFAULT


def test_a_word_of_two_lists_is_disguised_in_one() -> None:
    ruleset = RuleSet.from_bytes(matcher_bundle([Pattern("根治", ALL), Pattern("根治", DEFAULT)]))
    assert spans(ruleset, "根治，根智") == [(0, 0, 2), (0, 3, 5), (1, 0, 2)]


def test_words_of_other_folds_are_told() -> None:
    with pytest.raises(ValueError, match="fold class 'emoji' is for lists of rule sets, not for pattern sets"):
        PatternSet.compile(["根治"], folds=EVASION)


def test_texts_do_not_touch(path: str) -> None:
    ruleset = RuleSet.from_bytes(matcher_bundle([Pattern(word, ALL) for word in WORDS]))
    posts = ["根", "zhi", "放", "❤", "", "氵", "台", "wei", "信", "g", "en治", "根智", "放❤", "❤"] * 40
    batch = ruleset.check_batch(posts)
    assert batch.status.tolist() == [2 if post == "" else 0 for post in posts]
    for first, second in pairwise(posts):
        assert not spans(ruleset, first) or first in ("根智", "放❤", "en治"), (first, second)


def test_much_of_it_is_capped_and_said() -> None:
    """Work stays in proportion to a text, whatever it holds."""
    ruleset = RuleSet.from_bytes(matcher_bundle([Pattern(word, ALL) for word in WORDS]))
    batch = ruleset.check_batch(["根智" * 40_000, "ge" * 45_000, "💊" * 90_000, "氵台" * 45_000])
    assert batch.status.tolist() == [0] * 4
    assert batch.flags.tolist() == [1, 0, 0, 0]


KNOWN = "根治最有效糖尿病微信加反感疑难杂症包邮放心肚子日赚千元银行长重好一是不之前的"
EMOJI = "".join(map(chr, sorted(tables.EMOJI)[::40])) + "❤💰💊😀"


def disguised(character: str) -> st.SearchStrategy[str]:
    """A character as it stands, or a form of it."""
    forms = [
        *tables.homophones(character)[:4],
        tables.SYLLABLES[tables.syllable_of[ord(character)]],
        *(tables.SYLLABLES[number] for number in tables.readings_of.get(ord(character), ())),
        *tables.likest(character)[:3],
        *tables.rare_forms(character)[:2],
        *tables.split_forms(character)[:2],
        *tables.symbols_of(character)[:2],
    ]
    return st.one_of(st.just(character), st.sampled_from(forms))


words = st.one_of(
    st.sampled_from(WORDS),
    st.text(st.sampled_from(KNOWN), min_size=2, max_size=5),
    st.text(st.sampled_from(KNOWN + "vx5"), min_size=2, max_size=4),
    st.builds("".join, st.lists(st.sampled_from([*KNOWN, "wei", "an", "v"]), min_size=1, max_size=3)),
)
fold_sets = st.frozensets(st.sampled_from(sorted(EVASION | {"repeat"}))).map(lambda names: DEFAULT | names)
patterns = st.builds(Pattern, words, st.one_of(st.just(ALL), st.just(ALL), fold_sets), st.booleans())


@st.composite
def disguises(draw: st.DrawFn, given: list[Pattern]) -> str:
    """A text made of the patterns' words, written otherwise, and of what stands between them."""
    pieces = []
    for _ in range(draw(st.integers(1, 5))):
        if draw(st.integers(0, 3)):
            word = draw(st.sampled_from(given)).text
            pieces.append("".join(draw(disguised(c)) if ord(c) in tables.syllable_of else c for c in word))
        else:
            pieces.append(draw(st.text(st.sampled_from(KNOWN + EMOJI + "aginvx5 ，。*\ufe0f𠮷氵㎏"), max_size=5)))
    return draw(st.sampled_from(["", "", " ", "*"])).join(pieces)


@examples(60)
@given(data=st.data(), given_patterns=st.lists(patterns, min_size=1, max_size=6))
def test_matches(path: str, data: st.DataObject, given_patterns: list[Pattern]) -> None:
    ruleset = RuleSet.from_bytes(matcher_bundle(given_patterns))
    for text in data.draw(st.lists(disguises(given_patterns), min_size=1, max_size=4)):
        assert spans(ruleset, text) == expected(given_patterns, text), text
        meant = restore(text, words_of(uses_of(given_patterns)))
        assert ruleset.restored(text) == (None if meant is None else meant.folded.string)
