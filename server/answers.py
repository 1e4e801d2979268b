"""BatchLookupSellersResponse from a table's view, without a message object for each seller.

Many sellers stand alike: the bytes of a standing without the seller's id are made once for all of them, and put
together with the id around them. The wire format is that of protobuf: tag, length, content.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from google.protobuf import duration_pb2

from fairpost.engine.vocabulary import SELLER_NOT_FOUND, STANDING_DTYPE
from fairpost.server import messages
from fairpost.server.wire import varint
from fairpost.v1 import registry_pb2, standing_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fairpost.engine import StandingView

__all__ = ["serialised"]

_length = lru_cache(maxsize=1 << 12)(varint)
_OK = standing_pb2.LOOKUP_OUTCOME_OK
_UNAVAILABLE = standing_pb2.LOOKUP_OUTCOME_UNAVAILABLE


def serialised(
    seller_ids: Sequence[str], view: StandingView, fresh: bool, ttls: Mapping[int, int], token: str
) -> bytes:
    """The answers in the order of the ids.

    Args:
        fresh: whether the view is as fresh as was asked for; if not, all are UNAVAILABLE.
        ttls: seconds, by outcome.
    """
    tails = {
        outcome: registry_pb2.SellerAnswer(
            outcome=outcome,  # type: ignore[arg-type]
            ttl=duration_pb2.Duration(seconds=seconds),
        ).SerializeToString()
        for outcome, seconds in ttls.items()
    }
    not_found, unavailable = tails[standing_pb2.LOOKUP_OUTCOME_NOT_FOUND], tails[_UNAVAILABLE]
    ok = tails[_OK]
    raw = view.standings.view(np.dtype((np.void, STANDING_DTYPE.itemsize))).tolist()
    parts = []
    for seller_id, row in zip(seller_ids, view.sellers.tolist(), strict=True):
        name = seller_id.encode()
        head = b"\x0a" + _length(len(name)) + name
        if not fresh:
            answer = head + unavailable
        elif row >= 0:
            standing = head + _nameless(raw[row])
            answer = head + ok + b"\x1a" + _length(len(standing)) + standing
        else:
            answer = head + (not_found if row == SELLER_NOT_FOUND else unavailable)
        parts.append(b"\x0a" + _length(len(answer)) + answer)
    parts.append(registry_pb2.BatchLookupSellersResponse(consistency_token=token).SerializeToString())
    return b"".join(parts)


@lru_cache(maxsize=10_000)
def _nameless(record: bytes) -> bytes:
    """A record of STANDING_DTYPE as a serialised Standing without the seller's id."""
    (row,) = np.frombuffer(record, STANDING_DTYPE)
    return messages.standing("", row).SerializeToString()
