"""Regular patterns as they are written: `加[我偶]?.{0,3}(微|V)`, parsed and folded.

    alternatives   = sequence *("|" sequence)
    sequence       = 1*( atom [ "?" | "{n}" | "{m,n}" | "{,n}" ] )
    atom           = "." | class | "(" ["?:"] alternatives ")" | "\\d" | "\\" punctuation | any other character
    class          = "[" ["^"] 1*( member [ "-" member ] ) "]"

A pattern is matched on the text as the scan folds it, so its literals and classes are folded here, the same way:
`微` also stands for its traditional and styled forms, and a separator stands for nothing (which is refused, since it
would say something that is not so). Lengths are bounded: there is no `*`, `+` or `{m,}`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from fairpost.engine.folds import DEFAULT, fold_table

__all__ = [
    "MAX_LENGTH",
    "MAX_POSITIONS",
    "Alternatives",
    "InvalidRegular",
    "Node",
    "Repeat",
    "Sequence",
    "Symbols",
    "is_regular",
    "length_bounds",
    "parse",
    "parts",
    "rare_code_points",
]

MAX_POSITIONS: Final = 256
"""Symbols of a pattern with its repeats written out: the bits of an automaton's state."""
MAX_LENGTH: Final = 255
"""Symbols of the longest match."""
MAX_DEPTH: Final = 24
MAX_RARE: Final = 256
"""Characters beyond the Basic Multilingual Plane in the classes of a pattern: each takes a symbol from a small pool."""


class InvalidRegular(ValueError):
    """A regular pattern that cannot be compiled.

    Attributes:
        reason: what is wrong, and what would be right.
        column: of the fault, in code points of the text between the slashes, from 1; 0: the whole pattern.
    """

    def __init__(self, reason: str, column: int = 0) -> None:
        super().__init__(f"column {column}: {reason}" if column else reason)
        self.reason = reason
        self.column = column


@dataclass(frozen=True, slots=True)
class Symbols:
    """One symbol: one of these folded code points, or any other one.

    ranges: first and last code point, ascending and apart.
    """

    ranges: tuple[tuple[int, int], ...]
    negated: bool = False

    @property
    def count(self) -> int:
        return sum(last - first + 1 for first, last in self.ranges)

    @property
    def is_wide(self) -> bool:
        """Whether nearly anything is one of these: hashed to 64 places they would fill all."""
        return self.negated or self.count > 200

    def code_points(self) -> Iterator[int]:
        for first, last in self.ranges:
            yield from range(first, last + 1)

    def __contains__(self, code_point: int) -> bool:
        return any(first <= code_point <= last for first, last in self.ranges) is not self.negated


@dataclass(frozen=True, slots=True)
class Sequence:
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Alternatives:
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """`item` from `least` to `most` times, most >= 1."""

    item: Node
    least: int
    most: int


Node = Symbols | Sequence | Alternatives | Repeat


def is_regular(word: str) -> bool:
    """Whether an entry of a list is written as a regular pattern: between slashes."""
    return len(word) > 2 and word.startswith("/") and word.endswith("/")


def length_bounds(node: Node) -> tuple[int, int]:
    """Symbols of the shortest and of the longest match."""
    match node:
        case Symbols():
            return 1, 1
        case Sequence(items):
            bounds = [length_bounds(item) for item in items]
            return sum(least for least, _ in bounds), sum(most for _, most in bounds)
        case Alternatives(items):
            bounds = [length_bounds(item) for item in items]
            return min(least for least, _ in bounds), max(most for _, most in bounds)
        case Repeat(item, least, most):
            shortest, longest = length_bounds(item)
            return shortest * least, longest * most


def parse(text: str) -> Node:
    """The tree of a regular pattern (without its slashes), folded by `default`.

    Patterns that differ only in what the fold takes away (width, case, traditional characters) give equal trees.

    Raises:
        InvalidRegular: a mistake of syntax, a character that folds away, or a bound exceeded.
    """
    parser = _Parser(text)
    node = parser.alternatives(0)
    if parser.at < len(text):
        raise InvalidRegular("')' closes no group; write '\\)' for the character", parser.at + 1)
    shortest, longest = length_bounds(node)
    if longest > MAX_LENGTH:
        raise InvalidRegular(f"its longest match has {longest} symbols: at most {MAX_LENGTH}")
    if shortest == 0:
        raise InvalidRegular("it matches the empty text, and so everywhere; make one of its parts necessary")
    rare = {code_point for part in parts(node) for code_point in rare_code_points(part)}
    if len(rare) > MAX_RARE:
        raise InvalidRegular(f"it names {len(rare)} characters beyond U+FFFF: at most {MAX_RARE}")
    return node


