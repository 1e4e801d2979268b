"""Everything a check does: all folds, the shipped packs, conditions, scores, verdicts. Answers are asserted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from fairpost.engine import RuleSet
from fairpost.engine.vocabulary import Action
from fairpost.rules import shipped_bundle

ORDINARY = "今天和朋友去爬山，天气很好，山上的枫叶红了，拍了很多照片，晚上一起吃了火锅，特别开心。"
CLAIM = "祖传秘方，根治糖尿病，无效退款！加微信 abc12345，三盒包邮只要 998 元"


@pytest.mark.parametrize(("text", "allowed"), [(ORDINARY, True), (CLAIM, False)], ids=["ordinary", "claim"])
def test_one_post(benchmark: Any, shipped: RuleSet, text: str, allowed: bool) -> None:
    """Latency of `check` from Python, with a verdict object."""
    verdict = benchmark(shipped.check, text)
    assert (verdict.action == Action.ALLOW) is allowed
    assert bool(verdict.evidence) is not allowed


@pytest.mark.parametrize("form", ["list", "arrow"])
def test_batch(benchmark: Any, shipped: RuleSet, posts: list[str], form: str) -> None:
    """Twenty thousand posts in one call, verdict columns out; a round is 20,000 posts."""
    texts = posts if form == "list" else pa.array(posts)
    batch = benchmark(shipped.check_batch, texts)
    benchmark.extra_info["posts/s"] = round(len(posts) / benchmark.stats.stats.min) if benchmark.stats else None
    some = np.random.default_rng(1).integers(0, len(posts), 200)
    assert [int(batch.action[i]) for i in some] == [int(shipped.check(posts[i]).action) for i in some]


def test_open(benchmark: Any) -> None:
    """Open the shipped bundle: map it, verify the checksum and every bound."""
    path = shipped_bundle()
    rules = benchmark(RuleSet.open, path)
    assert len(rules.revision) == 12
