"""Lists of words: where the words come from, and what can be wrong with them.

A word between slashes is a regular pattern.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Final

import ahocorasick

from fairpost.engine.folds import DEFAULT, EVASION, compared, fold
from fairpost.engine.regular import (
    Automaton,
    InvalidRegular,
    compile_regular,
    frequency,
    is_regular,
    parse,
    words_in,
)
from fairpost.engine.writings import can_be_disguised

from .document import Document, read_text
from .problems import Place, Problems
from .schema import BROKEN, PackFile
from .source import ListSource

__all__ = [
    "MAX_SYMBOLS",
    "check_allow_words",
    "expected",
    "folded",
    "holds",
    "read_lists",
    "shortest",
    "warn_of_single_symbols",
    "word_key",
]

MAX_SYMBOLS: Final = 255
"""Longest pattern after folding; the engine keeps its length in one byte."""


@dataclass(frozen=True)
class _Words:
    words: tuple[str, ...]
    places: tuple[Place, ...]


def _automaton(word: str) -> Automaton:
    return compile_regular(word[1:-1])


def has_writings(word: str) -> bool:
    """Whether the word can be written with homophones, look-alikes, parts or emoji, and is still told."""
    words = words_in(parse(word[1:-1])) if is_regular(word) else [fold(word, DEFAULT)[0]]
    return any(map(can_be_disguised, words))


def word_key(word: str, folds: frozenset[str]) -> Hashable:
    """Equal for words of a list that match alike. Raises InvalidRegular."""
    return parse(word[1:-1]) if is_regular(word) else folded(word, folds)


def shortest(word: str, folds: frozenset[str]) -> int:
    """Symbols of the word's shortest match."""
    return _automaton(word).shortest if is_regular(word) else len(folded(word, folds))


def expected(word: str, folds: frozenset[str]) -> float:
    """How often running text holds the word, about, in the unit of `engine.index.sketch`: for choices between lists.

    Over the shipped lists its rank correlation with the posts that have a hit is 0.84, that of the words' lengths 0.75.
    """
    if is_regular(word):
        return sum(_expected(anchor.literal) for anchor in _automaton(word).anchors) / 16
    return _expected(folded(word, folds))


def _expected(literal: tuple[int, ...]) -> float:
    """A further symbol makes a literal rarer than its rarest pair; the hash of pairs lets none be
    below 1,024. A word of one symbol is a rarer character than most."""
    if len(literal) == 1:
        return frequency(literal) / 8
    return max(frequency(literal), 1024.0) / float(4 ** max(0, len(literal) - 2))


def holds(text: str, word: str) -> bool:
    """Whether `text` holds the word under the coarsest folds: if not, it does so under none. Word boundaries aside."""
    return (
        _automaton(word).occurs_in(folded(text, frozenset(DEFAULT)))
        if is_regular(word)
        else coarse(word) in coarse(text)
    )


@lru_cache(maxsize=1 << 16)
def folded(word: str, folds: frozenset[str]) -> tuple[int, ...]:
    """The pattern's symbols as the engine compares them with the text as it stands."""
    symbols = fold(word, folds)[0]
    return tuple(symbol for symbol, _ in groupby(symbols)) if "repeat" in compared(folds) else tuple(symbols)


def read_lists(document: Document, pack: PackFile, folder: Path, problems: Problems) -> dict[str, ListSource]:
    """All lists of a pack by full name, the allow lists among them; words that are wrong are left out."""
    result: dict[str, ListSource] = {}
    pack_folds = _folds(document, ("fold",), pack.fold, problems)
    pack_allow = _inline(document, ("allow",), pack.allow)
    shared: tuple[str, ...] = ()
    if pack_allow.words:
        name = f"{pack.pack}:allow"
        place = document.key_place(("allow",))
        result[name] = _checked(name, pack_allow, frozenset(DEFAULT), True, (), place, problems)
        shared = (name,)
    for short, model in pack.lists.items():
        path = ("lists", short)
        name = f"{pack.pack}.{short}"
        place = document.key_place(path)
        folds = pack_folds if model.fold is None else _folds(document, (*path, "fold"), model.fold, problems)
        words = _inline(document, (*path, "words"), model.words or [])
        if model.file is not None:
            from_file = _from_file(document, (*path, "file"), model.file, folder, problems)
            words = _Words(words.words + from_file.words, words.places + from_file.places)
        if model.words is None and model.file is None:
            problems.error(place, f"list {short!r} has neither 'words' nor 'file'; write words: [a, b]")
        elif model.words == [] and model.file is None:
            problems.error(place, f"list {short!r} is empty; write words into it or remove it")
        own: tuple[str, ...] = ()
        if model.allow:
            allow_name = f"{name}:allow"
            allow = _inline(document, (*path, "allow"), model.allow)
            allow_place = document.key_place((*path, "allow"))
            exact = compared(folds)  # what excuses is not looked for in disguise
            result[allow_name] = _checked(allow_name, allow, exact, model.word_boundaries, (), allow_place, problems)
            own = (allow_name,)
        result[name] = _checked(name, words, folds, model.word_boundaries, own + shared, place, problems)
        if model.fold is not None and folds & EVASION and not any(map(has_writings, result[name].words)):
            problems.warn(
                document.place((*path, "fold")),
                f"list {short!r} folds {', '.join(sorted(folds & EVASION))}, and none of its words can be written so: "
                "that takes two characters, one of them Chinese",
            )
    return result


