"""One pass: every default fold, matching, the text model, one rule, verdict columns out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import daachorse
import numpy as np
import pytest
from corpus import SEED, words_of
from peers import Posts
from source import source_of

from fairpost.engine import RuleSet
from fairpost.engine.build import build
from fairpost.engine.model import TextModel


@lru_cache(maxsize=1)
def model() -> TextModel:
    """Weights of the usual size; what they say is of no matter to the speed."""
    return TextModel(np.random.default_rng(SEED).integers(-127, 128, 1 << 18, dtype=np.int8), 0.01, -0.5)


@pytest.mark.parametrize("with_model", [False, True], ids=["match", "match and model"])
@pytest.mark.parametrize("size", ["10k", "120k"])
def test_pass(measure: Callable[..., Any], size: str, with_model: bool, posts: Posts) -> None:
    """Posts in which a word is are those that an independent matcher finds in texts folded beforehand."""
    words = words_of(size)
    source = source_of(words)
    if with_model:
        source = replace(source, model=model())
    rules = RuleSet.from_bytes(build(source))
    row = "fold, match, model" if with_model else "fold, match"
    batch = measure("pass", row, size, rules.check_batch, posts.arrow, per=len(posts))
    other = daachorse.CharwiseDoubleArrayAhoCorasick(sorted({rules.fold(word) for word in words}))
    fired = np.flatnonzero(np.diff(batch.fired_begin.astype(np.int64)))
    assert fired.tolist() == [i for i, text in enumerate(posts.texts) if other.find(rules.fold(text))]
    if with_model:
        assert batch.model[::100].tolist() == [model().logit([t]) for t in posts.texts[::100]]
