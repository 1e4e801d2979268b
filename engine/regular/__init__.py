"""Regular patterns, `加[我偶]?.{0,3}(微|V)`: parsed, folded, compiled to bounded automata around literal anchors."""

from .automaton import Automaton, compile_regular
from .literals import Anchor, frequency
from .syntax import MAX_LENGTH, MAX_POSITIONS, InvalidRegular, is_regular, parse
from .words import words_in

__all__ = [
    "MAX_LENGTH",
    "MAX_POSITIONS",
    "Anchor",
    "Automaton",
    "InvalidRegular",
    "compile_regular",
    "frequency",
    "is_regular",
    "parse",
    "words_in",
]
