"""The difference between two bundles: rules, words of lists, policy and laws, as data and as text.

Only what a bundle says is compared, never the sources: what is announced is what is enforced.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from fairpost.engine import RuleSet
from fairpost.engine.folds import DEFAULT

from .wordlists import word_key

__all__ = ["RULE_FIELDS", "BundleDiff", "Change", "ListChange", "RuleChange", "diff_bundles", "words_of"]

RULE_FIELDS: Final = (
    "category",
    "severity",
    "mode",
    "weight",
    "group",
    "when",
    "unless",
    "conditions",
    "from",
    "until",
    "basis",
    "message",
)
_LIST_FIELDS: Final = ("folds", "word_boundaries")
_POLICY_FIELDS: Final = (
    "policy",
    "thresholds",
    "severity_weights",
    "examined_from",
    "exposure",
    "groups",
    "categories",
)

Bundle = RuleSet | bytes | str | Path


@dataclass(frozen=True)
class Change:
    """One value: `what` names it; `old` or `new` is None where it was not there."""

    what: str
    old: Any
    new: Any

    def __str__(self) -> str:
        if self.old is None:
            return f"{self.what}: {_shown(self.new)} (new)"
        if self.new is None:
            return f"{self.what}: {_shown(self.old)} (gone)"
        return f"{self.what}: {_shown(self.old)} -> {_shown(self.new)}"


@dataclass(frozen=True)
class RuleChange:
    """A rule that is in both bundles and not the same."""

    rule: str
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class ListChange:
    """Words that came into a list, went out of it, and its folds if they changed.

    Allow words are lists of their own: `pack.list:allow`, `pack:allow`.
    """

    name: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True)
class BundleDiff:
    """Everything that differs; empty (and false) where both enforce the same."""

    old_revision: str
    new_revision: str
    rules_added: tuple[Mapping[str, Any], ...] = field(default=())
    rules_removed: tuple[Mapping[str, Any], ...] = field(default=())
    rules_changed: tuple[RuleChange, ...] = field(default=())
    lists: tuple[ListChange, ...] = field(default=())
    policy: tuple[Change, ...] = field(default=())
    laws: tuple[Change, ...] = field(default=())

    def __bool__(self) -> bool:
        return any((self.rules_added, self.rules_removed, self.rules_changed, self.lists, self.policy, self.laws))

    def __str__(self) -> str:
        lines = [f"{self.old_revision} -> {self.new_revision}"]
        if not self:
            return f"{lines[0]}: nothing that is enforced changes"
        for title, rules, sign in (("Rules added", self.rules_added, "+"), ("Rules removed", self.rules_removed, "-")):
            lines += _section(title, [f"  {sign} {_rule_line(rule)}" for rule in rules])
        changed: list[str] = []
        for rule in self.rules_changed:
            changed += [f"  ~ {rule.rule}", *(f"      {change}" for change in rule.changes)]
        lines += _section("Rules changed", changed)
        words: list[str] = []
        for entry in self.lists:
            words += [f"  {entry.name}", *(f"      {change}" for change in entry.changes)]
            words += [f"      + {word}" for word in entry.added] + [f"      - {word}" for word in entry.removed]
        lines += _section("Lists", words)
        lines += _section("Policy", [f"  {change}" for change in self.policy])
        lines += _section("Laws", [f"  {change}" for change in self.laws])
        return "\n".join(lines)


def diff_bundles(old: Bundle, new: Bundle) -> BundleDiff:
    """Compare two bundles, given as rule sets, bytes or files.

    Raises:
        OSError: a file cannot be read.
        fairpost.engine.InvalidBundle: one of them is damaged or no bundle.
    """
    before, after = _opened(old), _opened(new)
    old_rules = {rule["id"]: rule for rule in before.meta.get("rules", ())}
    new_rules = {rule["id"]: rule for rule in after.meta.get("rules", ())}
    changed = []
    for rule_id in sorted(old_rules.keys() & new_rules.keys()):
        changes = tuple(_changes(_only(old_rules[rule_id], RULE_FIELDS), _only(new_rules[rule_id], RULE_FIELDS)))
        if changes:
            changed.append(RuleChange(rule_id, changes))
    return BundleDiff(
        before.revision,
        after.revision,
        tuple(new_rules[rule_id] for rule_id in sorted(new_rules.keys() - old_rules.keys())),
        tuple(old_rules[rule_id] for rule_id in sorted(old_rules.keys() - new_rules.keys())),
        tuple(changed),
        tuple(_list_changes(before, after)),
        tuple(_changes(_policy(before), _policy(after))),
        tuple(_changes(_laws(before), _laws(after))),
    )


def _opened(bundle: Bundle) -> RuleSet:
    if isinstance(bundle, RuleSet):
        return bundle
    return RuleSet.from_bytes(bundle) if isinstance(bundle, bytes) else RuleSet.open(bundle)


def _only(mapping: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: mapping.get(name) for name in names}


def _policy(bundle: RuleSet) -> dict[str, Any]:
    policy = _only(bundle.meta, _POLICY_FIELDS)
    policy["groups"] = {group["name"]: group["cap"] for group in policy["groups"] or ()}
    return policy


def _laws(bundle: RuleSet) -> dict[str, Any]:
    """Articles by `law/article`, each version under the day from which it is in force."""
    return {
        law_id: {
            "title": law["title"],
            "source": law["source"],
            **{
                f"article {article} from {version['from']}": version
                for article, versions in law["articles"].items()
                for version in versions
            },
        }
        for law_id, law in bundle.meta.get("laws", {}).items()
    }


def _changes(old: Any, new: Any, what: str = "") -> Iterator[Change]:
    """Changed leaves of two nested mappings, by their dotted names."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in [*old, *(name for name in new if name not in old)]:
            yield from _changes(old.get(name), new.get(name), f"{what}.{name}" if what else name)
    elif old != new:
        yield Change(what, old, new)


