"""How hard a text is disguised: how many characters of a word are written otherwise, and in which of the forms.

`MEASURED` draws as real sellers do: benchmarks/real_evasions.py aligns adverts of the same campaigns in different
disguises and prints how many characters differ, and which of the forms are taken. `UNIFORM` draws any number up to
half of a word, and every form alike: harder to read for machines, and for the buyers too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from random import Random
from typing import Final

from .cells import Cell, hits, substitute

__all__ = ["LIKE_BUILD", "Strength", "draw_homophone", "replace_characters"]

Forms = Callable[[str], Sequence[str]]

FURTHER: Final = 0.025
"""Share of the other characters of a hit that are changed beside the first one: 4 of 158."""
ELSEWHERE: Final = 0.033
"""Share of the characters outside of hits: 298 of 9,077."""
LIKE_BUILD: Final = 0.48
"""Share of homophones that share a part with the character, or are one of its parts (侑 有, 馈 愦): 54 of 113 pairs."""

_BINS: Final = (1, 2, 4, 8, 16, 32, 64)
"""Ranks, the likeliest form first, up to each of these."""
_OF_LIKE_BUILD: Final = (23, 11, 10, 9, 1, 0, 0)
_OF_OTHER_BUILD: Final = (12, 5, 8, 12, 11, 4, 5)
"""Different pairs of a character and its disguise by bin; two of rank 65 and more are left out."""


class Strength(StrEnum):
    """How hard a mutation disguises."""

    MEASURED = "measured"
    UNIFORM = "uniform"


def _by_rank(bins: Sequence[int]) -> tuple[float, ...]:
    """The weight of each rank."""
    lows = (0, *_BINS)
    return tuple(n / (high - low) for low, high, n in zip(lows, _BINS, bins, strict=False) for _ in range(high - low))


_WEIGHTS: Final = {True: _by_rank(_OF_LIKE_BUILD), False: _by_rank(_OF_OTHER_BUILD)}


def draw_homophone(rng: Random, like: Sequence[str], other: Sequence[str]) -> str:
    """One of the homophones of a character, of like or of other build: each the likeliest first, not both empty."""
    is_like = rng.random() < LIKE_BUILD
    forms = (like if is_like else other) or like or other
    weights = _WEIGHTS[forms is like]
    forms = forms[: sum(weight > 0 for weight in weights)]
    return rng.choices(forms, weights[: len(forms)])[0]


def replace_characters(
    cells: Sequence[Cell], rng: Random, strength: Strength, forms: Forms, draw: Callable[[str], str]
) -> bool:
    """Write another form of characters of every hit that has any, by `strength`; `draw` gives one as measured.

    Returns whether a hit was changed; only then characters elsewhere are, too.
    """
    if strength is Strength.UNIFORM:
        return substitute(cells, rng, forms)
    changed = False
    for members in hits(cells):
        able = [cell for cell in members if cell.is_open and forms(cell.char)]
        if able:
            first = rng.choice(able)
            for cell in able:
                if cell is first or rng.random() < FURTHER:
                    cell.written = draw(cell.char)
            changed = True
    for cell in cells if changed else ():
        if cell.hit < 0 and rng.random() < ELSEWHERE and cell.is_open and forms(cell.char):
            cell.written = draw(cell.char)
    return changed
