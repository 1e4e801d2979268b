"""Flips to look at: for each cause a few, drawn by a seed, the same however the posts are cut into batches."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fairpost.engine import Verdict

from .comparison import Flips, RuleTable

__all__ = ["Sample", "Samples", "priorities"]

_CHANGES: Final = 3


@dataclass(frozen=True)
class Sample:
    """One flipped post.

    cause, change: as in `Flips`. post: ordinal among all posts of the run. name: how its reader finds it again.
    """

    cause: str
    change: int
    post: int
    name: str
    seller: str | None
    channel: str
    text: str
    old: Verdict
    new: Verdict


def priorities(seed: int, keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Numbers that look random and depend on nothing but the seed and the keys (SplitMix64, Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        z = keys.astype(np.uint64) + np.uint64((seed * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


class Samples:
    """Keeps for each cause and change the `wanted` flips of lowest priority number: a uniform draw in one pass."""

    def __init__(self, table: RuleTable, wanted: int, seed: int) -> None:
        self._table = table
        self._wanted = wanted
        self._seed = seed
        self._kept: dict[int, list[tuple[int, Sample]]] = {}
        self._worst = np.full(len(table.names) * _CHANGES, np.iinfo(np.uint64).max, np.uint64)
        # By name, so that a draw does not depend on what other rules there are.
        self._salt = np.array([zlib.crc32(name.encode()) for name in table.names], np.uint64) << np.uint64(32)

    def add(self, flips: Flips, ordinals: NDArray[np.int64], make: Callable[[int, str, int], Sample]) -> None:
        """Draw among the flips of a batch.

        Args:
            ordinals: int64[m], number of each flipped post among all of the run.
            make: Sample of (flip, cause, change); called for those that are drawn.
        """
        if not self._wanted or not len(flips):
            return
        owner = flips.owner()
        slot = flips.cause.astype(np.int64) * _CHANGES + flips.change + 1
        priority = priorities(self._seed, self._salt[flips.cause] ^ ordinals[owner].astype(np.uint64))
        candidates = np.flatnonzero(priority <= self._worst[slot])
        candidates = candidates[np.lexsort((priority[candidates], slot[candidates]))]
        slots = slot[candidates]
        # Of each slot only the first `wanted` can be drawn.
        rank = np.arange(len(slots)) - np.searchsorted(slots, slots, "left")
        for k in candidates[rank < self._wanted].tolist():
            self._offer(int(slot[k]), int(priority[k]), int(owner[k]), make)

    def _offer(self, slot: int, priority: int, flip: int, make: Callable[[int, str, int], Sample]) -> None:
        kept = self._kept.setdefault(slot, [])
        if len(kept) == self._wanted and priority >= kept[-1][0]:
            return
        cause, change = divmod(slot, _CHANGES)
        kept.append((priority, make(flip, self._table.names[cause], change - 1)))
        kept.sort(key=lambda entry: (entry[0], entry[1].post))
        del kept[self._wanted :]
        if len(kept) == self._wanted:
            self._worst[slot] = kept[-1][0]

    def of(self, cause: str, change: int) -> list[Sample]:
        """Those drawn for a cause, by their number among the posts."""
        slot = self._table.names.index(cause) * _CHANGES + change + 1
        return sorted((sample for _, sample in self._kept.get(slot, ())), key=lambda sample: sample.post)

    def all(self) -> list[Sample]:
        """Every sample, by cause, then change, then post."""
        return [
            sample
            for slot in sorted(self._kept)
            for sample in sorted((sample for _, sample in self._kept[slot]), key=lambda sample: sample.post)
        ]
