"""The seller registry: who sells, what they may sell, how they stand, and why."""

from __future__ import annotations

from fairpost.server.registry.core import MustAcknowledge
from fairpost.server.registry.keys import KeyFileError, Keys
from fairpost.server.registry.ladder import Ladder, LadderError, read_ladder
from fairpost.server.registry.service import Registry

__all__ = ["KeyFileError", "Keys", "Ladder", "LadderError", "MustAcknowledge", "Registry", "read_ladder"]
