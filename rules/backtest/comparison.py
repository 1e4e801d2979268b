"""Which verdicts of a batch differ between two rule sets, and which rules are responsible: columns, no objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntFlag
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fairpost.engine import RuleSet, VerdictBatch

__all__ = ["Bounds", "Flips", "Kind", "RuleTable", "compare", "owners"]

_DEFINITION: Final = ("category", "severity", "weight", "group")


class Kind(IntFlag):
    """What flipped. Bits of `Flips.kinds`."""

    ACTION = 1
    LABELS = 2
    EXPOSURE = 4
    COMMERCE = 8


@dataclass(frozen=True)
class Bounds:
    """Differences up to these are no flip."""

    exposure: float = 0.05
    commerce: float = 0.1


@dataclass(frozen=True)
class Flips:
    """The m posts of a batch whose verdicts differ.

    post: int64[m], position in the batch, ascending. kinds: uint8[m] (`Kind`).
    Causes of flip i are entries cause_begin[i] .. cause_begin[i + 1] of: cause int32, number in `RuleTable.names`;
    change int8, 1 appeared (fired in new only), -1 vanished (in old only), 0 fired in both and is defined anew. A flip
    without such a rule has one entry, `RuleTable.elsewhere`.
    labels_appeared, labels_vanished: uint32[m], a bit for each category.
    """

    post: NDArray[np.int64]
    kinds: NDArray[np.uint8]
    cause_begin: NDArray[np.int64]
    cause: NDArray[np.int32]
    change: NDArray[np.int8]
    labels_appeared: NDArray[np.uint32]
    labels_vanished: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.post)

    def owner(self) -> NDArray[np.int64]:
        """The flip (not the post) of every cause."""
        return owners(self.cause_begin)


class RuleTable:
    """The rules of two rule sets under one numbering.

    names: ids of all rules, sorted, and a last entry for causes that are no rule (policy, thresholds, text model).
    old, new: number of each rule of the rule set. enforced_old, enforced_new: whether it counts.
    changed: bool[names], in both and with another category, severity, weight, group or cap.
    """

    ELSEWHERE: Final = "(policy or model)"

    def __init__(self, old: RuleSet, new: RuleSet) -> None:
        self.names = [*sorted({*old.rule_ids, *new.rule_ids}), self.ELSEWHERE]
        number = {name: k for k, name in enumerate(self.names)}
        self.elsewhere = len(self.names) - 1
        self.old = np.array([number[name] for name in old.rule_ids], np.int32)
        self.new = np.array([number[name] for name in new.rule_ids], np.int32)
        before, after = _definitions(old), _definitions(new)
        self.enforced_old = np.array([before[name]["mode"] != "shadow" for name in old.rule_ids], np.bool_)
        self.enforced_new = np.array([after[name]["mode"] != "shadow" for name in new.rule_ids], np.bool_)
        self.changed = np.zeros(len(self.names), np.bool_)
        for name in before.keys() & after.keys():
            self.changed[number[name]] = any(before[name][key] != after[name][key] for key in (*_DEFINITION, "cap"))
        self.category = {name: entry["category"] for name, entry in {**before, **after}.items()}

    def describe(self, cause: int, change: int) -> str:
        """`+pack.rule`, `-pack.rule`, `~pack.rule`, or what stands for no rule."""
        return self.names[cause] if cause == self.elsewhere else "~+-"[change] + self.names[cause]


def _definitions(rules: RuleSet) -> dict[str, Mapping[str, Any]]:
    caps = {group["name"]: group["cap"] for group in rules.meta["groups"]}
    return {entry["id"]: {**entry, "cap": caps.get(entry["group"])} for entry in rules.meta["rules"]}


def owners(begins: NDArray[np.integer]) -> NDArray[np.int64]:
    """The row of every element of a ragged column."""
    counts = np.subtract(begins[1:], begins[:-1], dtype=np.int64)
    return np.repeat(np.arange(len(counts)), counts)


def compare(old: VerdictBatch, new: VerdictBatch, table: RuleTable, bounds: Bounds) -> Flips:
    """The flips among the posts of a batch that both rule sets judged. Posts at fault have no verdict and no flip."""
    judged = (old.status == 0) & (new.status == 0)
    labels_old, labels_new = _label_masks(old), _label_masks(new)
    kinds = (
        np.where(old.action != new.action, Kind.ACTION, 0)
        | np.where(labels_old != labels_new, Kind.LABELS, 0)
        | np.where(_apart(old.exposure, new.exposure, bounds.exposure), Kind.EXPOSURE, 0)
        | np.where(_apart(old.commerce, new.commerce, bounds.commerce), Kind.COMMERCE, 0)
    ).astype(np.uint8)
    kinds[~judged] = 0
    post = np.flatnonzero(kinds)
    begin, cause, change = _causes(old, new, post, table)
    return Flips(
        post,
        kinds[post],
        begin,
        cause,
        change,
        (labels_new & ~labels_old)[post],
        (labels_old & ~labels_new)[post],
    )


def _apart(old: NDArray[np.float32], new: NDArray[np.float32], bound: float) -> NDArray[np.bool_]:
    # A little beyond the bound: 0.3 - 0.25 is above 0.05 in float32.
    return np.abs(old.astype(np.float64) - new.astype(np.float64)) > bound + 1e-6


def _label_masks(batch: VerdictBatch) -> NDArray[np.uint32]:
    """Label categories of each post as bits."""
    masks = np.zeros(len(batch), np.uint32)
    bits = np.left_shift(np.uint32(1), batch.label_category.astype(np.uint32))
    np.bitwise_or.at(masks, owners(batch.label_begin), bits)
    return masks


def _causes(
    old: VerdictBatch, new: VerdictBatch, post: NDArray[np.int64], table: RuleTable
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int8]]:
    """(begins, causes, changes) of the flips."""
    row = np.full(len(old), -1, np.int64)
    row[post] = np.arange(len(post))
    size = len(table.names)
    before = _keys(old, row, table.old, table.enforced_old, size)
    after = _keys(new, row, table.new, table.enforced_new, size)
    appeared = np.setdiff1d(after, before, assume_unique=True)
    vanished = np.setdiff1d(before, after, assume_unique=True)
    both = np.intersect1d(before, after, assume_unique=True)
    redefined = both[table.changed[both % size]]
    caused = np.zeros(len(post), np.bool_)
    for keys in (appeared, vanished, redefined):
        caused[keys // size] = True
    elsewhere = np.flatnonzero(~caused) * size + table.elsewhere
    keys = np.concatenate([appeared, vanished, redefined, elsewhere])
    change = np.repeat(np.array([1, -1, 0, 0], np.int8), [len(appeared), len(vanished), len(redefined), len(elsewhere)])
    order = np.argsort(keys, kind="stable")
    keys, change = keys[order], change[order]
    begin = np.searchsorted(keys // size, np.arange(len(post) + 1), "left").astype(np.int64)
    return begin, (keys % size).astype(np.int32), change


def _keys(
    batch: VerdictBatch, row: NDArray[np.int64], numbers: NDArray[np.int32], enforced: NDArray[np.bool_], size: int
) -> NDArray[np.int64]:
    """row * size + rule for every enforced rule that fired on a flipped post, ascending within a post."""
    flip = row[owners(batch.fired_begin)]
    wanted = (flip >= 0) & enforced[batch.fired_rule]
    keys: NDArray[np.int64] = flip[wanted] * size + numbers[batch.fired_rule[wanted]]
    return keys
