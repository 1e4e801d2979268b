"""What stands in a condition as a value: words in quotes, numbers, names of categories."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from fairpost.engine import vocabulary

from .problems import known
from .syntax import Syntax

__all__ = ["Values", "Wrong", "short", "unknown"]


class Wrong(Exception):
    """A part of a condition that is none; `node` says where."""

    def __init__(self, node: ast.AST, message: str) -> None:
        self.node, self.message = node, message


class Values:
    """Reads values of one condition. All methods raise Wrong."""

    syntax: Syntax

    def source(self, node: ast.AST) -> str:
        return self.syntax.source(node)

    def word(self, node: ast.expr, what: str, choices: Sequence[str]) -> str:
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            raise Wrong(node, f'write the {what} in quotes, such as "{choices[min(1, len(choices) - 1)]}"')
        if node.value not in choices:
            raise Wrong(node, known(what, node.value, choices))
        return node.value

    def category(self, node: ast.expr) -> str:
        name = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else self.source(node)
        if name not in vocabulary.CATEGORIES:
            raise Wrong(node, known("category", name, vocabulary.CATEGORIES))
        return name

    def whole(self, node: ast.expr, low: int, high: int) -> int:
        text = self.source(node)
        if not re.fullmatch(r"-?\d{1,9}", text):
            raise Wrong(node, f"expected a whole number from {low} to {high}, read {short(text)}")
        if not low <= int(text) <= high:
            raise Wrong(node, f"{text} is out of range: from {low} to {high}")
        return int(text)

    def number(self, node: ast.expr, low: float, high: float) -> float:
        text = self.source(node)
        if not re.fullmatch(r"-?\d{1,9}(\.\d{1,9})?", text):
            raise Wrong(node, f"expected a number from {low:g} to {high:g}, read {short(text)}")
        if not low <= float(text) <= high:
            raise Wrong(node, f"{text} is out of range: from {low:g} to {high:g}")
        return float(text)


def unknown(what: str, name: str, choices: Sequence[str]) -> str:
    """That `name` is none of the choices, those of the own pack first."""
    own_first = sorted(set(choices), key=lambda choice: (what == "list" and "." in choice, choice))
    return known(what, name, own_first, limit=12)


def short(text: str, quote: bool = True) -> str:
    """The text in one line, cut to 40 characters."""
    text = " ".join(text.split())
    text = text if len(text) <= 40 else text[:37] + "..."
    return repr(text) if quote else text
