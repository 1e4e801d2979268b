"""What a bundle enforces, as plain data that can be compared, changed and written down.

Only what a bundle itself says is read: numbers and dates of rules from its records, words from its patterns, texts
from its META. What changes no verdict and no citation (files, line numbers, examples) is left out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import numpy as np

from fairpost.engine import RuleSet
from fairpost.engine import vocabulary as v
from fairpost.engine.dates import date_of_day
from fairpost.engine.image import Image

from .. import expression as e
from ..diff import RULE_FIELDS, words_of
from ..explanation.conditions import Names, tree_of
from ..render import render
from ..source import ALWAYS, NEVER

__all__ = ["Book", "Path", "Value", "Word", "WordList"]

Value: TypeAlias = str | float
Path: TypeAlias = tuple[str, ...]
"""Where a value of policy or law stands: ("thresholds", "moments", "MEDICAL", "BLOCK"), ("laws", "cn.x", "source")."""

_WRITTEN: Final = ("when", "unless", "conditions")
_ALL_FOLDS: Final = tuple(v.FOLD_CLASSES)


@dataclass(frozen=True)
class Word:
    """A word of a list: equal to every word that folds alike, whatever its writing."""

    text: str = field(compare=False)
    key: Hashable

    def __lt__(self, other: Word) -> bool:
        return self.text < other.text


@dataclass(frozen=True)
class WordList:
    """A list as the matcher knows it. allows: the lists whose longer words make its hits count for nothing."""

    folds: tuple[str, ...] = ()
    word_boundaries: bool = True
    allows: tuple[str, ...] = ()
    words: frozenset[Word] = frozenset()


@dataclass(frozen=True)
class Book:
    """All that is enforced.

    rules: by id, the fields of RULE_FIELDS that are set, and "condition": what `when` and `unless` come to, written out
    with nothing under a name. lists: by name. values: policy, groups, laws and the rest, leaf by leaf.

    What follows takes no part in comparisons. conditions: by rule, as trees. written: by rule, how its pack writes it:
    "when", "unless", and named conditions by their names. examples: by rule, texts of its cases: "match" and "pass".
    """

    rules: Mapping[str, Mapping[str, Any]]
    lists: Mapping[str, WordList]
    values: Mapping[Path, Value]
    conditions: Mapping[str, e.Node] = field(default_factory=dict, compare=False, repr=False)
    written: Mapping[str, Mapping[str, str]] = field(default_factory=dict, compare=False, repr=False)
    examples: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict, compare=False, repr=False)
    revision: str = field(default="", compare=False)

    @classmethod
    def of(cls, content: bytes) -> Book:
        """The book of a bundle.

        Raises:
            fairpost.engine.InvalidBundle: damaged, or no bundle of rules.
        """
        opened = RuleSet.from_bytes(content)
        sections = dict(Image(content).sections)
        meta = opened.meta
        names = Names(meta["list_names"], sections["OPND"], opened.rule_ids, meta["channels"], meta["languages"])
        conditions = {
            rule_id: tree_of(sections["CODE"][int(row["code"]) : int(row["code"]) + int(row["code_count"])], names)
            for rule_id, row in zip(opened.rule_ids, sections["RULE"], strict=True)
        }
        described = {rule["id"]: rule for rule in meta.get("rules", ())}
        rules = {
            rule_id: _rule(row, described.get(rule_id, {}), conditions[rule_id])
            for rule_id, row in zip(opened.rule_ids, sections["RULE"], strict=True)
        }
        return cls(
            dict(sorted(rules.items())),
            _lists(opened),
            _values(opened, sections),
            conditions,
            {rule_id: _written(rule) for rule_id, rule in described.items()},
            {rule_id: _examples(rule) for rule_id, rule in described.items()},
            opened.revision,
        )

    @property
    def fingerprint(self) -> str:
        """64 hexadecimal digits: equal for two bundles that enforce and cite the same, whatever their bytes."""
        content = {
            "rules": self.rules,
            "lists": {
                name: [entry.folds, entry.word_boundaries, entry.allows, sorted(map(_key_text, entry.words))]
                for name, entry in self.lists.items()
            },
            "values": [[list(path), value] for path, value in sorted(self.values.items())],
        }
        text = json.dumps(content, ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def value(self, *path: str) -> Value | None:
        return self.values.get(path)

    def category_name(self, category: str, language: str) -> str:
        return str(self.values.get(("categories", category, language)) or category)


def _key_text(word: Word) -> str:
    # What a word folds to is a tuple of symbols; a regular pattern's tree writes itself.
    return repr(word.key)


def _rule(row: Any, described: Mapping[str, Any], condition: e.Node) -> dict[str, Any]:
    """A rule's fields that are set: those that the engine reads from its record, the rest from META."""
    from_day, until_day = int(row["from_day"]), int(row["until_day"])
    weight = float(row["weight"])
    told = described.get("weight")
    found = {name: described.get(name) for name in RULE_FIELDS if name not in _WRITTEN} | {
        "category": v.CATEGORIES[int(row["category"])],
        "severity": v.SEVERITIES[int(row["severity"])],
        "mode": v.MODES[int(row["mode"])],
        # The record has the nearest number of 32 bits; the pack's own is shown where it is that number.
        "weight": told if told is not None and np.float32(told) == np.float32(weight) else weight,
        "condition": render(condition),
        "from": None if from_day == ALWAYS else date_of_day(from_day).isoformat(),
        "until": None if until_day == NEVER else date_of_day(until_day).isoformat(),
    }
    if found["group"] is None and int(row["group"]) >= 0:
        found["group"] = f"#{int(row['group'])}"
    return {name: value for name, value in found.items() if value not in (None, [], {})}


