"""Regular patterns: syntax, anchors, and the automaton against the `regex` module on the folded text."""

from __future__ import annotations

import random

import pytest
import regex
from hypothesis import given, reject
from hypothesis import strategies as st
from reference.folding import folded
from reference.matching import Pattern, find
from reference.regular import find_regular, translated
from reference.sources import matcher_bundle
from reference.strategies import examples, regular_patterns, with_matches

from fairpost.engine import RuleSet
from fairpost.engine.folds import DEFAULT
from fairpost.engine.regular import InvalidRegular, compile_regular, is_regular, parse
from fairpost.engine.regular.literals import Anchor


def ruleset_of(*patterns: str, word_boundaries: bool = False) -> RuleSet:
    return RuleSet.from_bytes(matcher_bundle([Pattern(f"/{text}/", DEFAULT, word_boundaries) for text in patterns]))


def spans(ruleset: RuleSet, number: int, text: str) -> list[tuple[int, int]]:
    return [(begin, end) for _, name, begin, end in ruleset.matches(text) if name == f"list {number}"]


# -- equality ----------------------------------------------------------------------------------------


@examples(120)
@given(st.lists(regular_patterns, min_size=1, max_size=6), st.data())
def test_engine_is_the_definition(patterns: list[Pattern], data: st.DataObject) -> None:
    ruleset = RuleSet.from_bytes(matcher_bundle(patterns))
    for made_for in patterns:
        text = data.draw(with_matches(made_for))
        for number, pattern in enumerate(patterns):
            assert spans(ruleset, number, text) == find(pattern, text), (pattern, text)


@examples(200)
@given(regular_patterns, st.data())
def test_the_definition_is_posix(pattern: Pattern, data: st.DataObject) -> None:
    """Without word boundaries it is what `regex` calls POSIX matching: leftmost, longest."""
    text = data.draw(with_matches(pattern))
    where = folded(text, DEFAULT)
    try:
        found = [
            match.span() for match in translated(pattern.text[1:-1], regex.POSIX).finditer(where.string, timeout=1)
        ]
    except TimeoutError:  # `regex` tries every way to match, and nested repeats have many
        reject()
    there = {(where.runs[begin].first, where.runs[end - 1].last + 1) for begin, end in found}
    assert find_regular(pattern.text[1:-1], text, False) == sorted(there)


@pytest.mark.parametrize("length", [61, 62, 63, 64, 126, 127, 190, 191, 250])
def test_states_over_word_edges(length: int) -> None:
    """Chains and branches that leave one word of the mask and enter the next."""
    patterns = [
        f"最.{{0,{length}}}b",
        f"最[好a]{{{length}}}b",
        f"最(好|a){{1,{length // 2}}}b",
        f"最(好{{{length - 8}}}|a{{2}}|.{{3}})b",
    ]
    ruleset = ruleset_of(*patterns)
    chance = random.Random(length)
    texts = ["最" + "好" * n + "b" for n in range(length - 9, length + 2)]
    texts += ["最" + "".join(chance.choices("好好好a", k=chance.randrange(length + 3))) + "b" for _ in range(8)]
    texts += ["最aab", "最好ab", "好最b最最b"]
    for text in texts:
        for number, pattern in enumerate(patterns):
            assert spans(ruleset, number, text) == find_regular(pattern, text, False), (pattern, text)


def test_nothing_matches_across_texts() -> None:
    ruleset = ruleset_of("加.{0,3}微")
    assert spans(ruleset, 0, "加了微") == [(0, 3)]
    assert not any(spans(ruleset, 0, text) for text in ("加", "微", "加了", "了微"))


def test_one_pattern_with_several_anchors_counts_once() -> None:
    ruleset = ruleset_of("(微信|薇信|vx)[号好]?", "加微")
    assert ruleset.pattern_count == 2
    assert [text for text, lists in ruleset.patterns() if lists] == ["/(微信|薇信|vx)[号好]?/", "/加微/"]


def test_patterns_that_match_alike_are_one() -> None:
    ruleset = ruleset_of("[加佳]?微信", "[佳加]{0,1}微信", "加微", "加薇")
    assert ruleset.pattern_count == 3
    assert ruleset.matches("加微信") == [
        ("/加微/", "list 2", 0, 2),
        ("/[加佳]?微信/", "list 0", 0, 3),
        ("/[加佳]?微信/", "list 1", 0, 3),
    ]


# -- worst cases -------------------------------------------------------------------------------------

MATCHES_CAPPED, WORK_CAPPED = 1, 2
HEAVY = [
    "加.{0,200}微",
    ".{0,200}加微",
    "(加|微){1,80}[加微]{0,80}好",
    "(加?微?){1,60}加好",
    "加(.{0,40}加){0,4}好",
]


