"""What is typed and what is shown alike by several commands."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fairpost.cli.errors import CommandError, nearest

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["number_of", "numbers_of", "show_list", "text_or_input"]


def number_of(option: str, word: str, known: Sequence[str]) -> int:
    """The API's number of a word: its place among those known, from 1 on.

    Raises:
        CommandError: it is none of them.
    """
    if word not in known:
        raise CommandError(f"{option} {word}: unknown; one of {', '.join(known)}{nearest(word, known)}")
    return known.index(word) + 1


def numbers_of(option: str, words: list[str] | None, known: Sequence[str]) -> list[int]:
    return [number_of(option, word, known) for word in words or []]


def text_or_input(value: str) -> str:
    """The text; for "-" what stands on standard input."""
    return sys.stdin.read().strip() if value == "-" else value


def show_list(console: Console, grid: Table, found: int, most: int) -> None:
    """A list of which `most` entries are shown; found: how many there are, counted to one more than that."""
    console.print(grid)
    if found > most:
        console.print(f"and more; --most {10 * most} shows more of them")
