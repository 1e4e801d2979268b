"""PatternSet finds what the reference, pyahocorasick and daachorse find, and says what is wrong with its input."""

from __future__ import annotations

import os
import pickle
import random
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import ahocorasick
import daachorse
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from reference.matching import Pattern
from reference.patterns import matches, position, replaced
from reference.strategies import characters, examples, texts, words

from fairpost.engine import DEFAULT_FOLDS, InvalidBundle, PatternSet, RuleSet, Texts
from fairpost.engine.scanner import available_paths, choose_path, chosen_path
from fairpost.engine.shares import LEAST_BYTES

KINDS: tuple[Literal["overlapping", "leftmost-longest"], ...] = ("overlapping", "leftmost-longest")
UNITS: tuple[Literal["codepoints", "utf8", "utf16"], ...] = ("codepoints", "utf8", "utf16")
CORPORA = os.environ.get("FAIRPOST_CORPORA")
SAMPLES = Path(__file__).parents[2] / "rules" / "samples" / "posts.yaml"

# Few letters, so that patterns overlap and contain each other; some of more bytes, units and symbols than one.
dense = st.text(st.sampled_from("abc最好😀𠮷é\x00\U0010ffff\ufffe\uffff\x04 "), max_size=30)
short = st.text(st.sampled_from("abc最好😀𠮷é\x00\U0010ffff\ufffe\uffff\x04 "), min_size=1, max_size=5)
anything = st.text(min_size=1, max_size=4)


@pytest.fixture(scope="module", params=available_paths())
def path(request: pytest.FixtureRequest) -> Iterator[str]:
    """Everything in the test runs on this path of the kernels."""
    before = chosen_path()
    choose_path(request.param)
    yield request.param
    choose_path(before)


def rows(found: Any) -> list[tuple[int, ...]]:
    return list(zip(*(c.tolist() for c in (found.post, found.begin, found.end, found.pattern)), strict=True))


def by_pyahocorasick(patterns: Sequence[str], batch: Sequence[str]) -> list[tuple[int, ...]]:
    """(post, begin, end, pattern), each number of equal patterns, sorted."""
    automaton = ahocorasick.Automaton()
    for number, pattern in enumerate(patterns):
        automaton.add_word(pattern, [*automaton.get(pattern, []), number])
    automaton.make_automaton()
    return sorted(
        (post, last + 1 - len(patterns[numbers[0]]), last + 1, number)
        for post, text in enumerate(batch)
        for last, numbers in automaton.iter(text)
        for number in numbers
    )


def by_daachorse(patterns: Sequence[str], batch: Sequence[str]) -> list[tuple[int, ...]]:
    """Leftmost-longest: (post, begin, end, pattern); of equal patterns the first."""
    numbers = list({pattern: number for number, pattern in reversed(list(enumerate(patterns)))}.items())
    automaton = daachorse.CharwiseDoubleArrayAhoCorasick(
        [pattern for pattern, _ in numbers], match_kind=daachorse.MATCH_KIND_LEFTMOST_LONGEST
    )
    return [
        (post, begin, end, numbers[k][1]) for post, text in enumerate(batch) for begin, end, k in automaton.find(text)
    ]


# -- the same as others ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("path")
@examples(150)
@given(st.lists(short, min_size=1, max_size=8), st.lists(dense, min_size=1, max_size=6))
@example(["a", "aa", "aaa", "a"], ["aaaa", "", "aaaa"])
@example(["\x00", "\x00\x00"], ["\x00\x00", "\x00"])
def test_as_pyahocorasick(patterns: list[str], batch: list[str]) -> None:
    assert rows(PatternSet.compile(patterns).scan(batch)) == by_pyahocorasick(patterns, batch)


@pytest.mark.usefixtures("path")
@examples(150)
@given(st.lists(short, min_size=1, max_size=8), st.lists(dense, min_size=1, max_size=6))
@example(["ab", "abc", "bcd", "cde"], ["abcde"])
def test_as_daachorse(patterns: list[str], batch: list[str]) -> None:
    found = PatternSet.compile(patterns, match_kind="leftmost-longest").scan(batch)
    assert rows(found) == by_daachorse(patterns, batch)


@pytest.mark.usefixtures("path")
@examples(100)
@given(st.lists(anything, min_size=1, max_size=6), st.lists(st.text(max_size=20), min_size=1, max_size=4), st.data())
def test_any_characters(patterns: list[str], batch: list[str], data: st.DataObject) -> None:
    batch = [text + data.draw(st.sampled_from(patterns)) + text for text in batch]
    assert rows(PatternSet.compile(patterns).scan(batch)) == by_pyahocorasick(patterns, batch)
    found = PatternSet.compile(patterns, match_kind="leftmost-longest").scan(batch)
    assert rows(found) == by_daachorse(patterns, batch)


