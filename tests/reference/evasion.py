"""What a text says when it is read aloud and by its looks, by the definition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from fairpost.engine.folds import CHAR_CLASS, CLAUSE, DEFAULT
from fairpost.engine.folds import evasion as tables
from fairpost.engine.layout import Symbol, Writing
from fairpost.engine.writings import usual_bits, usual_pairs

from .folding import Run, folded

__all__ = ["LETTERS", "LIKEST", "Known", "Sound", "is_unusual", "passes_for", "read", "sound", "spelt"]

LETTERS = "abcdefghijklmnopqrstuvwxyz"
LONGEST_LATIN = 64
LIKEST = 24
MOST_ALIKE = 24
EMOJI = {chr(code): word for code, word in tables.EMOJI.items() if 0x2300 <= code < 0x3000 or 0x1F000 <= code < 0x20000}

Passages = tuple[tuple[int, int], ...]
Reading = int | str | None
"""A syllable's number, a letter or a digit; None: nothing that a word could hold."""


@dataclass(frozen=True)
class Sound:
    """One sound of a text.

    written: the character that stands there, or that parts, a rare form or an emoji stand for; None of a Latin
    syllable. how: how it is written; 0 for a plain character. first, last: code points of the text. letters: of a Latin
    syllable. others: further syllables that an emoji is used for; how a rare form itself sounds. is_suspect: a plain
    one that may stand for another. is_half: the pair on one side of it alone surprises. ends_clause: a clause ends
    between it and the next one.
    """

    sound: Reading
    written: str | None
    how: Writing
    first: int
    last: int
    letters: tuple[Run, ...] = ()
    others: frozenset[int] = frozenset()
    is_suspect: bool = False
    is_half: bool = False
    ends_clause: bool = False

    @property
    def is_marked(self) -> bool:
        return bool(self.how) or self.is_suspect

    @property
    def stands(self) -> str | None:
        """The character that is told without a word; None of a Latin syllable and of an emoji."""
        return None if self.how & (Writing.PINYIN | Writing.EMOJI) else self.written


def sound(character: str) -> Reading:
    if character in LETTERS or character in "0123456789":
        return character
    code = ord(character)
    return tables.syllable_of.get(tables.LOOKALIKES_RARE.get(code, code))


def spelt(word: str) -> list[str]:
    """The word cut into syllables, the longest first that leave a rest which can be cut; empty if there is no way."""
    if not 2 <= len(word) <= LONGEST_LATIN:
        return []

    @cache
    def cut(at: int) -> list[str] | None:
        if at == len(word):
            return []
        for end in range(min(len(word), at + 6), at, -1):
            rest = cut(end) if word[at:end] in tables.SPELLINGS else None
            if rest is not None:
                return [word[at:end], *rest]
        return None

    return cut(0) or []


@cache
def _passing() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for code in sorted(tables.LOOKALIKES):
        for other in tables.likest(chr(code))[:LIKEST]:
            found.setdefault(other, []).append(chr(code))
    return found


@cache
def passes_for(character: str) -> frozenset[str]:
    """Characters for which a plain one is written because it looks like them: the first MOST_ALIKE of them."""
    if not "\u4e00" <= character < "\ua000":
        return frozenset()
    return frozenset(_passing().get(character, ())[:MOST_ALIKE])


@dataclass(frozen=True)
class Known:
    """What a reader knows of the words: the characters that they have in their parts, and the pairs in them."""

    wholes: frozenset[str]
    pairs: frozenset[tuple[int, int]]

    def __hash__(self) -> int:
        return id(self.pairs)


@lru_cache(maxsize=64)
def _bits_of(known: Known) -> frozenset[int]:
    """The bits of the pairs in the words."""
    return frozenset(bit for pair in known.pairs for bit in usual_bits(*pair))


