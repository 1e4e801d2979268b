"""ListRules: the rules in force for readers, from the rule set that posts are judged by."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fairpost.engine.dates import date_of_day, day_of_date
from fairpost.engine.vocabulary import CATEGORIES, COMMERCE, Action
from fairpost.rules.notices.phrases import LANGUAGES, said
from fairpost.server.bulletin.rows import searched
from fairpost.server.errors import InvalidArgument
from fairpost.server.faults import Faults
from fairpost.server.registry.paging import Pages
from fairpost.v1 import reason_pb2, rules_pb2, verdict_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairpost.engine import RuleSet
    from fairpost.server.activation import RuleSets
    from fairpost.server.registry.core import Core

__all__ = ["RulesInForce", "rule_message"]

_LISTED: Final = frozenset(CATEGORIES) - {CATEGORIES[COMMERCE]}


@dataclass(frozen=True)
class _Entry:
    """A rule in force, and what queries look in."""

    rule: rules_pb2.Rule
    search: str


class RulesInForce:
    """Thread-safe."""

    def __init__(self, rule_sets: RuleSets, core: Core) -> None:
        self._rule_sets = rule_sets
        self._core = core
        # A rule set's rules of a day: made once, since every reader asks for the same.
        self._entries = lru_cache(maxsize=4)(_entries)

    def list(self, request: rules_pb2.ListRulesRequest) -> rules_pb2.ListRulesResponse:
        faults, pages = Faults(), Pages(self._core.keys, self._core.store.store_id, request)
        pages.check(faults)
        if request.category and request.category not in _LISTED:
            names = ", ".join(name for name in CATEGORIES if name in _LISTED)
            faults.add("category", f"{request.category[:40]!r} is none of {names}")
        faults.text("rule", request.rule, 200)
        faults.text("query", request.query, 100)
        day = faults.day("day", request.day) or self._core.today()
        faults.raise_if_any()
        rule_set = self._rule_sets.snapshot()
        answer = rules_pb2.ListRulesResponse(revision=rule_set.revision)
        active = self._rule_sets.active
        if active is not None and active.revision == rule_set.revision:
            answer.activated_at.FromMilliseconds(active.activated_at)
        query = searched(request.query)
        found = [
            entry.rule
            for entry in self._entries(rule_set, day_of_date(day))
            if (request.shadow or not entry.rule.shadow)
            and request.category in ("", entry.rule.category)
            and request.rule in ("", entry.rule.rule)
            and query in entry.search
        ]
        begin = self._begin(pages, rule_set)
        page = found[begin : begin + pages.size]
        answer.rules.extend(page)
        if begin + len(page) < len(found):
            answer.next_page_token = pages.token([rule_set.revision, begin + len(page)])
        answer.categories.extend(_categories(rule_set, found))
        return answer

    def _begin(self, pages: Pages, rule_set: RuleSet) -> int:
        """
        Raises:
            InvalidArgument: the token is none, or of another rule set.
        """
        content = pages.begin()
        if content is None:
            return 0
        revision, begin = content
        if revision != rule_set.revision:
            raise InvalidArgument(
                reason_pb2.REASON_INVALID_PAGE_TOKEN,
                f"page_token: is of revision {revision}, and {rule_set.revision} is active now; start without a token",
            )
        return int(begin)


def rule_message(rule_set: RuleSet, number: int, day: int) -> rules_pb2.Rule:
    """A rule by its number, with the law as cited on a day (days since 1970)."""
    entry = rule_set.noted(number)
    message = entry.get("message") or {}
    examples = entry.get("examples") or {}
    return rules_pb2.Rule(
        rule=rule_set.rule_ids[number],
        category=rule_set.rule_category(number),
        severity=_severity(entry.get("severity")),
        message=verdict_pb2.LocalisedText(zh=message.get("zh", ""), en=message.get("en", "")),
        laws=_laws(rule_set, entry.get("basis") or (), day),
        not_allowed=examples.get("match", ()),
        allowed=examples.get("pass", ()),
        effective_from=entry.get("from") or "",
        effective_until=entry.get("until") or "",
        shadow=entry.get("mode") == "shadow",
        weight=entry.get("weight") or 0.0,
    )


def _severity(name: str | None) -> verdict_pb2.Severity.ValueType:
    # A bundle that no compiler wrote may say none.
    return verdict_pb2.Severity.Value(f"SEVERITY_{(name or 'unspecified').upper()}")


def _entries(rule_set: RuleSet, day: int) -> tuple[_Entry, ...]:
    """All rules of violation categories that are in force on a day, shadow ones too."""
    on = date_of_day(day).isoformat()
    found = []
    for number in range(rule_set.rule_count):
        entry = rule_set.noted(number)
        begin, until = entry.get("from") or "", entry.get("until") or ""
        if rule_set.rule_category(number) not in _LISTED or entry.get("mode") == "off":
            continue
        if begin > on or (until and until <= on):
            continue
        rule = rule_message(rule_set, number, day)
        found.append(_Entry(rule, searched("\n".join(_texts(rule)))))
    return tuple(sorted(found, key=lambda entry: (CATEGORIES.index(entry.rule.category), entry.rule.rule)))


def _texts(rule: rules_pb2.Rule) -> Iterator[str]:
    yield from (rule.rule, rule.category, rule.message.zh, rule.message.en, *rule.not_allowed, *rule.allowed)
    for law in rule.laws:
        yield from (law.article, law.citation.zh, law.citation.en, law.summary.zh, law.summary.en)


def _laws(rule_set: RuleSet, basis: Any, day: int) -> list[rules_pb2.LawCitation]:
    """The articles as in force on the day; those that were not are left out, as verdicts do."""
    on = date_of_day(day).isoformat()
    found = []
    for article in basis:
        in_force = rule_set.article(article, on)
        if in_force is None:
            continue
        law, version = in_force
        citation = rules_pb2.LawCitation(article=article)
        for language in LANGUAGES:
            title = law["title"].get(language) or law["title"]["zh"]
            cite = version["cite"].get(language) or version["cite"]["zh"]
            setattr(citation.citation, language, said("law", language, title=title, cite=cite))
            setattr(citation.summary, language, (version.get("summary") or {}).get(language, ""))
        found.append(citation)
    return found


def _categories(rule_set: RuleSet, found: list[rules_pb2.Rule]) -> Iterator[rules_pb2.RuleCategory]:
    """Those that the rules belong to, in the order of the vocabulary."""
    titles = rule_set.meta.get("categories") or {}
    thresholds = rule_set.thresholds("")
    for number, code in enumerate(CATEGORIES):
        if count := sum(1 for rule in found if rule.category == code):
            title = titles.get(code) or {}
            levels = {action.name: float(thresholds[number, action]) for action in Action if action}
            yield rules_pb2.RuleCategory(
                category=code,
                title=verdict_pb2.LocalisedText(zh=title.get("zh", code), en=title.get("en", code)),
                rule_count=count,
                thresholds={name: level for name, level in levels.items() if np.isfinite(level)},
            )
