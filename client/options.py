"""What a call is made with; `with_options` changes it for some calls."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from fairpost.client.retrying import Retry
from fairpost.client.verdicts import POLICIES, OnFailure

__all__ = ["Options"]


@dataclass(frozen=True, slots=True)
class Options:
    """timeout: seconds for a call with all its attempts; on streams of posts, the longest wait for an answer.
    retry: None sends each call once. hedge_after: seconds after which a read is sent a second time while the first is
    still unanswered; None: never. on_failure: what a check gives when no server answers in time.

    Raises:
        ValueError: a value is out of range.
    """

    timeout: float = 30.0
    retry: Retry | None = field(default_factory=Retry)
    hedge_after: float | None = None
    on_failure: OnFailure = "raise"

    def __post_init__(self) -> None:
        if not self.timeout > 0:
            raise ValueError(f"timeout is {self.timeout!r}; seconds above 0 are needed: every call has a deadline")
        if self.hedge_after is not None and not self.hedge_after > 0:
            raise ValueError(f"hedge_after is {self.hedge_after!r}; seconds above 0, or None")
        if self.on_failure not in POLICIES:
            raise ValueError(f"on_failure is {self.on_failure!r}; one of {', '.join(POLICIES)}")

    def changed(self, **changes: Any) -> Options:
        """
        Raises:
            TypeError: there is no such option.
        """
        return replace(self, **changes)
