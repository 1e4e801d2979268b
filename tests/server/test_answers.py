"""Lookups' answers are put together as bytes: the same as the protobuf runtime makes of message objects."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fairpost.engine import StandingView
from fairpost.engine.vocabulary import (
    CATEGORIES,
    ENFORCEMENT,
    LICENCES,
    LISTING,
    REGISTRATION,
    SELLER_NOT_FOUND,
    SELLER_UNAVAILABLE,
    STANDING_DTYPE,
)
from fairpost.server import answers, messages
from fairpost.v1 import registry_pb2


@st.composite
def standings(draw: st.DrawFn) -> np.ndarray:
    row = np.zeros(1, STANDING_DTYPE)
    row["licences"] = draw(st.integers(0, 2 ** len(LICENCES) - 1))
    row["tenure_days"] = draw(st.integers(0, 2**32 - 1))
    row["registration"] = draw(st.integers(0, len(REGISTRATION) - 1))
    row["enforcement"] = draw(st.integers(0, len(ENFORCEMENT) - 1))
    row["listing"] = draw(st.integers(0, len(LISTING) - 1))
    row["complaints"] = draw(st.integers(0, 255))
    for category in draw(st.lists(st.integers(0, len(CATEGORIES) - 1), max_size=3)):
        row["strikes"][0, category] = draw(st.integers(0, 255))
    return row


@given(
    st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=128), max_size=20),
    st.lists(standings(), min_size=1, max_size=4),
    st.booleans(),
    st.integers(0, 10**9),
    st.data(),
)
def test_bytes_are_those_of_the_messages(
    ids: list[str], known: list[np.ndarray], fresh: bool, ttl: int, data: st.DataObject
) -> None:
    rows = np.concatenate(known)
    choice = st.sampled_from([*range(len(rows)), SELLER_NOT_FOUND, SELLER_UNAVAILABLE])
    sellers = np.array([data.draw(choice) for _ in ids], np.int32)
    ttls = {1: ttl, 2: ttl // 2, 3: 0}
    found = answers.serialised(ids, StandingView(sellers, rows, 7), fresh, ttls, "store.7")
    wanted = registry_pb2.BatchLookupSellersResponse(consistency_token="store.7")
    for seller_id, row in zip(ids, sellers.tolist(), strict=True):
        answer = wanted.answers.add(seller_id=seller_id)
        answer.outcome = 3 if not fresh or row == SELLER_UNAVAILABLE else 2 if row == SELLER_NOT_FOUND else 1
        answer.ttl.seconds = ttls[answer.outcome]
        if answer.outcome == 1:
            answer.standing.CopyFrom(messages.standing(seller_id, rows[row]))
    assert registry_pb2.BatchLookupSellersResponse.FromString(found) == wanted
