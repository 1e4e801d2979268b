"""What goes wrong on the command line, and what it says."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable
from types import ModuleType

__all__ = ["CommandError", "nearest", "require", "require_installed"]

USAGE = 2
"""Exit status for a wrong call, an unreadable file, a damaged bundle, an unreachable server."""


class CommandError(Exception):
    """Ends the command. The message says what is wrong, where, and what would be right."""

    def __init__(self, message: str, *, status: int = USAGE) -> None:
        super().__init__(message)
        self.status = status


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'text'?` for a misspelt word, or nothing."""
    from fairpost.rules.problems import nearest as find

    return find(word, known)


def require(module: str, extra: str, purpose: str) -> ModuleType:
    """Import what only an extra brings, or say how to get it.

    Raises:
        CommandError: the module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "fairpost":
            raise
        raise _missing(error.name, extra, purpose) from None


def require_installed(module: str, extra: str, purpose: str) -> None:
    """Say how to get what only an extra brings, without importing it.

    Raises:
        CommandError: the module is not installed.
    """
    if importlib.util.find_spec(module) is None:
        raise _missing(module, extra, purpose)


def _missing(module: str, extra: str, purpose: str) -> CommandError:
    return CommandError(
        f"{purpose} needs the package {module.partition('.')[0]!r}, which is not installed: "
        f"pip install 'fairpost[{extra}]'"
    )
