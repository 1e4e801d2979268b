"""Backtests: columns against plain Python, samples, tables, the page."""

from __future__ import annotations

import itertools
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.backtest import backtest as expect
from reference.variants import WORDS, compiled, written

from fairpost.engine import RuleSet
from fairpost.engine.vocabulary import CATEGORIES, Action
from fairpost.rules import bundle_of, load_packs
from fairpost.rules.backtest import Backtest, Bounds, Kind, Posts, Words, summary, tables
from fairpost.rules.backtest.page import page
from fairpost.rules.shadows import enforce_shadows
from fairpost.rules.truth import Truth

DAY = 20454
CHANNELS = ["default", "moments", "group-chat"]
POSTS = st.lists(
    st.tuples(st.lists(st.sampled_from(WORDS), max_size=6).map("".join), st.sampled_from(CHANNELS)), max_size=12
)


@pytest.fixture(scope="module")
def rule_sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RuleSet]:
    return compiled(tmp_path_factory.mktemp("variants"))


def columns(posts: list[tuple[str, str]]) -> Posts:
    return Posts(
        [text for text, _ in posts], channels=Words(CHANNELS, np.array([CHANNELS.index(c) for _, c in posts], np.int64))
    )


def names(mask: int, words: tuple[str, ...]) -> set[str]:
    return {word for k, word in enumerate(words) if mask >> k & 1}


@given(
    posts=POSTS,
    pair=st.sampled_from(list(itertools.permutations(["base", "lighter", "without", "enforced", "policy"], 2))),
)
def test_columns_say_what_plain_python_says(
    rule_sets: dict[str, RuleSet], posts: list[tuple[str, str]], pair: tuple[str, str]
) -> None:
    old, new = (rule_sets[name] for name in pair)
    expected = expect(old, new, posts, DAY, 0.05, 0.1)
    run = Backtest(old, new, day=DAY)
    judged = run.add(columns(posts))
    flips = judged.flips
    assert flips.post.tolist() == sorted(expected.kinds)
    for row, post in enumerate(flips.post.tolist()):
        assert {str(kind.name).lower() for kind in Kind if flips.kinds[row] & kind} == expected.kinds[post]
        causes = range(int(flips.cause_begin[row]), int(flips.cause_begin[row + 1]))
        described = [run.table.describe(int(flips.cause[k]), int(flips.change[k])) for k in causes]
        assert len(described) == len(set(described))
        assert set(described) == expected.causes[post]
        assert names(int(flips.labels_appeared[row]), CATEGORIES) == expected.appeared[post]
        assert names(int(flips.labels_vanished[row]), CATEGORIES) == expected.vanished[post]
    counts = run.counts
    assert (counts.flips, counts.stricter, counts.milder) == (len(flips), expected.stricter, expected.milder)
    assert {
        (Action(a).name, Action(b).name): int(counts.matrix[a, b]) for a, b in np.argwhere(counts.matrix)
    } == expected.pairs
    assert int(counts.change.sum()) == sum(map(len, expected.causes.values()))
    assert counts.posts + counts.at_fault == len(posts)
    assert sum(group.posts for group in counts.channels.values()) == counts.posts
    assert sum(group.flips for group in counts.channels.values()) == counts.flips


@given(posts=POSTS, cut=st.integers(1, 5), seed=st.integers(0, 2**70))
def test_batches_do_not_matter(
    rule_sets: dict[str, RuleSet], posts: list[tuple[str, str]], cut: int, seed: int
) -> None:
    runs = []
    for size in (cut, max(len(posts), 1)):
        run = Backtest(rule_sets["base"], rule_sets["without"], day=DAY, samples=2, seed=seed)
        for first in range(0, len(posts), size):
            run.add(columns(posts[first : first + size]))
        runs.append(run)
    one, other = runs
    assert [table.rows for table in tables(one)] == [table.rows for table in tables(other)]
    drawn = [[(s.cause, s.change, s.post, s.text, s.old.action) for s in run.samples.all()] for run in runs]
    assert drawn[0] == drawn[1]
    for sample in one.samples.all():
        assert sample.text == posts[sample.post][0]


def test_samples_are_a_fair_draw(rule_sets: dict[str, RuleSet]) -> None:
    posts = [("最好第一", "default")] * 200
    seen = set()
    for seed in range(40):
        run = Backtest(rule_sets["base"], rule_sets["lighter"], day=DAY, samples=3, seed=seed)
        run.add(columns(posts))
        drawn = [sample.post for sample in run.samples.of("probe.both", 0)]
        assert len(drawn) == 3
        assert drawn == sorted(set(drawn))
        seen.update(drawn)
    assert len(seen) > 70  # of 120 draws; 90 are expected to differ


