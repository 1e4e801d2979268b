"""What a plain model gets on the very posts that measure ours: logistic regression on hashed characters and pairs.

scikit-learn's HashingVectorizer (2^18 buckets, rows of length 1) and LogisticRegression, nothing of ours: no folds, no
numbers as one symbol, no rules, no posts of our own. A bound that says "do not lose that" is answered on one ground.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fairpost.rules.training import UNLABELLED, Posts, parts_of, split_of
from fairpost.rules.training.evaluation import auc, f1
from fairpost.rules.training.posts import APART, TEST

__all__ = ["plain_models"]

BITS: Final = 18
STRENGTHS: Final = (1.0, 10.0)
"""scikit-learn's own C, and what does better here."""
_MASK: Final = str.maketrans("0123456789", "x" * 10)


def plain_models(
    posts: Posts, adverts: Sequence[str], buyers: Sequence[str], left: Sequence[Sequence[str]], fresh: Sequence[str]
) -> None:
    """Print the figures of plain models, a row each: what they are trained on, and how they do on the parts held apart.

    Args:
        posts: posts of the corpora alone.
        adverts: sources that F1 and AUC are measured on.
        buyers: sources whose worst share of false positives is printed.
        left, fresh: as of `leave_out`.
    """
    labelled = posts.labels != UNLABELLED
    held = labelled & np.isin(parts_of(posts.texts), TEST)
    is_copy = split_of(posts) == APART
    has_labels = np.isin(posts.sources, [*adverts, "english_sms"])
    columns = [name for group in left for name in group]
    print(f"plain models, 1+2-grams of characters in 2^{BITS}:")
    print(
        f"{'C':>4} {'trained on':<32} {'copies':>7} {'F1':>7} {'AUC':>8} {'false':>7}", *(f"{n:>15}" for n in columns)
    )
    for digits in ("as they are", "masked"):
        rows = _rows([text.translate(_MASK) for text in posts.texts] if digits == "masked" else posts.texts)
        for name, among in (("sources with labels", has_labels), ("all sources", np.ones(len(posts), dtype=np.bool_))):
            for copies in (True, False):
                if copies and digits == "masked":
                    continue
                chosen = among & labelled & ~held & (copies | ~is_copy)
                for strength in STRENGTHS:
                    score = _scores(rows, posts.labels, chosen, strength)
                    area, cut = held & np.isin(posts.sources, adverts), score >= 0.0
                    figures = f"{f1(posts.labels[area], cut[area]):>7.4f} {auc(posts.labels[area], score[area]):>8.5f}"
                    worst = max(float(cut[held & (posts.sources == buyer)].mean()) for buyer in buyers)
                    where = f"{name}, digits {digits}"
                    line = f"{strength:>4g} {where:<32} {'in' if copies else 'out':>7} {figures} {100 * worst:>6.2f}%"
                    if not copies and name == "all sources":
                        line += "".join(f" {found:>15.4f}" for found in _left_out(rows, posts, left, fresh, strength))
                    print(line, flush=True)


def _rows(texts: Sequence[str]) -> Any:
    from sklearn.feature_extraction.text import HashingVectorizer

    hashed = HashingVectorizer(analyzer="char", ngram_range=(1, 2), n_features=1 << BITS, alternate_sign=False)
    return hashed.transform(texts).astype(np.float32)


def _scores(rows: Any, labels: NDArray[Any], chosen: NDArray[np.bool_], strength: float) -> NDArray[np.float64]:
    from sklearn.linear_model import LogisticRegression

    # Sooner than at 1e-6 it stops at random, and with ten errors in 200 more.
    regression = LogisticRegression(C=strength, max_iter=2000, tol=1e-6).fit(rows[chosen], labels[chosen])
    return np.asarray(regression.decision_function(rows))


def _left_out(
    rows: Any, posts: Posts, left: Sequence[Sequence[str]], fresh: Sequence[str], strength: float
) -> list[float]:
    """AUC of each of `left`, trained without its group and `fresh`, beside `fresh`."""
    labelled, found = posts.labels != UNLABELLED, []
    for group in left:
        score = _scores(rows, posts.labels, labelled & ~np.isin(posts.sources, [*group, *fresh]), strength)
        for name in group:
            beside = labelled & np.isin(posts.sources, [name, *fresh])
            found.append(auc(posts.labels[beside], score[beside]))
    return found
