"""Markdown of documents as HTML: CommonMark with tables, without HTML of the author, images and odd links.

What comes out needs no further escaping, and loads nothing.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping, Sequence
from itertools import pairwise
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.token import Token

__all__ = ["html_of", "summary_of"]

_SCHEMES: Final = re.compile(r"(?:https?://|mailto:)[^\s\x00-\x20]", re.IGNORECASE)
_SUMMARY: Final = 200
_MARKS: Final = "marks_chinese"
_HAN: Final = "[\u3400-\u9fff\U00020000-\U0003ffff]"
_CHINESE: Final = re.compile(f"{_HAN}(?:[^<>&\\nA-Za-z]*{_HAN})?")


def _is_allowed(url: str) -> bool:
    return _SCHEMES.match(url) is not None


def _link_open(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: MutableMapping[str, Any]) -> str:
    tokens[index].attrSet("rel", "nofollow noopener noreferrer")
    return str(renderer.renderToken(tokens, index, options, env))


def _text(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: MutableMapping[str, Any]) -> str:
    shown = escapeHtml(tokens[index].content)
    return _CHINESE.sub(r'<span lang="zh-CN">\g<0></span>', shown) if env.get(_MARKS) else shown


def _code(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: MutableMapping[str, Any]) -> str:
    return f"<code>{_text(renderer, tokens, index, options, env)}</code>"


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "linkify": False, "typographer": False})
    parser.enable("table").disable("image")
    parser.validateLink = _is_allowed  # type: ignore[method-assign]
    parser.add_render_rule("link_open", _link_open)
    parser.add_render_rule("text", _text)
    parser.add_render_rule("code_inline", _code)
    return parser


_PARSER: Final = _parser()  # keeps no state between texts


def html_of(markdown: str, *, marks_chinese: bool = False) -> str:
    """A fragment of HTML. marks_chinese: says of Chinese words in a text of another language that they are, for screen
    readers and fonts (WCAG 3.1.2)."""
    return str(_PARSER.render(markdown, {_MARKS: marks_chinese}))


def summary_of(markdown: str) -> str:
    """The beginning of the first paragraph as plain text, at most 200 characters."""
    tokens = _PARSER.parse(markdown)
    for before, token in pairwise(tokens):
        if before.type == "paragraph_open" and token.children:
            text = " ".join("".join(_text_of(child) for child in token.children).split())
            if text:
                return text if len(text) <= _SUMMARY else text[: _SUMMARY - 1] + "…"
    return ""


def _text_of(token: Token) -> str:
    return " " if token.type in ("softbreak", "hardbreak") else token.content