def cut_from(batch: Sequence[str], count: int, seed: int) -> list[str]:
    """Patterns of 1 to 8 characters out of the texts, some of them twice."""
    choose = random.Random(seed)
    cut: list[str] = []
    while len(cut) < count:
        text = choose.choice(batch)
        begin = choose.randrange(len(text))
        cut.append(text[begin : begin + choose.choice((1, 2, 2, 3, 3, 4, 5, 8))])
    return cut


def test_thousands_of_patterns_on_sample_texts() -> None:
    batch = [line for line in SAMPLES.read_text("utf-8").splitlines() if line]
    patterns = cut_from(batch, 5000, 1)
    assert rows(PatternSet.compile(patterns).scan(batch, threads=2)) == by_pyahocorasick(patterns, batch)
    found = PatternSet.compile(patterns, match_kind="leftmost-longest").scan(batch)
    assert rows(found) == by_daachorse(patterns, batch)


@pytest.mark.corpora
@pytest.mark.skipif(not CORPORA, reason="FAIRPOST_CORPORA is not set")
def test_real_lexicon_on_real_posts() -> None:
    folder = Path(CORPORA or "")
    patterns = (folder / "lexicon_10k.txt").read_text("utf-8").splitlines()
    batch = (folder / "posts.txt").read_text("utf-8").split("\n")[:20_000]
    assert rows(PatternSet.compile(patterns).scan(batch)) == by_pyahocorasick(patterns, batch)
    found = PatternSet.compile(patterns, match_kind="leftmost-longest").scan(batch, threads=2)
    assert rows(found) == by_daachorse(patterns, batch)


# -- the same as the reference ---------------------------------------------------------------------------------------

fold_sets = st.one_of(
    st.just(frozenset[str]()),
    st.just(DEFAULT_FOLDS),
    st.just(DEFAULT_FOLDS | {"repeat"}),
    st.just(frozenset({"repeat", "case"})),
    st.frozensets(st.sampled_from(sorted(DEFAULT_FOLDS))),
)


@pytest.mark.usefixtures("path")
@examples(100)
@given(
    st.lists(words, min_size=1, max_size=8), fold_sets, st.booleans(), st.sampled_from(KINDS), st.sampled_from(UNITS),
    st.lists(texts, min_size=1, max_size=5),
)  # fmt: skip
@example(["g"], DEFAULT_FOLDS, False, "overlapping", "utf16", ["㎏g😀㎏"])
def test_folds_kinds_and_units(
    written: list[str],
    folds: frozenset[str],
    word_boundaries: bool,
    kind: Literal["overlapping", "leftmost-longest"],
    unit: Literal["codepoints", "utf8", "utf16"],
    batch: list[str],
) -> None:
    patterns = [p for p in (Pattern(text, folds, word_boundaries) for text in written) if p.folded]
    found = PatternSet.compile(
        [p.text for p in patterns], folds=folds, word_boundaries=word_boundaries, match_kind=kind
    ).scan(batch, unit=unit)
    assert list(found) == [
        (post, m.pattern, position(text, m.begin, unit), position(text, m.end, unit))
        for post, text in enumerate(batch)
        for m in matches(patterns, text, kind)
    ]


@examples(60)
@given(st.lists(short, min_size=1, max_size=6), st.lists(dense, max_size=6), st.sampled_from(KINDS))
def test_count_find_and_is_match(
    patterns: list[str], batch: list[str], kind: Literal["overlapping", "leftmost-longest"]
) -> None:
    searched = PatternSet.compile(patterns, match_kind=kind)
    found = searched.scan(batch)
    counts = searched.count(batch)
    assert counts.dtype == np.uint32
    assert counts.tolist() == np.bincount(found.post, minlength=len(batch)).tolist()
    for post, text in enumerate(batch):
        assert searched.find(text) == found.of(post) == [tuple(row[1:]) for row in found if row[0] == post]
        assert searched.find(text.encode(), unit="utf16") == searched.find(text, unit="utf16")
        assert searched.is_match(text) is searched.is_match(text.encode()) is bool(counts[post])


