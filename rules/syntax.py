"""Text of a condition -> Python's syntax tree, with places that count code points of the text.

The grammar of conditions is a small part of Python's expressions, so Python's parser reads it (nothing is
ever evaluated); its complaints are put into words that an author of rules understands.
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass
from typing import Final

__all__ = ["MAX_DEPTH", "MAX_LENGTH", "Mistake", "Syntax"]

MAX_LENGTH: Final = 4000
MAX_DEPTH: Final = 24
"""Levels of a condition's tree; the engine's stack has room for more."""

_DASH_IN_NAME: Final = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'|(?<=[A-Za-z0-9_])-(?=[A-Za-z0-9_])")
_QUOTED: Final = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'")


@dataclass(frozen=True)
class Mistake:
    """`offset` counts code points in the condition's text."""

    offset: int
    message: str


class Syntax:
    """`tree` is None where the text does not parse, and `mistake` says why."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree: ast.expr | None = None
        self.mistake: Mistake | None = None
        # In parentheses, so that line breaks do not end the expression. A dash inside a name (health-food.cure)
        # would be a subtraction to Python; the language has none.
        code = "(" + _DASH_IN_NAME.sub(lambda m: "_" if m[0] == "-" else m[0], text) + "\n)"
        self._lines = code.split("\n")
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line) + 1)
        if len(text) > MAX_LENGTH:
            message = f"the condition has {len(text)} characters; at most {MAX_LENGTH}: split the rule"
            self.mistake = Mistake(0, message)
            return
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.tree = ast.parse(code, mode="eval").body
        except SyntaxError as error:
            offset = self._offset_of(error)
            self.mistake = Mistake(max(0, offset), self._message(str(error.msg), offset))
        except (RecursionError, MemoryError):
            self.mistake = Mistake(0, f"nested too deep: at most {MAX_DEPTH} levels")
        except ValueError as error:
            self.mistake = Mistake(0, f"cannot be read: {error}")

    def start(self, node: ast.AST) -> int:
        """Offset in the text at which `node` begins."""
        return self._offset(getattr(node, "lineno", 1), getattr(node, "col_offset", 0))

    def source(self, node: ast.AST) -> str:
        """The text of `node`, as it was written."""
        end = self._offset(getattr(node, "end_lineno", 1), getattr(node, "end_col_offset", 0))
        return self.text[self.start(node) : end]

    def _offset(self, line: int, byte_column: int) -> int:
        if not 1 <= line <= len(self._lines):
            return len(self.text)
        column = len(self._lines[line - 1].encode()[:byte_column].decode(errors="ignore"))
        offset = self._starts[line - 1] + column - 1  # -1: the parenthesis before the text
        return max(0, min(offset, len(self.text)))

    def _offset_of(self, error: SyntaxError) -> int:
        end = len(self.text.rstrip())
        line, column = error.lineno or 1, (error.offset or 1) - 1
        if self._unmatched() or not 1 <= line <= len(self._lines):
            return end  # Python would blame the parenthesis that we put around the text
        return min(self._starts[line - 1] + column - 1, end)

    def _unmatched(self) -> str:
        bare = _QUOTED.sub("", self.text)
        if bare.count("(") > bare.count(")"):
            return "a parenthesis is never closed"
        return "')' without its '('" if bare.count(")") > bare.count("(") else ""

    def _message(self, message: str, offset: int) -> str:
        if self._unmatched():
            return self._unmatched()
        if "too many nested" in message:
            return f"nested too deep: at most {MAX_DEPTH} levels"
        rest = self.text[max(0, offset) :]
        if re.match(r"&&?|\|\|?|!(?!=)|~", rest):
            return f"{rest[:2].strip()!r} is not in the language; write 'and', 'or', 'not'"
        if re.search(r"(?<![=<>!])=(?!=)", _QUOTED.sub("", self.text)):
            return "'=' does not compare; write '=='"
        if "forgot a comma" in message:
            return "two things stand side by side here; an 'and', an 'or' or a comma is missing between them"
        if not rest.strip():
            return "the condition ends too early: something is missing after this"
        if rest.startswith(")") or message.startswith("unmatched"):
            return f"{rest[:1]!r} is not expected here: no parenthesis is open, or something is missing before it"
        word = re.match(r"\w+|\W", rest)
        return f"{(word[0] if word else rest[:1])!r} is not expected here ({message})"
