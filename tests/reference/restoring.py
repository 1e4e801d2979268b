"""Texts as they were meant, by the definition: which words are told in disguise, and what is matched then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise

from fairpost.engine.folds import DEFAULT, EVASION
from fairpost.engine.folds import evasion as tables
from fairpost.engine.layout import Symbol, Writing
from fairpost.engine.regular import parse, words_in
from fairpost.rules.source import ListSource

from .evasion import LETTERS, Known, Passages, Reading, Sound, passes_for, read, sound, spelt
from .folding import Folded, Run, folded
from .matching import Pattern, find_in

__all__ = ["Restored", "Words", "find_restored", "restore", "words_of", "words_of_lists"]

LONGEST = 32
LEAST_PINYIN = 5
LONG_WORD = 4
MOST_FORMS = 8
NEAR = 40
OFTENER = 2
Pair = tuple[str, str]
CLASSES = {
    "phonetic": Writing.HOMOPHONE | Writing.PINYIN,
    "glyph": Writing.LOOKALIKE | Writing.SPLIT,
    "emoji": Writing.EMOJI,
    "repeat": Writing.REPEAT,
}


@dataclass(frozen=True)
class Words:
    """What is told in disguise: words with the writings that some list takes; and what a reader knows of them."""

    words: tuple[tuple[str, Writing], ...]
    known: Known

    def __hash__(self) -> int:
        return id(self.words)


@dataclass(frozen=True)
class Restored:
    """A text as it was meant, how each of its symbols was written, and what of it is matched: `seen`."""

    folded: Folded
    how: tuple[Writing, ...]
    seen: Folded


def taken(folds: frozenset[str]) -> Writing:
    """The writings that a list takes: none without one of EVASION."""
    found = Writing(0)
    for name in folds & CLASSES.keys() if folds & EVASION else ():
        found |= CLASSES[name]
    return found


@lru_cache(maxsize=64)
def words_of(sources: frozenset[tuple[str, frozenset[str], int]]) -> Words:
    """The words of lists: (word or regular pattern, folds, how many lists hold it); those of most lists first."""
    words: dict[str, Writing] = {}
    uses: Counter[str] = Counter()
    wholes: set[str] = set()
    for word, folds, count in sources:
        if not folds & EVASION:
            continue
        if len(word) > 2 and word[0] == word[-1] == "/":
            parts = {"".join(map(chr, part)) for part in words_in(parse(word[1:-1]))}
        else:
            parts = {folded(word, DEFAULT).string}
        for part in parts:
            wholes.update(part)
            if can_be_disguised(part):
                words[part] = words.get(part, Writing(0)) | taken(folds)
                uses[part] += count
    held: Counter[Pair] = Counter()
    for word in words:
        held.update(dict.fromkeys(pairwise(word), uses[word]))
    most: Counter[Pair] = Counter()  # of the pairs that differ in how one character is written, not in how it sounds
    alike: dict[tuple[str, Reading | str, Reading | str], list[Pair]] = {}
    for a, b in held:
        alike.setdefault(("first", sound(a), b), []).append((a, b))
        alike.setdefault(("second", a, sound(b)), []).append((a, b))
    for group in alike.values():
        for pair in group:
            most[pair] = max(most[pair], max(held[other] for other in group))
    pairs = {(number(a), number(b)) for a, b in held if held[a, b] * OFTENER > most[a, b]}
    order = sorted(words.items(), key=lambda item: (-uses[item[0]], item[0]))
    return Words(tuple(order), Known(frozenset(wholes), frozenset(pairs)))


def number(character: str) -> int:
    """Its symbol; the few beyond U+FFFF that words hold have numbers of a pool, which no test needs."""
    return ord(character) if ord(character) < 0x10000 else int(Symbol.OTHER)


@cache
def can_be_disguised(word: str) -> bool:
    sounds = [sound(c) for c in word]
    chinese, letters = sum(isinstance(s, int) for s in sounds), sum(c in LETTERS for c in word)
    latin = "".join(c if c in LETTERS else " " for c in word).split()
    enough = chinese >= 2 or (chinese == 1 and letters >= 2)
    return 2 <= len(word) <= LONGEST and None not in sounds and enough and not any(map(spelt, latin))


@cache
def forms_of(word: str, takes: Writing) -> tuple[tuple[Reading, ...], ...]:
    """How a word sounds: each character as it mostly does; two syllables cut otherwise; one as in other words."""
    sounds = tuple(sound(c) for c in word)
    forms = [sounds]
    if takes & Writing.HOMOPHONE:
        for k in range(len(sounds) - 1):
            pair = sounds[k : k + 2]
            if all(isinstance(s, int) for s in pair):
                cut = tuple(tables.SPELLINGS[s] for s in spelt("".join(tables.SYLLABLES[s] for s in pair)))  # type: ignore[index]
                if len(cut) == 2 and cut != pair:
                    forms.append((*sounds[:k], *cut, *sounds[k + 2 :]))
        for k, c in enumerate(word):
            forms += [(*sounds[:k], other, *sounds[k + 1 :]) for other in tables.readings_of.get(ord(c), ())]
    return tuple(dict.fromkeys(forms))[:MOST_FORMS]


def writing(s: Sound, want: Reading, meant: str, takes: Writing) -> Writing | None:
    """How a sound stands for a character; None if it does not."""
    if s.how & Writing.EMOJI:
        return Writing.EMOJI if s.sound == want or want in s.others else None
    if s.how & Writing.PINYIN:
        return Writing.PINYIN if s.sound == want else None
    if s.written == meant:
        return s.how
    if s.how:
        is_read_aloud = want in s.others and takes & Writing.HOMOPHONE
        return (s.how & ~Writing.LOOKALIKE) | Writing.HOMOPHONE if is_read_aloud else None
    if not (s.is_suspect or s.is_half):
        return None
    if s.sound == want and takes & Writing.HOMOPHONE:
        return Writing.HOMOPHONE
    return Writing.LOOKALIKE if s.is_suspect and meant in passes_for(s.written or "") else None


def is_found(sounds: Sequence[Sound], form: Sequence[Reading], word: str) -> bool:
    """Whether the word is looked up here: around one of its places, by what stands beside that."""
    return any(
        _is_found_at(k, sounds, form, word) for k in range(len(word)) if sounds[k].is_marked or sounds[k].is_half
    )


def _is_found_at(k: int, sounds: Sequence[Sound], form: Sequence[Reading], word: str) -> bool:
    here = sounds[k]
    if here.how:
        if here.stands not in (None, word[k]) and form[k] not in here.others:
            return False
    elif here.written == word[k] or not (here.sound == form[k] or word[k] in passes_for(here.written or "")):
        return False
    length = len(word)
    start = min(max(k - 1, 0), max(length - 4, 0))
    others = [j for j in range(start, min(start + 4, length)) if j != k]
    exact = {j: sounds[j].stands == word[j] for j in others}
    alike = {j: sounds[j].sound == form[j] for j in others}
    if length == 2:
        (j,) = others
        said = {here.sound, *here.others, *(map(sound, passes_for(here.written or "")) if here.is_suspect else ())}
        return form[k] in said and alike[j] and (exact[j] or sounds[j].stands is None)
    if length > 3:
        return all(alike.values())
    a, b = others
    if sounds[a].stands is None and sounds[b].stands is None:
        return alike[a] and alike[b]
    open_a, open_b = sounds[a].is_marked, sounds[b].is_marked
    return bool((exact[a] and alike[b] and (open_b or not open_a)) or (exact[b] and alike[a] and open_a))


def counts(sounds: Sequence[Sound], how: Sequence[Writing], takes: Writing) -> bool:
    """Whether a word is meant that stands there so."""
    joint = Writing(0)
    for one in how:
        joint |= one
    natural = stand_ins(sounds, how)
    letters = sum(len(s.letters) for s in sounds)
    if not joint & (Writing.PINYIN | Writing.EMOJI) and not natural:
        return False
    if any(joint & kinds and not takes & kinds for kinds in CLASSES.values()):
        return False
    if any(s.is_half and one for s, one in zip(sounds, how, strict=True)):
        is_whole = not any(s.ends_clause for s in sounds[:-1])
        if len(sounds) < LONG_WORD or sum(map(bool, how)) > 1 or not is_whole:
            return False
    if all(s.how & Writing.PINYIN for s in sounds) and letters < LEAST_PINYIN:
        return False
    if all(one & Writing.EMOJI for one in how) and len({s.first for s in sounds}) > 1:
        return False
    if len(sounds) > 2 or not natural or joint & Writing.EMOJI:
        return True
    return natural == 1 and not sounds[0].ends_clause


def stand_ins(sounds: Sequence[Sound], how: Sequence[Writing]) -> int:
    """How many characters stand for others."""
    return sum(
        bool(one) and (s.is_suspect or s.is_half or bool(one & Writing.HOMOPHONE))
        for s, one in zip(sounds, how, strict=True)
    )


def proposals(sounds: Sequence[Sound], words: Words) -> Iterator[tuple[int, int, int, int, int]]:
    """(-length, natural, word, form, at) of the words that may be meant; sorted, the first are taken first."""
    places: dict[Reading, set[int]] = {}  # where a sound may stand, or a character
    for at, s in enumerate(sounds):
        looks = passes_for(s.written or "") if s.is_suspect else frozenset()
        for key in {s.sound, s.stands, *s.others, *looks, *map(sound, looks)}:
            places.setdefault(key, set()).add(at)
    begins = by_first(words)
    for number, order, form in [entry for first in places for entry in begins.get(first, ())]:
        word, takes = words.words[number]
        for at in places.get(form[0], set()) | places.get(word[0], set()):
            part = sounds[at : at + len(word)]
            how = []
            for s, want, c in zip(part, form, word, strict=False):
                one = writing(s, want, c, takes)
                if one is None:
                    break
                how.append(one)
            if len(how) == len(word) and is_found(part, form, word) and counts(part, how, takes):
                yield -len(word), stand_ins(part, how), number, order, at


@lru_cache(maxsize=8)
def by_first(words: Words) -> dict[Reading, list[tuple[int, int, tuple[Reading, ...]]]]:
    """(word, number of the form, form) by the first sound and by the first character."""
    found: dict[Reading, list[tuple[int, int, tuple[Reading, ...]]]] = {}
    for number, (word, takes) in enumerate(words.words):
        for order, form in enumerate(forms_of(word, takes)):
            for first in {form[0], word[0]}:
                found.setdefault(first, []).append((number, order, form))
    return found


@lru_cache(maxsize=256)
def restore(text: str, words: Words, passages: Passages | None = None) -> Restored | None:
    """The text as it was meant; None if it stands as it was meant. Only its passages are read; None: all of it."""
    if not words.words:
        return None
    runs = folded(text, DEFAULT).runs
    if passages is None:
        passages = ((0, len(runs)),)
    symbols: list[tuple[Run, Writing]] = []
    is_changed, at = False, 0
    for (begin, end), sounds in zip(passages, read(text, words.known, passages), strict=True):
        symbols += [(run, Writing(0)) for run in runs[at:begin]]
        is_changed |= _restore_passage(sounds, words, symbols)
        at = end
    symbols += [(run, Writing(0)) for run in runs[at:]]
    if not is_changed:
        return None
    hows = tuple(one for _, one in symbols)
    # What is far from everything that was restored is not looked at.
    near = [any(hows[max(0, k - NEAR) : k + NEAR + 1]) for k in range(len(hows))]
    seen = [
        run if keep else Run(Symbol.OTHER, run.first, run.last) for (run, _), keep in zip(symbols, near, strict=True)
    ]
    return Restored(of_runs([run for run, _ in symbols]), hows, of_runs(seen))


def _restore_passage(sounds: Sequence[Sound], words: Words, symbols: list[tuple[Run, Writing]]) -> bool:
    """Append the symbols of a passage as it was meant, and how each was written; whether any word is told in it."""
    meant: list[str | None] = [None] * len(sounds)
    how = [Writing(0)] * len(sounds)
    found = sorted(proposals(sounds, words))
    for _, _, number, order, at in found:
        word, takes = words.words[number]
        if any(meant[at + k] not in (None, c) for k, c in enumerate(word)):
            continue
        for k, c in enumerate(word):
            meant[at + k] = c
            how[at + k] |= writing(sounds[at + k], forms_of(word, takes)[order][k], c, takes) or Writing(0)
    for s, told, one in zip(sounds, meant, how, strict=True):
        if told is not None:
            symbols.append((Run(ord(told), s.first, s.last), one))
        elif s.letters:
            symbols += [(run, Writing(0)) for run in s.letters]
        elif not s.how & Writing.EMOJI:
            symbols.append((Run(ord(s.written or ""), s.first, s.last), s.how))
    return bool(found) or any(s.how & (Writing.SPLIT | Writing.LOOKALIKE | Writing.REPEAT) for s in sounds)


def of_runs(runs: Sequence[Run]) -> Folded:
    return Folded(tuple(runs), "".join(chr(run.code) for run in runs))


def find_restored(pattern: Pattern, restored: Restored | None) -> list[tuple[int, int]]:
    """Spans in code points of the pattern's matches in which something was restored that its folds take."""
    takes = taken(pattern.folds)
    if restored is None or not takes:
        return []
    spans = set()
    runs = restored.folded.runs
    for begin, end in find_in(pattern, restored.seen):
        joint = Writing(0)
        for one in restored.how[begin:end]:
            joint |= one
        if joint and not any(joint & kinds and not takes & kinds for kinds in CLASSES.values()):
            spans.add((runs[begin].first, runs[end - 1].last + 1))
    return sorted(spans)


def words_of_lists(lists: Mapping[str, ListSource]) -> Words:
    uses = Counter((word, source.folds) for source in lists.values() for word in source.words)
    return words_of(frozenset((word, folds, count) for (word, folds), count in uses.items()))