def test_a_bundle_against_itself(rule_sets: dict[str, RuleSet]) -> None:
    run = Backtest(rule_sets["base"], rule_sets["base"], day=DAY)
    run.add(columns([(word, "default") for word in WORDS]))
    assert run.counts.flips == 0
    assert run.samples.all() == []
    assert "of 11 posts 0 are judged otherwise" in summary(run)[0]


def test_bounds(rule_sets: dict[str, RuleSet]) -> None:
    """Exposure of a limited post goes from 0.3 to 0.5, and commerce of one from 0.5 to 0."""
    for bound, flips in ((0.19, 1), (0.2, 0)):
        run = Backtest(rule_sets["base"], rule_sets["policy"], bounds=Bounds(bound, 1.0), day=DAY)
        run.add(columns([("根治", "default")]))
        assert run.counts.flips == flips
    for bound, flips in ((0.49, 1), (0.5, 0)):
        run = Backtest(rule_sets["base"], rule_sets["without"], bounds=Bounds(2.0, bound), day=DAY)
        run.add(columns([("一元", "default")]))
        assert run.counts.flips == flips


def test_shadow_rules_as_if_enforced(rule_sets: dict[str, RuleSet], tmp_path: Path) -> None:
    """The table of shadow rules says what enforcing them does, and `enforce_shadows` does it."""
    posts = [(text, "default") for text in ("稳赚", "稳赚根治", "根治糖尿病稳赚", "今天")]
    run = Backtest(rule_sets["base"], rule_sets["base"], day=DAY)
    run.add(columns(posts))
    (table,) = [table for table in tables(run) if table.title.startswith("Shadow")]
    assert table.rows == [("probe.gain", "INVESTMENT", 3, 750_000.0, 2)]

    bundle = bundle_of(load_packs(written(tmp_path, "base")))
    enforced = RuleSet.from_bytes(enforce_shadows(bundle))
    run = Backtest(rule_sets["base"], enforced, day=DAY)
    run.add(columns(posts))
    assert run.counts.stricter == 2
    assert [row[0] for table in tables(run) if table.title == "By rule" for row in table.rows] == ["probe.gain"]
    for text, channel in posts:
        assert (
            enforced.check(text, channel=channel, day=DAY).action
            == rule_sets["enforced"].check(text, channel=channel, day=DAY).action
        )


def test_labels(rule_sets: dict[str, RuleSet]) -> None:
    run = Backtest(rule_sets["base"], rule_sets["lighter"], day=DAY)
    texts = ["最好第一", "最好第一", "根治糖尿病", "今天", "最好第一"]
    run.add(Posts(texts, truth=Truth.of(["ABSOLUTE", "0", "1", "0", None])))
    (table,) = [table for table in tables(run) if table.title == "Against the labels"]
    assert [row[:5] for row in table.rows] == [("old", 2, 0, 1, 1), ("new", 2, 0, 1, 1)]
    assert [row[5:] for row in table.rows] == [(2 / 3, 1.0, 0.5)] * 2
    (rules,) = [table for table in tables(run) if table.title == "By rule"]
    at = {column.name: k for k, column in enumerate(rules.columns)}
    found = {row[0]: (row[at["violating"]], row[at["clean"]]) for row in rules.rows}
    assert found == {"probe.both": (1, 1), "probe.cure": (1, 0)}


class Reader(HTMLParser):
    """Collects tags, links and the text of a page; checks that tags are closed in order."""

    VOID = frozenset(("meta",))

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "action", "data")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_escapes_what_posts_say(rule_sets: dict[str, RuleSet]) -> None:
    evil = '<script>alert("x")</script><img src=//example.org/a.png>根治糖尿病&amp;\u202e'
    run = Backtest(rule_sets["base"], rule_sets["lighter"], day=DAY, samples=5)
    run.add(
        Posts(
            [evil, "最好第一"],
            sellers=Words(["<b>shop</b>", "shop-2"], np.array([0, 1])),
            channels=Words(["moments", "<i>"], np.array([0, 1])),
            truth=Truth.of(["1", "0"]),
        )
    )
    made = page(run, ["<posts>.txt"], "<old>", "new & more")
    reader = Reader()
    reader.feed(made)
    assert reader.open == []
    assert reader.links == []
    assert not {"img", "i", "link", "iframe"} & reader.seen
    assert made.count("<script>") == 1
    assert "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;" in made
    assert "<mark>根治</mark>" in made or "<mark>根治糖尿病</mark>" in made
    assert "&lt;b&gt;shop&lt;/b&gt;" in made
    assert "\u202e" not in made
    assert not re.search(r"https?://", made)
    assert "prefers-color-scheme: dark" in made
    assert "<svg" in made
    assert made == page(run, ["<posts>.txt"], "<old>", "new & more")
