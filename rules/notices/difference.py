"""The difference between two books as data: every change once. Applied to the old book they give the new one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from .book import Book, Path, Value, Word, WordList

__all__ = [
    "Change",
    "FieldChanged",
    "ListAdded",
    "ListFormChanged",
    "ListRemoved",
    "RuleAdded",
    "RuleRemoved",
    "ValueChanged",
    "WordsChanged",
    "apply",
    "differences",
]


@dataclass(frozen=True)
class RuleAdded:
    """A rule that was not there."""

    rule: str
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class RuleRemoved:
    """A rule that is no longer there."""

    rule: str
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class FieldChanged:
    """A field of a rule that is in both; old or new is None where it is not set."""

    rule: str
    field: str
    old: Any
    new: Any


@dataclass(frozen=True)
class ListAdded:
    """A list that was not there, with its words."""

    list: str
    entry: WordList


@dataclass(frozen=True)
class ListRemoved:
    """A list that is no longer there, with the words that it had."""

    list: str
    entry: WordList


@dataclass(frozen=True)
class WordsChanged:
    """Words that came into a list or went out of it. Each in the order of their writings."""

    list: str
    added: tuple[Word, ...]
    removed: tuple[Word, ...]


@dataclass(frozen=True)
class ListFormChanged:
    """How a list is matched: field is "folds", "word_boundaries" or "allows"."""

    list: str
    field: str
    old: Any
    new: Any


@dataclass(frozen=True)
class ValueChanged:
    """A value of policy or law, of a group or a name; old or new is None where it is not there."""

    path: Path
    old: Value | None
    new: Value | None


Change: TypeAlias = (
    RuleAdded | RuleRemoved | FieldChanged | ListAdded | ListRemoved | WordsChanged | ListFormChanged | ValueChanged
)

_FORM: Final = ("folds", "word_boundaries", "allows")


def differences(old: Book, new: Book) -> tuple[Change, ...]:
    """All changes: rules by id, then lists by name, then values by path. Empty where both enforce and cite the same."""
    return (*_rules(old, new), *_lists(old, new), *_values(old, new))


def _rules(old: Book, new: Book) -> Iterator[Change]:
    for rule in sorted(old.rules.keys() | new.rules.keys()):
        before, after = old.rules.get(rule), new.rules.get(rule)
        if before is None or after is None:
            yield RuleRemoved(rule, before) if before is not None else RuleAdded(rule, after or {})
            continue
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                yield FieldChanged(rule, name, before.get(name), after.get(name))


def _lists(old: Book, new: Book) -> Iterator[Change]:
    for name in sorted(old.lists.keys() | new.lists.keys()):
        before, after = old.lists.get(name), new.lists.get(name)
        if before is None or after is None:
            yield ListRemoved(name, before) if before is not None else ListAdded(name, after or WordList())
            continue
        for form in _FORM:
            if getattr(before, form) != getattr(after, form):
                yield ListFormChanged(name, form, getattr(before, form), getattr(after, form))
        if before.words != after.words:
            yield WordsChanged(
                name, tuple(sorted(after.words - before.words)), tuple(sorted(before.words - after.words))
            )


def _values(old: Book, new: Book) -> Iterator[Change]:
    for path in sorted(old.values.keys() | new.values.keys()):
        before, after = old.values.get(path), new.values.get(path)
        if before != after:
            yield ValueChanged(path, before, after)


def apply(changes: tuple[Change, ...], old: Book) -> Book:
    """The new book, from the old one and the differences between them.

    Raises:
        ValueError: they are differences of another book; the message names the first thing that does not fit.
    """
    rules = {rule: dict(fields) for rule, fields in old.rules.items()}
    lists, values = dict(old.lists), dict(old.values)
    for change in changes:
        match change:
            case RuleAdded(rule, fields):
                _fits(rules.get(rule), None, rule)
                rules[rule] = dict(fields)
            case RuleRemoved(rule, fields):
                _fits(rules.pop(rule, None), dict(fields), rule)
            case FieldChanged(rule, name, before, after):
                _fits(rules.get(rule, {}).get(name), before, f"{rule}: {name}")
                _put(rules[rule], name, after)
            case ListAdded(name, entry):
                _fits(lists.get(name), None, name)
                lists[name] = entry
            case ListRemoved(name, entry):
                _fits(lists.pop(name, None), entry, name)
            case WordsChanged(name, added, removed):
                words = lists[name].words if name in lists else frozenset()
                _fits((words >= set(removed), words.isdisjoint(added)), (True, True), f"words of {name}")
                lists[name] = replace(lists[name], words=(words - set(removed)) | set(added))
            case ListFormChanged(name, form, before, after):
                _fits(getattr(lists.get(name), form, None), before, f"{name}: {form}")
                lists[name] = replace(lists[name], **{form: after})
            case ValueChanged(path, before, after):
                _fits(values.get(path), before, ".".join(path))
                _put(values, path, after)
    return Book(dict(sorted(rules.items())), dict(sorted(lists.items())), values)


def _put(into: dict[Any, Any], name: Any, value: Any) -> None:
    if value is None:
        into.pop(name, None)
    else:
        into[name] = value


def _fits(found: Any, expected: Any, what: str) -> None:
    if found != expected:
        raise ValueError(f"{what}: is {found!r}, the difference begins with {expected!r}: it is one of another book")
