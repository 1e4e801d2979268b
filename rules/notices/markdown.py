"""Texts of others as Markdown (CommonMark): nothing in them is markup."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

__all__ = ["code", "codes", "plain"]

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>#|~&!])")


def plain(text: object) -> str:
    """A text inside a line. Ends of line become spaces."""
    return _SPECIAL.sub(r"\\\1", " ".join(str(text).split()))


def code(text: object) -> str:
    """A text as it stands, in a fence that is longer than any in it."""
    line = " ".join(str(text).split()) or " "
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    space = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{space}{line}{space}{fence}"


def codes(texts: Iterable[object], comma: str) -> str:
    """Several, each in a fence of its own."""
    return comma.join(map(code, texts))
