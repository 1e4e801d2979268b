"""Characters written by their sound."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from random import Random

from .cells import Cell, hits, is_han, substitute
from .strength import draw_homophone, replace_characters
from .writing import Writing

__all__ = ["homophone", "mixed_pinyin", "pinyin"]


def homophone(cells: Sequence[Cell], rng: Random, writing: Writing) -> bool:
    """Characters that sound the same: as measured, or at most half of a word."""
    return replace_characters(
        cells, rng, writing.strength, writing.homophones, lambda char: draw_homophone(rng, *writing.sounding(char))
    )


def pinyin(cells: Sequence[Cell], rng: Random, writing: Writing) -> bool:
    """Whole words in Latin letters."""
    changed = False
    for members in hits(cells):
        able = [cell for cell in members if cell.is_open and is_han(cell.char) and writing.pinyin(cell.char)]
        for cell in able:
            cell.written = rng.choice(writing.pinyin(cell.char))
            changed = True
    if changed:
        _apart(cells)
    return changed


def mixed_pinyin(cells: Sequence[Cell], rng: Random, writing: Writing) -> bool:
    """Some characters of a word in Latin letters, at most half."""
    changed = substitute(cells, rng, lambda c: writing.pinyin(c) if is_han(c) else (), elsewhere=0.0)
    if changed:
        _apart(cells)
    return changed


def _apart(cells: Sequence[Cell]) -> None:
    """A space between Latin letters that were there and syllables, and between two words: as one types them."""
    for before, cell in pairwise(cells):
        letters = before.written[-1:].isascii() and cell.written[:1].isascii()
        if letters and before.written[-1:].isalpha() and cell.written[:1].isalpha():
            old = before.is_open and cell.is_open
            if not old and (before.hit != cell.hit or before.is_open or cell.is_open):
                cell.written = " " + cell.written
