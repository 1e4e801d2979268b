"""Which decisions are logged: a share of each action."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import numpy as np

from fairpost.engine.exchange import Picker
from fairpost.engine.vocabulary import Action
from fairpost.server.observe.shares import shares_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Sampling"]


class Sampling:
    """Not thread-safe. shares: 0 to 1, by name of the action; actions that are not named are logged whole."""

    def __init__(self, shares: dict[str, float], *, seed: int | None = None) -> None:
        # Verdicts number actions from 1; 0 is a post that was not judged, of which there is nothing to log. What a
        # later version may call an action is logged whole.
        by_number = np.ones(256)
        by_number[0] = 0.0
        for action in Action:
            by_number[action + 1] = shares.get(action.name, 1.0)
        self._picker = Picker(by_number, secrets.randbits(64) | 1 if seed is None else seed)

    @classmethod
    def parse(cls, text: str, *, seed: int | None = None) -> Sampling:
        """From "ALLOW=0.01,LIMIT=0.5".

        Raises:
            ValueError: the message says what is wrong with which part.
        """
        return cls(shares_of(text), seed=seed)

    def picked(self, actions: NDArray[np.uint8]) -> list[int]:
        """Indexes of the decisions to be logged. actions: `fairpost.v1.Action` of each post, 0 where there is none."""
        return self._picker.pick(actions)
