"""Everything a check does: all folds, the shipped packs, conditions, scores, verdicts. Answers are asserted."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from peers import Posts

from fairpost.engine import RuleSet
from fairpost.engine.vocabulary import Action

ORDINARY = "今天和朋友去爬山，天气很好，山上的枫叶红了，拍了很多照片，晚上一起吃了火锅，特别开心。"
CLAIM = "祖传秘方，根治糖尿病，无效退款！加微信 abc12345，三盒包邮只要 998 元"


@pytest.mark.benchmark(timer=time.perf_counter)
@pytest.mark.parametrize(
    ("row", "text", "allowed"),
    [("an ordinary post of 44 characters", ORDINARY, True), ("a post with several violations", CLAIM, False)],
    ids=["ordinary", "claim"],
)
def test_one_post(measure: Callable[..., Any], shipped: RuleSet, row: str, text: str, allowed: bool) -> None:
    """Latency of `check` from Python, with a verdict object."""
    verdict = measure("latency", row, "check(text)", shipped.check, text)
    assert (verdict.action == Action.ALLOW) is allowed
    assert bool(verdict.evidence) is not allowed


@pytest.mark.parametrize("form", ["list of str", "Arrow"])
def test_batch(measure: Callable[..., Any], shipped: RuleSet, posts: Posts, form: str) -> None:
    """All posts in one call, verdict columns out."""
    texts = posts.arrow if form == "Arrow" else posts.texts
    batch = measure("check", f"check_batch, {form}", "shipped", shipped.check_batch, texts, per=len(posts))
    some = np.random.default_rng(1).integers(0, len(posts), 200)
    assert [int(batch.action[i]) for i in some] == [int(shipped.check(posts.texts[i]).action) for i in some]
