"""A text as cells, one a character: what stands there, what is written instead, which hit it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

__all__ = ["Cell", "cells_of", "gaps", "hits", "is_han", "substitute", "text_of"]

ELSEWHERE = 0.1
"""Share of the other characters that a substitution changes too."""


@dataclass
class Cell:
    """One character of the text. hit: number of the span it belongs to, -1 where it belongs to none."""

    char: str
    written: str
    hit: int = -1

    @property
    def is_open(self) -> bool:
        """Whether no mutation has written something else here yet."""
        return self.written == self.char


def cells_of(text: str, spans: Sequence[tuple[int, int]]) -> list[Cell]:
    """The text with its spans [begin, end); a character in several belongs to the shortest one."""
    cells = [Cell(char, char) for char in text]
    for number, (begin, end) in sorted(enumerate(spans), key=lambda item: item[1][0] - item[1][1]):
        for cell in cells[begin:end]:
            cell.hit = number
    return cells


def text_of(cells: Sequence[Cell]) -> str:
    return "".join(cell.written for cell in cells)


def hits(cells: Sequence[Cell]) -> list[list[Cell]]:
    """The cells of each hit, in the order in which the hits begin."""
    members: dict[int, list[Cell]] = {}
    for cell in cells:
        if cell.hit >= 0:
            members.setdefault(cell.hit, []).append(cell)
    return list(members.values())


def gaps(cells: Sequence[Cell]) -> Iterator[list[Cell]]:
    """For each hit the cells after which something may be inserted inside it."""
    for members in hits(cells):
        shown = [cell for cell in members if cell.written]
        if len(shown) > 1:
            yield shown[:-1]


def substitute(
    cells: Sequence[Cell],
    rng: Random,
    forms: Callable[[str], Sequence[str]],
    share: float = 0.5,
    elsewhere: float = ELSEWHERE,
) -> bool:
    """Write another form of at least one character, and of at most `share` of them, in every hit that has any.

    Returns whether a hit was changed; only then characters elsewhere are, too.
    """
    changed = False
    for members in hits(cells):
        able = [cell for cell in members if cell.is_open and forms(cell.char)]
        if able:
            most = max(1, int(len(members) * share))
            for cell in rng.sample(able, rng.randint(1, min(most, len(able)))):
                cell.written = rng.choice(forms(cell.char))
            changed = True
    if changed and elsewhere:
        for cell in cells:
            if cell.hit < 0 and rng.random() < elsewhere and cell.is_open and forms(cell.char):
                cell.written = rng.choice(forms(cell.char))
    return changed


def is_han(char: str) -> bool:
    return "\u3400" <= char <= "\u9fff" or char >= "\U00020000"
