"""Names of laws and categories, as the active rule set has them: documents name them by their codes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from fairpost.engine.vocabulary import CATEGORIES, COMMERCE
from fairpost.server.errors import ServiceError
from fairpost.server.web.catalogue import Language, messages
from fairpost.server.web.site import site_of, visitor
from fairpost.v1 import rules_pb2

if TYPE_CHECKING:
    from starlette.requests import Request

    from fairpost.server.web.site import Site

__all__ = ["VIOLATIONS", "Glossary", "category_name", "glossary_of"]

VIOLATIONS: Final = tuple(name for name in CATEGORIES if name != CATEGORIES[COMMERCE])
"""Codes of the violation categories."""
_SECONDS: Final = 30.0
_PAGE: Final = 1000


class Glossary:
    """citations: of articles in each language, by their code; rules: ids of the rules in force."""

    def __init__(self, rules: list[rules_pb2.Rule]) -> None:
        self.rules = frozenset(rule.rule for rule in rules)
        self._citations = {law.article: law for rule in rules for law in rule.laws}
        self._of_chinese = {law.citation.zh: law.citation for law in self._citations.values()}

    def citation(self, article: str, language: Language) -> str:
        """How an article is cited; its code where no rule rests on it."""
        found = self._citations.get(article)
        return (getattr(found.citation, language) or found.citation.zh) if found is not None else article

    def cited(self, citation: str, language: Language) -> tuple[str, Language]:
        """A verdict's citation, which is Chinese, in a reader's language where it can be had; and the language."""
        found = self._of_chinese.get(citation)
        told = getattr(found, language) if found is not None else ""
        return (told, language) if told else (citation, "zh")


_kept: WeakKeyDictionary[Site, tuple[float, Glossary]] = WeakKeyDictionary()


async def glossary_of(request: Request) -> Glossary:
    """That of the rules in force, at most half a minute old; an empty one while no rule set is active."""
    site = site_of(request)
    kept = _kept.get(site)
    if kept is not None and time.monotonic() - kept[0] < _SECONDS:
        return kept[1]
    rules: list[rules_pb2.Rule] = []
    asked = rules_pb2.ListRulesRequest(page_size=_PAGE)
    try:
        while True:
            answer = await visitor(request).rules.ListRules(asked)
            rules += answer.rules
            if not answer.next_page_token:
                break
            asked.page_token = answer.next_page_token
    except ServiceError:  # a page that is about something else is shown without names
        return kept[1] if kept is not None else Glossary([])
    made = Glossary(rules)
    _kept[site] = time.monotonic(), made
    return made


def category_name(language: Language, category: str) -> str:
    """A violation category's name; any other category as it is."""
    return messages(language).get(f"category.{category}", category)
