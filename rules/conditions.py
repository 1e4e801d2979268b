"""Rules of all packs: their conditions parsed, everything they name resolved, their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fairpost.engine.vocabulary import CATEGORIES, COMMERCE, RECOGNISERS

from . import expression as e
from .case_sources import case_sources, check_channels
from .definitions import Definition, check_definitions, warn_of_unused
from .document import Document
from .law import check_basis
from .ordering import order_rules
from .parser import Parsed, parse
from .problems import Place, Problems, known
from .schema import BROKEN, CasesModel, LawModel, PackFile, RuleModel
from .source import ListSource, RuleSource
from .triggers import triggers_of
from .wordlists import warn_of_single_symbols

__all__ = ["RuleDraft", "resolve_rules"]

_COMMERCE = CATEGORIES[COMMERCE]


@dataclass(frozen=True)
class RuleDraft:
    """A rule as it stands in its file."""

    document: Document
    pack: PackFile
    index: int
    model: RuleModel

    def place(self, *path: str | int) -> Place:
        return self.document.place(("rules", self.index, *path))

    def key_place(self, *path: str | int) -> Place:
        return self.document.key_place(("rules", self.index, *path))


class _Scope:
    """The lists that conditions of one pack see: its own by short name, others as `pack.list`."""

    def __init__(
        self,
        pack: str,
        lists: Mapping[str, ListSource],
        rules: Sequence[str],
        channels: Sequence[str],
        has_model: bool,
        definitions: Mapping[str, Definition],
    ) -> None:
        self.channels, self.has_model = channels, has_model
        self._pack, self._rules, self._definitions = pack, rules, definitions
        self._lists = [name for name, words in lists.items() if not words.is_allow]
        self._known = frozenset(self._lists)

    def resolve_list(self, name: str) -> str | None:
        if name in RECOGNISERS:
            return name
        for full in (name, f"{self._pack}.{name}"):
            if full in self._known:
                return full
        return None

    def list_names(self) -> Sequence[str]:
        own = f"{self._pack}."
        return [*(name.removeprefix(own) for name in self._lists), *RECOGNISERS]

    def rule_ids(self) -> Sequence[str]:
        return self._rules

    def condition(self, name: str) -> Definition | None:
        return self._definitions.get(name) or self._definitions.get(f"{self._pack}.{name}")

    def condition_names(self) -> Sequence[str]:
        own = f"{self._pack}."
        return [name.removeprefix(own) for name in self._definitions]


def resolve_rules(
    drafts: Sequence[RuleDraft],
    lists: Mapping[str, ListSource],
    groups: Mapping[str, float],
    laws: Mapping[str, LawModel],
    channels: Sequence[str],
    problems: Problems,
    has_model: bool = False,
    definitions: Mapping[str, Definition] | None = None,
) -> tuple[tuple[RuleSource, ...], tuple[RuleSource, ...]]:
    """Rules in evaluation order, and those that are off; rules that are wrong are left out."""
    first: dict[str, RuleDraft] = {}
    for draft in drafts:
        _check_id(draft, first, problems)
    rule_ids = list(first)
    rules: list[RuleSource] = []
    references: dict[str, list[tuple[str, Place]]] = {}
    used: set[str] = set()
    definitions = definitions or {}
    for definition in definitions.values():
        definition.scope = _Scope(definition.pack, lists, rule_ids, channels, has_model, definitions)
    check_definitions(definitions, problems)
    for draft in drafts:
        scope = _Scope(draft.pack.pack, lists, rule_ids, channels, has_model, definitions)
        parsed = {key: _parse(draft, key, scope, problems) for key in ("when", "unless")}
        for part in parsed.values():
            if part is not None:
                used |= {name for name, _ in part.lists}
                for name in part.conditions:
                    definitions[name].is_used = True
        _check_rule(draft, groups, laws, channels, problems)
        named = _check_references(draft, parsed, first, problems)
        rule = _resolved(draft, parsed, named, definitions)
        if rule is not None and first.get(draft.model.id) is draft:
            rules.append(rule)
            references[rule.id] = named
    ordered = order_rules(rules, references, problems)
    _warn_of_triggers(ordered, lists, problems)
    for name, rule_id in _taken_alone(ordered).items():
        if name in lists:
            warn_of_single_symbols(lists[name], rule_id, problems)
    warn_of_unused(definitions, problems)
    for words in lists.values():
        if words.name not in used and not words.is_allow:
            problems.warn(words.place, f"list {words.name!r} is used by no rule")
    return tuple(rule for rule in ordered if rule.mode != "off"), tuple(rule for rule in ordered if rule.mode == "off")


def _taken_alone(rules: Sequence[RuleSource]) -> dict[str, str]:
    """Lists of which any hit will do, each with the first rule that says so."""
    result: dict[str, str] = {}
    for rule in rules:
        for part in e.walk(rule.condition):
            if isinstance(part, e.Any | e.Count):
                result.setdefault(part.x.list, rule.id)
    return result


def _check_id(draft: RuleDraft, first: dict[str, RuleDraft], problems: Problems) -> None:
    rule_id = draft.model.id
    if rule_id == BROKEN:
        return
    if not rule_id.startswith(f"{draft.pack.pack}.") and draft.pack.pack != BROKEN:
        tail = rule_id.partition(".")[2]
        problems.error(
            draft.place("id"), f"rule id {rule_id!r} must start with its pack: write '{draft.pack.pack}.{tail}'"
        )
    if rule_id in first:
        problems.error(
            draft.place("id"), f"duplicate rule id {rule_id!r}: {first[rule_id].place('id')} has it already; rename one"
        )
    first.setdefault(rule_id, draft)


def _parse(draft: RuleDraft, key: str, scope: _Scope, problems: Problems) -> Parsed | None:
    text = getattr(draft.model, key)
    if text is None or text == BROKEN:
        return None
    parsed = parse(text, scope)
    if parsed.mistakes:
        places = draft.document.scalar_places(("rules", draft.index, key))
        for mistake in parsed.mistakes:
            problems.error(places[min(mistake.offset, len(places) - 1)], f"{key}: {mistake.message}")
    return parsed


def _check_rule(
    draft: RuleDraft,
    groups: Mapping[str, float],
    laws: Mapping[str, LawModel],
    channels: Sequence[str],
    problems: Problems,
) -> None:
    model = draft.model
    name = "the rule" if model.id == BROKEN else f"rule {model.id!r}"
    start = draft.place("id")
    if model.category not in (_COMMERCE, BROKEN):
        if not model.basis:
            problems.error(start, f"{name} has no basis; cite the law, as in basis: [cn.advertising-law/17]")
        if model.message is None:
            problems.error(start, f"{name} has no message; tell the seller why: message: {{zh: ..., en: ...}}")
    for index, basis in enumerate(model.basis):
        if basis == BROKEN:
            continue
        if basis in model.basis[:index]:
            problems.error(draft.place("basis", index), f"duplicate basis {basis!r}; keep one")
        last = check_basis(basis, draft.place("basis", index), laws, problems)
        ends = model.effective.until
        if last is not None and last.until is not None and (ends is None or ends > last.until):
            problems.warn(
                draft.place("basis", index),
                f"{basis} is in force until {last.until} only, and the rule goes on after that; "
                "cite what replaces it, or end the rule with 'effective: {until: ...}'",
            )
    if model.group is not None and model.group != BROKEN and f"{draft.pack.pack}.{model.group}" not in groups:
        hint = "" if draft.pack.groups else f"; declare it with groups: {{{model.group}: {{cap: 0.8}}}}"
        problems.error(draft.place("group"), known("group", model.group, list(draft.pack.groups)) + hint)
    since, until = model.effective.from_, model.effective.until
    if since is not None and until is not None and since >= until:
        problems.error(
            draft.place("effective", "until"),
            f"until {until} is not after from {since}; 'until' is the first day on which the rule is not in force",
        )
    cases = draft.model.cases
    if cases is None or not (cases.match or cases.pass_):
        place = start if cases is None else draft.key_place("cases")
        problems.error(place, f"{name} has no cases; write texts on which it fires (match) and must not (pass)")
        return
    for kind, texts in (("match", cases.match), ("pass", cases.pass_)):
        if not texts:
            problems.error(draft.key_place("cases"), f"{name} has no '{kind}' case; write at least one text under it")
    check_channels(draft.document, ("rules", draft.index, "cases"), cases, channels, problems)


def _check_references(
    draft: RuleDraft, parsed: Mapping[str, Parsed | None], first: Mapping[str, RuleDraft], problems: Problems
) -> list[tuple[str, Place]]:
    """The rules that this one names, with their places."""
    named: list[tuple[str, Place]] = []
    is_commerce = draft.model.category == _COMMERCE
    for key, part in parsed.items():
        if part is None or not (part.rules or (is_commerce and part.commerce is not None)):
            continue
        places = draft.document.scalar_places(("rules", draft.index, key))
        if is_commerce and part.commerce is not None:
            problems.error(places[part.commerce], f"{key}: a COMMERCE rule must not read commerce, which is their sum")
        for rule_id, offset in part.rules:
            place = places[offset]
            named.append((rule_id, place))
            other = first[rule_id].model
            if other.mode == "off":
                problems.error(place, f"{key}: rule {rule_id!r} is off and never fires; use 'mode: shadow' there")
            if is_commerce and other.category not in (_COMMERCE, BROKEN):
                problems.error(
                    place, f"{key}: a COMMERCE rule may name COMMERCE rules only; {rule_id!r} is {other.category}"
                )
    return named


def _resolved(
    draft: RuleDraft,
    parsed: Mapping[str, Parsed | None],
    named: Sequence[tuple[str, Place]],
    definitions: Mapping[str, Definition],
) -> RuleSource | None:
    model = draft.model
    when, unless = parsed["when"], parsed["unless"]
    if when is None or when.node is None or (unless is not None and unless.node is None):
        return None
    condition = when.node
    if unless is not None and unless.node is not None:
        parts = condition.xs if isinstance(condition, e.And) else (condition,)
        condition = e.And((*parts, e.Not(unless.node)))
    used = {name for part in parsed.values() if part is not None for name in part.conditions}
    conditions = [definitions[name] for name in sorted(used)]
    return RuleSource(
        id=model.id,
        pack=draft.pack.pack,
        category=model.category,
        severity=model.severity,
        mode=model.mode,
        weight=model.weight,
        group=None if model.group is None else f"{draft.pack.pack}.{model.group}",
        condition=condition,
        when=" ".join(model.when.split()),
        unless=None if model.unless is None else " ".join(model.unless.split()),
        effective_from=model.effective.from_,
        effective_until=model.effective.until,
        basis=tuple(model.basis),
        message=model.message,
        cases=case_sources(draft.document, ("rules", draft.index, "cases"), model.cases or CasesModel()),
        place=draft.place("id"),
        names=tuple(sorted({rule_id for rule_id, _ in named})),
        conditions=tuple((definition.head, " ".join(definition.text.split())) for definition in conditions),
        floor=draft.pack.floor if model.floor is None else model.floor,
    )


def _warn_of_triggers(rules: Sequence[RuleSource], lists: Mapping[str, ListSource], problems: Problems) -> None:
    triggers = triggers_of(rules, lists)
    for rule in rules:
        if triggers[rule.id] is None and rule.mode != "off":
            problems.warn(
                rule.place,
                f"rule {rule.id!r} has no trigger: it can be true without any hit, so it is evaluated on every post; "
                "if that is not meant, require a list with 'and any(...)'",
            )
