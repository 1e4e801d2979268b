"""Methods whose effect is not in the store, in the audit log: an entry before, and one after with what came of it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

import structlog

from fairpost.server.audit import chain
from fairpost.server.errors import ServiceError
from fairpost.v1 import rules_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

    from fairpost.server.calls.call import Method
    from fairpost.server.store import Store

__all__ = ["BEGUN", "audited", "with_entries"]

log = structlog.get_logger(__name__)
Result = TypeVar("Result")

BEGUN: Final = "BEGUN"
_FAILED: Final = "FAILED"


def _changed(response: Any) -> str:
    return f"rule set {response.previous.revision or 'none'} -> {response.active.revision}"


def _kept(sent: bytes) -> str:
    return rules_pb2.KeepBundleResponse.FromString(sent).candidate.revision


_SUBJECTS: Final[dict[str, tuple[str, Callable[[bytes], str]]]] = {
    "ActivateBundle": ("rule set", lambda sent: _changed(rules_pb2.ActivateBundleResponse.FromString(sent))),
    "KeepBundle": ("candidate", lambda sent: f"candidate {_kept(sent)}"),
    "RollBack": ("roll back", lambda sent: _changed(rules_pb2.RollBackResponse.FromString(sent))),
}
"""What a method is about before it runs, and what its answer says about it."""


def audited(method: Method, store: Store) -> Method:
    """The method with both entries, if it is one of those."""
    if method.name not in _SUBJECTS or method.answer is None:
        return method
    answer = method.answer
    subject, subject_of = _SUBJECTS[method.name]

    def answer_with_entries(content: bytes) -> bytes:
        return with_entries(store, method.path, subject, content, lambda: answer(content), subject_of)

    return replace(method, answer=answer_with_entries)


def with_entries(
    store: Store,
    method: str,
    subject: str,
    content: bytes,
    work: Callable[[], Result],
    subject_of: Callable[[Result], str],
) -> Result:
    """What `work` gives, with an entry before it and one after. What cannot be entered is not done.

    Where the second one cannot be written, the first tells that there was something, and the result is given all the
    same: it is done.

    Args:
        content: what is activated; its SHA-256 is in the entries.
        subject, subject_of: what it is about before, and what came of it.

    Raises:
        Unavailable, Aborted: the first entry cannot be written.
    """
    digest = hashlib.sha256(content).hexdigest()  # no personal data are in it: no key is needed
    first = chain.record(store, method=method, subject=subject, digest=digest, outcome=BEGUN)
    about = f"entry {first.sequence}: "
    try:
        result = work()
    except Exception as error:
        outcome = error.reason_name if isinstance(error, ServiceError) else _FAILED
        _second(store, method, about + subject, digest, outcome)
        raise
    _second(store, method, about + subject_of(result), digest, chain.OK)
    return result


def _second(store: Store, method: str, subject: str, digest: str, outcome: str) -> None:
    try:
        chain.record(store, method=method, subject=subject, digest=digest, outcome=outcome)
    except ServiceError as error:
        log.error("audit entry lost", subject=subject, outcome=outcome, reason=error.reason_name)
