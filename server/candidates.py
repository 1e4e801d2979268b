"""Bundles that wait to be activated, on disk: until their notice has been public for long enough, say.

rules/candidates/3f9c...e1.fpb, .fpb.sig   as in kept.py
rules/candidates/activations.json          which there are, the latest last; `activated_at` is when each was kept
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fairpost.server.errors import ServiceError
from fairpost.server.kept import Activation, Kept

if TYPE_CHECKING:
    from pathlib import Path

    from fairpost.server.signatures import Signature

__all__ = ["MOST", "Candidates"]

MOST: Final = 10
"""Candidates kept: the oldest goes when another one comes."""


class Candidates:
    """The folder. Reading is for all; writing for one at a time in all processes, which `RuleSets` sees to."""

    def __init__(self, folder: Path) -> None:
        self.kept = Kept(folder)
        """Their bytes and signatures."""

    def list(self) -> list[Activation]:
        """The oldest first.

        Raises:
            InvalidArgument, Unavailable: the list is damaged, or cannot be read at present.
        """
        return self.kept.history()

    def put(self, candidate: Activation, arrived: Path, signature: Signature | None) -> None:
        """Keep what has arrived (`Kept.arriving`), on disk when this returns; one that is here already is the latest
        then.

        Raises:
            OSError: it cannot be written.
        """
        try:
            others = [each for each in self.list() if each.revision != candidate.revision]
        except ServiceError:  # damaged: what it named is no loss that could not be kept again
            others = []
        found = [*others, candidate][-MOST:]
        self.kept.put(candidate.revision, arrived, signature)
        self.kept.note(found)
        self.kept.sweep(found)