@examples(100)
@given(st.lists(words, min_size=1, max_size=6), fold_sets, texts, st.sampled_from(KINDS))
def test_replace(
    written: list[str], folds: frozenset[str], text: str, kind: Literal["overlapping", "leftmost-longest"]
) -> None:
    patterns = [p for p in (Pattern(word, folds, False) for word in written) if p.folded]
    searched = PatternSet.compile([p.text for p in patterns], folds=folds, match_kind=kind)
    by = [f"<{number}>" for number in range(len(patterns))]
    assert searched.replace(text, "*") == replaced(patterns, text, lambda number, matched: "*")
    assert searched.replace(text, by) == replaced(patterns, text, lambda number, matched: by[number])
    assert searched.replace(text, lambda number, matched: matched[::-1]) == replaced(
        patterns, text, lambda number, matched: matched[::-1]
    )


def test_replace_by_pattern() -> None:
    searched = PatternSet.compile(["微信", "信", "vx"])
    assert searched.replace("加微信或vx，信我", {"微信": "**", "vx": ""}) == "加**或，信我"
    assert searched.replace("加微信或vx，信我", {0: "**", 1: "+"}) == "加**或vx，+我"
    assert searched.replace("加微信", ("**", "*", "")) == "加**"
    with pytest.raises(ValueError, match="by has 2 replacements, expected one for each of the 3 patterns"):
        searched.replace("加微信", ["a", "b"])
    with pytest.raises(TypeError, match="pattern 0 is replaced by int, expected str"):
        searched.replace("加微信", lambda number, matched: 5)  # type: ignore[arg-type, return-value]
    with pytest.raises(TypeError, match="text is bytes, expected str"):
        searched.replace(b"x", "")  # type: ignore[arg-type]


# -- long texts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", UNITS)
def test_positions_in_long_texts(unit: Literal["codepoints", "utf8", "utf16"]) -> None:
    choose = random.Random(2)
    text = "".join(choose.choice("ab最é😀 ") for _ in range(5000))
    patterns = ["ab", "最", "😀a", text[-3:], text[:3]]
    for folds in (frozenset[str](), DEFAULT_FOLDS):
        expected = [
            (m.pattern, position(text, m.begin, unit), position(text, m.end, unit))
            for m in matches([Pattern(p, folds, False) for p in patterns], text)
        ]
        assert PatternSet.compile(patterns, folds=folds).find(text, unit=unit) == expected


def test_matches_that_come_out_of_order() -> None:
    """Anchors at either end of patterns of very different lengths: their matches do not come by where they begin."""
    text = "ab" * 3000 + "c"
    patterns = ["ab" * n for n in (1, 5, 50, 127)] + ["ba" * 100 + "bc", "c"]
    found = PatternSet.compile(patterns).scan([text])
    assert len(found) == sum(3000 - n + 1 for n in (1, 5, 50, 127)) + 2
    ordered = list(zip(found.begin.tolist(), found.end.tolist(), found.pattern.tolist(), strict=True))
    assert ordered == sorted(ordered)


def test_a_match_over_much_that_folds_away() -> None:
    text = "根" + "*" * 50_000 + "治" + "😀" * 10_000 + "根治"
    cured = PatternSet.compile(["根治", "治"], folds=DEFAULT_FOLDS)
    assert cured.find(text) == [(0, 0, 50_002), (1, 50_001, 50_002), (0, 60_002, 60_004), (1, 60_003, 60_004)]
    assert cured.find(text, unit="utf16")[-1] == (1, 70_003, 70_004)


def test_longest_text() -> None:
    long = Texts(np.zeros((1 << 30) + 3, np.uint8), [0, 2, (1 << 30) + 3])
    with pytest.raises(ValueError, match=r"texts\[1\] has 1073741825 bytes, the longest may have 1073741824"):
        PatternSet.compile(["a"]).scan(long, errors="skip")


# -- threads ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_threads_give_the_same(kind: Literal["overlapping", "leftmost-longest"]) -> None:
    choose = random.Random(3)
    batch: list[bytes | None] = [
        ("".join(choose.choice("abc最好 ") for _ in range(choose.choice((0, 10, 200, 5000))))).encode()
        for _ in range(600)
    ]
    for k in (5, 300, 599):
        batch[k] = b"ab\xffab"
    batch[77] = None
    assert sum(len(text or b"") for text in batch) > 3 * LEAST_BYTES  # enough for several shares
    searched = PatternSet.compile(["ab", "最好", "c", "c ", "好a"], match_kind=kind)
    alone = searched.scan(batch, errors="skip")
    assert alone.ill_formed.tolist() == [5, 300, 599]
    for threads in (2, 3, 7, 100):
        found = searched.scan(batch, threads=threads, errors="skip")
        assert list(found) == list(alone)
        assert found.ill_formed.tolist() == [5, 300, 599]
        assert found.ill_formed_byte.tolist() == [2, 2, 2]
        assert np.array_equal(
            searched.count(batch, threads=threads, errors="skip"), searched.count(batch, errors="skip")
        )
        with pytest.raises(ValueError, match=r"texts\[5\] is not UTF-8 at byte 2 \(0xff\)"):
            searched.scan(batch, threads=threads)


