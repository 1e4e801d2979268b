"""The names and texts of a bundle: section META, JSON. What results read of it is checked here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from fairpost.engine import json_steps
from fairpost.engine.check import InvalidBundle

__all__ = ["load_meta", "load_pattern_meta"]


def load_meta(sections: Mapping[str, NDArray[Any]], *, check: bool = True) -> dict[str, Any]:
    """Parse section META.

    Required: `list_names`, `rule_ids`, `channels`, `languages`, lists of names. Where present: `rules`
    [{id, basis: [article id], message: {language: text}}] and `laws` {id: {title, articles: {name: [{cite,
    from, until}]}}} have the shape that citations need. Anything else is the compiler's own. Without `check` it is
    known to have that shape.

    Raises:
        InvalidBundle: it is not JSON, or one of these has another shape; the message names it.
    """
    meta = _object(sections)
    if not check:
        return meta
    for key, expected in (
        ("list_names", sections["ALST"].size - 1),
        ("rule_ids", sections["RULE"].size),
        ("channels", sections["THRE"].size // 160),
        ("languages", None),
    ):
        names = meta.get(key)
        if not isinstance(names, list) or not _names(names):
            raise InvalidBundle(f"section META: {key} is not a list of names")
        if expected is not None and len(names) != expected:
            raise InvalidBundle(f"section META: {len(names)} {key}, expected {expected}")
    rules = meta.get("rules", [])
    if not isinstance(rules, list):
        raise InvalidBundle("section META: rules is not a list")
    for number, rule in enumerate(rules):
        if not _is_rule(rule):
            raise InvalidBundle(f"section META: rules[{number}] lacks its id, or its basis or message is malformed")
    laws = meta.get("laws", {})
    if not isinstance(laws, dict):
        raise InvalidBundle("section META: laws is not an object")
    for name, law in laws.items():
        if not _is_law(law):
            raise InvalidBundle(f"section META: law {name} is malformed")
    return meta


def load_pattern_meta(sections: Mapping[str, NDArray[Any]], *, check: bool = True) -> dict[str, Any]:
    """Parse section META of a pattern set: `folds`, a list of names, and `word_boundaries`, true or false.

    Raises:
        InvalidBundle: it is not JSON, or one of these has another shape; the message names it.
    """
    meta = _object(sections)
    if not check:
        return meta
    if not _names(meta.get("folds")):
        raise InvalidBundle("section META: folds is not a list of names")
    if not isinstance(meta.get("word_boundaries"), bool):
        raise InvalidBundle("section META: word_boundaries is neither true nor false")
    return meta


def _object(sections: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    try:
        meta = json_steps.loads(sections["META"].tobytes())
    except (ValueError, RecursionError) as error:
        raise InvalidBundle(f"section META is not JSON: {error}") from None
    if not isinstance(meta, dict):
        raise InvalidBundle("section META is not a JSON object")
    return meta


def _names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _texts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _is_rule(rule: object) -> bool:
    return (
        isinstance(rule, dict)
        and isinstance(rule.get("id"), str)
        and _names(rule.get("basis", []))
        and _texts(rule.get("message") or {})
    )


def _is_law(law: object) -> bool:
    if not (isinstance(law, dict) and _texts(law.get("title")) and "zh" in law["title"]):
        return False
    articles = law.get("articles")
    return isinstance(articles, dict) and all(
        isinstance(versions, list) and all(map(_is_version, versions)) for versions in articles.values()
    )


def _is_version(version: object) -> bool:
    return (
        isinstance(version, dict)
        and isinstance(version.get("from"), str)
        and isinstance(version.get("until"), (str, type(None)))
        and _texts(version.get("cite"))
        and "zh" in version["cite"]
    )
