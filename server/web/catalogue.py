"""The pages' messages: messages/{zh,en}/*.yaml, one key for each, with places for values in braces.

    common.yaml   what all pages have
    public.yaml   public pages
    console.yaml  the console

A key is the path of its names: `check: {text: ...}` is "check.text". Both languages have the same keys with the same
places, and no key stands in two files; a test holds it so.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, get_args

import yaml

from fairpost.server.bulletin.texts import Language

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["LANGUAGES", "Language", "language_of_header", "messages"]

LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
_FOLDER: Final = resources.files("fairpost.server.web") / "messages"


@lru_cache
def messages(language: Language) -> Mapping[str, str]:
    """All of a language, by key.

    Raises:
        ValueError: a key is there twice, or is no text.
    """
    found: dict[str, str] = {}
    for file in sorted((_FOLDER / language).iterdir(), key=lambda each: each.name):
        if not file.name.endswith(".yaml"):
            continue
        for key, text in _flat(yaml.safe_load(file.read_text(encoding="utf-8")) or {}, ""):
            if key in found or not isinstance(text, str):
                raise ValueError(f"{language}/{file.name}: {key} {'is there twice' if key in found else 'is no text'}")
            found[key] = text
    return found


def _flat(content: Mapping[Any, Any], path: str) -> Iterator[tuple[str, Any]]:
    for name, value in content.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def language_of_header(accept: str) -> Language:
    """The best of our languages for an Accept-Language header (RFC 9110, 12.5.4); Chinese if it wants neither."""
    best: tuple[float, Language] = (0.0, "zh")
    for part in accept.split(","):
        name, _, parameters = part.partition(";")
        name = name.strip().lower()
        quality = 1.0
        if parameters.strip().startswith("q="):
            try:
                quality = float(parameters.strip()[2:])
            except ValueError:
                continue
        for language in LANGUAGES:
            if (name == language or name.startswith(f"{language}-")) and quality > best[0]:
                best = quality, language
    return best[1]
