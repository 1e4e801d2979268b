"""What the text model is trained on: the split without near copies, our own posts, and how evaders write them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.copies import most_shared

from fairpost.engine.folds import DEFAULT, fold
from fairpost.rules.training import Posts, split_of
from fairpost.rules.training.copies import LEAST_SHARED, near_copies
from fairpost.rules.training.evaded import evaded_posts
from fairpost.rules.training.fitting import leanings, weight_of
from fairpost.rules.training.posts import APART, CASES, PARTS, TEST, WRITTEN, evaded, own_posts, parts_of

WORDS = st.sampled_from(["新品到货", "今天包邮", "加我微信", "孩子发烧", "下雨", "早睡", "面膜", "😀", "ab"])
TEXTS = st.lists(st.tuples(st.lists(WORDS, max_size=12).map("".join), st.booleans()), max_size=30)


@given(TEXTS)
def test_near_copies_are_those_of_all_pairs(drawn: list[tuple[str, bool]]) -> None:
    texts, held = [text for text, _ in drawn], [apart for _, apart in drawn]
    found = near_copies(texts, np.array(held, dtype=np.bool_))
    for share, copy in zip(most_shared(texts, held), found.tolist(), strict=True):
        assert not copy or share >= LEAST_SHARED
        # MinHash misses a pair that shares four fifths of its pieces once in 100,000.
        assert copy or share < 0.8


def test_near_copies_of_posts_held_apart_are_trained_on_nowhere() -> None:
    names = [chr(0x4E00 + k) for k in range(400)]
    texts = [f"尊敬的{name}女士您好，您在本店的积分即将到期，请到柜台领取礼品一份，逾期作废" for name in names]
    posts = Posts.of([*texts, "今天下雨，早点回家吃饭"], [1] * 400 + [0], "shop")
    parts = split_of(posts)
    held = np.isin(parts, TEST)
    assert (parts[held] == parts_of(posts.texts)[held]).all()
    assert held[:400].any()
    assert (parts[:400][~held[:400]] == APART).all()
    assert (split_of(Posts.of(texts, [1] * 400, CASES)) == PARTS - 1).all()
    # Posts of templates are near copies of each other by nature; only their words tell what was learnt.
    assert not (split_of(Posts.of(texts, [1] * 400, WRITTEN)) == APART).any()


def test_own_posts_are_of_both_labels_and_without_repeats() -> None:
    posts = own_posts()
    assert len(set(posts.texts)) == len(posts) > 1500
    assert 0.3 < posts.labels.mean() < 0.8


def test_posts_as_evaders_write_them() -> None:
    posts = Posts.of(["祛斑霜三天见效，加我微信发链接", "下雨", "好", "abc"], [1, 0, 1, 1], "shop")
    found = evaded_posts(posts.texts, seed=3)
    assert found == evaded_posts(posts.texts, seed=3)
    assert {number for number, _ in found} <= {0, 1}  # the others have no word of two Chinese characters
    for number, text in found:
        assert fold(text, DEFAULT)[0] != fold(posts.texts[number], DEFAULT)[0]
    rewritten = [dict(evaded_posts(posts.texts, seed=seed)).get(0) for seed in range(40)]
    assert len(set(rewritten)) > 20
    assert evaded(posts).labels.tolist() == [1]


def test_a_bucket_that_tells_labels_apart_is_freer() -> None:
    from scipy.sparse import csr_matrix

    both, one, none = [1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0], [0] * 6
    found = leanings(csr_matrix(np.array([both, one, none]).T), np.array([1, 1, 1, 0, 0, 0], dtype=np.int8))
    assert found[1] > found[0] >= 0.5
    assert found[1] - 0.5 == pytest.approx(np.log((4 / 9) / (1 / 6)) / 2)


def test_sources_weigh_what_was_said() -> None:
    assert weight_of(CASES, {}) == 2.0
    assert weight_of("shop", {}) == 1.0
    assert weight_of("shop", {"shop": 0.25}) == 0.25
    assert weight_of(CASES, {CASES: 0.0}) == 0.0
