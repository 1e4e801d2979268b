"""Evasion tables: how characters sound, what they are taken apart into, and what passes for them.

Text files in this folder, written by `generate.py` (sources and licences: `../NOTICE`). All code points are ones
that the default fold leaves alone, so a table is looked up after folding. Each table is read when it is first
asked for; importing `fairpost.engine` reads none. Only the compiler of bundles and the mutations use them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

__all__ = [
    "COMMON",
    "EMOJI",
    "EMOJI_OTHER",
    "INITIALS",
    "LOOKALIKES",
    "LOOKALIKES_RARE",
    "SPELLINGS",
    "SPLITS",
    "SYLLABLES",
    "homophones",
    "likest",
    "rare_forms",
    "readings_of",
    "split_forms",
    "syllable_of",
    "symbols_of",
]

COMMON: tuple[int, ...]
"""Code points of the common characters, the commonest first: about 4,000."""

SYLLABLES: tuple[str, ...]
"""Toneless pinyin, sorted; ü is v (lv, lve). The index is the syllable's number."""

SPELLINGS: Mapping[str, int]
"""How a syllable is typed in Latin letters -> its number: `SYLLABLES`, and lue, nue for lve, nve."""

INITIALS: Mapping[str, int]
"""A letter that stands alone -> the syllable for which it is typed: V, W (before 信) wei, X (behind 微) xin, Q kou."""

syllable_of: Mapping[int, int]
"""Han code point -> number of its main syllable: the one it has most often in words."""

readings_of: Mapping[int, tuple[int, ...]]
"""Han code point -> its other common readings, the commonest first; only characters that have any."""

LOOKALIKES_RARE: Mapping[int, int]
"""Rare code point -> the common one it passes for: characters outside GB2312, a few of martian text inside it, kana.

No value is a key, no key is a component in `SPLITS`: text is rewritten by this table before it is read for splits.
"""

LOOKALIKES: Mapping[int, frozenset[int]]
"""Code point of GB2312 -> others that pass for it; symmetric. `COMMON` tells which of them are common."""

SPLITS: Mapping[tuple[int, ...], int]
"""Two or three components in writing order -> the character. Running text does not hold the sequence."""

EMOJI: Mapping[int, str]
"""Emoji (the base code point) -> the word it stands for, 1 to 3 characters with a syllable each."""

EMOJI_OTHER: Mapping[int, tuple[int, ...]]
"""Emoji -> numbers of other syllables it is used for, the main one of `EMOJI` left out; only emoji that have any.

Each of these emoji stands for one character in `EMOJI`, so that it is read as one syllable.
"""

_FOLDER = Path(__file__).parent


def _lines(name: str) -> Iterator[str]:
    for line in (_FOLDER / name).read_text("utf-8").splitlines():
        if not line.startswith("#"):
            yield line


@cache
def _common() -> tuple[int, ...]:
    return tuple(ord(c) for line in _lines("common.txt") for c in line)


@cache
def _syllables() -> tuple[str, ...]:
    return tuple(line.split(" ", 1)[0] for line in _lines("syllables.txt"))


@cache
def _spellings() -> Mapping[str, int]:
    numbers = {syllable: number for number, syllable in enumerate(_syllables())}
    return MappingProxyType(numbers | {"lue": numbers["lve"], "nue": numbers["nve"]})


@cache
def _initials() -> Mapping[str, int]:
    numbers = _spellings()
    return MappingProxyType({"q": numbers["kou"], "v": numbers["wei"], "w": numbers["wei"], "x": numbers["xin"]})


@cache
def _syllable_of() -> Mapping[int, int]:
    lines = enumerate(_lines("syllables.txt"))
    return MappingProxyType({ord(c): number for number, line in lines for c in line.split(" ", 1)[1]})


@cache
def _readings_of() -> Mapping[int, tuple[int, ...]]:
    numbers = _spellings()
    return MappingProxyType(
        {ord(line[0]): tuple(numbers[s] for s in line[2:].split(" ")) for line in _lines("readings.txt")}
    )


@cache
def _rare() -> Mapping[int, int]:
    return MappingProxyType({ord(c): ord(line[0]) for line in _lines("rare.txt") for c in line[2:]})


@cache
def _look_alikes() -> Mapping[int, frozenset[int]]:
    alike: dict[int, set[int]] = {}
    for line in _lines("lookalikes.txt"):
        for c in line[2:]:
            alike.setdefault(ord(line[0]), set()).add(ord(c))
            alike.setdefault(ord(c), set()).add(ord(line[0]))
    return MappingProxyType({code: frozenset(others) for code, others in alike.items()})


@cache
def _splits() -> Mapping[tuple[int, ...], int]:
    lines = [(ord(line[0]), line[2:].split(" ")) for line in _lines("splits.txt")]
    return MappingProxyType({tuple(map(ord, form)): code for code, forms in lines for form in forms})


@cache
def _emoji() -> Mapping[int, str]:
    return MappingProxyType({ord(c): word for word, written in _written("emoji.txt").items() for c in written})


@cache
def _emoji_other() -> Mapping[int, tuple[int, ...]]:
    sounds, first = _syllable_of(), _emoji()
    others: dict[int, tuple[int, ...]] = {}
    for emoji, characters in _written("emoji-also.txt").items():
        word = first[ord(emoji)]
        numbers = dict.fromkeys(sounds[ord(c)] for c in characters)
        numbers.pop(sounds[ord(word)] if len(word) == 1 else -1, None)
        if numbers and len(word) == 1:
            others[ord(emoji)] = tuple(numbers)
    return MappingProxyType(others)


_TABLES: dict[str, Callable[[], object]] = {
    "COMMON": _common,
    "EMOJI": _emoji,
    "EMOJI_OTHER": _emoji_other,
    "INITIALS": _initials,
    "LOOKALIKES": _look_alikes,
    "LOOKALIKES_RARE": _rare,
    "SPELLINGS": _spellings,
    "SPLITS": _splits,
    "SYLLABLES": _syllables,
    "readings_of": _readings_of,
    "syllable_of": _syllable_of,
}


def __getattr__(name: str) -> object:
    if name in _TABLES:
        return _TABLES[name]()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@cache
def _written(name: str) -> dict[str, str]:
    """A file of lines `key value`, as it stands: in the order in which the table was ranked."""
    written: dict[str, str] = {}
    for line in _lines(name):
        key, value = line.split(" ", 1)
        written[key] = value
    return written


def homophones(character: str) -> str:
    """The other characters with the same main syllable, the commonest first; empty where the sound is not known."""
    number = _syllable_of().get(ord(character))
    return "" if number is None else _written("syllables.txt")[_syllables()[number]].replace(character, "")


def likest(character: str) -> str:
    """Characters that pass for this one: those ranked with it, the likest first, then those it is ranked with."""
    own = _written("lookalikes.txt").get(character, "")
    return own + "".join(sorted(chr(c) for c in _look_alikes().get(ord(character), ()) if chr(c) not in own))


def rare_forms(character: str) -> str:
    """Rare characters that are read as a common one, those of martian text (火星文) first."""
    return _written("rare.txt").get(character, "")


def split_forms(character: str) -> tuple[str, ...]:
    """How a character is written in two or three parts, the plainest first."""
    return tuple(_written("splits.txt").get(character, "").split())


def symbols_of(word: str) -> str:
    """The emoji that stand for a word; empty where none does."""
    return _written("emoji.txt").get(word, "")
