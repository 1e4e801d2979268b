"""Which way each change goes for sellers: stricter, milder, either, or neither.

A change has the effects {"tightens"}, {"loosens"}, both or none. "Tightens" means: there may be a post, or a seller,
that is judged more severely or displayed less than before. What cannot be told is both, so that a change that tightens
is never taken for one that does not; docs/bulletin.md has the table.

    rules       a rule that fires on more posts tightens if it is enforced, and pulls those that name it along
    lists       words pull the rules that look for them: more words of a claim tighten, more words that excuse loosen
    policy      a threshold that falls tightens, and so does exposure that falls
    both        what may do either: rules of COMMERCE, another category, the text model, a condition of another form
    none        what is said and not done: messages, citations, laws, names; and rules in the shadow
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias

from fairpost.engine.vocabulary import CATEGORIES, COMMERCE, SEVERITIES

from .. import expression as e
from .book import Book, Path, Value
from .difference import (
    Change,
    FieldChanged,
    ListAdded,
    ListFormChanged,
    ListRemoved,
    RuleAdded,
    RuleRemoved,
    ValueChanged,
    WordsChanged,
)
from .implication import implies

__all__ = ["BOTH", "NEITHER", "Effect", "Effects", "Judge", "pulls"]

Effect: TypeAlias = Literal["tightens", "loosens"]
Effects: TypeAlias = frozenset[Effect]

NEITHER: Final[Effects] = frozenset()
TIGHTENS: Final[Effects] = frozenset({"tightens"})
LOOSENS: Final[Effects] = frozenset({"loosens"})
BOTH: Final[Effects] = TIGHTENS | LOOSENS

_COMMERCE: Final = CATEGORIES[COMMERCE]
_ALWAYS: Final = ""
_NEVER: Final = "9999-99-99"
_RAISES: Final = {"per_strike": -1, "per_complaint": -1, "commerce": 0}
"""By number of `exposure`: whether a greater one displays more (1, the default), less (-1), or either (0)."""


def pulls(condition: e.Node) -> dict[tuple[str, str], set[int]]:
    """What a condition reads, ("list" or "rule", name), each with 1 if more of it makes the condition true more often,
    -1 if less often, both if either."""
    found: dict[tuple[str, str], set[int]] = defaultdict(set)
    _pull(condition, 1, found)
    return found


def _pull(node: e.Node, sign: int, found: dict[tuple[str, str], set[int]]) -> None:
    match node:
        case e.Named(_, _, x):
            _pull(x, sign, found)
        case e.Not(x):
            _pull(x, -sign, found)
        case e.And(xs) | e.Or(xs):
            for x in xs:
                _pull(x, sign, found)
        case e.RuleFired(rule):
            found["rule", rule].add(sign)
        case e.Count(x, _, cmp, _):
            signs = {">=": (1,), ">": (1,), "<=": (-1,), "<": (-1,)}.get(cmp, (1, -1))
            for each in signs:
                _operand(x, sign * each, found)
        case e.Any() | e.Near() | e.Before():
            for x in e.operands(node):
                _operand(x, sign, found)


def _operand(x: e.Operand, sign: int, found: dict[tuple[str, str], set[int]]) -> None:
    found["list", x.list].add(sign)
    if x.free_of is not None:
        found["list", x.free_of].add(-sign)


class _Pulls:
    """What follows in one book when a rule fires more often, or a list has more hits.

    mainly: what a rule looks for, and reads once more to excuse it, `near(x, y, 8) and not before(negation, x, 4)`, is
    taken for what it looks for.
    """

    def __init__(self, book: Book, mainly: bool) -> None:
        self._book = book
        self._by: dict[tuple[str, str], list[tuple[str, int]]] = defaultdict(list)
        for rule, condition in book.conditions.items():
            for source, signs in pulls(condition).items():
                if mainly and 1 in signs:
                    signs = {1}
                self._by[source] += [(rule, sign) for sign in signs]
        self._allowing: dict[str, list[str]] = defaultdict(list)
        for name, entry in book.lists.items():
            for allow in entry.allows:
                self._allowing[allow].append(name)
        self._known: dict[tuple[str, str, int], Effects] = {}

    def rule(self, rule: str, sign: int) -> Effects:
        """A rule fires on more posts (1) or fewer (-1)."""
        return self._lookup("rule", rule, sign)

    def list(self, name: str, sign: int) -> Effects:
        """A list has more hits (1) or fewer (-1)."""
        return self._lookup("list", name, sign)

    def _lookup(self, kind: str, name: str, sign: int) -> Effects:
        key = (kind, name, sign)
        if key not in self._known:
            self._known[key] = NEITHER  # rules go round in no circle, and allow lists allow nothing of each other
            found = self._itself(name, sign) if kind == "rule" else NEITHER
            for rule, pull in self._by.get((kind, name), ()):
                found |= self.rule(rule, sign * pull)
            if kind == "list":
                for allowed in self._allowing.get(name, ()):
                    found |= self.list(allowed, -sign)
            self._known[key] = found
        return self._known[key]

    def _itself(self, rule: str, sign: int) -> Effects:
        fields = self._book.rules.get(rule)
        return NEITHER if fields is None else _fires(fields, sign)


def _fires(fields: Mapping[str, Any], sign: int) -> Effects:
    """What a rule does to verdicts when it fires on more posts (1), or fewer (-1)."""
    if fields.get("mode") != "enforce":
        return NEITHER
    # More commerce: rules that ask for it fire, strangers are displayed less, and sellers in good standing more.
    return BOTH if fields.get("category") == _COMMERCE else _way(sign)


def _way(sign: int) -> Effects:
    return TIGHTENS if sign > 0 else LOOSENS if sign < 0 else BOTH


class Judge:
    """Says what the changes between two books do.

    mainly: what they do in general, for people: a word more of a claim tightens, even where the rule excuses a post in
    which that word is negated. Without it, what they may do on any post.
    """

    def __init__(self, old: Book, new: Book, *, mainly: bool = False) -> None:
        self._old, self._new = old, new
        self._pulls = (_Pulls(old, mainly), _Pulls(new, mainly))

    def effects(self, change: Change) -> Effects:
        match change:
            case RuleAdded(rule, fields):
                # Other rules that name it have changed, too, or follow from it in the new book.
                return _fires(fields, 1) | self._pulls[1].rule(rule, 1)
            case RuleRemoved(rule, fields):
                return _fires(fields, -1) | self._pulls[0].rule(rule, -1)
            case FieldChanged():
                return self._field(change)
            case ListAdded(name, _):
                return self._list(name, 1)
            case ListRemoved(name, _):
                return self._list(name, -1)
            case WordsChanged(name, added, removed):
                return (self._list(name, 1) if added else NEITHER) | (self._list(name, -1) if removed else NEITHER)
            case ListFormChanged(name, form, before, after):
                return _join(self._list(name, sign) for sign in _more_hits(form, before, after))
            case ValueChanged(path, before, after):
                return self._value(path, before, after)

    def more(self, name: str) -> Effects:
        """What it does if a list has more hits."""
        return self._list(name, 1)

    # ---- rules ------------------------------------------------------------------------------------------

    def _rule(self, rule: str, sign: int) -> Effects:
        return _join(pulls.rule(rule, sign) for pulls in self._pulls)

    def _field(self, change: FieldChanged) -> Effects:
        rule, before, after = change.rule, change.old, change.new
        old, new = self._old.rules[rule], self._new.rules[rule]
        counts = NEITHER if "enforce" not in (old.get("mode"), new.get("mode")) else BOTH
        of_commerce = _COMMERCE in (old.get("category"), new.get("category"))
        match change.field:
            case "basis" | "message":
                return NEITHER
            case "condition":
                return self._condition(rule)
            case "mode":
                return BOTH if of_commerce else _way(1 if after == "enforce" else -1)
            case "from":
                return self._rule(rule, 1 if (after or _ALWAYS) < (before or _ALWAYS) else -1)
            case "until":
                return self._rule(rule, 1 if (after or _NEVER) > (before or _NEVER) else -1)
            case "weight":
                return counts & (BOTH if of_commerce else _way(1 if after > before else -1))
            case "severity":
                return counts & _way(SEVERITIES.index(after) - SEVERITIES.index(before))
            case "group":
                # A group's cap only ever takes away.
                return counts & (BOTH if of_commerce or (before and after) else _way(-1 if after else 1))
            case _:  # category: other thresholds
                return counts

    def _condition(self, rule: str) -> Effects:
        before, after = self._old.conditions.get(rule), self._new.conditions.get(rule)
        if before is None or after is None:
            return BOTH
        fewer, more = implies(after, before), implies(before, after)
        if fewer and more:
            return NEITHER
        return self._rule(rule, -1) if fewer else self._rule(rule, 1) if more else self._both_ways(rule)

    def _both_ways(self, rule: str) -> Effects:
        return self._rule(rule, 1) | self._rule(rule, -1)

    # ---- lists and values -------------------------------------------------------------------------------

    def _list(self, name: str, sign: int) -> Effects:
        return _join(pulls.list(name, sign) for pulls in self._pulls)

    def _value(self, path: Path, before: Value | None, after: Value | None) -> Effects:
        area, *rest = path
        if area == "model":
            return BOTH
        if area == "groups":
            return self._cap(rest[0], before, after)
        if area == "thresholds":
            return self._threshold(rest, before, after)
        if area == "channels":  # what it leaves out of the default's thresholds is no value of its own
            return _join(self._threshold([rest[0], *level], None, None) for level in self._levels(rest[0]))
        if area == "examined_from":  # None: every post is examined
            return _way(_order(before, after, missing=float("-inf")) * -1)
        if area == "severity_weights":
            return _way(_order(before, after, missing=0.0))
        if area == "exposure":
            return _way(-_order(before, after, missing=0.0) * _RAISES.get(rest[0], 1))
        return NEITHER  # laws and names

    def _threshold(self, rest: list[str], before: Value | None, after: Value | None) -> Effects:
        channel, *level = rest
        # A channel that is there in one book only is judged by the default's thresholds in the other.
        if not {self._judged_by(book, channel) for book in (self._old, self._new)} <= {channel}:
            before, after = (
                book.value("thresholds", self._judged_by(book, channel), *level) for book in (self._old, self._new)
            )
        return NEITHER if before == after else _way(-_order(before, after, missing=float("inf")))

    def _judged_by(self, book: Book, channel: str) -> str:
        return channel if ("channels", channel) in book.values else "default"

    def _levels(self, channel: str) -> set[tuple[str, str]]:
        """Categories and actions for which the channel, or the default, has a threshold in either book."""
        values = [*self._old.values, *self._new.values]
        return {(path[2], path[3]) for path in values if path[0] == "thresholds" and path[1] in (channel, "default")}

    def _cap(self, group: str, before: Value | None, after: Value | None) -> Effects:
        members = [
            fields
            for book in (self._old, self._new)
            for fields in book.rules.values()
            if fields.get("group") == group and fields.get("mode") == "enforce"
        ]
        if not members:
            return NEITHER
        if any(fields["category"] == _COMMERCE for fields in members):
            return BOTH
        return _way(_order(before, after, missing=1.0))


def _order(before: Value | None, after: Value | None, *, missing: float) -> int:
    """1 if the value has grown, -1 if it has fallen, 0 if it has done neither."""
    was, now = (missing if value is None else float(value) for value in (before, after))
    return (now > was) - (now < was)


def _more_hits(form: str, before: Any, after: Any) -> tuple[int, ...]:
    """Whether a list that is matched otherwise has more hits (1), fewer (-1), or either."""
    if form == "word_boundaries":
        return (-1,) if after else (1,)
    was, now = set(before), set(after)
    more, fewer = (1,) if now - was else (), (-1,) if was - now else ()
    both = (*more, *fewer)
    # Folds look through differences, so more of them find more; allow lists take hits away.
    return both if form == "folds" else tuple(-sign for sign in both)


def _join(found: Iterable[Effects]) -> Effects:
    return NEITHER.union(*found)
