"""Shares of decisions by action, as a setting says them.

Needs nothing: the supervisor reads settings, too, and loads no engine.
"""

from __future__ import annotations

from typing import Final

__all__ = ["ACTIONS", "shares_of"]

ACTIONS: Final = ("ALLOW", "LIMIT", "REVIEW", "SHIELD", "BLOCK")
"""Names of fairpost.engine.vocabulary.Action; a test holds them equal."""


def shares_of(text: str) -> dict[str, float]:
    """From "ALLOW=0.01,LIMIT=0.5".

    Raises:
        ValueError: the message says what is wrong with which part.
    """
    shares: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, number = part.partition("=")
        try:
            share = float(number)
        except ValueError:
            share = -1.0
        if not equals or name not in ACTIONS or not 0 <= share <= 1:
            raise ValueError(f"{part!r} is not ACTION=SHARE with an action of {', '.join(ACTIONS)} and a share 0 to 1")
        if name in shares:
            raise ValueError(f"{name} is named twice")
        shares[name] = share
    return shares
