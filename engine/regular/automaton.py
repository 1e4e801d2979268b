"""Regular patterns compiled to bounded automata.

The automaton is Glushkov's: one state for each symbol of the pattern with its repeats written out, no empty
transitions; a set of states is a bit mask. Most states are followed by the next one, so a step is one shift, and one
load for each active state of a *branch*: states that the same further states may follow. An optional gap `.{0,30}`
costs one branch, not thirty.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from collections.abc import Sequence as Ordered
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from fairpost.engine.layout import MAX_AHEAD

from .literals import Anchor, best_anchors
from .syntax import Alternatives, Node, Repeat, Sequence, Symbols, length_bounds, parse

__all__ = ["Automaton", "Neighbours", "Surroundings", "alphabet", "compile_regular", "states_of"]


Neighbours = tuple[Symbols, ...] | None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What stands around an anchor that is part of a match; None: anything, which includes the match's begin or end.

    before: the symbol before it. behind: one of the `ahead` symbols behind it, next to it or behind a gap of whatever
    symbols; second: the one behind that.
    """

    before: Neighbours
    behind: Neighbours
    second: Neighbours
    ahead: int


@dataclass(frozen=True, slots=True)
class Automaton:
    """A regular pattern ready to run. Sets of states are integers, bit k is state k.

    first: states in which a match may begin; last: in which it may end; chain: those that k + 1 may follow;
    branches: (states, what else may follow them). symbols[k] is what state k takes; starts and masks say the same by
    code point, see `alphabet`.
    """

    symbols: tuple[Symbols, ...]
    first: int
    last: int
    chain: int
    branches: tuple[tuple[int, int], ...]
    starts: tuple[int, ...]
    masks: tuple[int, ...]
    anchors: tuple[Anchor, ...]
    shortest: int  # symbols of a match
    longest: int

    def longest_end(self, codes: Ordered[int], begin: int) -> int:
        """End of the longest match that begins there; -1 if none does."""
        active, end = self.first, -1
        for at in range(begin, len(codes)):
            active &= self.masks[bisect_right(self.starts, codes[at]) - 1]
            if not active:
                break
            if active & self.last:
                end = at + 1
            following = (active & self.chain) << 1
            for states, others in self.branches:
                if active & states:
                    following |= others
            active = following
        return end

    def surroundings(self, anchor: Anchor) -> Surroundings:
        """What stands around the anchor in every match that holds it there."""
        before: Neighbours = ()
        reachable = self.first
        earlier = ended = 0  # states a symbol before; those in which the anchor ends
        for distance in range(anchor.most + 1):
            if distance >= anchor.least:
                active = reachable & self._taking(anchor.literal[0])
                if active:
                    preceding = sum(1 << k for k in states_of(earlier) if self._after(1 << k) & active)
                    before = _joint(before, None if distance == 0 else self._taken(preceding))
                for code in anchor.literal[1:]:
                    active = self._after(active) & self._taking(code)
                ended |= active
            earlier, reachable = reachable, self._after(reachable)
        return Surroundings(before, *self._behind(ended))

    def _behind(self, ended: int) -> tuple[Neighbours, Neighbours, int]:
        """(behind, second, ahead) of Surroundings, of an anchor that ends in these states.

        States that take nearly anything are a gap; a match goes through some of them, or none, to one that is choosy.
        """
        if ended & self.last:
            return None, None, 1
        following = self._after(ended)
        next_to_it: Neighbours = self._taken(following)
        behind_that: Neighbours = None if following & self.last else self._taken(self._after(following))
        behind: Neighbours = ()
        second: Neighbours = ()
        for ahead in range(1, MAX_AHEAD + 1):
            gap = sum(1 << k for k in states_of(following) if self.symbols[k].is_wide)
            choosy = following & ~gap
            behind = _joint(behind, self._taken(choosy))
            second = _joint(second, None if choosy & self.last else self._taken(self._after(choosy)))
            if not gap:
                return behind, second, ahead
            if gap & self.last:
                break
            following = self._after(gap)
        return next_to_it, behind_that, 1

    def _taking(self, code: int) -> int:
        return self.masks[bisect_right(self.starts, code) - 1]

    def _after(self, active: int) -> int:
        following = (active & self.chain) << 1
        for states, others in self.branches:
            if active & states:
                following |= others
        return following

    def _taken(self, states: int) -> Neighbours:
        """The classes that the states take."""
        return tuple(self.symbols[k] for k in states_of(states))

    def occurs_in(self, codes: Ordered[int]) -> bool:
        """Whether it matches anywhere in the folded text, word boundaries aside."""
        return any(self.longest_end(codes, begin) >= 0 for begin in range(len(codes)))