def is_unusual(known: Known, first: str, second: str) -> bool:
    """Whether running text and the words seldom have the pair; the edge of a text is a symbol as any other."""
    a, b = (ord(c) if ord(c) < 0x10000 else Symbol.OTHER for c in (first, second))
    return not all(bit in _bits_of(known) or int(usual_pairs()[bit // 64]) >> bit % 64 & 1 for bit in usual_bits(a, b))


EDGE = chr(Symbol.BOUNDARY)


@lru_cache(maxsize=256)
def read(text: str, known: Known, passages: Passages | None = None) -> tuple[tuple[Sound, ...], ...]:
    """The sounds of each passage of a text: of symbols (begin, end). None: all of it is one."""
    if passages is None:
        passages = ((0, len(folded(text, DEFAULT).runs)),)
    read = [_read(text, known, passage, is_stretched=False) for passage in passages]
    if any(s.how & Writing.REPEAT for sounds in read for s in sounds):
        read = [_read(text, known, passage, is_stretched=True) for passage in passages]
    return tuple(_with_suspects(text, known, sounds) for sounds in read)


def _meant(sounds: Sequence[Sound]) -> list[str]:
    """What a neighbour stands for without a word: its parts, or a rare form."""
    return [s.written or "" for s in sounds if s.how & (Writing.SPLIT | Writing.LOOKALIKE)]


def _with_suspects(text: str, known: Known, read: Sequence[Sound]) -> tuple[Sound, ...]:
    """Marks the plain characters that may stand for others."""
    runs = folded(text, DEFAULT).string
    at = {run.first: k for k, run in reversed(list(enumerate(folded(text, DEFAULT).runs)))}
    marked: list[Sound] = []
    for k, s in enumerate(read):
        between = text[s.last + 1 : read[k + 1].first] if k + 1 < len(read) else ""
        s = replace(s, ends_clause=any(CHAR_CLASS[ord(c)] & CLAUSE for c in between))
        is_plain = not s.how and isinstance(s.sound, int)
        if not is_plain and not s.how & Writing.LOOKALIKE:
            marked.append(s)
            continue
        first = last = at[s.first]
        while last + 1 < len(runs) and folded(text, DEFAULT).runs[last + 1].last <= s.last and s.how:
            last += 1
        lefts = [(EDGE + runs)[first], *_meant(read[k - 1 : k])]
        rights = [(runs + EDGE)[last + 1], *_meant(read[k + 1 : k + 2])]
        here = s.written or ""
        sides = all(is_unusual(known, c, here) for c in lefts), all(is_unusual(known, here, c) for c in rights)
        surprises = all(sides)
        if is_plain:
            marked.append(replace(s, is_suspect=surprises, is_half=any(sides) and not surprises))
        else:
            marked.append(s if surprises else replace(s, others=frozenset()))
    return tuple(marked)


def _read(text: str, known: Known, passage: tuple[int, int], is_stretched: bool) -> list[Sound]:
    runs = folded(text, DEFAULT).runs
    at, end = passage
    first = runs[at].first if at else 0
    last = runs[end].first if end < len(runs) else len(text)
    emoji = [(k, c) for k, c in enumerate(text) if first <= k < last and c in EMOJI and not folded(c, DEFAULT).runs]
    made: list[Sound] = []
    for place, character in [*emoji, (len(text), "")]:
        stop = next((k for k in range(at, end) if runs[k].first > place), end)
        while at < stop:
            at += _read_one(text, runs, at, stop, known, is_stretched, made)
        others = frozenset(tables.EMOJI_OTHER.get(ord(character), ())) if character else frozenset()
        word = EMOJI.get(character, "")
        made += [Sound(sound(c), c, Writing.EMOJI, place, place, others=others) for c in word]
    return made


def _read_letter_emoji(text: str, runs: Sequence[Run], at: int, stop: int, made: list[Sound]) -> int:
    """Append an emoji that the fold takes for letters; returns how many symbols it takes, 0 if there is none."""
    place = runs[at].first
    word = EMOJI.get(text[place], "")
    if len(word) != 1:
        return 0
    letters = tuple(run for run in runs[at:stop] if run.first == place)
    others = frozenset(tables.EMOJI_OTHER.get(ord(text[place]), ()))
    made.append(Sound(sound(word), word, Writing.EMOJI, place, place, letters, others))
    return len(letters)


def _read_one(
    text: str, runs: Sequence[Run], at: int, stop: int, known: Known, is_stretched: bool, made: list[Sound]
) -> int:
    """Append what begins at symbol `at`; returns how many symbols it takes."""
    symbol = chr(runs[at].code)
    if symbol in LETTERS:
        return _read_letter_emoji(text, runs, at, stop, made) or _read_latin(runs, at, stop, made)
    split = _split(runs, at, stop, known.wholes)
    if split is not None:
        after = _split(runs, at + 1, stop, known.wholes)
        if after is not None and _fit(known, runs, at + 1, *after) > _fit(known, runs, at, *split):
            split = None
    if split is not None:
        count, whole = split
        made.append(Sound(sound(whole), whole, Writing.SPLIT, runs[at].first, runs[at + count - 1].last))
        return count
    how, count, written, others = Writing(0), 1, symbol, frozenset[int]()
    if isinstance(sound(symbol), int):
        end = at
        while end < stop and chr(runs[end].code) == symbol:
            end += 1
        if end - at > 2 or (end - at == 2 and (is_stretched or is_unusual(known, symbol, symbol))):
            how, count = Writing.REPEAT, end - at
        if ord(symbol) in tables.LOOKALIKES_RARE:
            how |= Writing.LOOKALIKE
            written = chr(tables.LOOKALIKES_RARE[ord(symbol)])
            others = frozenset({tables.syllable_of[ord(symbol)]} if ord(symbol) in tables.syllable_of else ())
    made.append(Sound(sound(symbol), written, how, runs[at].first, runs[at + count - 1].last, others=others))
    return count


def _split(runs: Sequence[Run], at: int, stop: int, wholes: frozenset[str]) -> tuple[int, str] | None:
    for count in (3, 2):
        parts = tuple(run.code for run in runs[at : min(at + count, stop)])
        whole = tables.SPLITS.get(parts) if len(parts) == count else None
        if whole is not None and chr(whole) in wholes:
            return count, chr(whole)
    return None


def _fit(known: Known, runs: Sequence[Run], at: int, count: int, whole: str) -> int:
    left = chr(runs[at - 1].code) if at else EDGE
    right = chr(runs[at + count].code) if at + count < len(runs) else EDGE
    return (not is_unusual(known, left, whole)) + (not is_unusual(known, whole, right))


def _read_latin(runs: Sequence[Run], at: int, stop: int, made: list[Sound]) -> int:
    end = _word_end(runs, at, stop)
    begin = at
    for syllable in spelt("".join(chr(run.code) for run in runs[at:end])):
        letters = tuple(runs[begin : begin + len(syllable)])
        number = tables.SPELLINGS[syllable]
        made.append(Sound(number, None, Writing.PINYIN, letters[0].first, letters[-1].last, letters))
        begin += len(syllable)
    if end == at + 1 and _stands_for_syllable(runs, at, made):
        run = runs[at]
        made.append(Sound(tables.INITIALS[chr(run.code)], None, Writing.PINYIN, run.first, run.last, (run,)))
        begin = end
    made += [Sound(chr(run.code), chr(run.code), Writing(0), run.first, run.last) for run in runs[begin:end]]
    return end - at


def _stands_for_syllable(runs: Sequence[Run], at: int, made: Sequence[Sound]) -> bool:
    """Whether a letter alone does: Q; V and W before what sounds like 信; X behind what sounds like 微."""
    letter = chr(runs[at].code)
    if letter in "vw":
        return at + 1 < len(runs) and sound(chr(runs[at + 1].code)) == tables.INITIALS["x"]
    return letter == "q" or (letter == "x" and bool(made) and made[-1].sound == tables.INITIALS["v"])


def _word_end(runs: Sequence[Run], at: int, stop: int) -> int:
    """Letters side by side, or letters that each stand alone."""

    def is_letter(k: int) -> bool:
        return k < stop and chr(runs[k].code) in LETTERS

    def adjoins(k: int) -> bool:
        return runs[k + 1].first - runs[k].first <= 1

    end = at + 1
    if is_letter(end) and adjoins(at):
        while is_letter(end) and adjoins(end - 1):
            end += 1
        return end
    while is_letter(end) and not adjoins(end - 1) and not (is_letter(end + 1) and adjoins(end)):
        end += 1
    return end
