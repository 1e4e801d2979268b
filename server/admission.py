"""What holds an activation back: whoever has to admit it, and a rule set that is suspiciously small."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from fairpost.server.errors import FailedPrecondition
from fairpost.v1 import reason_pb2

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from fairpost.engine import RuleSet
    from fairpost.server.kept import Activation

__all__ = ["ActivationGuard", "check_size"]

_SHRINK_LIMIT: Final = 0.5


class ActivationGuard(Protocol):
    """Who may hold an activation back, such as the bulletin's NoticeGuard."""

    def admit(self, old: bytes | None, new: bytes, emergency_reason: str, actor: str) -> AbstractContextManager[None]:
        """Entered before bundle `new` takes the place of `old` (None: nothing is active), left when it has, or has not.

        Raises:
            ServiceError: not now.
        """


def check_size(rule_set: RuleSet, active: Activation | None) -> None:
    """
    Raises:
        FailedPrecondition: it is empty, or less than half of the active one.
    """
    rules, patterns = len(rule_set.meta["rules"]), rule_set.pattern_count
    if not rules or not patterns:
        raise FailedPrecondition(
            reason_pb2.REASON_RULE_SET_EMPTY,
            f"the rule set has {rules} rules and {patterns} patterns; set `force` to activate it all the same",
        )
    if active and (rules < _SHRINK_LIMIT * active.rule_count or patterns < _SHRINK_LIMIT * active.pattern_count):
        raise FailedPrecondition(
            reason_pb2.REASON_RULE_SET_SHRUNK,
            f"the rule set has {rules} rules and {patterns} patterns; the active one has {active.rule_count} and "
            f"{active.pattern_count}: less than half. Set `force` to activate it all the same",
        )
