"""A server's answer from bytes to bytes, without a network: in the engine, and with message objects."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from peers import Posts

from fairpost.engine import RuleSet, Texts
from fairpost.engine.decision_ids import DecisionIds
from fairpost.engine.wire import CHECK_POST, STREAM_CHECK
from fairpost.server.filtering import FilterService
from fairpost.server.table import SellerTable
from fairpost.v1 import filter_pb2, post_pb2

BATCH, BATCHES = 64, 32
PLAIN = ["a"] * (BATCH * BATCHES)
"""Next to nothing to judge: what is left is reading, writing and everything around."""


@pytest.fixture(scope="module")
def service(shipped: RuleSet) -> FilterService:
    holder: Any = SimpleNamespace(snapshot=lambda: shipped)
    return FilterService(holder, SellerTable(bytes(16)), DecisionIds())


def requests(texts: list[str]) -> list[bytes]:
    """Batches of StreamCheck."""
    posts = [
        post_pb2.Post(id=f"post-{k:08d}", text=text, channel="moments", language="zh") for k, text in enumerate(texts)
    ]
    return [
        filter_pb2.StreamCheckRequest(posts=posts[k : k + BATCH], sequence=k).SerializeToString()
        for k in range(0, len(posts), BATCH)
    ]


def actions(answers: list[bytes]) -> list[int]:
    return [
        result.verdict.action - 1
        for answer in answers
        for result in filter_pb2.StreamCheckResponse.FromString(answer).results
    ]


@pytest.mark.parametrize("column", ["one character", "real posts"])
@pytest.mark.parametrize("row", ["columns only", "bytes, in the engine", "bytes, by message objects"])
def test_batches(
    measure: Callable[..., Any], service: FilterService, shipped: RuleSet, posts: Posts, row: str, column: str
) -> None:
    """Batches of 64 posts; `columns only` is the check without any message."""
    texts = PLAIN if column == "one character" else posts.texts[: BATCH * BATCHES]
    expected = shipped.check_batch(texts, channels="moments", languages="zh").action.tolist()
    if row == "columns only":
        parts = [Texts.of(texts[k : k + BATCH]) for k in range(0, len(texts), BATCH)]
        check = lambda: [shipped.check_batch(part, channels="moments", languages="zh") for part in parts]  # noqa: E731
        batches = measure("wire", row, column, check, per=len(texts))
        assert [action for batch in batches for action in batch.action.tolist()] == expected
        return
    contents = requests(texts)
    if row == "bytes, in the engine":
        answer = service.stream_check_bytes
    else:
        answer = lambda content: service.answer_by_messages(STREAM_CHECK, content)  # noqa: E731
    answers = measure("wire", row, column, lambda: list(map(answer, contents)), per=len(texts))
    assert actions(answers) == expected


@pytest.mark.parametrize("row", ["CheckPost, in the engine", "CheckPost, by message objects"])
def test_one(measure: Callable[..., Any], service: FilterService, shipped: RuleSet, posts: Posts, row: str) -> None:
    """One post from bytes to bytes; beside it in the report: the check alone."""
    text = posts.texts[0]
    content = filter_pb2.CheckPostRequest(post=post_pb2.Post(id="post-1", text=text)).SerializeToString()
    if row == "CheckPost, in the engine":
        answer = measure("latency", row, "check(text)", service.check_post_bytes, content)
    else:
        answer = measure("latency", row, "check(text)", service.answer_by_messages, CHECK_POST, content)
    verdict = filter_pb2.CheckPostResponse.FromString(answer).verdict
    assert verdict.action - 1 == shipped.check(text).action
