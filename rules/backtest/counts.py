"""What a backtest counts, batch by batch. Sizes depend on rules, categories, channels and flipped sellers only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fairpost.engine import VerdictBatch
from fairpost.engine.vocabulary import CATEGORIES, Action

from ..truth import CLEAN, UNLABELLED, VIOLATING, Truth
from .comparison import Flips, Kind, RuleTable

__all__ = ["Counts", "Words"]

_ACTIONS: Final = len(Action)


@dataclass(frozen=True)
class Words:
    """A column of short words, one a post: words[codes[i]] is that of post i. None among the words: it has none."""

    words: Sequence[str | None]
    codes: NDArray[np.integer]

    def of(self, post: int) -> str | None:
        return self.words[int(self.codes[post])]


def _grid(*shape: int) -> NDArray[np.int64]:
    return np.zeros(shape, np.int64)


@dataclass
class Group:
    """Posts and flips of one seller or channel."""

    posts: int = 0
    flips: int = 0
    stricter: int = 0
    milder: int = 0


@dataclass
class Counts:
    """Sums over all batches.

    matrix[old action, new action]: posts. kinds: flips by `Kind`; flips of several kinds count in each.
    By rule (numbers of `RuleTable`): hits[0 old, 1 new], enforced or not; change[rule, 0 vanished, 1 redefined,
    2 appeared] flips; stricter, milder, alone (nothing else differs), and of labelled flips: truth[rule, CLEAN or
    VIOLATING].
    By category: labelled[0 old, 1 new], appeared, vanished.
    agreement[truth, old not ALLOW, new not ALLOW]: labelled posts.
    """

    table: RuleTable
    posts: int = 0
    at_fault: int = 0
    flips: int = 0
    stricter: int = 0
    milder: int = 0
    seconds_old: float = 0.0
    seconds_new: float = 0.0
    seconds: float = 0.0
    matrix: NDArray[np.int64] = field(default_factory=lambda: _grid(_ACTIONS, _ACTIONS))
    kinds: NDArray[np.int64] = field(default_factory=lambda: _grid(len(Kind)))
    labelled: NDArray[np.int64] = field(default_factory=lambda: _grid(2, len(CATEGORIES)))
    labels_appeared: NDArray[np.int64] = field(default_factory=lambda: _grid(len(CATEGORIES)))
    labels_vanished: NDArray[np.int64] = field(default_factory=lambda: _grid(len(CATEGORIES)))
    agreement: NDArray[np.int64] = field(default_factory=lambda: _grid(2, 2, 2))
    sellers: dict[str, Group] = field(default_factory=dict)
    channels: dict[str, Group] = field(default_factory=dict)

    def __post_init__(self) -> None:
        size = len(self.table.names)
        self.hits = _grid(2, size)
        self.change = _grid(size, 3)
        self.rule_stricter, self.rule_milder, self.alone = _grid(size), _grid(size), _grid(size)
        self.truth = _grid(size, 2)

    def add(
        self,
        old: VerdictBatch,
        new: VerdictBatch,
        flips: Flips,
        sellers: Words | None,
        channels: Words | None,
        truth: Truth | None,
    ) -> None:
        """Count one batch."""
        judged = (old.status == 0) & (new.status == 0)
        self.posts += int(judged.sum())
        self.at_fault += int((~judged).sum())
        self.flips += len(flips)
        pairs = old.action[judged].astype(np.int64) * _ACTIONS + new.action[judged]
        self.matrix += np.bincount(pairs, minlength=_ACTIONS**2).reshape(_ACTIONS, _ACTIONS)
        for number, kind in enumerate(Kind):
            self.kinds[number] += int(np.count_nonzero(flips.kinds & kind))
        step = np.sign(new.action[flips.post].astype(np.int64) - old.action[flips.post])
        self.stricter += int((step > 0).sum())
        self.milder += int((step < 0).sum())
        for number, (batch, numbers) in enumerate(((old, self.table.old), (new, self.table.new))):
            fired = np.bincount(batch.fired_rule, minlength=len(numbers))
            np.add.at(self.hits[number], numbers, fired)
            self.labelled[number] += np.bincount(batch.label_category, minlength=len(CATEGORIES))
        for column, total in (
            (flips.labels_appeared, self.labels_appeared),
            (flips.labels_vanished, self.labels_vanished),
        ):
            for category in range(len(CATEGORIES)):
                total[category] += int(np.count_nonzero(column & np.uint32(1 << category)))
        self._count_rules(flips, step, truth)
        if sellers is not None:
            _count_groups(self.sellers, sellers, None, flips, step)
        if channels is not None:
            _count_groups(self.channels, channels, judged, flips, step)
        if truth is not None:
            known = judged & (truth.state != UNLABELLED)
            key = truth.state[known].astype(np.int64) * 4 + (old.action[known] > 0) * 2 + (new.action[known] > 0)
            self.agreement += np.bincount(key, minlength=8).reshape(2, 2, 2)

    def _count_rules(self, flips: Flips, step: NDArray[np.int64], truth: Truth | None) -> None:
        owner = flips.owner()
        np.add.at(self.change, (flips.cause, flips.change.astype(np.int64) + 1), 1)
        np.add.at(self.rule_stricter, flips.cause[step[owner] > 0], 1)
        np.add.at(self.rule_milder, flips.cause[step[owner] < 0], 1)
        np.add.at(self.alone, flips.cause[np.diff(flips.cause_begin)[owner] == 1], 1)
        if truth is not None:
            state = truth.state[flips.post][owner]
            for value in (CLEAN, VIOLATING):
                np.add.at(self.truth[:, value], flips.cause[state == value], 1)


def _count_groups(
    groups: dict[str, Group], words: Words, judged: NDArray[np.bool_] | None, flips: Flips, step: NDArray[np.int64]
) -> None:
    """Flips by word; with `judged` posts too, of every word, and else of those with a flip only."""
    size = len(words.words)
    flipped = words.codes[flips.post]
    columns = [np.bincount(flipped[chosen], minlength=size) for chosen in (step == step, step > 0, step < 0)]
    posts = _grid(size) if judged is None else np.bincount(words.codes[judged], minlength=size)
    for number in np.flatnonzero(posts + columns[0]).tolist():
        word = words.words[number]
        if word is None:
            continue
        group = groups.setdefault(word, Group())
        group.posts += int(posts[number])
        group.flips += int(columns[0][number])
        group.stricter += int(columns[1][number])
        group.milder += int(columns[2][number])
