"""The literals around which a regular pattern's automaton runs.

An *anchor* is a literal with its distance from a match's begin. Of a set of anchors every match holds at least one, so
that the automaton need only run from the places where a match with one of them may begin. The index finds anchors as
it finds any literal.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence as Ordered
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from fairpost.engine.index import sketch, sketch_position

from .syntax import Alternatives, InvalidRegular, Node, Repeat, Sequence, Symbols, length_bounds

__all__ = ["MAX_ANCHORS", "Anchor", "best_anchors", "exact"]

MAX_ANCHORS: Final = 512
MAX_SINGLE_ANCHORS: Final = 8
"""Anchors of one symbol: each is looked up wherever that symbol stands."""
MAX_CLASS: Final = 16
"""A class of more symbols than this is no literal."""

_SINGLE_FREQUENCY: Final = float(1 << 20)  # in the unit of the sketch: what a common character has

Literal = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Anchor:
    """`literal` (folded code points) begins `least` to `most` symbols behind the begin of a match."""

    literal: Literal
    least: int
    most: int


def best_anchors(node: Node) -> tuple[Anchor, ...]:
    best = min(_candidates(node), key=_cost, default=None)
    if best is None:
        raise InvalidRegular(
            "it has no literal that every match must hold: '.', [^...], what may be left out and classes of more than "
            f"{MAX_CLASS} symbols are none, nor are more than {MAX_ANCHORS} alternatives or more than "
            f"{MAX_SINGLE_ANCHORS} single symbols; make a word necessary"
        )
    return best


def _cost(anchors: Ordered[Anchor]) -> float:
    """How often text holds one of them, and from how many places the automaton would run then."""
    return sum(frequency(anchor.literal) * (2.0 + anchor.most - anchor.least) for anchor in anchors)


def frequency(literal: Literal) -> float:
    """How often running text holds a literal, of folded code points, at the most: its rarest pair, in the unit of
    `index.sketch`."""
    if len(literal) == 1:
        return _SINGLE_FREQUENCY
    return min(float(sketch()[sketch_position(*pair)]) for pair in pairwise(literal))


def _candidates(node: Node) -> list[tuple[Anchor, ...]]:
    """Sets of anchors one of which every match of `node` holds."""
    match node:
        case Symbols():
            return _checked([_at(exact(node), 0, 0)])
        case Sequence(items):
            return _checked([*_of_sequence(_unrolled(items, True)), *_of_sequence(_unrolled(items, False))])
        case Alternatives(items):
            each = [min(_candidates(item), key=_cost, default=None) for item in items]
            joint = [anchors for anchors in each if anchors is not None]
            return _checked([tuple(a for anchors in joint for a in anchors)]) if len(joint) == len(items) else []
        case Repeat(item, least, _):
            if least == 0:
                return []
            return _checked([_at(_power(item, least, least), 0, 0), *_candidates(item)])


def _unrolled(items: Ordered[Node], in_front: bool) -> list[Node]:
    """Repeats as necessary copies in front of those that may be left out, or behind them, so that literals may be
    found over a copy and its neighbours."""
    out: list[Node] = []
    for item in items:
        if not isinstance(item, Repeat) or item.least == 0:
            out.append(item)
            continue
        necessary: list[Node] = [item.item] * item.least
        spare: list[Node] = [Repeat(item.item, 0, item.most - item.least)] if item.most > item.least else []
        out += necessary + spare if in_front else spare + necessary
    return out


def _of_sequence(items: Ordered[Node]) -> list[tuple[Anchor, ...]]:
    """Literals over some neighbouring items, or inside one of them."""
    found: list[tuple[Anchor, ...]] = []
    each = [exact(item) for item in items]
    least = most = 0
    for begin, item in enumerate(items):
        inside = [] if isinstance(item, Symbols) else _candidates(item)
        found += [tuple(Anchor(a.literal, a.least + least, a.most + most) for a in anchors) for anchors in inside]
        single_before = begin > 0 and len(each[begin - 1] or ()) == 1
        if each[begin] and not single_before:  # else what begins one item earlier holds it too
            literals: frozenset[Literal] | None = frozenset({()})
            for end in range(begin, len(items)):
                longer = _product(literals, each[end])
                if longer is None or len(longer) > len(literals or ()):
                    found.append(_at(literals, least, most))
                if longer is None:
                    break
                literals = longer
            else:
                found.append(_at(literals, least, most))
        shortest, longest = length_bounds(item)
        least, most = least + shortest, most + longest
    return found


def _checked(candidates: Iterable[tuple[Anchor, ...]]) -> list[tuple[Anchor, ...]]:
    return [
        anchors
        for anchors in candidates
        if 0 < len(anchors) <= MAX_ANCHORS
        and all(anchor.literal for anchor in anchors)
        and sum(len(anchor.literal) == 1 for anchor in anchors) <= MAX_SINGLE_ANCHORS
    ]


def _at(literals: frozenset[Literal] | None, least: int, most: int) -> tuple[Anchor, ...]:
    """Anchors at one distance; one that begins with another is left out."""
    kept: list[Literal] = []
    for literal in sorted(literals or ()):
        if not kept or literal[: len(kept[-1])] != kept[-1]:
            kept.append(literal)
    return tuple(Anchor(literal, least, most) for literal in kept)


def exact(node: Node) -> frozenset[Literal] | None:
    """All that `node` matches, in folded code points, where that is few (MAX_ANCHORS); else None."""
    match node:
        case Symbols(_, negated):
            if negated or node.count > MAX_CLASS:
                return None
            return frozenset((code,) for code in node.code_points())
        case Sequence(items):
            literals: frozenset[Literal] | None = frozenset({()})
            for item in items:
                literals = _product(literals, exact(item))
            return literals
        case Alternatives(items):
            each = [exact(item) for item in items]
            if any(literals is None for literals in each):
                return None
            return _few(frozenset(literal for literals in each for literal in literals or ()))
        case Repeat(item, least, most):
            return _power(item, least, most)


def _power(item: Node, least: int, most: int) -> frozenset[Literal] | None:
    one = exact(item)
    literals: frozenset[Literal] | None = frozenset({()})
    joint: frozenset[Literal] = frozenset()
    for number in range(most + 1):
        if number:
            literals = _product(literals, one)
        if literals is None:
            return None
        if number >= least:
            joint |= literals
            if len(joint) > MAX_ANCHORS:
                return None
    return joint


def _product(left: frozenset[Literal] | None, right: frozenset[Literal] | None) -> frozenset[Literal] | None:
    if left is None or right is None or len(left) * len(right) > 4 * MAX_ANCHORS:
        return None
    return _few(frozenset(a + b for a in left for b in right))


def _few(literals: frozenset[Literal]) -> frozenset[Literal] | None:
    return literals if len(literals) <= MAX_ANCHORS else None
