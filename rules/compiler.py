"""`Source` -> bundle: numbers for names, byte code for conditions, and a description for people.

Everything is numbered in the order of the source, and nothing depends on paths, clocks or hash seeds:
the same sources give the same bytes everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Final

import numpy as np

from fairpost.engine import vocabulary as v
from fairpost.engine.build import build
from fairpost.engine.layout import UNQUOTED
from fairpost.engine.regular import is_regular
from fairpost.engine.source import Cmp, Instruction, Op, Pattern, Policy, Rule, RuleSetSource

from . import expression as e
from .problems import PackError, PackErrors
from .render import render
from .schema import ACTIONS
from .source import ListSource, RuleSource, Source
from .triggers import triggers_of

__all__ = ["bundle_of", "describe", "lower"]

_CMP: Final = dict(zip(e.COMPARISONS, (Cmp.GE, Cmp.GT, Cmp.LE, Cmp.LT, Cmp.EQ), strict=True))
_ALL_CATEGORIES: Final = 255
_EXAMPLES: Final = 2
_EXAMPLE_CHARACTERS: Final = 80


def bundle_of(source: Source) -> bytes:
    """The bundle of a source, its cases not run.

    Raises:
        PackErrors: the source breaks a limit of the format (its place is the first pack; the message names the part).
    """
    try:
        return build(lower(source))
    except ValueError as error:
        file = source.packs[0].file if source.packs else ""
        raise PackErrors([PackError(file, 1, 1, f"cannot be built: {error}")], source.warnings) from error


def lower(source: Source) -> RuleSetSource:
    """The source in the engine's terms: positions in tables instead of names."""
    return _Lowering(source).run()


