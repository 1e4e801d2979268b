"""The notice of a rule change: what differs between two bundles, which way it goes, and that in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Final, Literal, TypeAlias

from .book import Book, Path
from .difference import Change, FieldChanged, RuleAdded, RuleRemoved, ValueChanged, differences
from .effects import NEITHER, Effects, Judge

__all__ = ["Entry", "Notice", "Subject", "Way", "way_of"]

Way: TypeAlias = Literal["stricter", "milder", "either", "neither"]
Subject: TypeAlias = tuple[str, ...]
"""What changes belong together: ("rule", id), ("list", name), or ("value", area, ...)."""

_WAYS: Final[dict[Effects, Way]] = {
    frozenset(["tightens"]): "stricter",
    frozenset(["loosens"]): "milder",
    frozenset(["tightens", "loosens"]): "either",
    frozenset(): "neither",
}
# How much of a value's path is one subject: thresholds of a channel and category, a law, the rest leaf by leaf.
_SUBJECT_LENGTH: Final = {"thresholds": 3, "laws": 2, "categories": 2}


@dataclass(frozen=True)
class Entry:
    """What changes about one subject. effects: what all of it together may do on any post; mainly: what it does in
    general."""

    subject: Subject
    changes: tuple[tuple[Change, Effects], ...]
    mainly: Effects

    @property
    def effects(self) -> Effects:
        return NEITHER.union(*(effects for _, effects in self.changes))

    @property
    def way(self) -> Way:
        """Which way it goes in general."""
        return way_of(self.mainly)


def way_of(effects: Effects) -> Way:
    """Effects in one word."""
    return _WAYS[effects]


@dataclass(frozen=True)
class Notice:
    """A rule change as data. `changes` turn the old book into the new one (`difference.apply`).

    day: the first day of the new rules; laws are cited as of then. emergency_reason: why they take effect without the
    usual term; "" if they do not.
    """

    old: Book
    new: Book
    day: date
    emergency_reason: str = ""
    changes: tuple[Change, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "changes", differences(self.old, self.new))

    @classmethod
    def between(cls, old: bytes, new: bytes, day: date, *, emergency_reason: str = "") -> Notice:
        """The notice of the change from one bundle to another.

        Raises:
            fairpost.engine.InvalidBundle: one of them is damaged, or no bundle of rules.
        """
        return cls(Book.of(old), Book.of(new), day, emergency_reason)

    @cached_property
    def judge(self) -> Judge:
        """Of what changes do in general."""
        return Judge(self.old, self.new, mainly=True)

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """By subject: rules, lists, values; each in the order of their names."""
        judge = Judge(self.old, self.new)
        found: dict[Subject, list[tuple[Change, Effects]]] = {}
        mainly: dict[Subject, Effects] = {}
        for change in self.changes:
            subject = _subject(change)
            found.setdefault(subject, []).append((change, judge.effects(change)))
            mainly[subject] = mainly.get(subject, NEITHER) | self.judge.effects(change)
        return tuple(Entry(subject, tuple(changes), mainly[subject]) for subject, changes in found.items())

    @property
    def tightens(self) -> bool:
        """Whether any seller may be judged more severely than before, as far as can be told (see `effects`)."""
        return any("tightens" in entry.effects for entry in self.entries)

    def of(self, way: Way) -> Iterator[Entry]:
        return (entry for entry in self.entries if entry.way == way)

    @property
    def rules(self) -> tuple[str, ...]:
        """Ids of the rules that are added, removed or changed."""
        return tuple(entry.subject[1] for entry in self.entries if entry.subject[0] == "rule")

    @property
    def laws(self) -> tuple[str, ...]:
        """Articles, `law/article`, that those rules cite, and laws of which something changes."""
        found: set[str] = set()
        for rule in self.rules:
            for book in (self.old, self.new):
                found.update(book.rules.get(rule, {}).get("basis", ()))
        for entry in self.entries:
            if entry.subject[:2] == ("value", "laws"):
                found.update(_articles(entry))
        return tuple(sorted(found))

    @property
    def categories(self) -> tuple[str, ...]:
        """Violation categories that are concerned."""
        found: set[str] = set()
        for rule in self.rules:
            for book in (self.old, self.new):
                if rule in book.rules:
                    found.add(book.rules[rule]["category"])
        found.update(
            entry.subject[-1] for entry in self.entries if entry.subject[1:2] in (("thresholds",), ("categories",))
        )
        return tuple(sorted(found))


def _articles(entry: Entry) -> Iterator[str]:
    for change, _ in entry.changes:
        if isinstance(change, ValueChanged):
            _, law, *rest = change.path
            yield f"{law}/{rest[0]}" if len(rest) > 2 else law


def _subject(change: Change) -> Subject:
    match change:
        case RuleAdded() | RuleRemoved() | FieldChanged():
            return ("rule", change.rule)
        case ValueChanged(path):
            return _value_subject(path)
        case _:
            return ("list", change.list)


def _value_subject(path: Path) -> Subject:
    return ("value", *path[: _SUBJECT_LENGTH.get(path[0], len(path))])
