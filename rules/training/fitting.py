"""Fits the text model: sparse logistic regression, int8 weights, calibration.

Buckets and rules are fitted together, so that an n-gram does not count what a rule says already. A rule's weight
may not be negative: evidence of selling never lowers the probability.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fairpost.engine import ModelFeatures, RuleSet, TextModel, model_features
from fairpost.engine.layout import MODEL_LENGTHS, SIGNAL_MAX

from .posts import APART, CALIBRATION, CASES, EVADED, POSTS, TEST, UNLABELLED, WRITTEN, Posts, split_of

__all__ = ["BITS", "SEED", "STRENGTH", "Fitted", "chosen_rows", "fit", "logits", "weight_of"]

BITS: Final = 17
SEED: Final = 0
STRENGTH: Final = 5.0
"""Inverse of the strength of regularisation (scikit-learn's C)."""
_OURS: Final[Mapping[str, float]] = {CASES: 2.0, POSTS: 5.0, EVADED: 2.0, WRITTEN: 0.2}
LEAST_SHARE: Final = 0.5
"""A rule adds at least this share of what its author's weight says, -log(1 - weight): the corpora lack many posts."""
NEW_RULE: Final = 1.0
"""The same share for a rule that is newer than the model."""
_FREE: Final = 5.0  # how free the length's weight is: there is one of it, and 2**17 of the others
_SEEN: Final = 20  # a rule that fires on fewer posts has the weight of its author
_CLIPS: Final = (1.0, 0.8, 0.6, 0.45, 0.3, 0.2)


@dataclass(frozen=True)
class Fitted:
    """A trained model and what was noted: `report` is JSON."""

    model: TextModel
    report: dict[str, Any]


def matrix(features: ModelFeatures, bits: int) -> Any:
    """Rows of buckets as scipy CSR, float32[n, 2**bits]: how often each occurs, over the square root of the shapes."""
    from scipy.sparse import csr_matrix

    scales = (1.0 / np.sqrt(np.maximum(features.shapes, 1))).astype(np.float32)
    values = np.repeat(scales, np.diff(features.indptr))
    rows = csr_matrix((values, features.indices.astype(np.int32), features.indptr), shape=(len(scales), 1 << bits))
    rows.sum_duplicates()
    return rows


def signal_matrix(features: ModelFeatures, count: int) -> Any:
    """Rows of rules as scipy CSR, float32[n, count]: 1 where the rule fired."""
    from scipy.sparse import csr_matrix

    values = np.ones(len(features.signals), dtype=np.float32)
    shape = (len(features.signal_indptr) - 1, count)
    return csr_matrix((values, features.signals.astype(np.int32), features.signal_indptr), shape=shape)


def logits(model: TextModel, features: ModelFeatures, signals: NDArray[np.float64]) -> NDArray[np.float64]:
    """The logit of `commerce` of each text, as the engine has it but for rounding: float64[n]."""
    sums = np.add.reduceat(np.append(model.weights[features.indices].astype(np.int64), 0), features.indptr[:-1])
    sums[features.shapes == 0] = 0
    text = model.bias + model.length * lengths(features) + model.scale * sums / np.sqrt(np.maximum(features.shapes, 1))
    found: NDArray[np.float64] = text.astype(np.float32) + signal_matrix(features, len(signals)) @ signals
    return found


def lengths(features: ModelFeatures) -> NDArray[np.float64]:
    """The share of a model's `length` that each text has: float64[n], 0..1."""
    least, most = MODEL_LENGTHS
    found: NDArray[np.float64] = (np.clip(features.shapes.astype(np.float64), least, most) - least) / (most - least)
    return found


def weight_of(source: str, weights: Mapping[str, float]) -> float:
    """How much a post of that source counts: what `weights` say, else what fits posts of ours, else 1."""
    return float(weights.get(source, _OURS.get(source, 1.0)))


def leanings(buckets: Any, labels: NDArray[np.int8]) -> NDArray[np.float64]:
    """How free each bucket's weight is: float64[2**bits], 0.5 and more.

    0.5 + |log of how much more often the bucket occurs in posts of one label| / 2: what occurs as often in both may be
    weighted less freely than what tells them apart. After S. Wang and C. D. Manning, Baselines and Bigrams, 2012.
    """
    counts = [np.asarray((buckets[labels == label] > 0).sum(axis=0)).ravel() + 1.0 for label in (0, 1)]
    ratio = np.log((counts[1] / counts[1].sum()) / (counts[0] / counts[0].sum()))
    found: NDArray[np.float64] = 0.5 + np.abs(ratio) / 2
    return found


def fit(
    posts: Posts,
    rules: RuleSet,
    rule_weights: Mapping[str, float],
    *,
    bits: int = BITS,
    strength: float = STRENGTH,
    seed: int = SEED,
    source_weights: Mapping[str, float] = MappingProxyType({}),
    features: ModelFeatures | None = None,
    parts: NDArray[np.int64] | None = None,
) -> Fitted:
    """Train on all parts but TEST and CALIBRATION, calibrate on CALIBRATION.

    Args:
        posts: posts; unlabelled ones are left out.
        rules: their COMMERCE rules are features.
        rule_weights: the weight of each rule in its pack, by id.
        source_weights: how much a post of a source counts (`weight_of`).
        features, parts: of the posts, where the caller has them.

    Raises:
        ValueError: training or calibration has posts of one label alone.
    """
    from sklearn.linear_model import LogisticRegression

    found = model_features(posts.texts, bits, rules) if features is None else features
    split = split_of(posts) if parts is None else parts
    labelled = posts.labels != UNLABELLED
    train = labelled & ~np.isin(split, (*TEST, CALIBRATION, APART))
    held = labelled & (split == CALIBRATION)
    for name, rows in (("training", train), ("calibration", held)):
        if len(np.unique(posts.labels[rows])) < 2:
            raise ValueError(
                f"{int(rows.sum())} posts for {name} are all of one label; both are needed (1 sells something, "
                "0 does not)"
            )
    weights = np.array([weight_of(name, source_weights) for name in posts.sources.tolist()])
    numbers = rules.commerce_rules
    from scipy.sparse import csr_matrix, diags, hstack

    buckets, fired = matrix(found, bits), signal_matrix(found, rules.rule_count)
    kept = numbers[np.asarray(fired[train].sum(axis=0)).ravel()[numbers] >= _SEEN]
    scales = leanings(buckets[train], posts.labels[train])
    scaled = buckets @ diags(scales.astype(np.float32))
    long = lengths(found)
    freely = csr_matrix((_FREE * long[:, None]).astype(np.float32))
    while True:  # a rule with a negative weight is left out, and the others are fitted anew
        rows = hstack([scaled, fired[:, kept], freely], format="csr")
        regression = LogisticRegression(C=strength, max_iter=300, tol=1e-5, random_state=seed)
        regression.fit(rows[train], posts.labels[train], sample_weight=weights[train])
        coefficients = regression.coef_[0]
        negative = coefficients[1 << bits : -1] < 0
        if negative.sum() <= len(kept) // 8:
            break
        kept = kept[~negative]
    by_rule = np.zeros(rules.rule_count)
    by_rule[kept] = np.maximum(coefficients[1 << bits : -1], 0.0)
    own = np.array([-math.log(max(1.0 - rule_weights.get(name, 0.0), 1e-9)) for name in rules.rule_ids])
    by_rule[numbers] = np.maximum(by_rule[numbers], LEAST_SHARE * own[numbers])
    text, bias = coefficients[: 1 << bits] * scales, float(regression.intercept_[0])
    length = float(coefficients[-1]) * _FREE

    def quantised(clip: float) -> TextModel:
        step = max(float(np.abs(text).max()) * clip, 1e-6) / 127
        whole = np.clip(np.rint(text / step), -127, 127).astype(np.int8)
        return TextModel(whole, step, bias, length=length)

    exact = buckets[held] @ text + bias + length * long[held] + fired[held] @ by_rule
    truth, how_much = posts.labels[held].astype(np.float64), weights[held]
    rounded = {clip: logits(quantised(clip), chosen_rows(found, held), by_rule) for clip in _CLIPS}
    clip = min(_CLIPS, key=lambda each: log_loss(truth, rounded[each], how_much))
    slope, shift = calibrate(truth, rounded[clip], how_much)
    raw = quantised(clip)
    least = LEAST_SHARE * own
    signals = {
        rules.rule_ids[k]: min(max(float(by_rule[k]) * slope, float(least[k])), SIGNAL_MAX) for k in numbers.tolist()
    }
    model = TextModel(
        raw.weights, raw.scale * slope, raw.bias * slope + shift, signals, NEW_RULE, length=raw.length * slope
    )
    report = {
        "bits": bits,
        "strength": strength,
        "seed": seed,
        "posts": {"training": int(train.sum()), "calibration": int(held.sum())},
        "weights": {"not zero": int(np.count_nonzero(raw.weights)), "of": 1 << bits},
        "log loss on the calibration part": {
            "float": round(log_loss(truth, exact, how_much), 5),
            "int8": round(log_loss(truth, rounded[clip], how_much), 5),
        },
        "calibration": {"slope": round(slope, 4), "shift": round(shift, 4)},
    }
    return Fitted(model, report)


def chosen_rows(features: ModelFeatures, mask: NDArray[np.bool_]) -> ModelFeatures:
    """Those rows of `features`."""
    lengths, fired = np.diff(features.indptr), np.diff(features.signal_indptr)
    return ModelFeatures(
        np.concatenate([[0], np.cumsum(lengths[mask])]),
        features.indices[np.repeat(mask, lengths)],
        features.shapes[mask],
        np.concatenate([[0], np.cumsum(fired[mask])]),
        features.signals[np.repeat(mask, fired)],
        features.commerce[mask],
    )


def log_loss(truth: NDArray[np.float64], logit: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Weighted mean of -log of the probability given to what is true."""
    return float(np.average(np.logaddexp(0.0, np.where(truth > 0.5, -logit, logit)), weights=weights))


def calibrate(
    truth: NDArray[np.float64], logit: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[float, float]:
    """Slope (above 0) and shift that make logits probabilities: Platt's method, by Newton steps."""
    slope, shift = 1.0, 0.0
    for _ in range(50):
        chance = 1.0 / (1.0 + np.exp(-np.clip(slope * logit + shift, -40, 40)))
        wrong, curve = weights * (chance - truth), weights * np.maximum(chance * (1.0 - chance), 1e-9)
        gradient = np.array([(wrong * logit).sum() + 1e-3 * (slope - 1.0), wrong.sum()])
        hessian = np.array(
            [[(curve * logit * logit).sum() + 1e-3, (curve * logit).sum()], [(curve * logit).sum(), curve.sum()]]
        )
        step = np.linalg.solve(hessian, gradient)
        slope, shift = max(slope - float(step[0]), 0.05), shift - float(step[1])
        if float(np.abs(step).max()) < 1e-9:
            break
    return slope, shift
