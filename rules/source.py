"""Packs, laws and policy after reading: every name resolved, every condition a tree.

`Source` is what the compiler, the linter and the reference in the tests work on.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from fairpost.engine.dates import day_of_date
from fairpost.engine.model import TextModel

from .expression import Node
from .problems import PackWarning, Place
from .schema import LawModel, PolicyFile, SellerModel, Texts, Thresholds

__all__ = ["NEVER", "CaseSource", "ListSource", "PackSource", "RuleSource", "Source"]

NEVER: Final = 2**31 - 1
"""`until_day` of a rule that has no end."""
ALWAYS: Final = -(2**31)
"""`from_day` of a rule that has no begin."""


@dataclass(frozen=True)
class ListSource:
    """A list of words, or the allow words of one.

    `name` is `pack.list`; allow words are lists too: `pack.list:allow` for one list, `pack:allow` for
    all of a pack. `allows` names the allow lists that apply to this one.
    """

    name: str
    words: tuple[str, ...]
    folds: frozenset[str]
    word_boundaries: bool
    allows: tuple[str, ...] = ()
    place: Place = field(default_factory=lambda: Place(""))
    word_places: tuple[Place, ...] = ()

    @property
    def is_allow(self) -> bool:
        return self.name.endswith(":allow")


@dataclass(frozen=True)
class CaseSource:
    """One text on which a rule must fire (`fires`) or must not."""

    text: str
    fires: bool
    seller: SellerModel | str | None  # a standing, "unknown", "unavailable", or None: no seller named
    channel: str | None
    language: str | None
    date: datetime.date | None
    place: Place
    extra_texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class RuleSource:
    """One rule. `condition` is `when and not (unless)`; the two texts are kept for people."""

    id: str
    pack: str
    category: str
    severity: str
    mode: str
    weight: float
    group: str | None  # "pack.group"
    condition: Node
    when: str
    unless: str | None
    effective_from: datetime.date | None
    effective_until: datetime.date | None
    basis: tuple[str, ...]
    message: Texts | None
    cases: tuple[CaseSource, ...]
    place: Place
    names: tuple[str, ...] = ()
    """Ids of the rules that the condition names."""
    conditions: tuple[tuple[str, str], ...] = ()
    """(name as declared, text) of the conditions under a name that it uses, by name; those inside them too."""
    floor: float | None = None
    """Share of its mutated match cases that it must find (`fairpost.rules.mutation`); compiled into nothing."""

    @property
    def from_day(self) -> int:
        return ALWAYS if self.effective_from is None else day_of_date(self.effective_from)

    @property
    def until_day(self) -> int:
        return NEVER if self.effective_until is None else day_of_date(self.effective_until)


@dataclass(frozen=True)
class PackSource:
    name: str
    description: Texts | None
    file: str


@dataclass(frozen=True)
class Source:
    """Everything that a bundle is made from.

    `rules` are in evaluation order: COMMERCE first, then so that a rule comes after those it names,
    then by pack name and place in the file. Rules that are off are in `off_rules` only.
    """

    packs: tuple[PackSource, ...]
    lists: Mapping[str, ListSource]
    groups: Mapping[str, float]  # "pack.group" -> cap
    rules: tuple[RuleSource, ...]
    off_rules: tuple[RuleSource, ...]
    laws: Mapping[str, LawModel]
    policy: PolicyFile
    warnings: tuple[PackWarning, ...] = field(default=(), compare=False)
    model: TextModel | None = None

    def thresholds(self, channel: str) -> dict[str, Thresholds]:
        """Thresholds by category; what a channel says of a category replaces the default's word on it."""
        default = dict(self.policy.thresholds.get("default", {}))
        return default | dict(self.policy.thresholds.get(channel, {})) if channel != "default" else default

    def rule(self, rule_id: str) -> RuleSource:
        """The rule of that id, off or not. Raises KeyError."""
        for rule in (*self.rules, *self.off_rules):
            if rule.id == rule_id:
                return rule
        raise KeyError(rule_id)
