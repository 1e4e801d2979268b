"""The text model's part of `make eval`: the shipped model on posts held apart, and its training on sources left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml
from numpy.typing import NDArray
from plain_model import plain_models

from fairpost.engine import RuleSet, TextModel, model_features
from fairpost.rules import bundle_of, load_packs, shipped_packs
from fairpost.rules.training import (
    UNLABELLED,
    Posts,
    evaluate,
    leave_out,
    parts_of,
    split_of,
    with_ours,
)
from fairpost.rules.training.evaluation import auc, f1, probabilities, reliability
from fairpost.rules.training.fitting import BITS, chosen_rows
from fairpost.rules.training.posts import TEST

__all__ = ["EVERYDAY", "FRESH", "LEFT_OUT", "evaluate_model"]

EVERYDAY: Final = ("reviews_shop10", "weibo_2018", "weibo_smp2020", "cold")
"""Sources of ordinary posts: what is unlabelled there counts as selling nothing."""
ADVERTS: Final = ("sms800k", "sms800k_6class", "fbs_sms", "reviews_shop10")
"""Sources with labels, in Chinese: on them F1 and AUC are bounded."""
BUYERS: Final = ("reviews_shop10", "weibo_2018", "weibo_smp2020")
LEFT_OUT: Final = (("fbs_sms",), ("sms800k", "sms800k_6class"))
"""Groups of sources of one platform."""
FRESH: Final = ("weibo_2018",)
SOURCE_WEIGHTS: Final = {"sms800k": 5.0, "sms800k_6class": 5.0, "fbs_sms": 5.0, "weibo_2018": 2.0, "weibo_smp2020": 2.0}
"""What counts more: labelled adverts in Chinese, and everyday posts; most of the rest are reviews and comments."""
LEAST_F1: Final = 0.985
LEAST_AUC: Final = 0.999
MOST_FALSE_POSITIVES: Final = 0.005
LEAST_LEFT_OUT: Final = {"fbs_sms": 0.985, "sms800k": 0.85, "sms800k_6class": 0.95}
SELLING: Final = frozenset({"honest", "claim", "evasion"})
OTHER: Final = frozenset({"hard-negative", "life"})
LEAST_SAMPLES: Final = 0.93


def corpora_posts(path: Path) -> Posts:
    """All posts of labelled.jsonl; the unlabelled ones of EVERYDAY as selling nothing."""
    texts, labels, sources = [], [], []
    with path.open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            texts.append(row["text"])
            unknown = 0 if row["source"] in EVERYDAY else UNLABELLED
            labels.append(unknown if row["spam"] is None else int(row["spam"]))
            sources.append(row["source"])
    return Posts.of(texts, labels, sources)


def sample_posts() -> tuple[list[str], NDArray[np.int8], list[str]]:
    """The sample posts, which no training sees: texts, labels, kinds. Those of `seller` may be either: left out."""
    path = shipped_packs().parent / "samples" / "posts.yaml"
    posts = [post for post in yaml.safe_load(path.read_text(encoding="utf-8")) if post["kind"] in SELLING | OTHER]
    kinds = [post["kind"] for post in posts]
    return [post["text"] for post in posts], np.array([kind in SELLING for kind in kinds], np.int8), kinds


def _held_apart(model: TextModel, posts: Posts, rules: RuleSet, parts: NDArray[np.int64]) -> bool:
    features = model_features(posts.texts, model.bits, rules)
    figures = evaluate(model, posts, rules, parts, features)
    print(f"{'source':<16} {'posts':>7} {'recall':>8} {'false positives':>16} {'AUC':>8}")
    for name, row in sorted(figures["sources"].items()):
        recall = "" if row["recall"] is None else f"{100 * row['recall']:.2f}%"
        wrong = "" if row["false_positives"] is None else f"{100 * row['false_positives']:.2f}%"
        ranked = "" if row["auc"] is None else f"{row['auc']:.5f}"
        print(f"{name:<16} {row['posts']:>7,} {recall:>8} {wrong:>16} {ranked:>8}")
    rows = np.isin(parts, TEST) & np.isin(posts.sources, ADVERTS) & (posts.labels != UNLABELLED)
    chance, truth = probabilities(model, chosen_rows(features, rows), rules), posts.labels[rows]
    found, area = f1(truth, chance >= 0.5), auc(truth, chance)
    _, error = reliability(truth, chance)
    print(f"{', '.join(ADVERTS)}: F1 {found:.4f} (at least {LEAST_F1}), AUC {area:.5f} (at least {LEAST_AUC})")
    print(f"calibration error {error:.4f} on them, {figures['calibration_error']:.4f} on all")
    worst = max(figures["sources"][name]["false_positives"] for name in BUYERS)
    print(f"buyers' reviews and Weibo: at most {100 * worst:.2f}% (bound {100 * MOST_FALSE_POSITIVES:g}%)")
    return found >= LEAST_F1 and area >= LEAST_AUC and worst <= MOST_FALSE_POSITIVES


def _samples(rules: RuleSet) -> bool:
    texts, labels, kinds = sample_posts()
    chance = rules.check_batch(texts).commerce
    area = auc(labels, chance)
    for kind in dict.fromkeys(kinds):
        own = chance[[k == kind for k in kinds]]
        print(
            f"{kind:<16} {len(own):>7,} commerce >= 0.25: {100 * (own >= 0.25).mean():5.1f}%  >= 0.5: "
            f"{100 * (own >= 0.5).mean():5.1f}%"
        )
    print(f"sample posts, never trained on: AUC {area:.4f} (at least {LEAST_SAMPLES})")
    return area >= LEAST_SAMPLES


def evaluate_model(rules: RuleSet, path: Path, show: int = 0) -> bool:
    """Print the figures of the shipped model, and train it anew without each platform; true if all bounds hold.

    Args:
        rules: the shipped rule set.
        path: labelled.jsonl.
        show: how many of the worst errors on posts held apart to print.
    """
    source = load_packs(shipped_packs())
    model = source.model
    if model is None:
        print("the shipped packs hold no text model")
        return False
    posts = corpora_posts(path)
    corpora, parts = len(posts), parts_of(posts.texts)
    holds = _held_apart(model, posts, rules, parts)
    if show:
        _show(model, posts, rules, parts, show)
    holds &= _samples(rules)
    plain_models(posts, ADVERTS, BUYERS, LEFT_OUT, FRESH)
    plain = RuleSet.from_bytes(bundle_of(load_packs(shipped_packs(), None)))
    posts = with_ours(posts, source, plain)
    parts, weights = split_of(posts), {rule.id: rule.weight for rule in source.rules}
    features = model_features(posts.texts, BITS, plain)
    ours = len(posts) - corpora
    options: dict[str, Any] = {"parts": parts, "features": features, "source_weights": SOURCE_WEIGHTS}
    print(f"trained anew without a platform and without {', '.join(FRESH)} ({ours:,} posts of ours stay):")
    for group in LEFT_OUT:
        for name, value in leave_out(posts, plain, weights, group, FRESH, **options).items():
            least = LEAST_LEFT_OUT[name]
            print(f"  {name}: AUC {value:.4f} (at least {least})")
            holds &= value >= least
    return holds


def _show(model: TextModel, posts: Posts, rules: RuleSet, parts: NDArray[np.int64], count: int) -> None:
    held = np.flatnonzero(np.isin(parts, TEST) & (posts.labels != UNLABELLED))
    features = model_features([posts.texts[k] for k in held], model.bits, rules)
    chance = probabilities(model, features, rules)
    wrong = np.abs(chance - posts.labels[held])
    for k in np.argsort(-wrong)[:count]:
        text = " ".join(posts.texts[held[k]].split())[:120]
        print(f"  {posts.sources[held[k]]} {posts.labels[held[k]]} {chance[k]:.3f}: {text}")
