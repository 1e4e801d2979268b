"""Verdicts as the client gives them: the server's, an error for one post, or a declared one of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from fairpost.client.errors import CallFailed
from fairpost.v1 import verdict_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.rpc import status_pb2

    from fairpost.v1 import post_pb2

__all__ = ["POLICIES", "Checked", "OnFailure", "declares", "degraded"]

OnFailure = Literal["raise", "allow", "review"]
"""What `check` gives when no server answers in time: the exception, or a local verdict that says so."""

POLICIES: tuple[OnFailure, ...] = ("raise", "allow", "review")
_LOCAL = {
    # As the shipped policy has them: neutral display; held for a person and not displayed until he has decided.
    "allow": (verdict_pb2.ACTION_ALLOW, 1.0),
    "review": (verdict_pb2.ACTION_REVIEW, 0.0),
}


class Checked:
    """What came of checking one post.

    degraded: no server judged it; the verdict is the declared one of `on_failure`, and `why` is the failure. Such a
    verdict has neither revision nor decision id nor evidence. The fields of the verdict can be read here directly.
    """

    __slots__ = ("_status", "_verdict", "why")

    def __init__(
        self,
        verdict: verdict_pb2.Verdict | None,
        status: status_pb2.Status | None = None,
        why: CallFailed | None = None,
    ) -> None:
        self._verdict = verdict
        self._status = status
        self.why = why

    @classmethod
    def of(cls, result: verdict_pb2.CheckResult) -> Checked:
        """Shares the message."""
        if result.HasField("verdict"):
            return cls(result.verdict)
        return cls(None, result.error)

    def __repr__(self) -> str:
        if self._verdict is None:
            return f"Checked(error={self.error!s})"
        action = verdict_pb2.Action.Name(self.action).removeprefix("ACTION_")
        return f"Checked({action}{f', degraded: {self.why}' if self.degraded else ''})"

    @property
    def degraded(self) -> bool:
        return self.why is not None

    @property
    def error(self) -> CallFailed | None:
        """Why this post could not be judged while its neighbours were; None if it was."""
        return None if self._status is None else CallFailed.of_status(self._status)

    @property
    def verdict(self) -> verdict_pb2.Verdict:
        """The whole verdict.

        Raises:
            CallFailed: this post could not be judged; it is `error`.
        """
        if self._verdict is None:
            assert self._status is not None
            raise CallFailed.of_status(self._status)
        return self._verdict

    @property
    def post_id(self) -> str:
        return self.verdict.post_id

    @property
    def action(self) -> verdict_pb2.Action.ValueType:
        return self.verdict.action

    @property
    def risk(self) -> float:
        return self.verdict.risk

    @property
    def commerce(self) -> float:
        return self.verdict.commerce

    @property
    def exposure(self) -> float:
        return self.verdict.exposure

    @property
    def labels(self) -> Sequence[verdict_pb2.Label]:
        return self.verdict.labels

    @property
    def evidence(self) -> Sequence[verdict_pb2.Evidence]:
        return self.verdict.evidence

    @property
    def seller_standing(self) -> verdict_pb2.SellerStanding:
        return self.verdict.seller_standing

    @property
    def revision(self) -> str:
        return self.verdict.revision

    @property
    def decision_id(self) -> str:
        return self.verdict.decision_id

    @property
    def bounds_reached(self) -> Sequence[verdict_pb2.Bound.ValueType]:
        return self.verdict.bounds_reached


def _out_of_reach(failure: CallFailed) -> bool:
    """Whether no server took the call on: only then may a verdict of our own stand in. A refusal (a wrong request, a
    wrong key, no rules) is no outage, and is raised whatever the policy says."""
    if failure.code == "RESOURCE_EXHAUSTED":
        return failure.retry_after is not None
    return failure.code in ("UNAVAILABLE", "DEADLINE_EXCEEDED")


def degraded(post: post_pb2.Post, policy: OnFailure, why: CallFailed) -> Checked:
    """The declared verdict on a post that no server judged. `policy` is "allow" or "review"."""
    action, exposure = _LOCAL[policy]
    return Checked(verdict_pb2.Verdict(post_id=post.id, action=action, exposure=exposure), why=why)


def declares(policy: OnFailure, failure: CallFailed) -> bool:
    """Whether the policy has a verdict for this failure."""
    return policy != "raise" and _out_of_reach(failure)
