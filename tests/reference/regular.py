"""Where a regular pattern occurs in a text, by the definition and with the `regex` module."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import takewhile

import regex

from fairpost.engine.folds import DEFAULT

from .folding import Folded, Run, folded

__all__ = ["find_regular", "find_regular_in", "translated"]


@lru_cache(maxsize=10_000)
def translated(pattern: str, flags: int = 0) -> regex.Pattern[str]:
    """The pattern (without its slashes) for `regex`: every literal and every member of a class folded."""
    return regex.compile("".join(_translate(iter(pattern))), regex.DOTALL | flags)


def _translate(characters: Iterator[str]) -> Iterator[str]:
    for c in characters:
        if c == "[":
            yield _class("".join(takewhile(lambda x: x != "]", characters)))
        elif c == "{":
            bounds = "".join(takewhile(lambda x: x != "}", characters))
            yield "{" + ("0" if bounds.startswith(",") else "") + bounds + "}"
        elif c == "\\":
            escaped = next(characters)
            yield "[0-9]" if escaped == "d" else _literal(escaped)
        elif c in ".()|?:":
            yield c
        else:
            yield _literal(c)


def _literal(character: str) -> str:
    return f"(?:{regex.escape(folded(character, DEFAULT).string)})"


def _class(inside: str) -> str:
    negated = inside.startswith("^")
    inside = inside[negated:].replace("\\d", "0-9")
    members: set[str] = set()
    while inside:
        if inside[1:2] == "-" and len(inside) > 2:
            for code in range(ord(inside[0]), ord(inside[2]) + 1):
                members.update(folded(chr(code), DEFAULT).string)
            inside = inside[3:]
        else:
            members.update(folded(inside[0], DEFAULT).string)
            inside = inside[1:]
    return f"[{'^' if negated else ''}{''.join(map(regex.escape, sorted(members)))}]"


def find_regular(pattern: str, text: str, word_boundaries: bool) -> list[tuple[int, int]]:
    """Spans of the matches in code points of `text`, each once, sorted.

    From left to right: where a match begins, the longest one; the next begins behind it.
    """
    where = folded(text, DEFAULT)
    found = find_regular_in(pattern, where, word_boundaries)
    return sorted({(where.runs[begin].first, where.runs[end - 1].last + 1) for begin, end in found})


def find_regular_in(pattern: str, where: Folded, word_boundaries: bool) -> list[tuple[int, int]]:
    """The same in symbols of a folded text."""
    compiled = translated(pattern)
    found = []
    begin = 0
    while begin < len(where.string):
        end = _longest(compiled, where.string, where.runs, begin, word_boundaries)
        if end:
            found.append((begin, end))
        begin = end or begin + 1
    return found


def _longest(compiled: regex.Pattern[str], string: str, runs: tuple[Run, ...], begin: int, edges: bool) -> int:
    """End of the longest match that begins there; 0 if none does."""
    if not compiled.match(string, begin):
        return 0
    for end in range(len(string), begin, -1):
        if compiled.fullmatch(string, begin, end) and not (edges and _cuts_a_word(runs, begin, end)):
            return end
    return 0


def _cuts_a_word(runs: tuple[Run, ...], begin: int, end: int) -> bool:
    return any(0 < edge < len(runs) and _joined(runs[edge - 1], runs[edge]) for edge in (begin, end))


def _joined(left: Run, right: Run) -> bool:
    same = (left.is_letter and right.is_letter) or (left.is_digit and right.is_digit)
    return same and right.first - left.last <= 1
