"""Tables of other people, read from a folder: what the engine finds of what it was not made from.

Measured with the engine's own tables, recall goes round in a circle. The folder holds files as they are published:

| file | lines |
|---|---|
| pinyin_char.tsv | character, tab, readings with tone marks, the usual one first, joined by commas |
| homophones_by_syllable.tsv | toneless syllable, tab, characters |
| chaizi-jt.txt | character, tab, its parts joined by spaces; further ways after further tabs |
| 形近字语料库.txt | character, space, characters that look like it |
| pinyin_to_emoji.tsv | toneless syllable, tab, an emoji |
| fanjian_suoyin.txt | simplified character, tab, the traditional one |
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from .strength import Strength
from .writing import STROKES, Writing

__all__ = ["TablesError", "read_tables"]

FILES: Final = (
    "pinyin_char.tsv",
    "homophones_by_syllable.tsv",
    "chaizi-jt.txt",
    "形近字语料库.txt",
    "pinyin_to_emoji.tsv",
    "fanjian_suoyin.txt",
)
MOST_HOMOPHONES: Final = 20
MOST_PARTS: Final = 3


class TablesError(ValueError):
    """A folder of tables that cannot be read; the message says which file and why."""


def read_tables(folder: Path, strength: Strength = Strength.MEASURED) -> Writing:
    """Read a folder of tables. There are none of martian text and of emoji for words: those kinds find nothing.

    Raises:
        TablesError: a file is missing, is not UTF-8, or has a line without its tab.
    """
    if not folder.is_dir():
        raise TablesError(f"{folder}: no such folder; expected one with {', '.join(FILES)}")
    files = {name: list(_lines(folder / name)) for name in FILES}
    sounds = {char: _toneless(readings.split(",")[0]) for char, readings in files["pinyin_char.tsv"]}
    by_syllable = {
        syllable: [c for c in chars if sounds.get(c) == syllable and "\u4e00" <= c <= "\u9fff"]
        for syllable, chars in files["homophones_by_syllable.tsv"]
    }
    emoji: dict[str, list[str]] = {}
    for syllable, symbol in files["pinyin_to_emoji.tsv"]:
        emoji.setdefault(syllable, []).append(symbol)
    traditional: dict[str, list[str]] = {}
    for simplified, form in files["fanjian_suoyin.txt"]:
        if form != simplified and len(form) == 1:
            traditional.setdefault(simplified, []).append(form)

    def same(char: str) -> list[str]:
        return by_syllable.get(sounds.get(char, ""), [])

    def homophones(char: str) -> tuple[str, ...]:
        return tuple(c for c in same(char)[: MOST_HOMOPHONES + 1] if c != char)

    def pinyin(char: str) -> tuple[str, ...]:
        return (sounds[char],) if sounds.get(char) else ()

    return Writing(
        folder.name,
        homophones,
        pinyin,
        _getter({char: _splits(forms) for char, forms in files["chaizi-jt.txt"]}),
        _getter({char: tuple(others.replace(" ", "")) for char, others in files["形近字语料库.txt"]}),
        lambda char: (),
        _getter({char: tuple(forms) for char, forms in traditional.items()}),
        lambda char: tuple(emoji.get(sounds.get(char, ""), ())),
        lambda word: (),
        lambda char: tuple(c for c in same(char) if c != char),
        strength,
    )


class _getter:  # a function with its table beside it
    def __init__(self, table: Mapping[str, tuple[str, ...]]) -> None:
        self._table = table

    def __call__(self, char: str) -> tuple[str, ...]:
        return self._table.get(char, ())


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise TablesError(
            f"{path}: cannot be read: {error.strerror}; a folder of tables holds {', '.join(FILES)}"
        ) from None
    except UnicodeDecodeError as error:
        raise TablesError(f"{path}: not UTF-8: byte {error.start} is 0x{error.object[error.start]:02X}") from None
    separator = " " if path.suffix == ".txt" and "\t" not in text else "\t"
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        key, found, value = line.partition(separator)
        if not found and separator == "\t":
            raise TablesError(f"{path}:{number}: no tab; expected a key, a tab and its forms")
        yield key, value.strip()


def _splits(forms: str) -> tuple[str, ...]:
    found = [form.split() for form in forms.split("\t")]
    return tuple("".join(parts) for parts in found if 2 <= len(parts) <= MOST_PARTS and not STROKES & {*parts})


def _toneless(spelled: str) -> str:
    letters = unicodedata.normalize("NFD", spelled.strip().lower()).replace("u\u0308", "v")
    return "".join(c for c in letters if not unicodedata.combining(c))
