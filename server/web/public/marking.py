"""A post's text with its evidence marked."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Piece", "marked"]


class Piece(NamedTuple):
    """A stretch of the text; reasons: numbers of the reasons that it is evidence for, none where it is not."""

    text: str
    reasons: tuple[int, ...]


def marked(text: str, spans: Iterable[tuple[int, int, int]]) -> list[Piece]:
    """The whole text in pieces, cut wherever a span begins or ends.

    Args:
        spans: (begin, end, number of the reason), half-open, in code points; they may overlap.
    """
    found = [(max(0, begin), min(len(text), end), number) for begin, end, number in spans]
    cuts = sorted({0, len(text), *(place for begin, end, _ in found if begin < end for place in (begin, end))})
    opens: dict[int, list[int]] = {}
    closes: dict[int, list[int]] = {}
    for begin, end, number in found:
        if begin < end:
            opens.setdefault(begin, []).append(number)
            closes.setdefault(end, []).append(number)
    active: list[int] = []
    pieces: list[Piece] = []
    for begin, end in pairwise(cuts):
        for number in closes.get(begin, ()):
            active.remove(number)
        active += opens.get(begin, ())
        reasons = tuple(sorted(set(active)))
        if pieces and reasons == pieces[-1].reasons:
            pieces[-1] = Piece(pieces[-1].text + text[begin:end], reasons)
        else:
            pieces.append(Piece(text[begin:end], reasons))
    return pieces
