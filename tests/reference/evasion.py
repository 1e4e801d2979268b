"""The evasion scan by its definition: what a text says when it is read aloud and by its looks.

A text is read as a sequence of elements; a pattern too. A pattern of two or more symbols matches where its sounds stand
side by side, unless it is all written as the pattern is (the scan has that), or a substitute is of a kind that the
pattern's folds do not look through, or is one that running text holds by chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise

from fairpost.engine.folds import DEFAULT, EVASION
from fairpost.engine.folds import evasion as tables
from fairpost.engine.layout import Symbol, Writing
from fairpost.engine.writings import LEAST_LEVEL, fingerprint, surprise

from .folding import Folded, Run, folded
from .index import MASK, anchor_key

__all__ = ["Element", "find_writings", "read", "wholes_of"]

LETTERS = "abcdefghijklmnopqrstuvwxyz"
LEAST_PINYIN = 5
"""Letters of a match that is all in Latin letters."""
MOST_WRITINGS = 24
LIKEST = 2
LONGEST_WORD = 64
ONE_OF_TWO, THREE, MORE = 7, 11, 14
EMOJI = {chr(code): word for code, word in tables.EMOJI.items() if 0x2300 <= code < 0x3000 or 0x1F000 <= code < 0x20000}


@dataclass(frozen=True)
class Element:
    """sound: a syllable's number, a letter or a digit; None: nothing that a pattern could hold.

    written: the character that stands there, or that the parts or the emoji stand for; None of a Latin syllable.
    first, last: code points of the text; at: of a single character its number among the symbols.
    """

    sound: int | str | None
    written: str | None
    how: Writing
    first: int
    last: int
    at: int | None = None
    letters: int = 0


def sound(character: str) -> int | str | None:
    if character in LETTERS or character in "0123456789":
        return character
    code = ord(character)
    return tables.syllable_of.get(tables.LOOKALIKES_RARE.get(code, code))


def spelt(word: str) -> list[str]:
    """The word cut into syllables, the longest first that leave a rest which can be cut; empty if there is no way."""
    if not 2 <= len(word) <= LONGEST_WORD:
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


def word_end(runs: Sequence[Run], at: int, stop: int) -> int:
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


@lru_cache(maxsize=8)  # the words of all lists are looked for in one text after the other
def read_once(
    text: str, wholes: frozenset[str]
) -> tuple[list[Element], Folded, frozenset[tuple[int | str | None, ...]]]:
    """The elements of a text, what it folds to, and the pairs of sounds in it."""
    elements = read(text, wholes)
    return elements, folded(text, DEFAULT), frozenset(pairwise(element.sound for element in elements))


def read(text: str, wholes: frozenset[str]) -> list[Element]:
    """The elements of a text. wholes: the characters that are known in their parts."""
    runs = folded(text, DEFAULT).runs
    emoji = [(k, c) for k, c in enumerate(text) if c in EMOJI and not folded(c, DEFAULT).runs]
    made: list[Element] = []
    at = 0
    for place, character in [*emoji, (len(text), "")]:
        stop = next((k for k in range(at, len(runs)) if runs[k].first > place), len(runs))
        while at < stop:
            at += _read_one(runs, at, stop, wholes, made)
        made += [Element(sound(c), c, Writing.EMOJI, place, place) for c in EMOJI.get(character, "")]
    return made


def _read_one(runs: Sequence[Run], at: int, stop: int, wholes: frozenset[str], made: list[Element]) -> int:
    """Append what begins at symbol `at`; returns how many symbols it takes."""
    symbol = chr(runs[at].code)
    if symbol in LETTERS:
        end = word_end(runs, at, stop)
        begin = at
        for syllable in spelt("".join(chr(run.code) for run in runs[at:end])):
            last = runs[begin + len(syllable) - 1].last
            number = tables.SPELLINGS[syllable]
            made.append(Element(number, None, Writing.PINYIN, runs[begin].first, last, letters=len(syllable)))
            begin += len(syllable)
        for k in range(begin, end):
            letter = chr(runs[k].code)
            made.append(Element(letter, letter, Writing(0), runs[k].first, runs[k].last, k))
        return end - at
    for count in (3, 2):
        parts = tuple(run.code for run in runs[at : min(at + count, stop)])
        whole = tables.SPLITS.get(parts) if len(parts) == count else None
        if whole is not None and chr(whole) in wholes:
            last = runs[at + count - 1].last
            made.append(Element(sound(chr(whole)), chr(whole), Writing.SPLIT, runs[at].first, last))
            return count
    made.append(Element(sound(symbol), symbol, Writing(0), runs[at].first, runs[at].last, at))
    return 1


@dataclass(frozen=True)
class Form:
    """One way in which a pattern may be written. written: None where it must be in Latin letters; alike: the place that
    must hold a look-alike as it is written here."""

    sounds: tuple[int | str, ...]
    written: tuple[str | None, ...]
    alike: int | None = None


@cache
def elements_of(word: str) -> tuple[tuple[int | str, str | None], ...]:
    """A pattern as it is read; empty if it has no other writing."""
    text = folded(word, DEFAULT).string
    made: list[tuple[int | str | None, str | None]] = []
    at = 0
    while at < len(text):
        end = at
        while end < len(text) and text[end] in LETTERS:
            end += 1
        syllables = spelt(text[at:end])
        made += [(tables.SPELLINGS[s], None) for s in syllables] or [(sound(c), c) for c in text[at : max(end, at + 1)]]
        at = max(end, at + 1)
    known = [(s, w) for s, w in made if s is not None]
    has_chinese = any(isinstance(s, int) and w is not None for s, w in known)
    return tuple(known) if len(known) == len(made) >= 2 and has_chinese else ()


def alike(elements: Sequence[tuple[int | str, str | None]], folds: frozenset[str]) -> list[Form]:
    """Each character in turn as one that looks like it; where `phonetic` finds it too, it need not be one."""
    sounds, written = tuple(s for s, _ in elements), tuple(w for _, w in elements)
    forms = []
    for k, character in enumerate(written):
        for other in tables.likest(character)[:LIKEST] if character and ord(character) >= 0x4E00 else ():
            theirs = sound(other)
            if theirs is not None and not ("phonetic" in folds and theirs == sounds[k]):
                forms.append(Form((*sounds[:k], theirs, *sounds[k + 1 :]), (*written[:k], other, *written[k + 1 :]), k))
    return forms


@cache
def forms_of(word: str, folds: frozenset[str]) -> tuple[Form, ...]:
    elements = elements_of(word)
    if not elements:
        return ()
    sounds, written = tuple(s for s, _ in elements), tuple(w for _, w in elements)
    forms = [Form(sounds, written)]
    if "phonetic" in folds:
        for k in range(len(sounds) - 1):
            if isinstance(sounds[k], int) and isinstance(sounds[k + 1], int):
                pair = sounds[k : k + 2]
                cut = tuple(tables.SPELLINGS[s] for s in spelt("".join(tables.SYLLABLES[s] for s in pair)))
                if cut and cut != pair and len(sounds) - 2 + len(cut) >= 2:
                    forms.append(
                        Form(
                            (*sounds[:k], *cut, *sounds[k + 2 :]), (*written[:k], *[None] * len(cut), *written[k + 2 :])
                        )
                    )
        for k, character in enumerate(written):
            others = tables.readings_of.get(ord(character), ()) if character else ()
            forms += [Form((*sounds[:k], other, *sounds[k + 1 :]), written) for other in others]
    if "glyph" in folds and len(sounds) > 2:
        forms += alike(elements, folds)
    return tuple(dict.fromkeys(forms))[:MOST_WRITINGS]


@cache
def level(first: str, second: str) -> int:
    """How often running text has the pair."""
    slots, displacements = surprise()
    a, b = (ord(c) if ord(c) < 0x10000 else Symbol.OTHER for c in (first, second))
    key = anchor_key(a, b, 0)
    displacement = int(displacements[(key * 0xCC9E2D51 & MASK) * displacements.size >> 32])
    x = key ^ (displacement * 0x85EBCA6B & MASK)
    x = x * 0xC2B2AE35 & MASK
    x ^= x >> 15
    slot = int(slots[(x * 0x27D4EB2F & MASK) * slots.size >> 32])
    found = slot & 15 if slot >> 4 == fingerprint(a, b) else 0
    assert found == 0 or found >= LEAST_LEVEL
    return found


def usual(symbols: str, at: int) -> int:
    """The more usual of the pairs that a symbol makes with its neighbours."""
    pairs = [symbols[k : k + 2] for k in (at - 1, at) if 0 <= k < len(symbols) - 1]
    return max((level(*pair) for pair in pairs), default=0)


def find_writings(
    word: str, folds: frozenset[str], word_boundaries: bool, text: str, wholes: frozenset[str]
) -> list[tuple[int, int, Writing]]:
    """(begin, end, how) in code points, of the matches of a word that is written otherwise.

    wholes: the characters of all words that take a fold of EVASION, of which the parts are known.
    """
    if not folds & EVASION:
        return []
    elements, symbols, pairs = read_once(text, wholes)
    found = set()
    for form in forms_of(word, folds):
        if form.sounds[:2] not in pairs:
            continue
        for begin in range(len(elements) - len(form.sounds) + 1):
            part = elements[begin : begin + len(form.sounds)]
            if tuple(element.sound for element in part) != form.sounds:
                continue
            how = _how(form, part, folds, symbols.string)
            if how and not (word_boundaries and _touches(part, symbols.runs)):
                found.add((part[0].first, part[-1].last + 1, how))
    found.update(_pairs(word, folds, word_boundaries, symbols))
    return sorted(found)


def _pairs(word: str, folds: frozenset[str], word_boundaries: bool, text: Folded) -> Iterator[tuple[int, int, Writing]]:
    """The matches of a word of two symbols of which one is written with a look-alike: the other stands as it is."""
    for form in _pair_forms(word, folds):
        assert form.alike is not None
        literal = "".join(c or "" for c in form.written)
        begin = text.string.find(literal)
        while begin >= 0:
            part = [
                Element(None, None, Writing(0), text.runs[k].first, text.runs[k].last, k) for k in (begin, begin + 1)
            ]
            surprises = usual(text.string, begin + form.alike) <= ONE_OF_TWO
            if surprises and not (word_boundaries and _touches(part, text.runs)):
                yield part[0].first, part[1].last + 1, Writing.LOOKALIKE
            begin = text.string.find(literal, begin + 1)


@cache
def _pair_forms(word: str, folds: frozenset[str]) -> tuple[Form, ...]:
    elements = elements_of(word)
    if "glyph" not in folds or len(elements) != 2 or len(folded(word, DEFAULT).string) != 2:
        return ()
    return tuple(alike(elements, folds))


def _how(form: Form, part: Sequence[Element], folds: frozenset[str], symbols: str) -> Writing:
    """How it is written; 0 if it does not count."""
    how = Writing(0)
    levels = []
    for k, (element, want) in enumerate(zip(part, form.written, strict=True)):
        if element.at is None:
            if k == form.alike or (want is None and element.how is not Writing.PINYIN):
                return Writing(0)
            how |= element.how
            if element.how is Writing.SPLIT and element.written != want:
                how |= Writing.HOMOPHONE
            continue
        assert element.written is not None
        if k == form.alike:
            if element.written != want:
                return Writing(0)
            how |= Writing.LOOKALIKE
        elif element.written == want:
            continue
        elif want is None:
            return Writing(0)
        elif ord(element.written) in tables.LOOKALIKES_RARE:
            how |= Writing.LOOKALIKE
            if tables.LOOKALIKES_RARE[ord(element.written)] != ord(want):
                how |= Writing.HOMOPHONE
            continue
        else:
            how |= Writing.HOMOPHONE
        levels.append(usual(symbols, element.at))
    for fold, kinds in (
        ("phonetic", Writing.HOMOPHONE | Writing.PINYIN),
        ("glyph", Writing.LOOKALIKE | Writing.SPLIT),
        ("emoji", Writing.EMOJI),
    ):
        if how & kinds and fold not in folds:
            return Writing(0)
    if all(element.letters for element in part) and sum(element.letters for element in part) < LEAST_PINYIN:
        return Writing(0)
    if levels:
        if len(part) == 2 and (len(levels) == 2 or levels[0] > ONE_OF_TWO):
            return Writing(0)
        if len(part) > 2 and min(levels) > (THREE if len(part) == 3 else MORE):
            return Writing(0)
    return how


def _touches(part: Sequence[Element], runs: Sequence[Run]) -> bool:
    """A Latin letter or a digit at an end of the match goes on outside it."""

    def same_word(left: int, right: int) -> bool:
        if not (left >= 0 and right < len(runs)):
            return False
        a, b = runs[left], runs[right]
        alike = (a.is_letter and b.is_letter) or (a.is_digit and b.is_digit)
        return alike and b.first - a.last <= 1

    first, last = part[0], part[-1]
    return (first.at is not None and same_word(first.at - 1, first.at)) or (
        last.at is not None and same_word(last.at, last.at + 1)
    )


def wholes_of(words: Sequence[tuple[str, frozenset[str]]]) -> Iterator[str]:
    """The characters of the words that take a fold of EVASION and can be written otherwise."""
    for word, folds in words:
        if folds & EVASION and elements_of(word):
            yield from folded(word, DEFAULT).string