def test_many_callers_at_once() -> None:
    batch = ["加微信ab", "最好的茶", "c" * 100] * 500
    searched = PatternSet.compile(["微信", "ab", "最好", "c"])
    expected = list(searched.scan(batch))
    wrong: list[object] = []

    def call(threads: int) -> None:
        wrong.extend(threads for _ in range(20) if list(searched.scan(batch, threads=threads)) != expected)

    callers = [threading.Thread(target=call, args=(1 + k % 3,)) for k in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong


# -- files -----------------------------------------------------------------------------------------------------------


def test_save_and_open(tmp_path: Path) -> None:
    path = tmp_path / "words.fpp"
    path.write_bytes(b"the old file")
    made = PatternSet.compile(["微信", b"VX"], folds=DEFAULT_FOLDS, match_kind="leftmost-longest", word_boundaries=True)
    made.save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["words.fpp"]
    opened = PatternSet.open(path)
    copied = pickle.loads(pickle.dumps(opened))
    for other in (opened, copied, PatternSet.from_bytes(made.to_bytes())):
        assert other.patterns == ["微信", "VX"]
        assert len(other) == 2
        assert other.folds == DEFAULT_FOLDS
        assert (other.match_kind, other.word_boundaries) == ("leftmost-longest", True)
        assert (other.digest, other.size) == (made.digest, path.stat().st_size)
        assert other.find("加 ⓥＸ 或微*信、vxy") == [(1, 2, 4), (0, 6, 9)]
    assert repr(opened) == f"<PatternSet {made.revision}: 2 patterns, leftmost-longest>"
    opened.save(path)  # over the file that is mapped
    assert PatternSet.open(path).digest == opened.digest
    assert opened.patterns == ["微信", "VX"]


def test_what_is_no_pattern_set(tmp_path: Path, sample_bundle: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(sample_bundle)
    with pytest.raises(InvalidBundle, match="x: a rule set, expected a pattern set: open it with RuleSet"):
        PatternSet.open(path)
    PatternSet.compile(["a"]).save(path)
    content = bytearray(path.read_bytes())
    with pytest.raises(InvalidBundle, match="a pattern set without rules, expected a rule set: open it"):
        RuleSet.from_bytes(bytes(content))
    content[-100] ^= 1
    with pytest.raises(InvalidBundle, match="checksum does not match: the file is damaged"):
        PatternSet.from_bytes(content)
    with pytest.raises(FileNotFoundError):
        PatternSet.open(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        PatternSet.compile(["a"]).save(tmp_path / "none" / "x")


# -- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("patterns", "error", "message"),
    [
        (["a", ""], ValueError, "pattern 1 is empty"),
        (["a", b""], ValueError, "pattern 1 is empty"),
        (["a", 5], TypeError, r"patterns\[1\] is int, expected str or bytes"),
        (["a", None], TypeError, r"patterns\[1\] is NoneType, expected str or bytes"),
        ("abc", TypeError, "patterns must be a list of patterns, not one str"),
        (
            ["a", "b", "x\ud800"],
            ValueError,
            r"pattern 2, 'x\\ud800', holds a lone surrogate, which no",
        ),
        ([b"a\xe6\x9c"], ValueError, r"patterns\[0\] is not UTF-8 at byte 1"),
        (["a", "b" * 256], ValueError, "pattern 1, 'b{40}'..., has 256 symbols: the format holds 255"),
    ],
)
def test_refused_patterns(patterns: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        PatternSet.compile(patterns)


def test_refused_under_folds() -> None:
    with pytest.raises(ValueError, match="pattern 1, '——', folds to nothing"):
        PatternSet.compile(["a", "——"], folds=DEFAULT_FOLDS)
    with pytest.raises(ValueError, match=r"pattern 1, '㎏{40}'\.\.\., has 510 symbols: the format holds 255"):
        PatternSet.compile(["a", "㎏" * 255], folds=DEFAULT_FOLDS)
    assert PatternSet.compile(["a", "a" + "，" * 300], folds=DEFAULT_FOLDS).find("a") == [(0, 0, 1), (1, 0, 1)]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"folds": ["small"]}, ValueError, "unknown fold class 'small'; there are case,"),
        ({"folds": "case"}, TypeError, r"folds must be a collection of names, not one str: \('case',\)"),
        ({"match_kind": "first"}, ValueError, "match_kind is 'first', expected overlapping or leftmost-longest"),
    ],
)
def test_refused_options(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        PatternSet.compile(["a"], **options)


@pytest.mark.parametrize(
    ("batch", "options", "error", "message"),
    [
        ("abc", {}, TypeError, "texts must be a list of texts, not one str"),
        (5, {}, TypeError, "texts is int, expected a list of str or bytes or an Arrow column"),
        (["a", 5], {}, TypeError, r"texts\[1\] is int, expected str or bytes"),
        (["a"], {"unit": "bytes"}, ValueError, "unit is 'bytes', expected one of utf8, utf16, codepoints"),
        (["a"], {"threads": 0}, ValueError, "threads is 0, expected 1 or more"),
        (["a"], {"errors": "ignore"}, ValueError, "errors is 'ignore', expected strict or skip"),
        (
            ["a", b"b\xff"],
            {},
            ValueError,
            r"texts\[1\] is not UTF-8 at byte 1 \(0xff\); errors='skip' leaves such texts out",
        ),
        (["a", "é\udfff"], {}, ValueError, r"texts\[1\] is not UTF-8 at byte 2 \(a surrogate\); errors='skip' leaves"),
    ],
)
def test_refused_texts(batch: Any, options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        PatternSet.compile(["a"]).scan(batch, **options)
    if "unit" not in options:
        with pytest.raises(error, match=message):
            PatternSet.compile(["a"]).count(batch, **options)


def test_refused_single_texts() -> None:
    searched = PatternSet.compile(["a"])
    call: Any
    for call in (searched.find, searched.is_match):
        with pytest.raises(TypeError, match="text is list, expected str or bytes"):
            call(["a"])
        with pytest.raises(ValueError, match=r"texts\[0\] is not UTF-8 at byte 1 \(0x80\)"):
            call(b"a\x80")
    with pytest.raises(TypeError, match=r"made by PatternSet\.compile, PatternSet\.open or PatternSet\.from_bytes"):
        PatternSet()


def test_skipped_texts_leave_their_neighbours_alone() -> None:
    found = PatternSet.compile(["ab"]).scan(["ab", b"ab\xe6\x9c", "ab", "ab\ud800", "ab"], errors="skip")
    assert found.post.tolist() == [0, 2, 4]
    assert found.ill_formed.tolist() == [1, 3]
    assert found.ill_formed_byte.tolist() == [2, 2]


def test_set_without_patterns_and_batch_without_texts() -> None:
    nothing = PatternSet.compile([])
    assert len(nothing) == 0
    assert list(nothing.scan(["a", ""])) == []
    assert nothing.replace("a", "b") == "a"
    found = PatternSet.compile(["a"]).scan([])
    assert (len(found), found.texts, found.post.dtype) == (0, 0, np.dtype(np.uint32))


# -- the result ------------------------------------------------------------------------------------------------------


def test_matches_are_read_like_a_sequence() -> None:
    found = PatternSet.compile(["ab", "b"]).scan(["ab", "", "b"])
    assert list(found) == [(0, 0, 0, 2), (0, 1, 1, 2), (2, 1, 0, 1)]
    assert [found[0], found[-1]] == [(0, 0, 0, 2), (2, 1, 0, 1)]
    assert [found.of(k) for k in range(3)] == [[(0, 0, 2), (1, 1, 2)], [], [(1, 0, 1)]]
    assert repr(found) == "<Matches: 3 in 3 texts, in codepoints>"
    with pytest.raises(IndexError):
        found[3]
    with pytest.raises(IndexError, match="text 3 of 3"):
        found.of(3)
    with pytest.raises(ValueError, match="read-only"):
        found.begin[0] = 1


@examples(100)
@given(st.lists(st.text(characters, max_size=20), max_size=5))
def test_reference_selection_is_daachorses(batch: list[str]) -> None:
    """The reference itself, against daachorse."""
    patterns = ["最", "最好", "好a", "ab", "b1", "1"]
    written = [Pattern(p, frozenset(), False) for p in patterns]
    found = [
        (post, m.begin, m.end, m.pattern) for post, text in enumerate(batch) for m in matches(written, text, KINDS[1])
    ]
    assert found == by_daachorse(patterns, batch)
