"""What is put between the characters of a word, or doubled: the word stays legible."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from .cells import Cell, gaps, hits
from .writing import Writing

__all__ = ["inserted_emoji", "repeats", "separators", "zero_width"]

SEPARATORS = (" ", "*", ".", "·", "-", "_", "/", "|", "~", "+", "=", "^", "、", "…", "  ", "【", "→")
ZERO_WIDTH = ("\u200b", "\u200c", "\u200d", "\ufeff", "\u00ad", "\u2060", "\u0336")
SYMBOLS = ("🌸", "✨", "💕", "👉", "🎉", "🌟", "❤️", "🍀", "😊", "🔥")
REPEATS = (2, 3)


def _inserted(cells: Sequence[Cell], rng: Random, marks: Sequence[str]) -> bool:
    """One mark for the whole text, as one types it."""
    changed = False
    mark = rng.choice(marks)
    for able in gaps(cells):
        for cell in rng.sample(able, rng.randint(1, len(able))):
            cell.written += mark
        changed = True
    return changed


def separators(cells: Sequence[Cell], rng: Random, writing: Writing) -> bool:
    return _inserted(cells, rng, SEPARATORS)


def zero_width(cells: Sequence[Cell], rng: Random, writing: Writing) -> bool:
    return _inserted(cells, rng, ZERO_WIDTH)


def inserted_emoji(cells: Sequence[Cell], rng: Random, writing: Writing) -> bool:
    return _inserted(cells, rng, SYMBOLS)


def repeats(cells: Sequence[Cell], rng: Random, writing: Writing) -> bool:
    """Characters two or three times; digits are left alone, a number is not the same with one more."""
    changed = False
    for members in hits(cells):
        able = [cell for cell in members if cell.is_open and not cell.char.isdigit() and not cell.char.isspace()]
        if able:
            for cell in rng.sample(able, rng.randint(1, max(1, len(able) // 2))):
                cell.written = cell.char * rng.choice(REPEATS)
            changed = True
    return changed
