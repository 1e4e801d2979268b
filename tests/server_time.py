"""The time of a server in this process, as tests set it."""

from __future__ import annotations

from typing import Any

__all__ = ["DAY_MS", "Time"]

DAY_MS = 86_400_000


class Time:
    """The server's milliseconds, which tests move."""

    def __init__(self, running: Any) -> None:
        self.at: int = running.server.registry.core.now()
        running.server.registry.core.now = self

    def __call__(self) -> int:
        return self.at

    def forward(self, *, days: float) -> None:
        self.at += round(days * DAY_MS)
