"""What a condition says of a post: true or false, and the hits that show it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fairpost.engine import vocabulary as v
from fairpost.rules import expression as e

from .hits import Hit, Post

__all__ = ["SHOWN", "Facts", "Seller", "evaluate"]

SHOWN = 4
"""Hits that stand as witnesses for one any() or count()."""


@dataclass(frozen=True)
class Seller:
    """What the registry said: `answer` is one of the SELLER_* numbers, or None with a standing."""

    answer: int | None = v.SELLER_NONE
    licences: frozenset[str] = frozenset()
    tenure_days: int = 0
    registration: str = "draft"
    enforcement: str = "none"
    listing: str = "none"
    strikes: tuple[tuple[str, int], ...] = ()
    complaints: int = 0

    @property
    def registered(self) -> bool:
        return self.answer is None and self.registration == "active"

    @property
    def unregistered(self) -> bool:
        return self.answer == v.SELLER_NOT_FOUND or (self.answer is None and self.registration != "active")

    @property
    def total_strikes(self) -> int:
        return sum(count for _, count in self.strikes)

    def row(self) -> npt.NDArray[np.void]:
        """The standing as one row of a standing table."""
        row = np.zeros(1, v.STANDING_DTYPE)
        row["licences"] = sum(1 << v.LICENCES.index(scope) for scope in self.licences)
        row["tenure_days"] = self.tenure_days
        row["registration"] = v.REGISTRATION.index(self.registration)
        row["enforcement"] = v.ENFORCEMENT.index(self.enforcement)
        row["listing"] = v.LISTING.index(self.listing)
        row["complaints"] = self.complaints
        for category, count in self.strikes:
            row["strikes"][0, v.CATEGORIES.index(category)] = count
        return row


@dataclass(frozen=True)
class Facts:
    """Everything that a condition may read. `fired`: rules before this one that fired."""

    post: Post
    seller: Seller
    channel: str
    language: str
    commerce: float = 0.0
    fired: frozenset[str] = frozenset()
    model: float = 0.0


Answer = tuple[bool, tuple[Hit, ...]]


def evaluate(node: e.Node, facts: Facts) -> Answer:
    """Whether the condition holds; if it does, its witnesses in the order of its operands."""
    match node:
        case e.Named(_, _, x):
            return evaluate(x, facts)
        case e.Not(x):
            return not evaluate(x, facts)[0], ()
        case e.And(xs):
            answers = [evaluate(x, facts) for x in xs]
            holds = all(answer for answer, _ in answers)
            return holds, _joined(answers) if holds else ()
        case e.Or(xs):
            answers = [evaluate(x, facts) for x in xs]
            return any(answer for answer, _ in answers), _joined(answers)
        case e.Any(x):
            hits = operand_hits(x, facts.post)
            return bool(hits), hits[:SHOWN]
        case e.Count(x, distinct, cmp, n):
            hits = operand_hits(x, facts.post)
            if distinct:
                first: dict[str, Hit] = {}
                for hit in hits:
                    first.setdefault(hit.pattern, hit)
                hits = tuple(first.values())
            holds = e.compare(len(hits), cmp, n)
            return holds, hits[:SHOWN] if holds else ()
        case e.Near(x, y, n):
            return _pair(x, y, facts, lambda a, b: facts.post.texts.near(a, b, n))
        case e.Before(x, y, n):
            return _pair(x, y, facts, lambda a, b: facts.post.texts.before(a, b, n))
        case _:
            return _fact(node, facts), ()


def operand_hits(operand: e.Operand, post: Post) -> tuple[Hit, ...]:
    hits = post.hits.get(operand.list, ())
    if operand.unquoted:
        marked = quotations(post.texts.texts)
        hits = tuple(h for h in hits if not any(h.text == n and b <= h.begin and h.end <= end for n, b, end in marked))
    if operand.free_of is None:
        return hits
    others = post.hits.get(operand.free_of, ())
    return tuple(h for h in hits if not any(post.texts.before(o, h, operand.within) for o in others))


_MARKS = {"“": "”", "‘": "’", "「": "」", "『": "』", '"': '"', "＂": "＂"}


def quotations(texts: Sequence[str]) -> list[tuple[int, int, int]]:
    """(text, begin, end) of what stands between quotation marks, in code points: the first 64 of a post.

    A mark opens a quotation if the mark that closes it follows in the same line, behind 400 bytes of UTF-8 at the most.
    """
    found = []
    for number, text in enumerate(texts):
        begin = 0
        while begin < len(text):
            closing = _MARKS.get(text[begin])
            begin += 1
            if closing is None:
                continue
            end = text.find(closing, begin)
            quoted = text[begin : max(end, begin)]
            if end >= 0 and "\n" not in quoted and len(quoted.encode()) <= 400:
                found.append((number, begin, end))
                begin = end + 1
    return found[:64]


def _pair(x: e.Operand, y: e.Operand, facts: Facts, related: Callable[[Hit, Hit], bool]) -> Answer:
    for a in operand_hits(x, facts.post):
        for b in operand_hits(y, facts.post):
            if related(a, b):
                return True, (a, b)
    return False, ()


def _joined(answers: list[Answer]) -> tuple[Hit, ...]:
    return tuple(hit for holds, witnesses in answers if holds for hit in witnesses)


def _fact(node: e.Node, facts: Facts) -> bool:
    seller = facts.seller
    found = seller.answer is None
    match node:
        case e.RuleFired(rule):
            return rule in facts.fired
        case e.Commerce(cmp, value):
            return e.compare(float(np.float32(facts.commerce)), cmp, float(np.float32(value)))
        case e.Model(cmp, value):
            return e.compare(facts.model, cmp, float(np.float32(value)))
        case e.Registered():
            return seller.registered
        case e.Unregistered():
            return seller.unregistered
        case e.Unavailable():
            return seller.answer == v.SELLER_UNAVAILABLE
        case e.Licence(scope):
            return found and scope in seller.licences
        case e.Strikes(category, cmp, n):
            count = seller.total_strikes if category is None else dict(seller.strikes).get(category, 0)
            return e.compare(count if found else 0, cmp, n)
        case e.Tenure(cmp, n):
            return e.compare(seller.tenure_days if found else 0, cmp, n)
        case e.Enforcement(cmp, state):
            order = v.ENFORCEMENT.index
            return e.compare(order(seller.enforcement) if found else 0, cmp, order(state))
        case e.Listing(cmp, state):
            order = v.LISTING.index
            return e.compare(order(seller.listing) if found else 0, cmp, order(state))
        case e.Channel(name):
            return facts.channel == name
        case e.Language(name):
            return facts.language == name
    raise AssertionError(f"no such condition: {node!r}")
