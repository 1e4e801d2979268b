"""Bundles and rule sources made of parts, for tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from fairpost.engine.build import build
from fairpost.engine.folds import DEFAULT
from fairpost.engine.model import TextModel
from fairpost.engine.source import Pattern as BuildPattern
from fairpost.engine.source import Policy, RuleSetSource
from fairpost.engine.vocabulary import CATEGORIES, MAX_CATEGORIES, RECOGNISERS
from fairpost.rules.expression import Node
from fairpost.rules.problems import Place
from fairpost.rules.schema import PolicyFile
from fairpost.rules.source import ListSource, PackSource, RuleSource, Source

from .matching import Pattern
from .sample import EXPOSURE

__all__ = ["fold_set", "matcher_bundle", "policy", "rule_of", "source_of"]


def fold_set(names: Iterable[str]) -> frozenset[str]:
    """`default` stands for its classes."""
    return frozenset(name for given in names for name in (DEFAULT if given == "default" else {given}))


def matcher_bundle(patterns: Sequence[Pattern]) -> bytes:
    """A bundle without rules whose list number k (`list k`) holds pattern number k."""
    first = len(RECOGNISERS)
    return build(
        RuleSetSource(
            patterns=[
                BuildPattern(p.text, p.folds, p.word_boundaries, (first + k,), p.is_regular)
                for k, p in enumerate(patterns)
            ],
            lists=[*RECOGNISERS, *(f"list {k}" for k in range(len(patterns)))],
            list_allows={},
            operands=[],
            rules=[],
            channels=["default"],
            languages=[""],
            policy=Policy([0.3, 0.6, 0.85, 1.0], [], np.full((1, MAX_CATEGORIES, 5), np.inf, np.float32), EXPOSURE),
            meta={"name": "test", "rules": [], "laws": {}, "packs": []},
        )
    )


def policy(
    thresholds: Mapping[str, Mapping[str, Mapping[str, float]]],
    exposure: Mapping[str, float] = EXPOSURE,
    severity_weights: Mapping[str, float] | None = None,
    channels: Sequence[str] = ("moments", "group-chat"),
) -> PolicyFile:
    return PolicyFile.model_validate(
        {
            "policy": "test",
            "severity_weights": severity_weights or {"low": 0.3, "medium": 0.6, "high": 0.85, "critical": 1.0},
            "categories": {name: {"zh": name, "en": name} for name in CATEGORIES},
            "channels": list(channels),
            "thresholds": {"default": {}, **thresholds},
            "exposure": dict(exposure),
        }
    )


def rule_of(name: str, category: str, condition: Node, weight: float, **fields: Any) -> RuleSource:
    """A rule of pack `a`, always in force, low severity, of no group, unless `fields` say otherwise."""
    given: dict[str, Any] = {
        "pack": "a",
        "severity": "low",
        "mode": "enforce",
        "group": None,
        "when": "",
        "unless": None,
        "effective_from": None,
        "effective_until": None,
        "basis": (),
        "message": None,
        "cases": (),
        "place": Place("test.yaml"),
    }
    return RuleSource(id=name, category=category, condition=condition, weight=weight, **(given | fields))


def source_of(
    lists: Iterable[ListSource],
    rules: Iterable[RuleSource],
    groups: Mapping[str, float],
    chosen: PolicyFile,
    model: TextModel | None = None,
) -> Source:
    """A source as `load_packs` would give it; COMMERCE rules first, order kept otherwise."""
    ordered = sorted(rules, key=lambda rule: rule.category != "COMMERCE")
    return Source(
        (PackSource("test", None, "test.yaml"),),
        {words.name: words for words in lists},
        dict(groups),
        tuple(ordered),
        (),
        {},
        chosen,
        model=model,
    )