def states_of(mask: int) -> list[int]:
    """The numbers of the bits that are set, ascending."""
    return [k for k in range(mask.bit_length()) if mask >> k & 1]


def _joint(one: Neighbours, other: Neighbours) -> Neighbours:
    return None if one is None or other is None else one + other


@lru_cache(maxsize=1 << 12)  # reading packs, choosing triggers and building a bundle all ask
def compile_regular(text: str) -> Automaton:
    """Compile a regular pattern, written without its slashes.

    Raises:
        InvalidRegular: it does not parse, exceeds a bound, or has no anchor.
    """
    node = parse(text)
    anchors = best_anchors(node)
    glushkov = _Glushkov()
    part = glushkov.add(node)
    chain = sum(1 << k for k, after in enumerate(glushkov.follow) if after >> (k + 1) & 1)
    branches: dict[int, int] = {}  # what else may follow -> after which states
    for k, after in enumerate(glushkov.follow):
        others = after & ~(1 << (k + 1))
        if others:
            branches[others] = branches.get(others, 0) | 1 << k
    starts, masks = alphabet(glushkov.symbols)
    return Automaton(
        symbols=tuple(glushkov.symbols),
        first=part.first,
        last=part.last,
        chain=chain,
        branches=tuple((states, others) for others, states in branches.items()),
        starts=starts,
        masks=masks,
        anchors=anchors,
        shortest=length_bounds(node)[0],
        longest=length_bounds(node)[1],
    )


@dataclass(frozen=True, slots=True)
class _Part:
    first: int
    last: int
    nullable: bool


class _Glushkov:
    """Numbers the symbols of a tree and works out which may follow which."""

    def __init__(self) -> None:
        self.symbols: list[Symbols] = []
        self.follow: list[int] = []

    def add(self, node: Node) -> _Part:
        match node:
            case Symbols():
                bit = 1 << len(self.symbols)
                self.symbols.append(node)
                self.follow.append(0)
                return _Part(bit, bit, False)
            case Sequence(items):
                part = _Part(0, 0, True)
                for item in items:
                    part = self.join(part, self.add(item))
                return part
            case Alternatives(items):
                parts = [self.add(item) for item in items]
                return _Part(
                    _union(p.first for p in parts), _union(p.last for p in parts), any(p.nullable for p in parts)
                )
            case Repeat(item, least, most):
                return self.repeat(item, least, most)

    def join(self, left: _Part, right: _Part) -> _Part:
        self.link(left.last, right.first)
        first = left.first | right.first if left.nullable else left.first
        last = left.last | right.last if right.nullable else right.last
        return _Part(first, last, left.nullable and right.nullable)

    def repeat(self, item: Node, least: int, most: int) -> _Part:
        """Copies in a row; it may be left from the `least`-th on. Copies are alike, so that one which matches
        nothing may as well be one of those left out at the end."""
        first = last = before = 0
        for number in range(most):
            part = self.add(item)
            if part.nullable:
                least = 0
            if number == 0:
                first = part.first
            self.link(before, part.first)
            before = part.last
            if number + 1 >= least:
                last |= part.last
        return _Part(first, last, least == 0)

    def link(self, states: int, following: int) -> None:
        while states:
            lowest = states & -states
            self.follow[lowest.bit_length() - 1] |= following
            states ^= lowest


def _union(masks: Iterable[int]) -> int:
    union = 0
    for mask in masks:
        union |= mask
    return union


def alphabet(symbols: Ordered[Symbols]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(starts, masks): masks[k] are the states that take what lies from starts[k] up to the next start.

    starts[0] = 0, and neighbouring masks differ.
    """
    distinct: dict[Symbols, int] = {}
    for state, symbol in enumerate(symbols):
        distinct[symbol] = distinct.get(symbol, 0) | 1 << state
    edges = {0}
    for symbol in distinct:
        for low, high in symbol.ranges:
            edges |= {low, high + 1}
    negated = _union(mask for symbol, mask in distinct.items() if symbol.negated)
    ordered = sorted(edges)
    masks = dict.fromkeys(ordered, negated)
    for symbol, mask in distinct.items():
        for low, high in symbol.ranges:
            for edge in ordered[bisect_right(ordered, low) - 1 : bisect_right(ordered, high)]:
                masks[edge] ^= mask
    kept = [ordered[0], *(edge for before, edge in pairwise(ordered) if masks[edge] != masks[before])]
    return tuple(kept), tuple(masks[edge] for edge in kept)