def rare_code_points(part: Symbols) -> Iterator[int]:
    """Those that are not their own symbol (see `symbols.ScanFold`)."""
    for first, last in part.ranges:
        if last >= 0xFFFF or first < 5:
            yield from (c for c in range(first, last + 1) if c >= 0xFFFF or c < 5)


def parts(node: Node) -> Iterator[Symbols]:
    """All symbols of the tree, each once however often it is repeated."""
    match node:
        case Symbols():
            yield node
        case Sequence(items) | Alternatives(items):
            for item in items:
                yield from parts(item)
        case Repeat(item, _, _):
            yield from parts(item)


def _size(node: Node) -> int:
    """Symbols with all repeats written out."""
    match node:
        case Symbols():
            return 1
        case Sequence(items) | Alternatives(items):
            return sum(map(_size, items))
        case Repeat(item, _, most):
            return _size(item) * most


class _Parser:
    """Recursive descent over the pattern's characters; `at` is the next one."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.table = fold_table(DEFAULT)

    def peek(self) -> str:
        return self.text[self.at] if self.at < len(self.text) else ""

    def alternatives(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise InvalidRegular(f"groups are nested {depth} deep: at most {MAX_DEPTH}", self.at)
        begin = self.at
        items = [self.sequence(depth)]
        while self.peek() == "|":
            self.at += 1
            items.append(self.sequence(depth))
        size = sum(map(_size, items))
        if size > MAX_POSITIONS:
            raise InvalidRegular(f"its alternatives have {size} symbols: at most {MAX_POSITIONS}", begin + 1)
        return items[0] if len(items) == 1 else Alternatives(tuple(items))

    def sequence(self, depth: int) -> Node:
        begin = self.at
        items: list[Node] = []
        while self.peek() not in ("", "|", ")"):
            node = self.repeated(self.atom(depth), begin=self.at)
            items.extend(node.items if isinstance(node, Sequence) else (node,))
        if not items:
            raise InvalidRegular("an empty alternative; write (...)? for what may be left out", begin + 1)
        size = sum(map(_size, items))
        if size > MAX_POSITIONS:
            raise InvalidRegular(f"with its repeats it has {size} symbols: at most {MAX_POSITIONS}", begin + 1)
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def atom(self, depth: int) -> Node:
        column, character = self.at + 1, self.text[self.at]
        self.at += 1
        match character:
            case ".":
                return Symbols((), negated=True)
            case "[":
                return self.symbol_class(column)
            case "(":
                return self.group(column, depth)
            case "\\":
                return self.escaped(column)
            case "*" | "+" | "?" | "{":
                raise InvalidRegular(f"{character!r} repeats nothing; write '\\{character}' for the character", column)
            case "^" | "$":
                raise InvalidRegular(
                    f"{character!r} has no meaning: a pattern matches anywhere in a text; leave it out", column
                )
            case "]" | "}":
                raise InvalidRegular(f"{character!r} closes nothing; write '\\{character}' for the character", column)
            case "/":
                raise InvalidRegular("'/' ends the pattern; separators are looked through, leave it out", column)
        return self.literal(character, column)

    def literal(self, character: str, column: int) -> Node:
        codes = self.table.image(ord(character))
        if not codes:
            raise InvalidRegular(_folds_away(character), column)
        symbols = tuple(Symbols(((code, code),)) for code in codes)
        return symbols[0] if len(symbols) == 1 else Sequence(symbols)

    def group(self, column: int, depth: int) -> Node:
        if self.peek() == "?":
            if not self.text.startswith("?:", self.at):
                raise InvalidRegular(f"'(?{self.text[self.at + 1 : self.at + 2]}' is not known; write (...)", column)
            self.at += 2
        node = self.alternatives(depth + 1)
        if self.peek() != ")":
            raise InvalidRegular("the group is not closed; write ')' behind it, or '\\(' for the character", column)
        self.at += 1
        return node

    def escaped(self, column: int) -> Node:
        character = self.peek()
        self.at += 1
        if character == "d":
            return Symbols(((ord("0"), ord("9")),))
        self.check_escape(character, column)
        return self.literal(character, column)

    def check_escape(self, character: str, column: int) -> None:
        if not character:
            raise InvalidRegular("'\\' stands before nothing; write '\\\\' for the character", column)
        if character == "b":
            raise InvalidRegular("'\\b' is not known: word edges are the list's word_boundaries; leave it out", column)
        if character == "s":
            raise InvalidRegular(
                "'\\s' is not known: space and other separators are looked through everywhere; leave it out", column
            )
        if character.isalnum():
            raise InvalidRegular(f"'\\{character}' is not known; there are \\d and \\ before punctuation", column)

    def repeated(self, node: Node, begin: int) -> Node:
        """`node` with the repeat that follows it, if one does."""
        column = self.at + 1
        bounds = self.bounds()
        if bounds is None:
            return node
        least, most = bounds
        if self.peek() and self.peek() in "?*+{":
            raise InvalidRegular(
                f"{self.peek()!r} after a repeat; the longest match is always taken, and (...) repeats a repeat",
                self.at + 1,
            )
        size = _size(node) * most
        if size > MAX_POSITIONS:
            raise InvalidRegular(f"repeated {most} times it has {size} symbols: at most {MAX_POSITIONS}", column)
        return node if (least, most) == (1, 1) else Repeat(node, least, most)

    def bounds(self) -> tuple[int, int] | None:
        """What the repeat at the next character says; None where there is none."""
        column, character = self.at + 1, self.peek()
        if character in ("*", "+"):
            least = int(character == "+")
            raise InvalidRegular(
                f"'{character}' has no bound; write {{{least},8}}, with the most that may stand there", column
            )
        if character == "?":
            self.at += 1
            return 0, 1
        if character != "{":
            return None
        end = self.text.find("}", self.at)
        inside = self.text[self.at + 1 : end] if end > 0 else ""
        low, comma, high = inside.partition(",")
        well_formed = all(not part or (part.isascii() and part.isdigit() and len(part) < 7) for part in (low, high))
        if end < 0 or not well_formed or not (low or high):
            raise InvalidRegular(
                f"'{{{inside}' is no repeat; write {{n}}, {{m,n}} or {{,n}}, or '\\{{' for the character", column
            )
        if comma and not high:
            raise InvalidRegular(f"'{{{inside}}}' has no bound; write {{{low},n}}, with the most that may be", column)
        least = int(low or 0)
        most = int(high) if comma else least
        if most == 0:
            raise InvalidRegular(f"'{{{inside}}}' repeats nothing; leave the part out", column)
        if least > most:
            raise InvalidRegular(f"'{{{inside}}}' ends before it begins; write {{{most},{least}}}", column)
        self.at = end + 1
        return least, most

    def symbol_class(self, column: int) -> Node:
        negated = self.peek() == "^"
        self.at += negated
        members: list[np.ndarray] = []
        while self.peek() != "]":
            if not self.peek():
                raise InvalidRegular("the class is not closed; write ']' behind it, or '\\[' for the character", column)
            members.append(self.members())
        if not members:
            raise InvalidRegular("the class is empty; write symbols into it", column)
        self.at += 1
        codes = np.unique(np.concatenate(members))
        breaks = np.flatnonzero(np.diff(codes) > 1)
        firsts, lasts = codes[np.r_[0, breaks + 1]], codes[np.r_[breaks, len(codes) - 1]]
        return Symbols(tuple(zip(firsts.tolist(), lasts.tolist(), strict=True)), negated)

    def members(self) -> np.ndarray:
        """Folded code points of the next member or range of a class."""
        column = self.at + 1
        if self.text.startswith("\\d", self.at):
            self.at += 2
            return np.arange(ord("0"), ord("9") + 1)
        first = self.member()
        is_range = self.peek() == "-" and self.text[self.at + 1 : self.at + 2] not in ("]", "")
        if not is_range:
            codes = self.table.image(ord(first))
            if not codes:
                raise InvalidRegular(_folds_away(first), column)
            if len(codes) > 1:
                raise InvalidRegular(_folds_to_many(first, codes), column)
            return np.array(codes)
        self.at += 1
        if self.text.startswith("\\d", self.at):
            raise InvalidRegular("'\\d' does not end a range", self.at + 1)
        last = self.member()
        if last < first:
            raise InvalidRegular(f"the range {first}-{last} ends before it begins; write {last}-{first}", column)
        # A range stands for those of its characters that the fold keeps: [!-~] are letters and digits.
        images = self.table.target[ord(first) : ord(last) + 1]
        many = np.flatnonzero(images <= -2)
        if many.size:
            character = chr(ord(first) + int(many[0]))
            raise InvalidRegular(
                f"in the range {first}-{last} {_folds_to_many(character, self.table.image(ord(character)))}", column
            )
        kept = images[images >= 0]
        if not kept.size:
            raise InvalidRegular(f"the range {first}-{last} folds to nothing: all of it are separators", column)
        return kept

    def member(self) -> str:
        column, character = self.at + 1, self.peek()
        self.at += 1
        if character == "[":
            raise InvalidRegular("'[' inside a class; write '\\[' for the character", column)
        if character != "\\":
            return character
        character = self.peek()
        self.at += 1
        self.check_escape(character, column)
        return character


def _folds_away(character: str) -> str:
    return f"{character!r} folds to nothing: separators are looked through between any two symbols; leave it out"


def _folds_to_many(character: str, codes: tuple[int, ...]) -> str:
    folded = "".join(map(chr, codes))
    return f"{character!r} folds to {len(codes)} symbols, {folded!r}; write an alternative instead: ({character}|...)"
