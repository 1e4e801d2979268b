"""How a character can be written otherwise. Where the forms come from is a matter of tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property

from fairpost.engine.folds import evasion, fold_table

from .strength import Strength

__all__ = ["Writing", "own_tables"]

Forms = Callable[[str], tuple[str, ...]]

MOST_HOMOPHONES = 16
MOST_ALIKE = 8
MOST_SPLITS = 3
STROKES = frozenset("丨丿丶乙乚亅乛𠃊𠃋㇏丆冂")
"""Parts in which nobody reads the character: split forms with one are left out."""


@dataclass(frozen=True)
class Writing:
    """Forms of one Han character, the likeliest first; none where a table has none.

    name: what the tables are, for reports. strength: how hard homophones and look-alikes disguise. homophones: the
    likeliest; all_homophones: however seldom. emoji: by the character or its sound. words: emoji of whole words.
    """

    name: str
    homophones: Forms
    pinyin: Forms
    splits: Forms
    look_alikes: Forms
    martian: Forms
    traditional: Forms
    emoji: Forms
    words: Forms
    all_homophones: Forms
    strength: Strength = Strength.MEASURED

    @cached_property
    def sounding(self) -> Callable[[str], tuple[tuple[str, ...], tuple[str, ...]]]:
        """All homophones of a character: those of like build, that have a part in common with it, and the others."""

        @cache
        def found(char: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
            others = self.all_homophones(char)
            like = tuple(other for other in others if self._is_like(char, other))
            return like, tuple(other for other in others if other not in like)

        return found

    def _is_like(self, a: str, b: str) -> bool:
        parts = [{part for form in self.splits(char) for part in form} for char in (a, b)]
        return a in parts[1] or b in parts[0] or bool(parts[0] & parts[1])


def own_tables(strength: Strength = Strength.MEASURED) -> Writing:
    """The tables that the engine folds with: says what it finds of what it knows."""
    return Writing(
        "own",
        homophones=cache(lambda c: tuple(evasion.homophones(c)[:MOST_HOMOPHONES])),
        pinyin=cache(_pinyin),
        splits=cache(lambda c: tuple(form for form in evasion.split_forms(c) if not STROKES & {*form})[:MOST_SPLITS]),
        look_alikes=cache(lambda c: tuple(evasion.likest(c)[:MOST_ALIKE])),
        martian=cache(lambda c: tuple(evasion.rare_forms(c)[:MOST_ALIKE])),
        traditional=lambda c: _traditional().get(c, ()),
        emoji=cache(_emoji),
        words=cache(lambda word: tuple(evasion.symbols_of(word))),
        all_homophones=cache(lambda c: tuple(evasion.homophones(c))),
        strength=strength,
    )


def _pinyin(char: str) -> tuple[str, ...]:
    number = evasion.syllable_of.get(ord(char))
    return () if number is None else (evasion.SYLLABLES[number],)


def _emoji(char: str) -> tuple[str, ...]:
    """Emoji of the character itself; else of one that sounds the same."""
    if own := evasion.symbols_of(char):
        return tuple(own)
    return tuple(symbol for other in evasion.homophones(char) for symbol in evasion.symbols_of(other))


@cache
def _traditional() -> dict[str, tuple[str, ...]]:
    forms: dict[str, list[str]] = {}
    target = fold_table({"script"}).target
    for code in range(0x4E00, 0xA000):
        if target[code] not in (code, -1):
            forms.setdefault(chr(int(target[code])), []).append(chr(code))
    return {char: tuple(found) for char, found in forms.items()}
