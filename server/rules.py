"""RulesService without a transport: activation, roll back, status and history as messages."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fairpost.server.errors import InvalidArgument, Violation, invalid_fields
from fairpost.server.faults import Faults
from fairpost.server.rulebook.comparison import bundle_fault
from fairpost.server.signatures import SIGNATURE_BYTES, Signature
from fairpost.v1 import reason_pb2, rules_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fairpost.server.activation import Activation, RuleSets
    from fairpost.server.coordination import Confirmation, Coordinator
    from fairpost.server.rulebook import Comparison, RulesInForce, ShadowResults

__all__ = ["STATUS", "RulesService", "worker_status"]

_DEFAULT_PAGE, _LARGEST_PAGE = 20, 100
STATUS = "rules.status"
"""The question that every worker answers with its `worker_status`."""


def worker_status(rule_sets: RuleSets) -> dict[str, Any]:
    """What one worker knows of its rule set, as JSON: revision, last_success (ms), last_failure."""
    active, failure = rule_sets.active, rule_sets.last_failure
    return {
        "revision": active.revision if active else "",
        "last_success": rule_sets.last_success,
        "last_failure": asdict(failure) if failure else None,
    }


class RulesService:
    """Changes and shows the active rule set. Thread-safe."""

    def __init__(
        self,
        rule_sets: RuleSets,
        coordinator: Coordinator,
        version: str,
        *,
        in_force: RulesInForce,
        comparison: Comparison,
        shadows: ShadowResults,
    ) -> None:
        self.in_force = in_force
        self.comparison = comparison
        self.shadows = shadows
        self._rule_sets = rule_sets
        self._coordinator = coordinator
        self._version = version

    def activate(self, request: rules_pb2.ActivateBundleRequest) -> rules_pb2.ActivateBundleResponse:
        violations = []
        if fault := bundle_fault(request.bundle, request.revision):
            violations.append(Violation("bundle", fault))
        signed = bool(request.signature or request.key_id)
        if signed and request.revision:
            violations.append(Violation("signature", "is kept with the revision; give it with a bundle"))
        violations += _bundle_faults(request)
        violations += _emergency_faults(request)
        if violations:
            raise invalid_fields(violations)
        bundle, source = request.bundle, request.source or "ActivateBundle"
        signature = Signature(request.key_id, request.signature) if signed else None
        if request.revision:
            bundle, signature = self._rule_sets.stored(request.revision)
            source = request.source or f"kept ({request.revision})"
        outcome = self._rule_sets.activate(
            bundle,
            source=source,
            force=request.force,
            signature=signature,
            emergency_reason=request.emergency_reason.strip(),
            actor=request.actor,
        )
        return rules_pb2.ActivateBundleResponse(
            active=self._revision(outcome.active),
            previous=self._optional(outcome.previous),
            workers=_confirmations(outcome.workers),
        )

    def keep(self, request: rules_pb2.KeepBundleRequest) -> rules_pb2.KeepBundleResponse:
        violations = []
        if not request.bundle:
            violations.append(Violation("bundle", "is required: the bytes that `fairpost rules compile` wrote"))
        violations += _bundle_faults(request)
        if violations:
            raise invalid_fields(violations)
        signed = bool(request.signature or request.key_id)
        candidate = self._rule_sets.keep_candidate(
            request.bundle,
            source=request.source or "KeepBundle",
            signature=Signature(request.key_id, request.signature) if signed else None,
        )
        return rules_pb2.KeepBundleResponse(candidate=self._revision(candidate))

    def roll_back(self, request: rules_pb2.RollBackRequest) -> rules_pb2.RollBackResponse:
        if violations := _emergency_faults(request):
            raise invalid_fields(violations)
        outcome = self._rule_sets.roll_back(
            request.revision, emergency_reason=request.emergency_reason.strip(), actor=request.actor
        )
        return rules_pb2.RollBackResponse(
            active=self._revision(outcome.active),
            previous=self._optional(outcome.previous),
            workers=_confirmations(outcome.workers),
        )

    def status(self, _request: rules_pb2.GetStatusRequest) -> rules_pb2.GetStatusResponse:
        active = self._rule_sets.active
        message = rules_pb2.GetStatusResponse(
            serving=active is not None, active=self._optional(active), server_version=self._version
        )
        answers = self._coordinator.gather(STATUS)
        for number, answer in sorted(answers.items()):
            message.workers.append(_worker(number, answer))
            source = answer.get("source")
            if source is not None and not message.HasField("source"):
                _fill_source(message.source, source)
        successes = [answer["last_success"] for answer in answers.values() if answer.get("last_success") is not None]
        if successes:
            message.last_success.FromMilliseconds(max(successes))
        failures = [answer["last_failure"] for answer in answers.values() if answer.get("last_failure")]
        if failures:
            _fill_failure(message.last_failure, max(failures, key=lambda failure: failure["at"]))
        settings = self._coordinator.settings()
        if settings is not None:
            _fill_settings(message.settings, settings)
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
            candidates=[] if request.page_token else self._candidates(),
        )

    def _candidates(self) -> list[rules_pb2.Revision]:
        """The latest first; what has become active since is none any more."""
        active = self._rule_sets.active
        found = reversed(self._rule_sets.candidates.list())
        return [self._revision(each) for each in found if active is None or each.revision != active.revision]

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
            signed_by=activation.signed_by,
        )
        message.activated_at.FromMilliseconds(activation.activated_at)
        return message


def _bundle_faults(request: rules_pb2.ActivateBundleRequest | rules_pb2.KeepBundleRequest) -> list[Violation]:
    """Of where it came from, and of its signature."""
    violations = []
    if len(request.source) > 200:
        violations.append(Violation("source", f"has {len(request.source)} characters; at most 200 are taken"))
    signed = bool(request.signature or request.key_id)
    if signed and len(request.signature) != SIGNATURE_BYTES:
        what = f"has {len(request.signature)} bytes; an Ed25519 signature has {SIGNATURE_BYTES}"
        violations.append(Violation("signature", what))
    if signed and (not request.key_id.isascii() or not request.key_id.isalnum() or len(request.key_id) > 64):
        violations.append(Violation("key_id", "is required with a signature: up to 64 ASCII letters and digits"))
    return violations


def _emergency_faults(request: rules_pb2.ActivateBundleRequest | rules_pb2.RollBackRequest) -> list[Violation]:
    faults = Faults()
    faults.text("emergency_reason", request.emergency_reason, 1000)
    faults.text("actor", request.actor, 128)
    return faults.found


def _confirmations(workers: Iterable[Confirmation]) -> list[rules_pb2.WorkerConfirmation]:
    return [
        rules_pb2.WorkerConfirmation(worker=each.worker, pid=each.pid, confirmed=not each.why, why=each.why)
        for each in workers
    ]


def _worker(number: int, answer: dict[str, Any]) -> rules_pb2.WorkerStatus:
    message = rules_pb2.WorkerStatus(
        worker=number,
        pid=answer.get("pid", 0),
        revision=answer.get("revision", ""),
        replaced=answer.get("replaced", 0),
        fault=answer.get("error", ""),
    )
    if answer.get("last_success") is not None:
        message.last_success.FromMilliseconds(answer["last_success"])
    if answer.get("started_at") is not None:
        message.started_at.FromMilliseconds(answer["started_at"])
    if answer.get("last_failure"):
        _fill_failure(message.last_failure, answer["last_failure"])
    return message


def _fill_failure(message: rules_pb2.ActivationFailure, failure: dict[str, Any]) -> None:
    message.at.FromMilliseconds(failure["at"])
    message.reason = failure["reason"]
    message.message = failure["message"]
    message.source = failure["source"]
    message.revision = failure["revision"]


def _fill_source(message: rules_pb2.SourceStatus, source: dict[str, Any]) -> None:
    message.source = source["source"]
    for name in ("last_look", "last_change", "next_look"):
        if source[name] is not None:
            getattr(message, name).FromMilliseconds(source[name])
    if source["failure"]:
        _fill_failure(message.failure, source["failure"])


def _fill_settings(message: rules_pb2.SettingsStatus, settings: dict[str, Any]) -> None:
    message.read_at.FromMilliseconds(settings["read_at"])
    if settings["failed_at"] is not None:
        message.failed_at.FromMilliseconds(settings["failed_at"])
        message.failure = settings["failure"]
    message.need_restart.extend(settings["need_restart"])
