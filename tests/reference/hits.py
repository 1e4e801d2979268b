"""Hits of lists in a post: patterns and recognisers, without what an allow list covers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from fairpost.engine.folds import CHAR_CLASS, CLAUSE, DEFAULT, SENTENCE, fold
from fairpost.engine.vocabulary import RECOGNISERS
from fairpost.rules.source import ListSource

from .evasion import Passages
from .folding import folded
from .matching import Pattern, compared, find
from .recognisers import recognise
from .restoring import find_restored, restore, words_of_lists

__all__ = ["Hit", "Post", "Texts", "find_hits"]


@dataclass(frozen=True, order=True)
class Hit:
    """A hit in text `text` of a post; begin and end in code points.

    `pattern`: its folded text; of a regular pattern the text as written.
    """

    text: int
    begin: int
    end: int
    pattern: str


class Texts:
    """The texts of a post with what conditions ask about their positions."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = tuple(texts)
        self._origins = [fold(text, DEFAULT)[1] for text in texts]

    def symbol(self, text: int, position: int) -> int:
        """The number of scan symbols whose source character lies before `position`."""
        return bisect_left(self._origins[text], position)

    def has(self, flag: int, text: int, begin: int, end: int) -> bool:
        """Whether a delimiter of that kind stands in [begin, end)."""
        return any(int(CHAR_CLASS[ord(c)]) & flag for c in self.texts[text][begin:end])

    def gap(self, earlier: Hit, later: Hit) -> int:
        """Scan symbols between the end of one hit and the begin of another in the same text; 0 if they overlap."""
        return max(0, self.symbol(later.text, later.begin) - self.symbol(earlier.text, earlier.end))

    def near(self, x: Hit, y: Hit, n: int) -> bool:
        if x.text != y.text:
            return False
        earlier, later = sorted((x, y))
        return self.gap(earlier, later) <= n and not self.has(SENTENCE, x.text, earlier.end, later.begin)

    def before(self, x: Hit, y: Hit, n: int) -> bool:
        return (
            x.text == y.text
            and x.end <= y.begin
            and self.gap(x, y) <= n
            and not self.has(CLAUSE, x.text, x.end, y.begin)
        )


@dataclass(frozen=True)
class Post:
    """hits: by list or recogniser, sorted; lists without a hit are absent."""

    texts: Texts
    hits: Mapping[str, tuple[Hit, ...]] = field(default_factory=dict)


def find_hits(
    lists: Mapping[str, ListSource],
    texts: Sequence[str],
    is_examined: bool = True,
    passages: Sequence[Passages | None] | None = None,
) -> Post:
    """All hits in the texts of one post. Nothing matches across texts.

    is_examined: whether anything is looked for. passages: what is read of each text; None: all of it.
    """
    if not is_examined:
        return Post(Texts(texts))
    raw: dict[str, set[Hit]] = {name: set() for name in (*RECOGNISERS, *lists)}
    disguised = words_of_lists(lists)
    for number, text in enumerate(texts):
        meant = restore(text, disguised, None if passages is None else passages[number])
        for found in recognise(text):
            raw[found.recogniser].add(Hit(number, found.begin, found.end, found.recogniser))
        for name, source in lists.items():
            whole = folded(text, compared(source.folds)).string
            for needle, pattern in _patterns(source.words, source.folds, source.word_boundaries):
                if pattern.is_regular or needle in whole:  # nothing else can match, and there are many words
                    raw[name].update(Hit(number, begin, end, needle) for begin, end in find(pattern, text))
                if meant is not None and (pattern.is_regular or needle in meant.seen.string):
                    raw[name].update(Hit(number, begin, end, needle) for begin, end in find_restored(pattern, meant))
    kept = {}
    for name, hits in raw.items():
        allowed = {a for other in (lists[name].allows if name in lists else ()) for a in raw[other]}
        left = sorted(h for h in hits if not any(_covers(a, h) for a in allowed))
        if left:
            kept[name] = tuple(left)
    return Post(Texts(texts), kept)


@cache
def _patterns(words: tuple[str, ...], folds: frozenset[str], boundaries: bool) -> tuple[tuple[str, Pattern], ...]:
    """(folded, pattern) of each word; a regular pattern stands for itself."""
    patterns = [Pattern(word, folds, boundaries) for word in words]
    return tuple((pattern.text if pattern.is_regular else pattern.folded, pattern) for pattern in patterns)


def _covers(allow: Hit, hit: Hit) -> bool:
    longer = allow.end - allow.begin > hit.end - hit.begin
    return allow.text == hit.text and longer and allow.begin <= hit.begin and hit.end <= allow.end
