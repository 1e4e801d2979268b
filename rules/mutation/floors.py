"""Floors: the share of mutated match cases that a rule must still find."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..source import Source
from .run import Mutations

__all__ = ["Fallen", "fallen"]


@dataclass(frozen=True)
class Fallen:
    """A rule below its floor: of `mutants` under single kinds it finds `kept`."""

    rule: str
    floor: float
    mutants: int
    kept: int

    def __str__(self) -> str:
        share = self.kept / self.mutants
        return f"rule {self.rule} finds {share:.1%} of {self.mutants:,} mutated cases, its floor is {self.floor:.1%}"


def fallen(source: Source, run: Mutations, doubt: float = 0.0) -> list[Fallen]:
    """The rules below their floors, pairs of kinds left out, those furthest below first.

    Args:
        doubt: for a sample of the mutants. A rule counts as fallen only if one that lies on its floor would do as badly
            with less than this probability (binomial); 0: whatever is below is.
    """
    found = []
    for rule in source.rules:
        counts = [n for kinds, n in run.by_rule.get(rule.id, {}).items() if len(kinds) == 1]
        mutants, kept = (sum(column) for column in zip(*counts, strict=True)) if counts else (0, 0)
        below = rule.floor is not None and kept < rule.floor * mutants
        if below and (not doubt or _at_most(kept, mutants, rule.floor or 0.0) < doubt):
            found.append(Fallen(rule.id, rule.floor or 0.0, mutants, kept))
    return sorted(found, key=lambda each: (each.kept / each.mutants - each.floor, each.rule))


def _at_most(kept: int, mutants: int, share: float) -> float:
    """Probability of `kept` or fewer of `mutants`, each kept with probability `share`."""
    return sum(math.comb(mutants, n) * share**n * (1 - share) ** (mutants - n) for n in range(kept + 1))
