"""Other forms of Latin letters, digits and Han characters of the same meaning: no sound, no likeness."""

from __future__ import annotations

import string
from collections.abc import Sequence
from functools import cache
from random import Random

from .cells import Cell, hits, substitute
from .writing import Writing

__all__ = ["case", "digits", "script", "styled", "upside_down", "width"]

TURNED = dict(zip("abcdefghijkmnpqrtuvwy", "ɐqɔpǝɟƃɥᴉɾʞɯudbɹʇnʌʍʎ", strict=True))
"""Letters upside down; those that look the same are no change, b and d, n and u, p and q are each other."""

STYLES = (0x1D400, 0x1D608, 0x1D468, 0x1D4D0, 0x1D5A0, 0x1D5D4, 0x1D670, 0x24B6, 0xFF21)
"""A: bold, sans-serif italic, bold italic, bold script, sans-serif, its bold, monospace, circled, full."""

DIGITS = ("０１２３４５６７８９", "⓪①②③④⑤⑥⑦⑧⑨", "⁰¹²³⁴⁵⁶⁷⁸⁹", "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗", "⓿❶❷❸❹❺❻❼❽❾")


def _all(cells: Sequence[Cell], form: dict[str, str]) -> bool:
    """Write all characters of the hits, and of the rest, in their other form."""
    changed = any(cell.hit >= 0 and cell.is_open and form.get(cell.char, cell.char) != cell.char for cell in cells)
    if changed:
        for cell in cells:
            if cell.is_open:
                cell.written = form.get(cell.char, cell.char)
    return changed


@cache
def _wide() -> dict[str, str]:
    return {chr(c): chr(c + 0xFEE0) for c in range(0x21, 0x7F)}


def width(cells: Sequence[Cell], rng: Random, writing: Writing) -> bool:
    return _all(cells, _wide())


def case(cells: Sequence[Cell], rng: Random, writing: Writing) -> bool:
    """Letters in the other case: all of the hits or some."""
    return substitute(cells, rng, lambda c: (c.swapcase(),) if c in string.ascii_letters else (), 1.0)


def script(cells: Sequence[Cell], rng: Random, writing: Writing) -> bool:
    return substitute(cells, rng, writing.traditional, 1.0)


def styled(cells: Sequence[Cell], rng: Random, writing: Writing) -> bool:
    """All letters in one style."""
    first = rng.choice(STYLES)
    capitals = {c: chr(first + n) for n, c in enumerate(string.ascii_uppercase)}
    small = 0x20 if first == 0xFF21 else 26
    return _all(cells, capitals | {c: chr(first + small + n) for n, c in enumerate(string.ascii_lowercase)})


def upside_down(cells: Sequence[Cell], rng: Random, writing: Writing) -> bool:
    """Letters turned over where they stand. Those that become other letters so are left."""
    form = {c: turned for c, turned in TURNED.items() if not turned.isascii()}
    return _all(cells, form | {c.upper(): turned for c, turned in form.items()})


def digits(cells: Sequence[Cell], rng: Random, writing: Writing) -> bool:
    """Digits of the hits in another form: all in one, or each in one of its own."""
    if not any(cell.is_open and cell.char in string.digits for members in hits(cells) for cell in members):
        return False
    style = rng.choice((*DIGITS, ""))
    for members in hits(cells):
        for cell in members:
            if cell.is_open and cell.char in string.digits:
                cell.written = (style or rng.choice(DIGITS))[int(cell.char)]
    return True