def _folds(document: Document, path: tuple[str, ...], names: Sequence[str], problems: Problems) -> frozenset[str]:
    folds: set[str] = set()
    for word in names:
        folds |= set(DEFAULT) if word in ("default", BROKEN) else {word}
    if folds & EVASION:
        folds |= set(DEFAULT)
    if "repeat" in folds and not folds >= set(DEFAULT):
        problems.error(document.place(path), "'repeat' works on top of 'default' only; write fold: [default, repeat]")
        folds |= set(DEFAULT)
    return frozenset(folds)


def _inline(document: Document, path: tuple[str, ...], words: Sequence[str]) -> _Words:
    # the short form of a list has its words one level up: Document.place skips the part that is not there
    kept = [(word, document.place((*path, index))) for index, word in enumerate(words) if word != BROKEN]
    return _Words(tuple(word for word, _ in kept), tuple(place for _, place in kept))


def _from_file(document: Document, path: tuple[str, ...], file: str, folder: Path, problems: Problems) -> _Words:
    place = document.place(path)
    relative = PurePosixPath(file)
    if relative.is_absolute() or ".." in relative.parts or "\\" in file:
        problems.error(place, f"list file {file!r} must lie in the pack's folder; write a relative path with '/'")
        return _Words((), ())
    shown = str(PurePosixPath(document.file).parent / relative)
    try:
        content = (folder / relative).read_bytes()
    except OSError as error:
        problems.error(place, f"list file {file!r} cannot be read: {error.strerror}; paths count from the pack")
        return _Words((), ())
    text = read_text(content, shown, problems)
    words: list[str] = []
    places: list[Place] = []
    for number, line in enumerate((text or "").split("\n"), start=1):
        word = line.lstrip().partition("#")[0] if line.lstrip().startswith("#") else _before_comment(line)
        if word.strip():
            words.append(word.strip())
            places.append(Place(shown, number, len(word) - len(word.lstrip()) + 1))
    if text is not None and not words:
        problems.error(place, f"list file {file!r} has no words; write one a line")
    return _Words(tuple(words), tuple(places))


def _before_comment(line: str) -> str:
    """`#` starts a comment at the begin of a line or after white space: `C#` is a word."""
    for index, character in enumerate(line):
        if character == "#" and (index == 0 or line[index - 1].isspace()):
            return line[:index]
    return line


def _checked(
    name: str,
    source: _Words,
    folds: frozenset[str],
    word_boundaries: bool,
    allows: tuple[str, ...],
    place: Place,
    problems: Problems,
) -> ListSource:
    first: dict[Hashable, tuple[str, Place]] = {}
    kept: list[tuple[str, Place]] = []
    for word, where in zip(source.words, source.places, strict=True):
        if is_regular(word):
            if _is_sound(word, folds, where, problems) and _is_first(
                word, parse(word[1:-1]), "", first, where, problems
            ):
                kept.append((word, where))
            continue
        symbols = folded(word, folds)
        if not symbols:
            problems.error(
                where,
                f"{word!r} folds to nothing: all its characters are separators to the list's folds; "
                "write a word with letters or digits, or take 'separators' out with fold: [width, case]",
            )
        elif len(symbols) > MAX_SYMBOLS:
            size = f"{len(symbols)} symbols after folding; at most {MAX_SYMBOLS}"
            problems.error(where, f"{word[:20] + '...'!r} has {size}")
        elif _is_first(word, symbols, f" (both fold to {_text(symbols)!r})", first, where, problems):
            kept.append((word, where))
            _warn_of_edges(word, symbols, folds, where, problems)
    return ListSource(
        name,
        tuple(word for word, _ in kept),
        folds,
        word_boundaries,
        allows,
        place,
        tuple(where for _, where in kept),
    )


