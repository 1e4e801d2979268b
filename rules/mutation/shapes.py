"""Characters written by their shape, or by pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

from .cells import Cell, hits, is_han, substitute
from .strength import replace_characters
from .writing import Writing

__all__ = ["contact", "emoji", "look_alike", "martian", "split"]

WORD_LENGTHS = (3, 2)

NAMES = {
    "微": ("薇", "葳", "徽", "溦", "V", "v", "ᵥ", "ν", "Ⓥ", "威"),
    "薇": ("微", "葳", "徽", "V"),
    "信": ("芯", "心", "亻言", "❤", "x", "伩"),
    "加": ("➕", "+", "佳", "伽"),
    "群": ("裙", "羣", "君羊"),
    "扣": ("Q", "釦", "口"),
}
LETTERS = {"v": "νᵥⓥ𝐯𝕧ｖᴠ", "w": "ⓦ𝐰ｗᴡ", "x": "ⓧх𝐱ｘ", "q": "ⓠ𝐪ｑ扣"}
DIGITS = ("⓪①②③④⑤⑥⑦⑧⑨", "零壹贰叁肆伍陆柒捌玖", "０１２３４５６７８９", "⓿❶❷❸❹❺❻❼❽❾")
MESSENGER = re.compile("[加+]?(?:[微薇]信?|扣扣?|(?<![a-z])(?:vx|wx|v信?|qq|q群?)(?![a-z]))|加群", re.IGNORECASE)
NUMBER = re.compile("[0-9]{5,}")


def look_alike(cells: Sequence[Cell], rng: Random, writing: Writing) -> bool:
    """Characters that look alike: as many as measured, or at most half of a word. Any form: real ones are too few."""

    def forms(char: str) -> Sequence[str]:
        return writing.look_alikes(char) if is_han(char) else ()

    return replace_characters(cells, rng, writing.strength, forms, lambda char: rng.choice(forms(char)))


def split(cells: Sequence[Cell], rng: Random, writing: Writing) -> bool:
    """Characters taken apart."""
    return substitute(cells, rng, writing.splits)


def martian(cells: Sequence[Cell], rng: Random, writing: Writing) -> bool:
    """Rare characters that are read as common ones (火星文); up to all of a word."""
    return substitute(cells, rng, writing.martian, 1.0)


def emoji(cells: Sequence[Cell], rng: Random, writing: Writing) -> bool:
    """Emoji for a word inside a hit; where there is none, for at most half of its characters."""
    changed = False
    rest: list[Cell] = []
    for members in hits(cells):
        found = [part for part in _words(members) if writing.words("".join(cell.char for cell in part))]
        if found:
            first, *others = rng.choice(found)
            first.written = rng.choice(writing.words("".join(cell.char for cell in (first, *others))))
            for cell in others:
                cell.written = ""
            changed = True
        else:
            rest += members
    return substitute(rest, rng, writing.emoji) or changed


def _words(members: Sequence[Cell]) -> list[Sequence[Cell]]:
    parts = [members[at : at + length] for length in WORD_LENGTHS for at in range(len(members) - length + 1)]
    return [part for part in parts if all(cell.is_open for cell in part)]


def contact(cells: Sequence[Cell], rng: Random, writing: Writing) -> bool:
    """Names of messengers and the digits of their numbers as sellers disguise them, at most half of a hit."""
    text = "".join(cell.char for cell in cells)
    forms: dict[int, Sequence[str]] = {}
    for found in MESSENGER.finditer(text):
        for at in range(*found.span()):
            char = text[at].lower()
            forms[id(cells[at])] = NAMES.get(char) or tuple(LETTERS.get(char, ""))
    style = rng.choice(DIGITS)
    for found in NUMBER.finditer(text):
        for at in range(*found.span()):
            forms[id(cells[at])] = style[int(text[at])]
    changed = False
    for members in hits(cells):
        able = [cell for cell in members if cell.is_open and forms.get(id(cell))]
        if able:
            for cell in rng.sample(able, rng.randint(1, max(1, min(len(able), len(members) // 2)))):
                cell.written = rng.choice(forms[id(cell)])
            changed = True
    return changed
