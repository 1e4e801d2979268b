"""What a bundle is built from: patterns, lists, rules and policy as plain Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairpost.engine.layout import Cmp, Op
from fairpost.engine.model import TextModel

__all__ = ["Cmp", "Instruction", "InvalidSource", "Op", "Pattern", "Policy", "Rule", "RuleSetSource"]


class InvalidSource(ValueError):
    """What was to be built breaks a limit of the format or contradicts itself."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A literal, the folds under which it matches, and the lists (ids) to which its matches belong.

    regular: `text` is a regular pattern between slashes; it takes the default folds.
    """

    text: str
    folds: frozenset[str]
    word_boundaries: bool
    lists: tuple[int, ...]
    regular: bool = False


@dataclass(frozen=True, slots=True)
class Instruction:
    """One step of a condition in postfix order; `layout.Op` says which fields an operation reads."""

    op: Op
    cmp: Cmp = Cmp.GE
    a: int = 0
    b: int = 0
    n: int = 0
    value: float = 0.0


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule ready to run. `triggers` are lists without a hit in one of which it cannot fire; None: always evaluate."""

    id: str
    category: int
    severity: int
    mode: int
    weight: float
    group: int
    from_day: int
    until_day: int
    triggers: tuple[int, ...] | None
    code: Sequence[Instruction]


@dataclass(frozen=True, slots=True)
class Policy:
    """From scores to actions and exposure.

    thresholds: float32[channels, MAX_CATEGORIES, 5], least score for each action; infinity = never.
    exposure: the numbers of `layout.POLICY_DTYPE` by name (left out: `floor` 0.5, `per_complaint`, `clean_risk` 0).
    """

    severity_weights: Sequence[float]
    group_caps: Sequence[float]
    thresholds: NDArray[np.float32]
    exposure: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class RuleSetSource:
    """Everything that a bundle holds. List ids are positions in `lists`, which starts with RECOGNISERS.

    examined_from: least logit of the text model for some window of a post with which it is looked through; None:
    every post is examined, as it is without a model. Only in these windows words are told in disguise.
    """

    patterns: Sequence[Pattern]
    lists: Sequence[str]
    list_allows: Mapping[int, tuple[int, ...]]
    operands: Sequence[tuple[int, int, int]]
    rules: Sequence[Rule]
    channels: Sequence[str]
    languages: Sequence[str]
    policy: Policy
    model: TextModel | None = None
    examined_from: float | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
