"""Which words hit, and how often: by pattern and list, from the hits themselves, whatever rules make of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairpost.engine import RuleSet, Texts
from fairpost.engine.verdict import NO_PATTERN

from ..truth import CLEAN, VIOLATING, Truth

__all__ = ["ListHits", "WordCounts", "WordHits"]


@dataclass(frozen=True)
class WordHits:
    """One word of one list. `word` is as written in a pack; words that fold alike are one pattern with one writing.

    posts: those in which it is found; violating, clean: those of them so labelled.
    """

    word: str
    list: str
    hits: int
    posts: int
    violating: int
    clean: int


@dataclass(frozen=True)
class ListHits:
    """One list, or a recogniser (which has no words). dead: its words that were never found."""

    list: str
    words: int
    dead: int
    hits: int
    posts: int


class WordCounts:
    """Sums over batches of one rule set.

    evaluated: int64[rules], posts on which a rule was evaluated because one of its triggers had a hit: what it costs.
    """

    def __init__(self, rules: RuleSet) -> None:
        self._rules = rules
        self._lists: list[str] = list(rules.meta["list_names"])
        number = {name: k for k, name in enumerate(self._lists)}
        self._patterns = rules.patterns()
        size = len(self._lists)
        pairs = [k * size + number[name] for k, (_, names) in enumerate(self._patterns) for name in names]
        self._keys = np.unique(np.array(pairs, np.int64))
        self.hits, self.posts = np.zeros((2, len(self._keys)), np.int64)
        self.labelled = np.zeros((2, len(self._keys)), np.int64)
        self._list_hits, self._list_posts = np.zeros((2, size), np.int64)
        self.evaluated = np.zeros(rules.rule_count, np.int64)
        triggers = rules.triggers()
        self._always = np.array([k for k, lists in enumerate(triggers) if lists is None], np.int64)
        by_list: list[list[int]] = [[] for _ in range(size)]
        for rule, lists in enumerate(triggers):
            for name in lists or ():
                by_list[number[name]].append(rule)
        self._triggered = np.array([rule for rules_ in by_list for rule in rules_], np.int64)
        self._first = np.cumsum([0, *(len(rules_) for rules_ in by_list)])

    def add(self, texts: Texts, truth: Truth | None = None, at_fault: int = 0) -> None:
        """Count the hits of one batch. `at_fault`: its texts that cannot be judged."""
        post, pattern, list_id = self._rules.hits(texts)
        size = len(self._lists)
        lists = list_id.astype(np.int64)
        self._list_hits += np.bincount(lists, minlength=size)
        in_post = np.unique(post.astype(np.int64) * size + lists)
        self._list_posts += np.bincount(in_post % size, minlength=size)
        self._evaluate(in_post // size, in_post % size, len(texts) - at_fault)
        literal = pattern != NO_PATTERN
        row = np.searchsorted(self._keys, pattern[literal].astype(np.int64) * size + lists[literal])
        self.hits += np.bincount(row, minlength=len(self._keys))
        once = np.unique(post[literal].astype(np.int64) * len(self._keys) + row) if len(row) else np.zeros(0, np.int64)
        owner, row = np.divmod(once, max(len(self._keys), 1))
        self.posts += np.bincount(row, minlength=len(self._keys))
        if truth is not None:
            for state in (CLEAN, VIOLATING):
                chosen = row[truth.state[owner] == state]
                self.labelled[state] += np.bincount(chosen, minlength=len(self._keys))

    def _evaluate(self, post: NDArray[np.int64], lists: NDArray[np.int64], posts: int) -> None:
        counts = (self._first[1:] - self._first[:-1])[lists]
        stops = np.cumsum(counts)
        at = np.arange(int(counts.sum())) - np.repeat(stops - counts, counts) + np.repeat(self._first[lists], counts)
        rules = len(self.evaluated)
        asked = np.unique(np.repeat(post, counts) * rules + self._triggered[at])
        self.evaluated += np.bincount(asked % rules, minlength=rules)
        self.evaluated[self._always] += posts

    def words(self) -> list[WordHits]:
        """Every word, by the number of posts in which it is found, then by name."""
        size = len(self._lists)
        found = [
            WordHits(
                self._patterns[key // size][0],
                self._lists[key % size],
                int(self.hits[k]),
                int(self.posts[k]),
                int(self.labelled[VIOLATING, k]),
                int(self.labelled[CLEAN, k]),
            )
            for k, key in enumerate(self._keys.tolist())
        ]
        return sorted(found, key=lambda word: (-word.posts, word.list, word.word))

    def lists(self) -> list[ListHits]:
        """Every list, those of most posts first."""
        size = len(self._lists)
        of = self._keys % size
        words = np.bincount(of, minlength=size)
        dead = np.bincount(of[self.hits == 0], minlength=size)
        found = [
            ListHits(name, int(words[k]), int(dead[k]), int(self._list_hits[k]), int(self._list_posts[k]))
            for k, name in enumerate(self._lists)
        ]
        return sorted(found, key=lambda entry: (-entry.posts, entry.list))