class _Lowering:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.lists = [*v.RECOGNISERS, *source.lists]
        self.list_ids = {name: number for number, name in enumerate(self.lists)}
        self.rule_ids = {rule.id: number for number, rule in enumerate(source.rules)}
        self.channels = ["default", *source.policy.channels]
        parts = [part for rule in source.rules for part in e.walk(rule.condition)]
        self.languages = ["", *sorted({part.name for part in parts if isinstance(part, e.Language)})]
        self.operands: dict[e.Operand, int] = {}
        self.groups: dict[tuple[str, str], int] = {}  # a group caps each category on its own

    def run(self) -> RuleSetSource:
        rules = self.rules()
        source = self.source
        exposure = source.policy.exposure.model_dump()
        return RuleSetSource(
            patterns=[self.pattern(word, words) for words in source.lists.values() for word in words.words],
            lists=self.lists,
            list_allows={
                self.list_ids[words.name]: tuple(self.list_ids[name] for name in words.allows)
                for words in source.lists.values()
                if words.allows
            },
            operands=[
                (
                    self.list_ids[x.list],
                    -1 if x.free_of is None else self.list_ids[x.free_of],
                    x.within | (UNQUOTED if x.unquoted else 0),
                )
                for x in self.operands
            ],
            rules=rules,
            channels=self.channels,
            languages=self.languages,
            policy=Policy(
                severity_weights=[getattr(source.policy.severity_weights, name) for name in v.SEVERITIES],
                group_caps=[source.groups[group] for group, _ in self.groups],
                thresholds=self.thresholds(),
                exposure=exposure,
            ),
            model=source.model,
            examined_from=source.policy.examined_from,
            meta=describe(source),
        )

    def pattern(self, word: str, words: ListSource) -> Pattern:
        return Pattern(word, words.folds, words.word_boundaries, (self.list_ids[words.name],), is_regular(word))

    def rules(self) -> list[Rule]:
        model = self.source.model
        by_model = model is not None and model.signals is not None
        triggers = triggers_of(self.source.rules, self.source.lists, by_model)
        result = []
        for rule in self.source.rules:
            needed = triggers[rule.id]
            result.append(
                Rule(
                    id=rule.id,
                    category=v.CATEGORIES.index(rule.category),
                    severity=v.SEVERITIES.index(rule.severity),
                    mode=v.MODES.index(rule.mode),
                    weight=rule.weight,
                    group=self.group(rule),
                    from_day=rule.from_day,
                    until_day=rule.until_day,
                    triggers=None if needed is None else tuple(sorted(self.list_ids[name] for name in needed)),
                    code=self.code(rule.condition),
                )
            )
        return result

    def group(self, rule: RuleSource) -> int:
        if rule.group is None:
            return -1
        return self.groups.setdefault((rule.group, rule.category), len(self.groups))

    def operand(self, operand: e.Operand) -> int:
        return self.operands.setdefault(operand, len(self.operands))

    def thresholds(self) -> np.ndarray[Any, np.dtype[np.float32]]:
        table = np.full((len(self.channels), v.MAX_CATEGORIES, 1 + len(ACTIONS)), np.inf, dtype=np.float32)
        for channel, name in enumerate(self.channels):
            for category, thresholds in self.source.thresholds(name).items():
                for action in ACTIONS:
                    value = getattr(thresholds, action)
                    if value is not None:
                        table[channel, v.CATEGORIES.index(category), v.Action[action]] = value
        return table

    def code(self, node: e.Node) -> list[Instruction]:
        """Postfix code: it leaves one bit, and its stack is never deeper than the tree."""
        match node:
            case e.Named(_, _, x):
                return self.code(x)
            case e.Not(x):
                return [*self.code(x), Instruction(Op.NOT)]
            case e.And(xs) | e.Or(xs):
                joint = Instruction(Op.AND if isinstance(node, e.And) else Op.OR)
                code = self.code(xs[0])
                for child in xs[1:]:
                    code += [*self.code(child), joint]
                return code
            case _:
                return [self.leaf(node)]

    def leaf(self, node: e.Node) -> Instruction:
        match node:
            case e.Any(x):
                return Instruction(Op.ANY, a=self.operand(x))
            case e.Count(x, distinct, cmp, n):
                return Instruction(Op.COUNT_DISTINCT if distinct else Op.COUNT, _CMP[cmp], self.operand(x), n=n)
            case e.Near(x, y, n):
                return Instruction(Op.NEAR, a=self.operand(x), b=self.operand(y), n=n)
            case e.Before(x, y, n):
                return Instruction(Op.BEFORE, a=self.operand(x), b=self.operand(y), n=n)
            case e.RuleFired(rule):
                return Instruction(Op.RULE, a=self.rule_ids[rule])
            case e.Commerce(cmp, value):
                return Instruction(Op.COMMERCE, _CMP[cmp], value=value)
            case e.Model(cmp, value):
                return Instruction(Op.MODEL, _CMP[cmp], value=value)
            case e.Registered():
                return Instruction(Op.REGISTERED)
            case e.Unregistered():
                return Instruction(Op.UNREGISTERED)
            case e.Unavailable():
                return Instruction(Op.UNAVAILABLE)
            case e.Licence(scope):
                return Instruction(Op.LICENCE, a=v.LICENCES.index(scope))
            case e.Strikes(category, cmp, n):
                number = _ALL_CATEGORIES if category is None else v.CATEGORIES.index(category)
                return Instruction(Op.STRIKES, _CMP[cmp], number, n=n)
            case e.Tenure(cmp, n):
                return Instruction(Op.TENURE, _CMP[cmp], n=n)
            case e.Enforcement(cmp, state):
                return Instruction(Op.ENFORCEMENT, _CMP[cmp], n=v.ENFORCEMENT.index(state))
            case e.Listing(cmp, state):
                return Instruction(Op.LISTING, _CMP[cmp], n=v.LISTING.index(state))
            case e.Channel(name):
                return Instruction(Op.CHANNEL, a=self.channels.index(name))
            case e.Language(name):
                return Instruction(Op.LANGUAGE, a=self.languages.index(name))
            case _:
                raise AssertionError(f"not a leaf: {node!r}")


