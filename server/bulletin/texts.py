"""A document's texts in a language: Chinese where there is no English."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from fairpost.v1 import bulletin_pb2

__all__ = ["Language", "body_in", "language_of", "title_in", "withdrawn_in"]

Language: TypeAlias = Literal["zh", "en"]
_WITHDRAWN: Final = {"zh": "（已撤回）{}", "en": "(Withdrawn) {}"}


def language_of(document: bulletin_pb2.Document, language: Language) -> Language:
    """The language that readers of `language` get."""
    return "en" if language == "en" and document.content.title.en else "zh"


def title_in(document: bulletin_pb2.Document, language: Language) -> str:
    return getattr(document.content.title, language) or document.content.title.zh


def body_in(document: bulletin_pb2.Document, language: Language) -> str:
    """Markdown."""
    return getattr(document.content.body, language) or document.content.body.zh


def withdrawn_in(document: bulletin_pb2.Document, language: Language) -> str:
    """The title of a withdrawn document."""
    return _WITHDRAWN[language].format(title_in(document, language))
