"""Measures a trained model: by source on the parts held apart, and on sources that it never saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fairpost.engine import ModelFeatures, RuleSet, TextModel, model_features

from .fitting import BITS, SEED, STRENGTH, chosen_rows, fit, logits
from .posts import TEST, UNLABELLED, Posts

__all__ = ["auc", "evaluate", "f1", "leave_out", "probabilities", "reliability"]

_BINS: Final = 10


def probabilities(model: TextModel, features: ModelFeatures, rules: RuleSet) -> NDArray[np.float64]:
    """`commerce` of each text as `rules` would give it with `model` in them: float64[n]."""
    assert model.signals is not None
    signals = np.array([model.signals.get(name, 0.0) for name in rules.rule_ids])
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits(model, features, signals), -40.0, 40.0))))


def auc(truth: NDArray[Any], score: NDArray[Any]) -> float:
    """Chance that a post of label 1 scores above one of label 0; ties count half. NaN without both."""
    order = np.argsort(score, kind="stable")
    ranked = score[order]
    first = np.searchsorted(ranked, ranked, side="left")
    last = np.searchsorted(ranked, ranked, side="right")
    ranks = np.empty(len(score))
    ranks[order] = (first + last + 1) / 2
    ones = int((truth == 1).sum())
    zeros = len(truth) - ones
    if not ones or not zeros:
        return float("nan")
    return float((ranks[truth == 1].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def f1(truth: NDArray[Any], said: NDArray[np.bool_]) -> float:
    """Harmonic mean of precision and recall; 0 without a hit."""
    hits = float((said & (truth == 1)).sum())
    return 2 * hits / max(float(said.sum() + (truth == 1).sum()), 1.0)


def reliability(truth: NDArray[Any], chance: NDArray[np.float64]) -> tuple[list[dict[str, float]], float]:
    """What was said against what was true, in ten bins of probability, and the expected calibration error.

    The error is the mean over posts of |mean probability - share of label 1| of a post's bin.
    """
    rows, error = [], 0.0
    bins = np.minimum((chance * _BINS).astype(np.int64), _BINS - 1)
    for number in range(_BINS):
        inside = bins == number
        count = int(inside.sum())
        if count:
            said, true = float(chance[inside].mean()), float(truth[inside].mean())
            error += count * abs(said - true) / len(truth)
            rows.append({"from": number / _BINS, "posts": count, "said": said, "true": true})
    return rows, error


def evaluate(
    model: TextModel, posts: Posts, rules: RuleSet, parts: NDArray[np.int64], features: ModelFeatures
) -> dict[str, Any]:
    """Figures on the TEST parts: all together, reliability, and `sources` one by one."""
    held = np.isin(parts, TEST) & (posts.labels != UNLABELLED)
    chance = probabilities(model, chosen_rows(features, held), rules)
    labels, sources = posts.labels[held], posts.sources[held]
    by_source = {}
    for name in dict.fromkeys(sources.tolist()):
        rows = sources == name
        truth, said = labels[rows], chance[rows] >= 0.5
        ones, zeros = int((truth == 1).sum()), int((truth == 0).sum())
        by_source[name] = {
            "posts": len(truth),
            "selling": ones,
            "recall": float(said[truth == 1].mean()) if ones else None,
            "false_positives": float(said[truth == 0].mean()) if zeros else None,
            "auc": auc(truth, chance[rows]) if ones and zeros else None,
        }
    table, error = reliability(labels, chance)
    return {
        "posts": len(labels),
        "f1": f1(labels, chance >= 0.5),
        "auc": auc(labels, chance),
        "calibration_error": error,
        "reliability": table,
        "sources": by_source,
    }


def leave_out(
    posts: Posts,
    rules: RuleSet,
    rule_weights: Mapping[str, float],
    left: Sequence[str],
    fresh: Sequence[str],
    *,
    bits: int = BITS,
    strength: float = STRENGTH,
    seed: int = SEED,
    source_weights: Mapping[str, float] = MappingProxyType({}),
    parts: NDArray[np.int64],
    features: ModelFeatures,
) -> dict[str, float]:
    """Train without the sources `left` and `fresh`; AUC of each of `left`, beside `fresh` as further posts of label 0.

    `left` are the sources of one platform: what one of them taught is known of the others.
    """
    kept = ~np.isin(posts.sources, [*left, *fresh])
    trained = fit(
        posts.chosen(kept),
        rules,
        rule_weights,
        bits=bits,
        strength=strength,
        seed=seed,
        source_weights=source_weights,
        features=chosen_rows(features, kept),
        parts=parts[kept],
    )
    found = {}
    for name in left:
        rows = (np.isin(posts.sources, [name, *fresh])) & (posts.labels != UNLABELLED)
        chance = probabilities(trained.model, chosen_rows(features, rows), rules)
        found[name] = auc(posts.labels[rows], chance)
    return found


def measured(model: TextModel, texts: Sequence[str], rules: RuleSet) -> NDArray[np.float64]:
    """`commerce` of texts: float64[n]."""
    return probabilities(model, model_features(list(texts), model.bits, rules), rules)