def describe(source: Source) -> dict[str, Any]:
    """What the bundle says of itself: for evidence, for notices, and for comparing two bundles."""
    policy = source.policy
    return {
        "name": ", ".join(pack.name for pack in source.packs),
        "packs": [
            {
                "name": pack.name,
                "description": pack.description.model_dump() if pack.description else None,
                "file": PurePosixPath(pack.file).name,
            }
            for pack in source.packs
        ],
        "rules": [_describe_rule(rule) for rule in source.rules],
        "lists": [
            {
                "name": words.name,
                "folds": sorted(words.folds, key=v.FOLD_CLASSES.index),
                "word_boundaries": words.word_boundaries,
                "allows": list(words.allows),
            }
            for words in source.lists.values()
        ],
        "groups": [{"name": name, "cap": cap} for name, cap in source.groups.items()],
        "laws": {name: law.model_dump(mode="json", by_alias=True) for name, law in source.laws.items()},
        "categories": {name: texts.model_dump() for name, texts in policy.categories.items()},
        "policy": policy.policy,
        "thresholds": {
            channel: {name: _amounts(levels.model_dump()) for name, levels in source.thresholds(channel).items()}
            for channel in ("default", *policy.channels)
        },
        "severity_weights": policy.severity_weights.model_dump(),
        "examined_from": policy.examined_from,
        "exposure": policy.exposure.model_dump(),
        "vocabulary": {"categories": list(v.CATEGORIES), "licences": list(v.LICENCES)},
    }


def _describe_rule(rule: RuleSource) -> dict[str, Any]:
    return {
        **({"conditions": dict(rule.conditions), "named": _named(rule)} if rule.conditions else {}),
        "id": rule.id,
        "pack": rule.pack,
        "category": rule.category,
        "severity": rule.severity,
        "mode": rule.mode,
        "weight": rule.weight,
        "group": rule.group,
        "when": rule.when,
        "unless": rule.unless,
        "from": rule.effective_from.isoformat() if rule.effective_from else None,
        "until": rule.effective_until.isoformat() if rule.effective_until else None,
        "basis": list(rule.basis),
        "message": rule.message.model_dump() if rule.message else None,
        **({"examples": examples} if (examples := _examples(rule)) else {}),
        "file": PurePosixPath(rule.place.file).name,
        "line": rule.place.line,
    }


def _examples(rule: RuleSource) -> dict[str, list[str]]:
    """The first of the rule's own cases that need no more than their text: for notices, and pages about the rules."""
    plain = [case for case in rule.cases if case.seller is None and case.channel is None and case.date is None]
    short = [case for case in plain if not case.extra_texts and len(case.text) <= _EXAMPLE_CHARACTERS]
    found = {
        name: [case.text for case in short if case.fires is fires][:_EXAMPLES]
        for name, fires in (("match", True), ("pass", False))
    }
    return {name: texts for name, texts in found.items() if texts}


def _named(rule: RuleSource) -> list[tuple[int, int, str]]:
    """(first, end, text) of each run of the rule's instructions that a condition under a name was compiled into."""
    found: list[tuple[int, int, str]] = []

    def count(node: e.Node, at: int) -> int:
        """How many instructions the node has, the first of them at `at`."""
        match node:
            case e.Named(_, _, x):
                total = count(x, at)
                found.append((at, at + total, render(node, rule.pack)))
                return total
            case e.Not(x):
                return count(x, at) + 1
            case e.And(xs) | e.Or(xs):
                end = at
                for number, child in enumerate(xs):
                    end += count(child, end) + (number > 0)
                return end - at
            case _:
                return 1

    count(rule.condition, 0)
    return sorted(found)


def _amounts(thresholds: Mapping[str, float | None]) -> dict[str, float]:
    return {name: value for name, value in thresholds.items() if value is not None}
