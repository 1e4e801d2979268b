"""Places of posts and verdicts in messages' bytes, held equal to the protobuf runtime."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from fairpost.engine.exchange import post_places, result_count, verdict_places
from fairpost.server.wire import parse_batch
from fairpost.v1 import filter_pb2, post_pb2, verdict_pb2

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
posts = st.builds(post_pb2.Post, id=texts, seller_id=texts, text=texts, channel=texts)
requests = st.builds(
    filter_pb2.StreamCheckRequest,
    posts=st.lists(posts, max_size=5),
    unit=st.integers(0, 3),
    dry_run=st.booleans(),
    sequence=st.integers(0, 2**64 - 1),
)


@st.composite
def verdicts(draw: st.DrawFn) -> verdict_pb2.CheckResult:
    result = verdict_pb2.CheckResult()
    if draw(st.booleans()):
        result.error.code = 3
        result.error.message = draw(texts)
    else:
        result.verdict.action = draw(st.sampled_from([0, 1, 2, 3, 4, 5, 200, 300]))  # type: ignore[assignment]
        result.verdict.post_id = draw(texts)
        result.verdict.risk = draw(st.floats(0, 1, width=32))
        for rule in draw(st.lists(texts, max_size=3)):
            result.verdict.evidence.add(rule=rule)
    return result


responses = st.builds(
    filter_pb2.StreamCheckResponse,
    results=st.lists(verdicts(), max_size=5),
    revision=texts,
    sequence=st.integers(0, 2**64 - 1),
)


def check_request(content: bytes) -> None:
    begins, ends, rest = post_places(content)
    sent, found = parse_batch(filter_pb2.StreamCheckRequest, content)
    assert len(begins) == len(ends) == len(found)
    for begin, end, post in zip(begins, ends, found, strict=True):
        if isinstance(post, post_pb2.Post):
            assert post_pb2.Post.FromString(content[begin:end]) == post
    del sent.posts[:]
    # Order and unknown fields are as they were: what is equal is what is read.
    other = filter_pb2.StreamCheckRequest.FromString(rest)
    other.DiscardUnknownFields()
    sent.DiscardUnknownFields()
    assert other == sent


@given(st.lists(requests, min_size=1, max_size=3), st.binary(max_size=20))
def test_posts_of_requests_in_any_order(parts: list[filter_pb2.StreamCheckRequest], junk: bytes) -> None:
    content = b"".join(part.SerializeToString() for part in parts)
    check_request(content)
    # A post whose bytes are no post is in its place.
    check_request(content + b"\x0a" + bytes([len(junk)]) + junk + content)
    # Fields of later versions, and of other kinds.
    check_request(b"\xfa\x07" + bytes([len(junk)]) + junk + content + b"\x08\x05" + b"\x7b\x0a\x01x\x7c")


@given(st.binary(max_size=60))
def test_any_bytes(content: bytes) -> None:
    try:
        filter_pb2.StreamCheckRequest.FromString(content)
    except DecodeError:
        # Refused for a post, or as a whole: in either case nothing is read beyond the end.
        with contextlib.suppress(ValueError):
            post_places(content)
        return
    check_request(content)


@given(responses)
def test_verdicts_of_answers(response: filter_pb2.StreamCheckResponse) -> None:
    content = response.SerializeToString()
    begins, ends, actions = verdict_places(content)
    assert result_count(content) == len(response.results) == len(begins)
    assert actions.dtype == np.uint8
    for begin, end, action, result in zip(begins, ends, actions, response.results, strict=True):
        assert action == min(result.verdict.action, 255)
        if result.HasField("verdict"):
            assert verdict_pb2.Verdict.FromString(content[begin:end]) == result.verdict
        else:
            assert begin == end


@given(responses, st.data())
def test_cut_answers_are_refused_or_shorter(response: filter_pb2.StreamCheckResponse, data: st.DataObject) -> None:
    content = response.SerializeToString()
    cut = content[: data.draw(st.integers(0, len(content)))]
    try:
        begins, _, _ = verdict_places(cut)
    except ValueError:
        assert result_count(cut) == 0 or cut != content
    else:
        assert len(begins) == len(filter_pb2.StreamCheckResponse.FromString(cut).results)


def test_two_verdicts_in_one_result_are_none_of_ours() -> None:
    one = verdict_pb2.CheckResult()
    one.verdict.action = verdict_pb2.ACTION_BLOCK
    twice = one.SerializeToString() * 2
    with pytest.raises(ValueError, match="the bytes are no answer with results"):
        verdict_places(b"\x0a" + bytes([len(twice)]) + twice)


def test_no_bytes() -> None:
    assert post_places(b"")[2] == b""
    assert len(verdict_places(b"")[0]) == result_count(b"") == 0
    assert result_count(b"\xff") == 0
