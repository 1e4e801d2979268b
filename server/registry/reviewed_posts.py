"""Posts of the review queue as they are kept: with the verdict and what it needs to be judged again, encrypted."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from fairpost.server.registry.ciphers import REVIEW_POST
from fairpost.v1 import post_pb2, verdict_pb2

if TYPE_CHECKING:
    from fairpost.server.registry.keys import Keys

__all__ = ["KeptPost", "open_post", "seal_post"]


@dataclass(frozen=True, slots=True)
class KeptPost:
    """A post as it was judged.

    verdict: spans in code points. day: days since 1970. channel: as the rules know it, "" for one that they do not
    name. seller, standing: as in `fairpost.engine.offending.Held`, by which the rules judged.
    """

    post: post_pb2.Post
    verdict: verdict_pb2.Verdict
    day: int
    channel: str
    seller: int
    standing: bytes


def seal_post(keys: Keys, review_id: str, kept: KeptPost) -> bytes:
    """The cipher for the row of a review."""
    content = {
        "post": _text(kept.post.SerializeToString()),
        "verdict": _text(kept.verdict.SerializeToString()),
        "day": kept.day,
        "channel": kept.channel,
        "seller": kept.seller,
        "standing": _text(kept.standing),
    }
    return REVIEW_POST.seal(keys, orjson.dumps(content), review_id)


def open_post(keys: Keys, row: Any) -> KeptPost | None:
    """What a row of `reviews` keeps of its post; None after its term."""
    if row.post_cipher is None:
        return None
    content = orjson.loads(REVIEW_POST.open(keys, row.post_cipher, row.review_id))
    return KeptPost(
        post_pb2.Post.FromString(base64.b64decode(content["post"])),
        verdict_pb2.Verdict.FromString(base64.b64decode(content["verdict"])),
        content["day"],
        content["channel"],
        content["seller"],
        base64.b64decode(content["standing"]),
    )


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