def _lists(opened: RuleSet) -> dict[str, WordList]:
    words = words_of(opened)
    described = {entry["name"]: entry for entry in opened.meta.get("lists", ())}
    names = described.keys() | words.keys()
    return {
        name: WordList(
            tuple(sorted(described.get(name, {}).get("folds", ()), key=_ALL_FOLDS.index)),
            bool(described.get(name, {}).get("word_boundaries", True)),
            tuple(described.get(name, {}).get("allows", ())),
            frozenset(Word(text, key) for key, text in words.get(name, {}).items()),
        )
        for name in sorted(names)
    }


def _values(opened: RuleSet, sections: Mapping[str, Any]) -> dict[Path, Value]:
    meta = opened.meta
    found: dict[Path, Value] = {("groups", group["name"]): group["cap"] for group in meta.get("groups", ())}
    for area in ("policy", "thresholds", "severity_weights", "examined_from", "exposure", "categories"):
        found |= dict(_leaves(meta.get(area), (area,)))
    if "thresholds" not in meta:
        found |= dict(_thresholds(opened))
    found |= {("channels", channel): channel for channel in meta["channels"]}
    for law_id, law in meta.get("laws", {}).items():
        found |= dict(_leaves({name: law.get(name) for name in ("title", "source")}, ("laws", law_id)))
        for article, versions in law["articles"].items():
            for version in versions:
                found |= dict(_leaves(version, ("laws", law_id, article, version["from"])))
    if opened.has_model:
        found["model",] = _model_digest(opened, sections)
    return found


def _model_digest(opened: RuleSet, sections: Mapping[str, Any]) -> str:
    """The same for the same model, whatever other rules there are: signals go by the ids of their rules. From where on
    posts are examined is a value of its own."""
    parameters = [float(sections["MODP"][name][0]) for name in ("scale", "bias", "bits", "length")]
    signals = opened.signals if opened.signals is not None else ()
    said = sorted((rule, float(signal)) for rule, signal in zip(opened.rule_ids, signals, strict=False) if signal)
    digest = hashlib.sha256(repr((parameters, said)).encode())
    digest.update(sections["MODW"].tobytes())
    return digest.hexdigest()[:12]


def _thresholds(opened: RuleSet) -> Iterator[tuple[Path, Value]]:
    """Of a bundle whose META has none."""
    for channel in opened.meta["channels"]:
        table = opened.thresholds(channel)
        for number, category in enumerate(v.CATEGORIES):
            for action in v.Action:
                if action and np.isfinite(level := table[number, action]):
                    yield ("thresholds", channel, category, action.name), float(level)


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, Value]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, (*path, name))
    elif value is not None:
        yield path, value


def _written(rule: Mapping[str, Any]) -> dict[str, str]:
    found = {name: str(rule[name]) for name in ("when", "unless") if rule.get(name)}
    return found | dict(rule.get("conditions") or {})


def _examples(rule: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    return {kind: tuple(texts) for kind, texts in (rule.get("examples") or {}).items()}
