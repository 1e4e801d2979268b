"""Our own selling posts as evaders write them: words in Latin letters, by characters of the same sound, look or parts.

Who writes so mostly sells something that he should not. Corpora hold hardly any such posts, and without them the model
takes syllables between Chinese characters for a foreign word of which it knows nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random
from typing import Final

from ..mutation import KINDS, Strength, own_tables
from ..mutation.cells import cells_of, text_of

__all__ = ["evaded_posts"]

_KINDS: Final = (
    "mixed-pinyin",
    "mixed-pinyin",
    "mixed-pinyin",
    "pinyin",
    "pinyin",
    "homophone",
    "homophone",
    "look-alike",
    "split",
    "martian",
    "emoji",
    "contact",
)
"""Kinds of evasion that change what the model reads; folds undo the others. Repeated: drawn so many times as often."""
_HAN: Final = re.compile(r"[\u3400-\u9fff]{2,}")
_LONGEST: Final = 4  # characters of a word that is rewritten
_APART: Final = 6  # one word in so many characters


def evaded_posts(texts: Sequence[str], seed: int = 0) -> list[tuple[int, str]]:
    """One rewriting of each text that has Chinese words to rewrite, with the text's number.

    The same texts and seed give the same rewritings.
    """
    writing = own_tables(Strength.UNIFORM)  # what is hard to read teaches most
    found = []
    for number, text in enumerate(texts):
        chance = Random(f"evaded {seed} {text}")
        spans = _words(text, chance)
        if not spans:
            continue
        cells = cells_of(text, spans)
        if KINDS[chance.choice(_KINDS)].apply(cells, chance, writing) and (rewritten := text_of(cells)) != text:
            found.append((number, rewritten))
    return found


def _words(text: str, chance: Random) -> list[tuple[int, int]]:
    """Where stands what is rewritten: some runs of Chinese characters, 2 to _LONGEST each."""
    places = [begin for run in _HAN.finditer(text) for begin in range(run.start(), run.end() - 1, _LONGEST)]
    chosen = sorted(chance.sample(places, min(len(places), 1 + len(text) // _APART // 2)))
    spans = []
    for begin in chosen:
        run = _HAN.match(text, begin)
        assert run is not None
        spans.append((begin, min(run.end(), begin + chance.randint(2, _LONGEST))))
    return spans
