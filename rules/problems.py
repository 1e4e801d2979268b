"""What is wrong in a pack, and where.

    PackProblem
    ├── PackError     the pack does not compile
    └── PackWarning   the pack compiles; its author should look

`PackErrors` is the exception that carries *all* errors of all files.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["PackError", "PackErrors", "PackProblem", "PackWarning", "Place", "Problems", "known", "nearest"]


@dataclass(frozen=True, order=True)
class Place:
    """A position in a source file; line and column count from 1, columns in code points."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, order=True)
class PackProblem:
    """One problem: where, what was read, what would be right."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.kind}: {self.message}"

    @property
    def kind(self) -> str:
        return "problem"


class PackError(PackProblem):
    """The pack cannot be compiled as it is."""

    @property
    def kind(self) -> str:
        return "error"


class PackWarning(PackProblem):
    """The pack compiles, but this is probably not what its author meant."""

    @property
    def kind(self) -> str:
        return "warning"


class PackErrors(ValueError):
    """All errors of all files, sorted by place; `errors` holds them, `str()` prints one a line."""

    def __init__(self, errors: Sequence[PackError], warnings: Sequence[PackWarning] = ()) -> None:
        self.errors: list[PackError] = sorted(set(errors))
        self.warnings: list[PackWarning] = sorted(set(warnings))
        super().__init__("\n".join(str(error) for error in self.errors))


class Problems:
    """Collects problems while the files are read; nothing stops at the first."""

    def __init__(self) -> None:
        self.errors: list[PackError] = []
        self.warnings: list[PackWarning] = []

    def error(self, place: Place, message: str) -> None:
        self.errors.append(PackError(place.file, place.line, place.column, message))

    def warn(self, place: Place, message: str) -> None:
        self.warnings.append(PackWarning(place.file, place.line, place.column, message))

    def raise_if_any(self) -> None:
        if self.errors:
            raise PackErrors(self.errors, self.warnings)


def nearest(word: str, choices: Iterable[str]) -> str:
    """`"; did you mean 'x'?"`, or nothing where no choice is close."""
    candidates = sorted(set(choices))
    folded = {choice.casefold(): choice for choice in reversed(candidates)}
    if word.casefold() in folded:
        return f"; did you mean {folded[word.casefold()]!r}?"
    close = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    if not close:  # "cure" for "medical.cure": compare what follows the last dot
        tails = {choice.rsplit(".", 1)[-1].casefold(): choice for choice in reversed(candidates)}
        close_tails = difflib.get_close_matches(word.rsplit(".", 1)[-1].casefold(), tails, n=1, cutoff=0.75)
        return f"; did you mean {tails[close_tails[0]]!r}?" if close_tails else ""
    return f"; did you mean {folded[close[0]]!r}?"


def known(what: str, word: object, choices: Sequence[str], limit: int = 20) -> str:
    """A sentence for an unknown word: what it is, the nearest choice, and the choices there are."""
    shown = ", ".join(choices[:limit]) + (f", ... ({len(choices)} in all)" if len(choices) > limit else "")
    hint = nearest(str(word), choices) or "."
    return f"unknown {what} {str(word)!r}{hint} Known: {shown or 'none'}"
