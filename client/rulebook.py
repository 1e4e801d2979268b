"""What RulesService and AuditService have for people: rules in force, rule sets to come, rules on trial, the audit log.
`rulebook_async.py` has the same for asyncio."""

# Which message a method answers with follows from its name, which mypy does not know.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fairpost.client import requests
from fairpost.v1 import audit_pb2, rules_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.message import Message

__all__ = ["RulebookCalls"]


class RulebookCalls:
    """Of a `Client`, which has the calls themselves."""

    if TYPE_CHECKING:

        def call(self, method: str, request: Message) -> Any: ...

        def _pages(self, method: str, request: Any, field: str) -> Iterator[Any]: ...

    def rules(self, **conditions: Any) -> Iterator[rules_pb2.Rule]:
        """The rules in force that meet the conditions of ListRulesRequest, by category and id."""
        return self._pages("ListRules", rules_pb2.ListRulesRequest(**conditions), "rules")

    def keep_bundle(
        self, bundle: bytes, *, signature: tuple[str, bytes] | None = None, source: str = ""
    ) -> rules_pb2.Revision:
        """Keep a bundle as a candidate, and activate nothing. signature: as of `activate`."""
        return self.call("KeepBundle", requests.candidate(bundle, signature, source)).candidate

    def candidates(self) -> list[rules_pb2.Revision]:
        """What `keep_bundle` kept, the latest first."""
        return list(self.call("ListRevisions", rules_pb2.ListRevisionsRequest(page_size=1)).candidates)

    def activate_kept(self, revision: str, **fields: Any) -> rules_pb2.ActivateBundleResponse:
        """A candidate, or a revision that was active. force, emergency_reason, actor. Never sent twice."""
        return self.call("ActivateBundle", rules_pb2.ActivateBundleRequest(revision=revision, **fields))

    def compare_rules(self, **fields: Any) -> rules_pb2.CompareRulesResponse:
        """What a bundle, or a kept revision, would change: posts, reviewed_posts, samples."""
        return self.call("CompareRules", rules_pb2.CompareRulesRequest(**fields))

    def shadow_results(self, examples: int = 0) -> rules_pb2.ListShadowResultsResponse:
        """What the rules on trial hit."""
        return self.call("ListShadowResults", rules_pb2.ListShadowResultsRequest(examples=examples))

    def audit_log(self, **conditions: Any) -> Iterator[audit_pb2.AuditEntry]:
        """Entries that meet the conditions of ListAuditRequest, the latest first."""
        return self._pages("ListAudit", audit_pb2.ListAuditRequest(**conditions), "entries")
