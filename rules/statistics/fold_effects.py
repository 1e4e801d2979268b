"""What each fold class buys and costs: the packs are compiled once more without it, and judge the same posts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fairpost.engine import RuleSet, VerdictBatch
from fairpost.engine.build import build
from fairpost.engine.folds import DEFAULT
from fairpost.engine.source import Pattern

from ..cases import run_cases
from ..compiler import lower
from ..source import Source
from ..truth import UNLABELLED, VIOLATING, Truth

__all__ = ["FoldEffect", "FoldEffects", "without_fold"]


@dataclass
class FoldEffect:
    """One fold class. With it, and not without it:

    lost_cases: match cases are found; spared_cases: pass cases are left alone. stricter, milder: posts get a graver or
    a lighter action; struck: posts get an action other than ALLOW. found, false_alarms: of those the labelled ones
    that violate something, and that do not.
    """

    fold: str
    lists: int
    cases: int
    lost_cases: int
    spared_cases: int
    stricter: int = 0
    milder: int = 0
    struck: int = 0
    found: int = 0
    false_alarms: int = 0


def without_fold(source: Source, fold: str) -> bytes:
    """The bundle of a source whose lists do not take a fold class.

    Patterns that cannot do without it keep it: regular ones, and those with folds that work on top of `default`.
    """
    lowered = lower(source)
    return build(replace(lowered, patterns=[_without(pattern, fold) for pattern in lowered.patterns]))


def _without(pattern: Pattern, fold: str) -> Pattern:
    if pattern.regular or fold not in pattern.folds or (fold in DEFAULT and pattern.folds - DEFAULT):
        return pattern
    return replace(pattern, folds=pattern.folds - {fold})


class FoldEffects:
    """Runs one variant for each fold class that a list takes."""

    def __init__(self, source: Source, rules: RuleSet) -> None:
        taken: dict[str, int] = {}
        for words in source.lists.values():
            for fold in words.folds:
                taken[fold] = taken.get(fold, 0) + 1
        self.effects: list[FoldEffect] = []
        self._variants: list[RuleSet] = []
        full = run_cases(source, rules)
        for fold in sorted(taken, key=lambda name: (name not in DEFAULT, name)):
            variant = RuleSet.from_bytes(without_fold(source, fold))
            pairs = list(zip(full, run_cases(source, variant), strict=True))
            lost = sum(a.passed and not b.passed and a.case.fires for a, b in pairs)
            spared = sum(a.passed and not b.passed and not a.case.fires for a, b in pairs)
            matches = sum(a.case.fires for a, _ in pairs)
            self.effects.append(FoldEffect(fold, taken[fold], matches, lost, spared))
            self._variants.append(variant)

    def add(self, batch: VerdictBatch, truth: Truth | None = None, **request: Any) -> None:
        """Judge the posts of a batch by every variant; `request` is what the batch was judged with."""
        for effect, variant in zip(self.effects, self._variants, strict=True):
            other = variant.check_batch(batch.texts, **request)
            step = batch.action.astype(np.int64) - other.action
            struck = (batch.action > 0) & (other.action == 0)
            effect.stricter += int((step > 0).sum())
            effect.milder += int((step < 0).sum())
            effect.struck += int(struck.sum())
            if truth is not None:
                effect.found += int((struck & (truth.state == VIOLATING)).sum())
                effect.false_alarms += int((struck & (truth.state != VIOLATING) & (truth.state != UNLABELLED)).sum())
