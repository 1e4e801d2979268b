"""Hot methods of FilterService from a request's bytes to the answer's: no post and no verdict becomes an object."""

from collections.abc import Callable, Mapping
from typing import Final

from fairpost.engine.counters import PostCounts
from fairpost.engine.image import Image
from fairpost.engine.offending import Held, Offending, Refused
from fairpost.engine.ruleset import RuleSet
from fairpost.engine.standings import StandingTable
from fairpost.engine.wire_desk import WireTerms

CHECK_POST: Final = 0
CHECK_POSTS: Final = 1
STREAM_CHECK: Final = 2

class PostWire:
    def __init__(
        self, image: Image, rule_set: RuleSet, channels: Mapping[str, int], languages: Mapping[str, int]
    ) -> None: ...
    def answer(
        self,
        kind: int,
        content: bytes,
        terms: WireTerms,
        table: StandingTable,
        day: int,
        counts: PostCounts,
        refuse: Callable[[bytes, list[Refused]], list[bytes] | None],
        record: Callable[[int, bytes, list[Offending]], None] | None,
        hand_over: Callable[[int, bytes, list[Held]], None] | None = None,
    ) -> bytes | None: ...