def _is_first(
    word: str,
    key: Hashable,
    why: str,
    first: dict[Hashable, tuple[str, Place]],
    place: Place,
    problems: Problems,
) -> bool:
    """Whether no word of the list before matches alike; `why` they do where they are written differently."""
    if key not in first:
        first[key] = (word, place)
        return True
    other, other_place = first[key]
    there = f"line {other_place.line}" + ("" if other_place.file == place.file else f" of {other_place.file}")
    same = "" if other == word else why
    problems.error(place, f"duplicate {word!r}: {other!r} on {there} is the same{same}; keep one")
    return False


def _is_sound(word: str, folds: frozenset[str], place: Place, problems: Problems) -> bool:
    """Whether a regular pattern compiles."""
    if not folds >= set(DEFAULT):
        problems.error(
            place,
            f"{word!r} is a regular pattern, since it stands between slashes: it is matched under fold: [default], "
            "and this list folds less; write it into a list of its own",
        )
        return False
    try:
        _automaton(word)
    except InvalidRegular as error:
        problems.error(place, f"regular pattern {word!r}: {error}")
        return False
    return True


def _warn_of_edges(
    word: str, symbols: tuple[int, ...], folds: frozenset[str], place: Place, problems: Problems
) -> None:
    origins = fold(word, folds - {"repeat"})[1]
    if origins[0] != 0 or origins[-1] != len(word) - 1:
        problems.warn(
            place,
            f"{word!r} is matched as {_text(symbols)!r}: folding drops the characters at its edge; "
            "write it without them, or fold the list less",
        )


def warn_of_single_symbols(words: ListSource, rule_id: str, problems: Problems) -> None:
    """Words of one symbol in a list whose hits a rule takes by themselves.

    Beside other words (`near`, `before`) a single symbol says something; alone it hits inside every word.
    Word boundaries save it where it is a Latin letter or a digit.
    """
    for word, place in zip(words.words, words.word_places, strict=True):
        if shortest(word, words.folds) > 1:
            continue
        if is_regular(word):
            problems.warn(
                place,
                f"{word!r} may match a single symbol, which stands inside many words, and rule {rule_id!r} takes any "
                "hit; make it longer, or use near()",
            )
            continue
        symbol = folded(word, words.folds)[0]
        if not (words.word_boundaries and symbol < 128 and chr(symbol).isalnum()):
            problems.warn(
                place,
                f"{word!r} is a single symbol without word boundaries: it hits inside every word that has it, "
                f"and rule {rule_id!r} takes any hit; write longer words, or use near()",
            )


def _text(symbols: Sequence[int]) -> str:
    return "".join(map(chr, symbols))


def check_allow_words(lists: Mapping[str, ListSource], problems: Problems) -> None:
    """Allow words against the words that they are for.

    An allow word removes a hit only if it covers it and is longer. So one that holds none of the
    words never does anything, and one that *is* a word of the list contradicts it. Both sides are
    compared under the coarsest folds: what is not contained there is contained nowhere. What a regular
    pattern holds is not worked out: it is taken to hold a word.
    """
    for name, allow in lists.items():
        if not allow.is_allow:
            continue
        covered = [other for other in lists.values() if name in other.allows]
        automaton = ahocorasick.Automaton(ahocorasick.STORE_ANY, ahocorasick.KEY_STRING)
        for other in covered:
            for word, place in zip(other.words, other.word_places, strict=True):
                if not is_regular(word):
                    automaton.add_word(coarse(word), (other, word, place))
        automaton.make_automaton()
        for word, place in zip(allow.words, allow.word_places, strict=True):
            found = is_regular(word) or (len(automaton) and any(True for _ in automaton.iter(coarse(word))))
            if not found and not any(
                holds(word, regular) for other in covered for regular in filter(is_regular, other.words)
            ):
                what = "of the pack" if name == f"{name.partition(':')[0].partition('.')[0]}:allow" else "of the list"
                problems.warn(place, f"allow word {word!r} holds no word {what}, so it never removes a hit")
        for other in covered:
            if name != f"{other.name}:allow":
                continue  # a pack-wide allow word may well be a word of one list and shield another
            words_there = zip(allow.words, allow.word_places, strict=True)
            allowed = {word_key(word, allow.folds): place for word, place in words_there}
            for word, place in zip(other.words, other.word_places, strict=True):
                clash = allowed.get(word_key(word, other.folds))
                if clash is not None:
                    problems.error(
                        place,
                        f"{word!r} is dead or its allow word is: line {clash.line} allows the same word, "
                        "and an allow word only removes hits that are shorter; remove one of the two",
                    )


def coarse(word: str) -> str:
    """The word under all folds: what is contained in another word under any folds is contained there under these."""
    return _text(folded(word, frozenset({*DEFAULT, "repeat"})))