def _list_changes(before: RuleSet, after: RuleSet) -> Iterator[ListChange]:
    old_words, new_words = words_of(before), words_of(after)
    old_form = {entry["name"]: entry for entry in before.meta.get("lists", ())}
    new_form = {entry["name"]: entry for entry in after.meta.get("lists", ())}
    for name in sorted(old_form.keys() | new_form.keys()):
        was, now = old_words.get(name, {}), new_words.get(name, {})
        changes: tuple[Change, ...] = ()
        if name in old_form and name in new_form:
            changes = tuple(_changes(_only(old_form[name], _LIST_FIELDS), _only(new_form[name], _LIST_FIELDS)))
        added = tuple(now[key] for key in now if key not in was)
        removed = tuple(was[key] for key in was if key not in now)
        if added or removed or changes:
            yield ListChange(name, added, removed, changes)


def words_of(bundle: RuleSet) -> dict[str, dict[Hashable, str]]:
    """List -> folded pattern -> a writing of it.

    Patterns that fold alike are one pattern in a bundle, with one writing for all its lists; comparing what
    they fold to keeps that from looking like a change.
    """
    folds = {entry["name"]: frozenset(entry["folds"]) for entry in bundle.meta.get("lists", ())}
    result: dict[str, dict[Hashable, str]] = {}
    for text, lists in bundle.patterns():
        for name in lists:
            result.setdefault(name, {})[word_key(text, folds.get(name, DEFAULT))] = text
    return result


def _section(title: str, lines: list[str]) -> list[str]:
    return ["", title, *lines] if lines else []


def _rule_line(rule: Mapping[str, Any]) -> str:
    condition = rule["when"] + (f" unless {rule['unless']}" if rule.get("unless") else "")
    return (
        f"{rule['id']} ({rule['category']}, {rule['severity']}, weight {rule['weight']:g}, {rule['mode']}): {condition}"
    )


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_shown(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_shown(item) for item in value) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)
