"""Labelled posts with their sources, and the fixed split of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fairpost.engine import RuleSet
from fairpost.engine.folds import DEFAULT, fold

from ..source import Source
from .copies import near_copies
from .evaded import evaded_posts
from .written import written_posts

__all__ = [
    "CALIBRATION",
    "CASES",
    "EVADED",
    "OURS",
    "PARTS",
    "POSTS",
    "TEST",
    "UNLABELLED",
    "WRITTEN",
    "Posts",
    "case_posts",
    "evaded",
    "own_posts",
    "parts_of",
    "split_of",
    "with_ours",
    "written",
]

PARTS: Final = 20
TEST: Final = range(4)
"""Parts held apart to measure on; CALIBRATION is for calibration alone, all others are for training."""
CALIBRATION: Final = 4
APART: Final = -1
"""The part of posts that are used for nothing: near copies of a post held apart."""
UNLABELLED: Final = -1
CASES: Final = "cases"
WRITTEN: Final = "written"
POSTS: Final = "posts"
EVADED: Final = "evaded"
OURS: Final = frozenset({CASES, POSTS, EVADED, WRITTEN})
"""The sources that come with fairpost."""
_NO_ADVERT: Final = frozenset({"STANDING", "DISCLOSURE", "UNREGISTERED"})
"""Categories whose match cases need not sell anything."""


@dataclass(frozen=True, eq=False)
class Posts:
    """n posts.

    Attributes:
        texts: n texts.
        labels: int8[n]: 1 sells or promotes, 0 does not, UNLABELLED.
        sources: str[n], where each comes from.
    """

    texts: list[str]
    labels: NDArray[np.int8]
    sources: NDArray[np.str_]

    @staticmethod
    def of(texts: Sequence[str], labels: Sequence[int], source: str | Sequence[str]) -> Posts:
        """From columns; one source for all, or one for each."""
        names = [source] * len(texts) if isinstance(source, str) else list(source)
        return Posts(list(texts), np.array(labels, dtype=np.int8), np.array(names, dtype=np.str_))

    def __len__(self) -> int:
        return len(self.texts)

    def __add__(self, other: Posts) -> Posts:
        return Posts(
            self.texts + other.texts,
            np.concatenate([self.labels, other.labels]),
            np.concatenate([self.sources, other.sources]),
        )

    def chosen(self, mask: NDArray[np.bool_]) -> Posts:
        """Those where `mask` is true."""
        return Posts([self.texts[k] for k in np.flatnonzero(mask)], self.labels[mask], self.sources[mask])


def split_of(posts: Posts) -> NDArray[np.int64]:
    """The part of each post, APART for near copies of those held apart.

    Cases of rules and our own posts are always for training: the model must do what its packs promise, and other posts
    by the same author measure it (benchmarks/unseen). Posts drawn from templates are near copies by nature: what is
    measured on those held apart says only that the templates were learnt.
    """
    keys = [_key(text) for text in posts.texts]
    parts = _parts(keys)
    ours = np.isin(posts.sources, [CASES, POSTS, EVADED])
    parts[ours] = PARTS - 1
    others = np.flatnonzero(~ours & (posts.sources != WRITTEN))
    copies = near_copies([keys[k] for k in others], np.isin(parts[others], TEST))
    parts[others[copies]] = APART
    return parts


def parts_of(texts: Sequence[str]) -> NDArray[np.int64]:
    """The part of each text, 0 to PARTS - 1: by a hash of it folded and without digits and masked digits.

    So posts that differ in numbers, punctuation, width or script alone are never on both sides of a split.
    """
    return _parts([_key(text) for text in texts])


def _key(text: str) -> str:
    return "".join(chr(code) for code in fold(text, DEFAULT)[0] if not (0x30 <= code <= 0x39 or code == 0x78))


def _parts(keys: Sequence[str]) -> NDArray[np.int64]:
    digests = (hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest() for key in keys)
    return np.array([int.from_bytes(digest, "little") % PARTS for digest in digests], dtype=np.int64)


def with_ours(
    posts: Posts, source: Source, rules: RuleSet, *, cases: bool = True, own: bool = True, drawn: int = 12_000
) -> Posts:
    """Those posts and ours: cases of packs, posts that we wrote, both as evaders write, and `drawn` from templates."""
    ours = case_posts(source, rules) if cases else Posts.of([], [], CASES)
    if own:
        ours += own_posts()
    ours += evaded(ours)
    return posts + ours + written(drawn) if drawn else posts + ours


def evaded(posts: Posts, seed: int = 1) -> Posts:
    """Those of `posts` that sell something as evaders would write them."""
    selling = [posts.texts[k] for k in np.flatnonzero(posts.labels == 1)]
    texts = [text for _, text in evaded_posts(selling, seed)]
    return Posts.of(texts, [1] * len(texts), EVADED)


def written(count: int = 12_000, seed: int = 1) -> Posts:
    """The posts that we wrote as templates (`written.yaml`)."""
    texts, labels = written_posts(count, seed)
    return Posts.of(texts, labels, WRITTEN)


def own_posts() -> Posts:
    """The posts that we wrote one by one (`posts.jsonl`): violations, honest adverts, news, reviews, everyday posts."""
    lines = (Path(__file__).parent / "posts.jsonl").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    return Posts.of([row["text"] for row in found], [int(row["commerce"]) for row in found], POSTS)


def case_posts(source: Source, rules: RuleSet) -> Posts:
    """The cases of packs as labelled posts.

    A text on which a COMMERCE rule must fire sells something, and so does one on which a rule about claims must fire.
    One on which such a rule must not fire sells nothing if no COMMERCE rule fires on it or if it is a question; the
    others may be honest adverts, and are left out.
    """
    labels: dict[str, int] = {}
    unsure: list[str] = []
    for rule in source.rules:
        for case in rule.cases:
            if rule.category == "COMMERCE":
                labels.setdefault(case.text, int(case.fires))
            elif not case.fires:
                unsure.append(case.text)
            elif rule.category not in _NO_ADVERT:
                labels[case.text] = 1
    unsure = [text for text in dict.fromkeys(unsure) if text not in labels]
    if unsure:
        batch = rules.check_batch(unsure)
        for k, text in enumerate(unsure):
            fired = batch.fired_rule[batch.fired_begin[k] : batch.fired_begin[k + 1]]
            if text.rstrip().endswith(("？", "?", "吗")) or not np.isin(fired, rules.commerce_rules).any():
                labels[text] = 0
    return Posts.of(list(labels), list(labels.values()), CASES)
