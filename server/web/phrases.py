"""What services say in refusals, in the reader's language.

Services write English, for whoever calls them. messages/phrases.zh.yaml has what they say phrase by phrase, with places
for values, and the same in Chinese; a test holds it to what stands in the services' code. A field's path before a
phrase ("expected_version: ...") is for callers, and not said. What is in no phrase stays as it is.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Final, NamedTuple

import yaml

from fairpost.server.web.catalogue import messages

if TYPE_CHECKING:
    from fairpost.server.web.catalogue import Language

__all__ = ["in_chinese", "localised"]

_FILE: Final = resources.files("fairpost.server.web") / "messages" / "phrases.zh.yaml"
_FIELD: Final = re.compile(r"[a-z_]+(?:\[\d+\])?(?:\.[a-z_]+(?:\[\d+\])?)*: ")
_PLACE: Final = re.compile(r"\{(\w+)\}")
_LONGEST: Final = 2000
_LONGEST_IN_PLACE: Final = 400
"""Of a text that is looked at, and of what stands in a place: it may quote what a caller sent."""


class _Phrases:
    """Of one kind, looked up by what was said."""

    def __init__(self, phrases: dict[str, str]) -> None:
        self._whole = {said: chinese for said, chinese in phrases.items() if "{" not in said}
        # The one with most of its own words first: "is {n}; at most {m}" could be said of much.
        with_places = sorted((said for said in phrases if "{" in said), key=_own_length, reverse=True)
        self._patterns = [(_pattern(said), phrases[said]) for said in with_places]

    def find(self, text: str) -> str | None:
        if (chinese := self._whole.get(text)) is not None:
            return chinese
        for pattern, chinese in self._patterns:
            if match := pattern.fullmatch(text):
                return chinese.format_map({name: _Value(value) for name, value in match.groupdict().items()})
        return None


class _Value:
    """What stands in a place, written as the Chinese phrase asks: see the file."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __format__(self, how: str) -> str:
        if not how:
            return self._text
        if how == "said":
            return _said(self._text) or self._text
        known = messages("zh")
        names = re.split(", | or ", self._text)
        return "、".join(known.get(f"{how}.{name}") or _said(name) or name for name in names)


def in_chinese(text: str) -> str | None:
    """What a service said; None if it is in no phrase."""
    if len(text) > _LONGEST:
        return None
    known = _known()
    if field := _FIELD.match(text):
        return known.of_fields.find(text) or known.phrases.find(text[field.end() :]) or known.phrases.find(text)
    return known.phrases.find(text)


def localised(text: str, language: Language) -> str:
    """What a service said, in Chinese for who reads it, as far as it is in a phrase."""
    return (language == "zh" and in_chinese(text)) or text


def _said(text: str) -> str | None:
    if len(text) > _LONGEST_IN_PLACE:
        return None
    return _known().words.find(text) or in_chinese(text)


class _Known(NamedTuple):
    """of_fields: phrases that say of which field they are; words: what stands in places only."""

    phrases: _Phrases
    of_fields: _Phrases
    words: _Phrases


@lru_cache
def _known() -> _Known:
    content: dict[str, dict[str, str]] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    phrases = content["phrases"]
    of_fields = {said: chinese for said, chinese in phrases.items() if _FIELD.match(said)}
    return _Known(_Phrases(phrases), _Phrases(of_fields), _Phrases(content["words"]))


def _own_length(said: str) -> int:
    return len(_PLACE.sub("", said))


def _pattern(said: str) -> re.Pattern[str]:
    # Own words and names of places take turns.
    parts = enumerate(_PLACE.split(said))
    return re.compile("".join(f"(?P<{part}>.+?)" if k % 2 else re.escape(part) for k, part in parts), re.DOTALL)
