"""A desk: where one request at a time is read, judged and answered. See wire.pyx."""

from collections.abc import Iterable

from fairpost.engine.decision_ids import DecisionIds

class WireTerms:
    def __init__(
        self,
        decisions: DecisionIds,
        *,
        policy: int,
        judge_unavailable_as_not_found: bool = False,
        max_posts: int = 10_000,
        max_characters: int = 100_000,
        held: Iterable[int] = (),
    ) -> None: ...
