"""RulesService without a transport: activation, roll back, status and history as messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairpost.server.errors import InvalidArgument, Violation, invalid_fields
from fairpost.v1 import reason_pb2, rules_pb2

if TYPE_CHECKING:
    from fairpost.server.activation import Activation, RuleSets

__all__ = ["RulesService"]

_DEFAULT_PAGE, _LARGEST_PAGE = 20, 100


class RulesService:
    """Changes and shows the active rule set. Thread-safe."""

    def __init__(self, rule_sets: RuleSets, version: str) -> None:
        self._rule_sets = rule_sets
        self._version = version

    def activate(self, request: rules_pb2.ActivateBundleRequest) -> rules_pb2.ActivateBundleResponse:
        violations = []
        if not request.bundle:
            violations.append(Violation("bundle", "is required: the bytes that `fairpost rules compile` wrote"))
        if len(request.source) > 200:
            violations.append(Violation("source", f"has {len(request.source)} characters; at most 200 are taken"))
        if violations:
            raise invalid_fields(violations)
        source = request.source or "ActivateBundle"
        active, previous = self._rule_sets.activate(request.bundle, source=source, force=request.force)
        return rules_pb2.ActivateBundleResponse(active=self._revision(active), previous=self._optional(previous))

    def roll_back(self, request: rules_pb2.RollBackRequest) -> rules_pb2.RollBackResponse:
        active, previous = self._rule_sets.roll_back(request.revision)
        return rules_pb2.RollBackResponse(active=self._revision(active), previous=self._optional(previous))

    def status(self, _request: rules_pb2.GetStatusRequest) -> rules_pb2.GetStatusResponse:
        rule_sets = self._rule_sets
        active, failure = rule_sets.active, rule_sets.last_failure
        message = rules_pb2.GetStatusResponse(
            serving=active is not None, active=self._optional(active), server_version=self._version
        )
        if rule_sets.last_success is not None:
            message.last_success.FromMilliseconds(rule_sets.last_success)
        if failure is not None:
            message.last_failure.at.FromMilliseconds(failure.at)
            message.last_failure.reason = failure.reason
            message.last_failure.message = failure.message
            message.last_failure.source = failure.source
            message.last_failure.revision = failure.revision
        return message

    def revisions(self, request: rules_pb2.ListRevisionsRequest) -> rules_pb2.ListRevisionsResponse:
        kept = self._rule_sets.revisions()
        start = 0
        if request.page_token:
            # The token is the last revision shown: a page stays right when a new activation comes in between.
            known = [activation.revision for activation in kept]
            if request.page_token not in known:
                raise InvalidArgument(
                    reason_pb2.REASON_INVALID_PAGE_TOKEN, "page_token: not from this server; start without a token"
                )
            start = known.index(request.page_token) + 1
        size = min(request.page_size or _DEFAULT_PAGE, _LARGEST_PAGE)
        page = kept[start : start + size]
        more = start + size < len(kept)
        return rules_pb2.ListRevisionsResponse(
            revisions=[self._revision(activation) for activation in page],
            next_page_token=page[-1].revision if more else "",
        )

    def _optional(self, activation: Activation | None) -> rules_pb2.Revision | None:
        return self._revision(activation) if activation is not None else None

    def _revision(self, activation: Activation) -> rules_pb2.Revision:
        active = self._rule_sets.active
        message = rules_pb2.Revision(
            revision=activation.revision,
            digest=activation.digest,
            name=activation.name,
            size_bytes=activation.size_bytes,
            rule_count=activation.rule_count,
            pattern_count=activation.pattern_count,
            source=activation.source,
            active=active is not None and active.revision == activation.revision,
        )
        message.activated_at.FromMilliseconds(activation.activated_at)
        return message
