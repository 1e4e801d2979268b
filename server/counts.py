"""What all posts of this process came to, over all rule sets that judged them."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from fairpost.engine.counters import PostCounts
from fairpost.engine.vocabulary import CATEGORIES, MAX_CATEGORIES, Action

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from fairpost.engine import RuleSet
    from fairpost.server.errors import ServiceError

__all__ = ["Counts", "Totals"]

_KEPT: Final = 32
"""Rule sets whose counts are kept apart. Those of older ones are added up: no call is under way with them."""


@dataclass
class Totals:
    """Sums of one moment, which never go back.

    Attributes:
        actions: posts by name of the `Action`.
        refused: posts that could not be judged.
        categories: posts with a label, by category; of those that occurred.
        rules: posts on which a rule fired, by its id; of those that fired.
        faults: posts that could not be judged, by name of the `Reason`.
    """

    actions: dict[str, int]
    refused: int
    categories: dict[str, int]
    rules: dict[str, int]
    faults: dict[str, int]


@dataclass
class _Sum:
    actions: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(len(Action), np.uint64))
    categories: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(MAX_CATEGORIES, np.uint64))
    refused: int = 0
    rules: dict[str, int] = field(default_factory=dict)

    def add(self, rule_ids: list[str], counts: PostCounts) -> None:
        found = counts.read()
        self.actions = self.actions + found.actions
        self.categories = self.categories + found.categories
        self.refused += found.refused
        for number in np.flatnonzero(found.rules).tolist():
            name = rule_ids[number]
            self.rules[name] = self.rules.get(name, 0) + int(found.rules[number])


class Counts:
    """Counts of posts by rule set. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_digest: dict[str, tuple[list[str], PostCounts]] = {}
        self._older = _Sum()
        self._faults: Counter[str] = Counter()

    def of(self, rule_set: RuleSet) -> PostCounts:
        """Where posts that this rule set judges are counted."""
        with self._lock:
            entry = self._by_digest.pop(rule_set.digest, None) or (rule_set.rule_ids, PostCounts(rule_set.rule_count))
            self._by_digest[rule_set.digest] = entry  # the latest last
            if len(self._by_digest) > _KEPT:
                self._older.add(*self._by_digest.pop(next(iter(self._by_digest))))
            return entry[1]

    def fault(self, errors: Iterable[ServiceError]) -> None:
        """Count why posts could not be judged."""
        with self._lock:
            self._faults.update(error.reason_name for error in errors)

    def read(self) -> Totals:
        """All that was counted so far."""
        with self._lock:
            total = _Sum(self._older.actions, self._older.categories, self._older.refused, dict(self._older.rules))
            for entry in self._by_digest.values():
                total.add(*entry)
            faults = dict(self._faults)
        actions = {action.name: int(total.actions[action]) for action in Action}
        categories = {name: int(n) for name, n in zip(CATEGORIES, total.categories, strict=False) if n}
        return Totals(actions, total.refused, categories, total.rules, faults)
