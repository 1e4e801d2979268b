"""Standings on their way from a server into the engine's table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from fairpost.cli.standings import Sellers, standing_record
from fairpost.engine.vocabulary import (
    CATEGORIES,
    ENFORCEMENT,
    LICENCES,
    LISTING,
    REGISTRATION,
    SELLER_NONE,
    SELLER_NOT_FOUND,
    STANDING_DTYPE,
)
from fairpost.server import messages


def position(words: tuple[str, ...]) -> st.SearchStrategy[int]:
    return st.integers(0, len(words) - 1)


@given(
    st.integers(0, 2 ** len(LICENCES) - 1),
    st.integers(0, 2**32 - 1),
    position(REGISTRATION),
    position(ENFORCEMENT),
    position(LISTING),
    st.integers(0, 255),
    st.dictionaries(position(CATEGORIES), st.integers(0, 255)),
)
def test_a_standing_comes_back_from_its_message(
    licences: int,
    tenure: int,
    registration: int,
    enforcement: int,
    listing: int,
    complaints: int,
    strikes: dict[int, int],
) -> None:
    row = np.zeros((), STANDING_DTYPE)
    row["licences"], row["tenure_days"], row["registration"] = licences, tenure, registration
    row["enforcement"], row["listing"], row["complaints"] = enforcement, listing, complaints
    for category, count in strikes.items():
        row["strikes"][category] = count
    assert standing_record(messages.standing("s", row)) == row


class Counting:
    """A registry that knows every name of an even length and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def lookup(self, ids: Any) -> Any:
        self.asked += ids
        known = [name for name in ids if len(name) % 2 == 0]
        standings = np.zeros(len(known), STANDING_DTYPE)
        standings["tenure_days"] = [len(name) for name in known]
        return np.array([known.index(n) if n in known else SELLER_NOT_FOUND for n in ids], np.int32), standings


def test_every_seller_is_asked_for_once(monkeypatch: Any) -> None:
    registry = Counting()
    sellers = Sellers(registry)
    first = sellers.rows(pa.array(["ab", "abc", None, "ab"]))
    assert first.tolist() == [0, SELLER_NOT_FOUND, SELLER_NONE, 0]
    second = sellers.rows(pa.array(["abcd", "abc", "ab"]))
    assert sellers.standings["tenure_days"][second[[0, 2]]].tolist() == [4, 2]
    assert second[1] == SELLER_NOT_FOUND
    assert registry.asked == ["ab", "abc", "abcd"]
    assert sellers.rows(pa.array([None, None], pa.string())).tolist() == [SELLER_NONE, SELLER_NONE]
    monkeypatch.setattr(Sellers, "CAPACITY", 3)  # a full table starts anew
    third = sellers.rows(pa.array(["abcdef", "ab"]))
    assert sellers.standings["tenure_days"][third].tolist() == [6, 2]
    assert registry.asked[3:] == ["abcdef", "ab"]