@pytest.mark.parametrize("pattern", HEAVY)
@pytest.mark.parametrize("text", ["加", "微", "加微", "加加微", "加" + "微" * 150])
def test_crafted_text_is_bounded(pattern: str, text: str) -> None:
    """Long texts of anchors: judged within the budget of work, which grows with the text, or capped and flagged."""
    ruleset = ruleset_of(pattern)
    for length in (1_000, 10_000, 100_000):
        flags = ruleset.check((text * length)[:length]).flags
        assert flags & ~(MATCHES_CAPPED | WORK_CAPPED) == 0


def test_a_gap_costs_no_more_than_its_length() -> None:
    """A gap of 30 symbols behind each symbol of the text stays inside the budget at any length."""
    ruleset = ruleset_of("加.{0,30}微")
    for length in (1_000, 10_000, 99_000):
        assert ruleset.check("加" * length).flags == 0


# -- syntax ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("國家", "国家"),
        ("ＶＸ", "vx"),
        ("(加)(微)", "加微"),
        ("(?:加|微)信", "(加|微)信"),
        ("加{1}微", "加微"),
        ("加{,2}微", "加{0,2}微"),
        ("加?微", "加{0,1}微"),
        (r"\d元", "[0-9]元"),
        ("[ＡＢ]c", "[ab]c"),
        ("[A-C]c", "[abc]c"),
        ("[!-~]c", "[0-9a-z]c"),
        (r"加[微\d]", "加[0-9微]"),
        ("㎏", "kg"),
    ],
)
def test_patterns_that_say_the_same(one: str, other: str) -> None:
    assert parse(one) == parse(other)


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("加*微", 2, "'*' has no bound; write {0,8}, with the most that may stand there"),
        ("加微+", 3, "'+' has no bound; write {1,8}, with the most that may stand there"),
        ("加{2,}微", 2, "'{2,}' has no bound; write {2,n}, with the most that may be"),
        ("加{}微", 2, "'{' is no repeat; write {n}, {m,n} or {,n}, or '\\{' for the character"),
        ("加{x}微", 2, "'{x' is no repeat; write {n}, {m,n} or {,n}"),
        ("加{1,2", 2, "is no repeat"),
        ("加{0}微", 2, "'{0}' repeats nothing; leave the part out"),
        ("加{3,2}微", 2, "'{3,2}' ends before it begins; write {2,3}"),
        ("加??", 3, "'?' after a repeat; the longest match is always taken"),
        ("加{2}{3}", 5, "'{' after a repeat"),
        ("?加", 1, "'?' repeats nothing; write '\\?' for the character"),
        ("(加|*微)", 4, "'*' repeats nothing"),
        ("加(微", 2, "the group is not closed; write ')' behind it, or '\\(' for the character"),
        ("加)微", 2, "')' closes no group; write '\\)' for the character"),
        ("(?i)加", 1, "'(?i' is not known; write (...)"),
        ("加(微|)", 5, "an empty alternative; write (...)? for what may be left out"),
        ("|加", 1, "an empty alternative"),
        ("()加", 2, "an empty alternative"),
        ("加[微", 2, "the class is not closed; write ']' behind it, or '\\[' for the character"),
        ("加[]", 2, "the class is empty"),
        ("加[^]", 2, "the class is empty"),
        ("加[[微]", 3, "'[' inside a class; write '\\[' for the character"),
        ("加[b-a]", 3, "the range b-a ends before it begins; write a-b"),
        ("加[ -/]", 3, "the range  -/ folds to nothing: all of it are separators"),
        ("加[㎎-㎏]", 3, "in the range ㎎-㎏ '㎎' folds to 2 symbols, 'mg'; write an alternative instead: (㎎|...)"),
        ("加[微㎏]", 4, "'㎏' folds to 2 symbols, 'kg'; write an alternative instead: (㎏|...)"),
        ("加[微，]", 4, "'，' folds to nothing: separators are looked through between any two symbols; leave it out"),
        ("加[-微]", 3, "'-' folds to nothing"),
        ("加 微", 2, "' ' folds to nothing: separators are looked through between any two symbols; leave it out"),
        (r"加\+微", 2, "'+' folds to nothing"),
        ("加/微", 2, "'/' ends the pattern; separators are looked through, leave it out"),
        ("^加", 1, "'^' has no meaning: a pattern matches anywhere in a text; leave it out"),
        ("加$", 2, "'$' has no meaning"),
        ("加]", 2, "']' closes nothing; write '\\]' for the character"),
        ("加}", 2, "'}' closes nothing"),
        ("加\\", 2, "'\\' stands before nothing; write '\\\\' for the character"),
        (r"\bvx", 1, "'\\b' is not known: word edges are the list's word_boundaries; leave it out"),
        (r"加\s微", 2, "'\\s' is not known: space and other separators are looked through everywhere; leave it out"),
        (r"\w加", 1, "'\\w' is not known; there are \\d and \\ before punctuation"),
        (r"[a-\d]加", 4, "'\\d' does not end a range"),
        ("加微信" * 90, 1, "with its repeats it has 270 symbols: at most 256"),
        ("|".join(["加微信"] * 90), 1, "its alternatives have 270 symbols: at most 256"),
        ("(加微){200}", 5, "repeated 200 times it has 400 symbols: at most 256"),
        ("加.{0,999999}", 3, "repeated 999999 times it has 999999 symbols: at most 256"),
        ("加{255}微", 0, "its longest match has 256 symbols: at most 255"),
        ("加?", 0, "it matches the empty text, and so everywhere; make one of its parts necessary"),
        ("(加?微?){3}", 0, "it matches the empty text"),
        ("[𠀀-𡀀]加", 0, "characters beyond U+FFFF: at most 256"),
        ("(" * 25 + "加" + ")" * 25, 25, "groups are nested 25 deep: at most 24"),
        ("[一-龥]{2}", 0, "it has no literal that every match must hold"),
        ("加?.{2}", 0, "it has no literal that every match must hold"),
        ("[^加]微?", 0, "it has no literal that every match must hold"),
        ("加|.", 0, "it has no literal that every match must hold"),
        ("[a-i]", 0, "or more than 8 single symbols; make a word necessary"),
    ],
)
def test_what_is_refused(text: str, column: int, message: str) -> None:
    with pytest.raises(InvalidRegular) as error:
        compile_regular(text)
    assert message in error.value.reason
    assert error.value.column == column
    assert str(error.value) == (f"column {column}: " if column else "") + error.value.reason


