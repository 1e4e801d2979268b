"""The posts and verdicts of a message's bytes, without making objects of those that nobody asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fairpost.engine.exchange import post_places, verdict_places
from fairpost.v1 import filter_pb2, post_pb2, verdict_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from fairpost.server.calls.call import Method

__all__ = ["Exchange", "Request", "have_decisions", "opened"]

Request = filter_pb2.CheckPostRequest | filter_pb2.CheckPostsRequest | filter_pb2.StreamCheckRequest

_SERVICE = filter_pb2.DESCRIPTOR.services_by_name["FilterService"].full_name
_METHODS = {f"{_SERVICE}/{name}" for name in ("CheckPost", "CheckPosts", "StreamCheck")}


class Exchange(NamedTuple):
    """A request message and its answer. actions: u1[n], `fairpost.v1.Action` of each post, 0 where it is an error.
    request: of batches without the posts. pair: a judged post, and its verdict, by index."""

    actions: NDArray[np.uint8]
    request: Request
    pair: Callable[[int], tuple[post_pb2.Post, verdict_pb2.Verdict]]


def have_decisions(method: Method) -> bool:
    """Whether the method's messages have decisions."""
    return method.path in _METHODS


def opened(method: Method, request: bytes, response: bytes) -> Exchange:
    """
    Raises:
        DecodeError, ValueError: they are no messages of the method.
    """
    if method.name == "CheckPost":
        one = filter_pb2.CheckPostRequest.FromString(request)
        verdict = filter_pb2.CheckPostResponse.FromString(response).verdict
        return Exchange(np.array([verdict.action], np.uint8), one, lambda _: (one.post, verdict))
    post_begins, post_ends, rest = post_places(request)
    begins, ends, actions = verdict_places(response)
    if len(post_begins) != len(begins):
        raise ValueError(f"{len(post_begins)} posts have {len(begins)} results")

    def pair(index: int) -> tuple[post_pb2.Post, verdict_pb2.Verdict]:
        return (
            post_pb2.Post.FromString(request[post_begins[index] : post_ends[index]]),
            verdict_pb2.Verdict.FromString(response[begins[index] : ends[index]]),
        )

    # The fields that are left have the same numbers in both kinds of batches.
    return Exchange(actions, filter_pb2.StreamCheckRequest.FromString(rest), pair)
