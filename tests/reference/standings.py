"""The standing table, slow and obvious: a dict, and SipHash word by word as its paper has it."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairpost.engine.vocabulary import (
    SELLER_NONE,
    SELLER_NOT_FOUND,
    SELLER_UNAVAILABLE,
    SINCE_NEVER,
    STANDING_DTYPE,
)

__all__ = ["Standings", "siphash128", "standing_on"]

_WORD = (1 << 64) - 1


class Standings:
    """Seller's id -> SELLER_RECORD_DTYPE record."""

    def __init__(self) -> None:
        self.records: dict[str, Any] = {}
        self.sequence = 0
        self.day = 0
        self.available = True

    def apply(self, sequence: int, ids: Iterable[str], records: NDArray[Any], removed: Iterable[str] = ()) -> None:
        self.records.update(zip(ids, copy.deepcopy(list(records)), strict=True))
        for seller_id in removed:
            self.records.pop(seller_id, None)
        self.sequence = sequence

    def replace(self, ids: Iterable[str], records: NDArray[Any], sequence: int, day: int) -> None:
        self.records = {}
        self.apply(sequence, ids, records)
        self.day = day

    def answer(self, seller_id: str, day: int) -> int | Any:
        """SELLER_NONE ..., or a STANDING_DTYPE record."""
        if not seller_id:
            return SELLER_NONE
        if not self.available:
            return SELLER_UNAVAILABLE
        if seller_id not in self.records:
            return SELLER_NOT_FOUND
        return standing_on(self.records[seller_id], day)

    def answers(self, ids: Sequence[str], day: int) -> list[int | Any]:
        return [self.answer(seller_id, day) for seller_id in ids]


def standing_on(record: Any, day: int) -> Any:
    """What the engine is to read of a seller on a day."""
    standing = np.zeros((), STANDING_DTYPE)
    for name in ("licences", "registration", "enforcement", "listing", "complaints", "strikes"):
        standing[name] = record[name]
    if record["since_day"] != SINCE_NEVER:
        standing["tenure_days"] = max(0, day - int(record["since_day"]))
    return standing


def siphash128(key: bytes, content: bytes) -> bytes:
    """SipHash-2-4, 128 bits of output."""
    k0, k1 = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:], "little")
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D ^ 0xEE, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def rotate(x: int, by: int) -> int:
        return (x << by | x >> (64 - by)) & _WORD

    def add(to: int, what: int, by: int) -> None:
        v[to] = (v[to] + v[what]) & _WORD
        v[what] = rotate(v[what], by) ^ v[to]

    def rounds(count: int) -> None:
        for _ in range(count):
            add(0, 1, 13)
            v[0] = rotate(v[0], 32)
            add(2, 3, 16)
            add(0, 3, 21)
            add(2, 1, 17)
            v[2] = rotate(v[2], 32)

    padded = content + bytes(-(len(content) + 1) % 8) + bytes([len(content) & 0xFF])
    for at in range(0, len(padded), 8):
        word = int.from_bytes(padded[at : at + 8], "little")
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xEE
    rounds(4)
    low = v[0] ^ v[1] ^ v[2] ^ v[3]
    v[1] ^= 0xDD
    rounds(4)
    return low.to_bytes(8, "little") + (v[0] ^ v[1] ^ v[2] ^ v[3]).to_bytes(8, "little")