def test_slashes_make_a_word_regular() -> None:
    assert is_regular("/加.微/")
    assert not any(map(is_regular, ("//", "/", "加/微", "/加", "加/")))


# -- anchors -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "anchors"),
    [
        ("加[我偶]?.{0,3}(微|V)", [("加", 0, 0)]),
        ("[一-龥]{0,3}加微信", [("加微信", 0, 3)]),
        (".{1,4}(微信|薇信|vx)", [("vx", 1, 4), ("微信", 1, 4), ("薇信", 1, 4)]),
        ("(根|治)[a-z]{0,9}好评", [("好评", 1, 10)]),
        ("[0-9]{2,4}元", [(f"{k}元", 1, 3) for k in range(10)]),
        ("元[0-9]{2,4}", [(f"元{k}", 0, 0) for k in range(10)]),
        ("(ab){2,5}", [("abab", 0, 0)]),
        ("加?微信", [("加微信", 0, 0), ("微信", 0, 0)]),
        ("甲乙|[丙丁]戊", [("甲乙", 0, 0), ("丁戊", 0, 0), ("丙戊", 0, 0)]),
        ("㎏价", [("kg价", 0, 0)]),
    ],
)
def test_anchors(text: str, anchors: list[tuple[str, int, int]]) -> None:
    found = [("".join(map(chr, a.literal)), a.least, a.most) for a in compile_regular(text).anchors]
    assert sorted(found) == sorted(anchors)


@examples(100)
@given(regular_patterns, st.data())
def test_every_match_holds_an_anchor(pattern: Pattern, data: st.DataObject) -> None:
    automaton = compile_regular(pattern.text[1:-1])
    codes = [run.code for run in folded(data.draw(with_matches(pattern)), DEFAULT).runs]
    for begin in range(len(codes)):
        end = automaton.longest_end(codes, begin)
        assert end < 0 or any(
            tuple(codes[at : at + len(anchor.literal)]) == anchor.literal
            for anchor in automaton.anchors
            for at in range(begin + anchor.least, begin + anchor.most + 1)
            if at + len(anchor.literal) <= end
        )


def test_what_stands_around_an_anchor() -> None:
    """Behind a gap is looked where the gap may end; what may end there, or is too wide, tells nothing."""

    def around(text: str) -> tuple[str | None, str | None, int]:
        found = compile_regular(text).surroundings(Anchor(tuple(map(ord, "贷款")), 0, 0))
        assert found.before is None  # a match begins with it
        behind, second = (
            None if near is None else "".join("." if s.is_wide else chr(s.ranges[0][0]) for s in near)
            for near in (found.behind, found.second)
        )
        return behind, second, found.ahead

    assert around("贷款(办理|咨询)") == ("办咨", "理询", 1)
    assert around("贷款.{0,3}(办理|咨询)") == ("办咨" * 4, "理询" * 4, 4)
    assert around("贷款.{2,3}办") == ("办办", None, 4)
    assert around("贷款.{0,3}") == (None, None, 1)
    assert around("贷款.{0,40}办理")[2] == 1  # further than is looked
