"""What a rule set says in verdicts, as bytes of messages: fields that are made once and copied into every answer.

The layouts are those of kernels/wire_verdicts.h and wire_standings.h; the numbers of the fields those of
proto/fairpost/v1.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from fairpost.engine.dates import date_of_day, day_of_date
from fairpost.engine.folds import CODE_POINTS, DEFAULT, DROP, fold_table
from fairpost.engine.vocabulary import CATEGORIES, LICENCES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from fairpost.engine.ruleset import RuleSet

__all__ = [
    "FOLDED_SAME",
    "NAME_DTYPE",
    "PIECE_DTYPE",
    "SAYING_DTYPE",
    "STANDING_WORDS",
    "Folded",
    "Names",
    "RulePhrases",
    "StandingWords",
    "field",
    "folded",
    "names_of",
    "rule_phrases",
    "standing_words",
]

PIECE_DTYPE: Final = np.dtype([("begin", "<u4"), ("length", "<u4")])
SAYING_DTYPE: Final = np.dtype([("from_day", "<i4"), ("begin", "<u4"), ("length", "<u4")])
NAME_DTYPE: Final = np.dtype([("begin", "<u4"), ("length", "<u4"), ("number", "<u4")])
STANDING_WORDS: Final = 32
"""Licences and categories that a standing has room for."""
FOLDED_SAME: Final = 0xFFFFFFFF

_FIRST_DAY: Final = day_of_date(date.min)
_DAYS: Final = range(_FIRST_DAY, day_of_date(date.max) + 1)
_EVER: Final = -(2**31)


def field(number: int, content: str | bytes) -> bytes:
    """A string, or a message, as a field with a tag of one byte."""
    encoded = content.encode() if isinstance(content, str) else content
    length, left = bytearray(), len(encoded)
    while left > 127:
        length.append(left & 127 | 128)
        left >>= 7
    length.append(left)
    return bytes([number << 3 | 2]) + bytes(length) + encoded


def _string(number: int, content: str) -> bytes:
    """The same, left out where it is empty."""
    return field(number, content) if content else b""


class _Pieces:
    """Pieces of bytes behind each other, each kept once."""

    def __init__(self) -> None:
        self.content = bytearray()
        self._places: dict[bytes, tuple[int, int]] = {}

    def place(self, piece: bytes) -> tuple[int, int]:
        place = self._places.get(piece)
        if place is None:
            place = self._places[piece] = (len(self.content), len(piece))
            self.content += piece
        return place


@dataclass(frozen=True)
class RulePhrases:
    """heads: PIECE_DTYPE[rules]; first: uint32[rules + 1]; sayings: SAYING_DTYPE[n], of rule k those from first[k] to
    first[k + 1], by day; categories: PIECE_DTYPE[32]; longest: of a head and a saying together."""

    content: bytes
    heads: NDArray[np.void]
    first: NDArray[np.uint32]
    sayings: NDArray[np.void]
    categories: NDArray[np.void]
    longest: int


def rule_phrases(rule_set: RuleSet) -> RulePhrases:
    """What the rules of a rule set say."""
    pieces = _Pieces()
    heads, first, sayings = [], [0], []
    for rule, name in enumerate(rule_set.rule_ids):
        heads.append(pieces.place(_string(1, name) + _string(2, rule_set.rule_category(rule))))
        texts = _string(1, rule_set.message(rule)) + _string(2, rule_set.message(rule, "en"))
        days = {_FIRST_DAY, *map(_first_day, rule_set.turns(rule))}
        for day in sorted(day for day in days if day in _DAYS):
            basis = b"".join(field(8, citation) for citation in rule_set.citations(rule, day))
            place = pieces.place(basis + field(9, texts))
            sayings.append((_EVER if day == _FIRST_DAY else day, *place))
        first.append(len(sayings))
    categories = [pieces.place(field(1, name)) for name in CATEGORIES]
    categories += [(0, 0)] * (STANDING_WORDS - len(categories))
    return RulePhrases(
        bytes(pieces.content),
        np.array(heads, PIECE_DTYPE),
        np.array(first, np.uint32),
        np.array(sayings, SAYING_DTYPE),
        np.array(categories, PIECE_DTYPE),
        max((length for _, length in heads), default=0) + max((length for *_, length in sayings), default=0),
    )


@lru_cache(maxsize=1024)
def _first_day(text: str) -> int:
    """The first day whose date does not come before `text`, as `RuleSet.citations` compares them; the day after the
    last one if all do."""
    return _DAYS[0] + bisect_left(_DAYS, text, key=lambda day: date_of_day(day).isoformat())


@dataclass(frozen=True)
class StandingWords:
    """licences, categories: PIECE_DTYPE[32] of `content`; longest: bytes of all of them in a message."""

    content: bytes
    licences: NDArray[np.void]
    categories: NDArray[np.void]
    longest: int


@cache
def standing_words() -> StandingWords:
    """The words of standings: field 5 of Standing, field 1 of CategoryStrikes."""
    pieces = _Pieces()

    def places(number: int, words: Iterable[str]) -> NDArray[np.void]:
        found = [pieces.place(field(number, word)) for word in words]
        return np.array(found + [(0, 0)] * (STANDING_WORDS - len(found)), PIECE_DTYPE)

    licences, categories = places(5, LICENCES), places(1, CATEGORIES)
    around = 8 * STANDING_WORDS  # tag, length and count of each entry of strikes
    longest = int(licences["length"].sum() + categories["length"].sum()) + around
    return StandingWords(bytes(pieces.content), licences, categories, longest)


@dataclass(frozen=True)
class Names:
    """names: NAME_DTYPE[n] of `content`, ascending by length, then by bytes."""

    content: bytes
    names: NDArray[np.void]


def names_of(numbers: Mapping[str, int]) -> Names:
    """Names with a number of their own; 0 is the number of all others."""
    pieces = _Pieces()
    encoded = sorted((len(name.encode()), name.encode(), number) for name, number in numbers.items() if number)
    names = np.array([(*pieces.place(name), number) for _, name, number in encoded], NAME_DTYPE)
    return Names(bytes(pieces.content), names)


@dataclass(frozen=True)
class Folded:
    """The default fold in UTF-8. blocks: uint16[0x1100]; images: uint32[n, 256], FOLDED_SAME or begin << 8 | length in
    `content`; longest: bytes that one byte becomes, at most."""

    content: bytes
    blocks: NDArray[np.uint16]
    images: NDArray[np.uint32]
    longest: int


@cache
def folded() -> Folded:
    """What `RuleSet.fold` makes of each code point."""
    table = fold_table(DEFAULT)
    images = np.full(CODE_POINTS, FOLDED_SAME, np.uint32)
    images[table.target == DROP] = 0
    pieces = _Pieces()
    longest = 1
    changed = (table.target != np.arange(CODE_POINTS)) & (table.target != DROP)
    changed[0xD800:0xE000] = False  # surrogates, which UTF-8 does not hold
    for code in np.flatnonzero(changed).tolist():
        begin, length = pieces.place("".join(map(chr, table.image(code))).encode())
        images[code] = begin << 8 | length
        longest = max(longest, -(-length // len(chr(code).encode())))
    assert len(pieces.content) < 1 << 24
    numbers: dict[bytes, int] = {}
    rows = images.reshape(-1, 256)
    blocks = np.array([numbers.setdefault(row.tobytes(), len(numbers)) for row in rows], np.uint16)
    kept = np.frombuffer(b"".join(numbers), np.uint32).reshape(-1, 256)
    return Folded(bytes(pieces.content), blocks, kept, longest)
