"""Whether one condition can only be true where another one is: read off their form, never tried on texts.

Sound and incomplete: True is certain, False says nothing. Both conditions read the same lists, rules and scores; that
those may have changed, too, is somebody else's question (`effects`).
"""

from __future__ import annotations

from fairpost.engine.vocabulary import ENFORCEMENT, LISTING

from .. import expression as e

__all__ = ["implies"]


def implies(a: e.Node, b: e.Node) -> bool:
    """Whether `b` holds on every post on which `a` does, as far as their form shows."""
    return _Implication({}).holds(a, b)


class _Implication:
    def __init__(self, known: dict[tuple[e.Node, e.Node], bool]) -> None:
        self._known = known

    def holds(self, a: e.Node, b: e.Node) -> bool:
        pair = (a, b)
        if pair not in self._known:
            self._known[pair] = self._work_out(a, b)
        return self._known[pair]

    def _work_out(self, a: e.Node, b: e.Node) -> bool:
        if a == b:
            return True
        if isinstance(a, e.Named):
            return self.holds(a.x, b)
        if isinstance(b, e.Named):
            return self.holds(a, b.x)
        # These two lose nothing: an `or` implies what each part implies, an `and` is implied by what implies each part.
        if isinstance(a, e.Or):
            return all(self.holds(x, b) for x in a.xs)
        if isinstance(b, e.And):
            return all(self.holds(a, y) for y in b.xs)
        if isinstance(a, e.Not) and isinstance(b, e.Not):
            return self.holds(b.x, a.x)
        if isinstance(a, e.Not) and isinstance(a.x, e.Not):
            return self.holds(a.x.x, b)
        if isinstance(b, e.Not) and isinstance(b.x, e.Not):
            return self.holds(a, b.x.x)
        if isinstance(a, e.Not) and isinstance(a.x, e.And):  # not (x and y): not x or not y
            return all(self.holds(e.Not(x), b) for x in a.x.xs)
        if isinstance(b, e.Not) and isinstance(b.x, e.Or):
            return all(self.holds(a, e.Not(y)) for y in b.x.xs)
        if isinstance(a, e.Not) and isinstance(a.x, e.Or):
            return any(self.holds(e.Not(x), b) for x in a.x.xs)
        if isinstance(b, e.Not) and isinstance(b.x, e.And):
            return any(self.holds(a, e.Not(y)) for y in b.x.xs)
        if isinstance(a, e.And) and any(self.holds(x, b) for x in a.xs):
            return True
        if isinstance(b, e.Or):
            return any(self.holds(a, y) for y in b.xs)
        return not isinstance(a, e.And) and _leaf(a, b)


def _leaf(a: e.Node, b: e.Node) -> bool:
    """Of two leaves that are not equal."""
    match a, b:
        case e.Near(x, y, n), e.Near(x2, y2, n2):
            return (x, y) in ((x2, y2), (y2, x2)) and n <= n2
        case e.Before(x, y, n), e.Before(x2, y2, n2):
            return (x, y) == (x2, y2) and n <= n2
        case ((e.Near(x, y, _) | e.Before(x, y, _)), e.Any(z)):
            return any(_hit(each, z) for each in (x, y))
        case e.Any(x), e.Any(y):
            return _hit(x, y)
        case e.Count(x, distinct, cmp, n), e.Any(y):
            return cmp in (">=", ">", "==") and n + (cmp == ">") >= 1 and _hit(x, y)
        case e.Count(x, distinct, cmp, n), e.Count(y, distinct2, cmp2, n2):
            return (x, distinct) == (y, distinct2) and _range(cmp, n, cmp2, n2)
        case e.Commerce(cmp, n), e.Commerce(cmp2, n2):
            return _range(cmp, n, cmp2, n2)
        case e.Model(cmp, n), e.Model(cmp2, n2):
            return _range(cmp, n, cmp2, n2)
        case e.Tenure(cmp, n), e.Tenure(cmp2, n2):
            return _range(cmp, n, cmp2, n2)
        case e.Strikes(category, cmp, n), e.Strikes(category2, cmp2, n2):
            return category == category2 and _range(cmp, n, cmp2, n2)
        case e.Enforcement(cmp, state), e.Enforcement(cmp2, state2):
            return _range(cmp, ENFORCEMENT.index(state), cmp2, ENFORCEMENT.index(state2))
        case e.Listing(cmp, state), e.Listing(cmp2, state2):
            return _range(cmp, LISTING.index(state), cmp2, LISTING.index(state2))
    return False


def _hit(x: e.Operand, y: e.Operand) -> bool:
    """Whether a hit of `x` is one of `y`, too: of the same list, and `y` leaves out no more."""
    return x == y or (x.list == y.list and y.free_of is None and (x.unquoted or not y.unquoted))


def _range(cmp: str, n: float, cmp2: str, n2: float) -> bool:
    """Whether every number that is `cmp n` is `cmp2 n2`, of any numbers."""
    if cmp == "==":
        return e.compare(n, cmp2, n2)
    if cmp in (">=", ">"):
        return cmp2 in (">=", ">") and (n > n2 or (n == n2 and (cmp == cmp2 or cmp2 == ">=")))
    return cmp2 in ("<=", "<") and (n < n2 or (n == n2 and (cmp == cmp2 or cmp2 == "<=")))
