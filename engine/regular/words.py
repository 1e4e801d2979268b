"""The words in a regular pattern: literals that stand in some of its matches."""

from __future__ import annotations

from typing import Final

from .literals import exact
from .syntax import Alternatives, Node, Repeat, Sequence, Symbols

__all__ = ["MOST_WORDS", "words_in"]

MOST_WORDS: Final = 64
"""Words that neighbouring parts make together; where there are more, the parts are taken one by one."""
_FEW: Final = 8
"""A class or group of more literals than this is no part of a longer word: numerals, measures, names of goods."""

Word = tuple[int, ...]


def words_in(node: Node) -> frozenset[Word]:
    """Words of folded code points, the longest that neighbouring literals, small classes and groups make."""
    found: set[Word] = set()
    _collect(node, found)
    return frozenset(word for word in found if word)


def _collect(node: Node, found: set[Word]) -> None:
    match node:
        case Symbols():
            pass
        case Alternatives(items):
            for item in items:
                literals = exact(item)
                if literals is not None and len(literals) <= MOST_WORDS:
                    found |= literals
                _collect(item, found)
        case Repeat(item, _, _):
            _collect(item, found)
        case Sequence(items):
            joined: frozenset[Word] = frozenset({()})
            for item in items:
                literals = exact(item)
                if literals is None or len(literals) > _FEW or len(literals) * len(joined) > MOST_WORDS:
                    found |= joined
                    joined = literals if literals is not None and len(literals) <= _FEW else frozenset({()})
                else:
                    joined = frozenset(a + b for a in joined for b in literals)
                if not isinstance(item, Symbols):
                    _collect(item, found)
            found |= joined
