"""Conditions under a name: `conditions:` of a pack, which all packs may use.

    conditions:
      told: any(report) or any(warner)
      quoted(x): any(x) and not any(unquoted(x))

A definition with parameters stands for a condition in which lists are put: `common.quoted(cure)`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fairpost.engine.vocabulary import RECOGNISERS

from . import expression as e
from .document import Document
from .parser import Scope, parse
from .problems import Place, Problems
from .schema import BROKEN, NAME, PackFile

__all__ = ["Definition", "check_definitions", "read_definitions", "warn_of_unused"]

_HEAD: Final = re.compile(r"\s*([^\s()]+)\s*(?:\((.*)\))?\s*")
_WORDS: Final = frozenset({"any", "all", "near", "before", "count", "rule", "free", "unquoted", "and", "or", "not"})


@dataclass
class Definition:
    """A named condition. `name`: pack.name; `parameters`: what stands for lists in it."""

    name: str
    parameters: tuple[str, ...]
    text: str
    document: Document
    path: tuple[str, str]
    scope: Scope | None = None
    """What its text may name: set before it is parsed."""
    is_broken: bool = False
    is_used: bool = False
    names: tuple[str, ...] = ()
    """Other definitions that its text names."""

    @property
    def pack(self) -> str:
        return self.name.partition(".")[0]

    @property
    def head(self) -> str:
        """As it is declared."""
        return self.name + (f"({', '.join(self.parameters)})" if self.parameters else "")


def read_definitions(document: Document, pack: PackFile, problems: Problems) -> dict[str, Definition]:
    """The definitions of one pack by their full names; those whose name is wrong are left out."""
    found: dict[str, Definition] = {}
    for key, text in pack.conditions.items():
        place = document.key_place(("conditions", key))
        head = _HEAD.fullmatch(key)
        name = head[1] if head else key
        parameters = tuple(word.strip() for word in head[2].split(",")) if head and head[2] is not None else ()
        full = f"{pack.pack}.{name}"
        message = _fault(name, parameters, pack)
        if full in found:
            message = f"condition {name!r} is there already; keep one"
        if message:
            problems.error(place, message)
        elif text != BROKEN:
            found[full] = Definition(full, parameters, text, document, ("conditions", key))
    return found


def check_definitions(definitions: Mapping[str, Definition], problems: Problems) -> None:
    """Parse every definition on its own; those with mistakes are marked and reported."""
    for definition in definitions.values():
        assert definition.scope is not None
        stand_in = dict.fromkeys(definition.parameters, e.Operand(RECOGNISERS[0]))
        parsed = parse(definition.text, definition.scope, stand_in, (definition.name,))
        definition.names = tuple(dict.fromkeys(parsed.conditions))
        places = definition.document.scalar_places(definition.path)
        for parameter in definition.parameters:
            if parameter not in parsed.parameters and not parsed.mistakes:
                problems.error(places[0], f"condition {definition.head}: parameter {parameter!r} is not used")
                definition.is_broken = True
        for mistake in parsed.mistakes:
            where = places[min(mistake.offset, len(places) - 1)]
            problems.error(where, f"condition {definition.head}: {mistake.message}")
        definition.is_broken |= parsed.node is None


def warn_of_unused(definitions: Mapping[str, Definition], problems: Problems) -> None:
    """A warning for each definition that no rule uses, by itself or through another."""
    for definition in definitions.values():
        if not definition.is_used and not definition.is_broken:
            place: Place = definition.document.key_place(definition.path)
            problems.warn(place, f"condition {definition.name!r} is used by no rule")


def _fault(name: str, parameters: Sequence[str], pack: PackFile) -> str:
    if not NAME.fullmatch(name):
        return f"condition name {name!r} must be lower-case letters, digits, single dashes, first a letter"
    if name in _WORDS or name in RECOGNISERS or name in ("commerce", "model", "seller", "channel", "language"):
        return f"condition name {name!r} is a word of the rule language; take another"
    if name in pack.lists:
        return f"condition name {name!r} is the name of a list of the pack; take another"
    for parameter in parameters:
        if not NAME.fullmatch(parameter):
            return f"condition {name!r}: parameter {parameter!r} must be lower-case letters, digits, single dashes"
        if parameter in pack.lists or parameter in RECOGNISERS or parameter in _WORDS:
            return f"condition {name!r}: parameter {parameter!r} is the name of a list or a word of the language"
    return "" if len(set(parameters)) == len(parameters) else f"condition {name!r} has a parameter twice"
