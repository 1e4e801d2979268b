"""The anchor index: every pattern is found under its anchor, buckets stay small, columns equal their reference."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import index as reference
from reference.folding import folded
from reference.strategies import examples, fold_sets, texts, words

from fairpost.engine import layout
from fairpost.engine.anchors import AnchorsNotPlaced, choose_anchors, perfect_hash
from fairpost.engine.build import build_patterns
from fairpost.engine.folds import DEFAULT
from fairpost.engine.image import Image
from fairpost.engine.index import sketch
from fairpost.engine.layout import ENTRY_LAST
from fairpost.engine.literals import fold_literals

CORPORA = os.environ.get("FAIRPOST_CORPORA")


def symbols_of(sections: Any, number: int) -> list[int]:
    record = sections["PATT"][number]
    symbols: list[int] = sections["PSYM"][record["start"] :][: record["length"]].tolist()
    return symbols


def bucket_sizes(sections: Any) -> Any:
    last = np.flatnonzero(sections["ENTR"]["flags"] & ENTRY_LAST)
    return np.diff(last, prepend=-1)


def assert_found_under_their_anchors(sections: Any) -> None:
    """Every pattern has one entry, and its own text leads to it."""
    entries = sections["ENTR"]
    assert sorted(entries["pattern"].tolist()) == list(range(sections["PATT"].size))
    for k, entry in enumerate(entries):
        symbols = symbols_of(sections, int(entry["pattern"]))
        assert k in reference.bucket(sections, symbols, int(entry["anchor"]), min(len(symbols), 2))
        assert int(entry["head"]) == sum(symbol << 16 * place for place, symbol in enumerate(symbols[:4]))


def codes_of(text: str, folds: frozenset[str]) -> list[int]:
    return list(map(ord, folded(text, folds).string))


some_folds = st.one_of(fold_sets, st.sampled_from([frozenset[str](), frozenset({"repeat"})]))


@examples(100)
@given(st.lists(words, max_size=30), some_folds, st.booleans())
def test_every_pattern_is_found_under_its_anchor(patterns: list[str], folds: frozenset[str], bounded: bool) -> None:
    patterns = [word for word in patterns if codes_of(word, folds)]
    content = build_patterns(patterns, folds, bounded, {})
    assert build_patterns(patterns, folds, bounded, {}) == content
    image = Image(content)
    assert image.is_pattern_set
    assert image.meta == {"folds": sorted(folds), "word_boundaries": bounded}
    assert image.sections["PATT"].size == len(patterns)
    assert_found_under_their_anchors(image.sections)
    for number, word in enumerate(patterns):
        symbols = symbols_of(image.sections, number)
        codes = codes_of(word, folds)
        assert len(symbols) == len(codes)
        for symbol, code in zip(symbols, codes, strict=True):
            assert symbol == code if layout.FIRST_SYMBOL <= code < 0xFFFF else 0xD800 <= symbol < 0xE000


def test_patterns_of_many_symbols_that_crowd_one_bigram() -> None:
    """Groups of the filter fill up: trigrams are then filed under their bigram."""
    patterns = ["最好" + chr(0x4E00 + k) for k in range(300)] + ["最好"]
    image = Image(build_patterns(patterns, frozenset(), False, {}))
    assert_found_under_their_anchors(image.sections)


symbol_lists = st.lists(st.lists(st.integers(5, 12), min_size=1, max_size=6), min_size=1, max_size=60)


@examples(300)
@given(symbol_lists, st.data())
def test_anchors_are_those_of_the_reference(patterns: list[list[int]], data: st.DataObject) -> None:
    widths = [min(len(symbols), data.draw(st.sampled_from([2, 3, 3]))) for symbols in patterns]
    starts = np.concatenate([[0], np.cumsum([len(symbols) for symbols in patterns])])
    column = np.array([symbol for symbols in patterns for symbol in symbols], dtype=np.uint16)
    places = choose_anchors(column, starts.astype(np.int64), np.array(widths, dtype=np.uint8), sketch(), 13)
    assert places.tolist() == reference.choose(patterns, widths, sketch().tolist(), 13)


def test_buckets_stay_small() -> None:
    """All words of four letters out of twelve: 20,736 patterns, 1,728 trigrams, twelve patterns each at best."""
    letters = [chr(0x4E00 + 7 * k) for k in range(12)]
    patterns = [a + b + c + d for a in letters for b in letters for c in letters for d in letters]
    sizes = bucket_sizes(Image(build_patterns(patterns, frozenset(), False, {})).sections)
    assert sizes.max() <= 40


@pytest.mark.corpora
@pytest.mark.skipif(CORPORA is None, reason="FAIRPOST_CORPORA is not set: left out")
def test_buckets_of_a_real_lexicon_are_small_on_average() -> None:
    assert CORPORA is not None
    patterns = (Path(CORPORA) / "lexicon_120k.txt").read_text("utf-8").splitlines()
    sizes = bucket_sizes(Image(build_patterns(patterns, DEFAULT, False, {})).sections)
    assert sizes.mean() < 2


@examples(100)
@given(st.lists(st.integers(1, 2**32 - 1), unique=True, max_size=300))
def test_a_perfect_hash_gives_each_key_a_slot(keys: list[int]) -> None:
    slots = len(keys) * 6 // 5 + 1
    try:
        displacement, slot_of = perfect_hash(np.array(keys, dtype=np.uint32), slots, slots // 4 + 1)
    except AnchorsNotPlaced:
        pytest.skip("so few slots do not hold these keys")
    assert len(set(slot_of.tolist())) == len(keys)
    assert displacement.size == slots // 4 + 1


def test_keys_that_do_not_fit_are_refused() -> None:
    with pytest.raises(AnchorsNotPlaced, match="3 anchors do not fit 2 slots"):
        perfect_hash(np.array([1, 2, 3], dtype=np.uint32), 2, 1)


@examples(200)
@given(st.lists(texts, max_size=6), some_folds)
def test_texts_fold_alike_one_by_one_and_as_a_column(posts: list[str], folds: frozenset[str]) -> None:
    literals = fold_literals(posts, folds)
    starts = literals.starts.tolist()
    column = literals.code_points.tolist()
    assert [column[a:b] for a, b in itertools.pairwise(starts)] == [codes_of(text, folds) for text in posts]


@pytest.mark.parametrize(
    ("patterns", "folds", "message"),
    [
        (["好", "！"], DEFAULT, "pattern 1, '！', folds to nothing"),
        (["好", ""], frozenset(), "pattern 1 is empty"),
        (["好" * 256], frozenset(), "has 256 symbols: the format holds 255"),
        (["好", "\ud800"], DEFAULT, "pattern 1, '.ud800', holds a lone surrogate"),
        (["好"], frozenset({"wdith"}), "unknown fold class 'wdith'"),
        ([chr(0x20000 + k) for k in range(2049)], frozenset(), "more than 2048 different rare characters"),
    ],
)
def test_patterns_that_cannot_be_built(patterns: list[str], folds: frozenset[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_patterns(patterns, folds, False, {})
