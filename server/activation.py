"""The active rule set: verify -> self-test -> warm -> keep -> every worker prepares -> every worker swaps.

`RuleSets` holds the rule set that new requests are judged by. A request takes one snapshot and keeps it; the old
rule set is freed when the last request on it ends. Whatever fails before the swap leaves the active one in place and
is told by `status`. What is on disk is in kept.py, what other workers have to do with it in coordination.py.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import structlog

from fairpost.server.admission import check_size
from fairpost.server.allocation import trim
from fairpost.server.candidates import Candidates
from fairpost.server.coordination import Alone, Change, Questions
from fairpost.server.errors import FailedPrecondition, NotFound, ServiceError, Unavailable
from fairpost.server.giving_way import giving_way
from fairpost.server.kept import Activation, Kept, history_of, history_text, invalid_bundle, trimmed
from fairpost.server.self_test import try_out, verified
from fairpost.server.signatures import PublicKeys
from fairpost.v1 import reason_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from fairpost.engine import RuleSet
    from fairpost.server.admission import ActivationGuard
    from fairpost.server.coordination import Confirmation, Coordinator
    from fairpost.server.signatures import Signature

__all__ = ["Activation", "Failure", "Outcome", "RuleSets"]

log = structlog.get_logger(__name__)

_RESTORE_SECONDS = 300.0
"""For how long a start waits for activations in other workers: without rules it is of no use."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An activation that did not come to pass. `at` in milliseconds since 1970."""

    at: int
    reason: str
    message: str
    source: str
    revision: str = ""

    @classmethod
    def of(cls, error: ServiceError, source: str, revision: str = "") -> Failure:
        return cls(time.time_ns() // 1_000_000, error.reason_name, error.message, source, revision)


class Outcome(NamedTuple):
    """What an activation led to: the new and the former one, and what each worker said."""

    active: Activation
    previous: Activation | None
    workers: list[Confirmation]


class RuleSets:
    """Holder of the active rule set. Thread-safe; activations queue, snapshots never wait.

    keys: whose signatures count; may be exchanged at any time. coordinator: the tie to the other workers.
    """

    def __init__(
        self,
        folder: Path,
        *,
        keep: int = 10,
        keys: PublicKeys | None = None,
        on_first: Callable[[], None] = lambda: None,
        coordinator: Coordinator | None = None,
    ) -> None:
        self.guard: ActivationGuard | None = None
        """Whom activations are to pass, if anybody."""
        self._kept = Kept(folder)
        self.candidates = Candidates(folder / "candidates")
        self.keep = keep
        self.keys = keys or PublicKeys({})
        self._on_first = on_first
        self._coordinator = coordinator or Alone(Questions())
        self._active: RuleSet | None = None
        self._prepared: RuleSet | None = None
        self._tried_out: RuleSet | None = None  # by the activation that is under way here
        self._history: list[Activation] = []
        self._swapping = threading.Lock()
        self.last_failure: Failure | None = None
        self.last_success: int | None = None
        self.outcomes: Counter[tuple[str, str]] = Counter()
        """Activations so far: ("active", "") and ("refused", name of the reason)."""

    @property
    def folder(self) -> Path:
        return self._kept.folder

    def snapshot(self) -> RuleSet:
        """The rule set for one request.

        Raises:
            FailedPrecondition: nothing was activated yet.
        """
        active = self._active
        if active is None:
            raise FailedPrecondition(
                reason_pb2.REASON_NO_ACTIVE_RULE_SET,
                "no rule set is active yet; activate one with RulesService.ActivateBundle",
            )
        return active

    @property
    def serving(self) -> RuleSet | None:
        """The rule set that new requests are judged by; None before the first activation."""
        return self._active

    @property
    def active(self) -> Activation | None:
        return self._history[-1] if self._active is not None else None

    def revisions(self) -> list[Activation]:
        """Kept revisions, latest activation first, each once."""
        latest = {activation.revision: activation for activation in self._history}
        return sorted(latest.values(), key=self._history.index, reverse=True)

    def active_content(self) -> bytes | None:
        """The active bundle's bytes; None if nothing is active.

        Raises:
            InvalidArgument: its file cannot be read.
        """
        active = self.active
        return self._kept.read(active.revision)[0] if active is not None else None

    def restore(self) -> bool:
        """Serve again what was active before the restart; False if nothing was.

        Raises:
            ServiceError: it is damaged, not signed by one of `keys`, or not for this version of the engine. Nothing
                is active then.
        """
        with self._coordinator.exclusive(_RESTORE_SECONDS):
            try:
                return self._restore()
            finally:
                self._coordinator.join()

    def _restore(self) -> bool:
        self._kept.make()
        source, revision = "restart", ""
        try:
            self._history = self._kept.history()
            if not self._history:
                return False
            last = self._history[-1]
            source, revision = f"restart ({last.source})", last.revision
            self.keys.verify(*self._kept.read(revision))
            rule_set = self._kept.open(revision)
            if rule_set.revision != revision:
                raise invalid_bundle(f"{revision}.fpb holds revision {rule_set.revision}")
            try_out(rule_set)
        except ServiceError as error:
            self.failed(error, source, revision)
            raise
        self._serve(rule_set)
        log.info("rule set active", revision=revision, source=source)
        return True

    def activate(
        self,
        bundle: bytes,
        *,
        source: str,
        force: bool = False,
        signature: Signature | None = None,
        emergency_reason: str = "",
        actor: str = "",
    ) -> Outcome:
        """Serve `bundle` to new requests, in all workers.

        Args:
            emergency_reason, actor: for `guard`.

        Raises:
            InvalidArgument: damaged, of another version, no bundle at all, or another's signature.
            FailedPrecondition: not signed by one of `keys`, fails the self-test, is empty, or much smaller than the
                active one (see `force`); or the guard holds it back.
            Unavailable: a worker cannot serve it, or it cannot be kept.
            Aborted: another activation is under way for long.
        """
        revision = ""
        try:
            # Nothing of what is not trusted is parsed.
            signed_by = self.keys.verify(bundle, signature)
            with _arriving(self._kept, bundle) as arrived:
                with giving_way():
                    rule_set = verified(bundle, arrived)
                    revision = rule_set.revision
                    try_out(rule_set)
                with self._coordinator.exclusive():
                    if not force:
                        check_size(rule_set, self.active)
                    with self._admitted(bundle, emergency_reason, actor):
                        return self._establish(
                            rule_set, source, signed_by, lambda: self._kept.put(revision, arrived, signature)
                        )
        except ServiceError as error:
            self.failed(error, source, revision)
            raise

    def roll_back(self, revision: str = "", *, emergency_reason: str = "", actor: str = "") -> Outcome:
        """Serve an earlier revision again: the given one, or the one that was active before the present one.

        Raises:
            NotFound, FailedPrecondition: it is not kept here; there is none; it is not signed by one of `keys`;
                the guard holds it back.
            InvalidArgument: its file is damaged.
            Unavailable, Aborted: as for `activate`.
        """
        with self._coordinator.exclusive():
            chosen = self._earlier(revision)
            source = f"roll back ({chosen.source.removeprefix('roll back (').removesuffix(')')})"
            try:
                bundle, signature = self._kept.read(chosen.revision)
                signed_by = self.keys.verify(bundle, signature)
                with giving_way():
                    rule_set = self._kept.open(chosen.revision)
                    try_out(rule_set)
                with self._admitted(bundle, emergency_reason, actor):
                    return self._establish(rule_set, source, signed_by)
            except ServiceError as error:
                self.failed(error, source, chosen.revision)
                raise

    def check_admission(self, bundle: bytes, rule_set: RuleSet) -> None:
        """Whether it could be activated now, without force or emergency.

        Raises:
            FailedPrecondition, Unavailable: as for `activate`.
        """
        check_size(rule_set, self.active)
        with self._admitted(bundle, "", ""):
            pass

    def keep_candidate(self, bundle: bytes, *, source: str, signature: Signature | None = None) -> Activation:
        """Keep a bundle until it is wanted, and activate nothing.

        Raises:
            InvalidArgument, FailedPrecondition: as for `activate`.
            Unavailable, Aborted: it cannot be kept; an activation is under way for long.
        """
        signed_by = self.keys.verify(bundle, signature)
        with _arriving(self.candidates.kept, bundle) as arrived:
            with giving_way():
                rule_set = verified(bundle, arrived)
                try_out(rule_set)
            candidate = Activation.of(rule_set, source, signed_by)
            with self._coordinator.exclusive():
                self.candidates.put(candidate, arrived, signature)
        return candidate

    def stored(self, revision: str) -> tuple[bytes, Signature | None]:
        """Bytes and signature of a revision that was active or is a candidate.

        Raises:
            NotFound: neither.
            InvalidArgument, Unavailable: it is damaged, or cannot be read at present.
        """
        if any(activation.revision == revision for activation in self._history):
            return self._kept.read(revision)
        found = self.candidates.list()
        if any(candidate.revision == revision for candidate in found):
            return self.candidates.kept.read(revision)
        kept = ", ".join(dict.fromkeys(each.revision for each in [*self.revisions(), *found])) or "none"
        raise NotFound(
            reason_pb2.REASON_REVISION_NOT_FOUND, f"revision: {revision[:64]!r} is not kept here; kept: {kept}"
        )

    def serves(self, bundle: bytes) -> bool:
        """Whether these very bytes are what is active."""
        try:
            return self.active_content() == bundle
        except ServiceError:
            return False

    def check_trust(self, keys: PublicKeys) -> None:
        """Whether the active rule set would come back after a restart with these keys.

        Raises:
            ServiceError: it would not.
        """
        active = self.active
        if active is not None:
            keys.verify(*self._kept.read(active.revision))

    def failed(self, error: ServiceError, source: str, revision: str = "") -> None:
        """Keep what went wrong for the status."""
        self.outcomes["refused", error.reason_name] += 1
        self.last_failure = Failure.of(error, source, revision)
        log.error("rule set refused", reason=error.reason_name, message=error.message, source=source)

    # ---- a worker's part in a change (Party) ------------------------------------------------------------------

    def prepare(self, revision: str, digest: str) -> None:
        """Open and warm up what is to be served next.

        Raises:
            ServiceError: it cannot be served here.
        """
        mine = self._tried_out
        if mine is not None and mine.digest == digest:
            self._prepared = mine
            return
        with giving_way():
            # Whoever asks has checked it: a bundle is walked through in one worker, not in all.
            mapped = self._kept.open(revision, checked=digest)
            if mapped.digest != digest:
                raise invalid_bundle(f"{revision}.fpb has the digest {mapped.digest}, not {digest}")
            try_out(mapped)
        self._prepared = mapped

    def swap(self, revision: str, history: str) -> None:
        """Serve it to new requests.

        Raises:
            ServiceError: it was not prepared, and cannot be opened.
        """
        with self._swapping:
            prepared, self._prepared = self._prepared, None
            if prepared is None or prepared.revision != revision:
                prepared = self._kept.open(revision)
            self._history = history_of(history)
            self._serve(prepared)
        trim()
        log.info("rule set active", revision=revision, source=self._history[-1].source)

    def forget(self, revision: str) -> None:
        """Drop what was prepared: it will not be served."""
        with self._swapping:
            if self._prepared is not None and self._prepared.revision == revision:
                self._prepared = None

    # ---- steps ------------------------------------------------------------------------------------------

    def _earlier(self, revision: str) -> Activation:
        if revision:
            chosen = next((a for a in reversed(self._history) if a.revision == revision), None)
            if chosen is None:
                kept = ", ".join(a.revision for a in self.revisions()) or "none"
                raise NotFound(
                    reason_pb2.REASON_REVISION_NOT_FOUND,
                    f"revision: {revision[:64]!r} is not kept here; kept: {kept}",
                )
            return chosen
        active = self.active
        earlier = [a for a in self._history if active is None or a.revision != active.revision]
        if not earlier:
            raise FailedPrecondition(
                reason_pb2.REASON_NO_EARLIER_REVISION, "there is no earlier revision to go back to"
            )
        return earlier[-1]

    def _admitted(self, bundle: bytes, emergency_reason: str, actor: str) -> AbstractContextManager[None]:
        if self.guard is None:
            return contextlib.nullcontext()
        return self.guard.admit(self.active_content(), bundle, emergency_reason, actor)

    def _establish(
        self, rule_set: RuleSet, source: str, signed_by: str, keep: Callable[[], None] = lambda: None
    ) -> Outcome:
        """Keep it, then let every worker serve it.

        rule_set: its mapped file, which is what is served, so that a restart serves the very same.
        """
        previous = self.active
        activation = Activation.of(rule_set, source, signed_by)
        history = trimmed([*self._history, activation], self.keep)
        change = Change(activation.revision, activation.digest, self._kept.folder, history_text(history))
        self._tried_out = rule_set
        try:
            keep()
            workers = self._coordinator.carry_out(change, self)
        except OSError as error:
            raise _not_kept(error) from None
        finally:
            self._tried_out = None
        self._kept.sweep(self._history)
        return Outcome(activation, previous, workers)

    def _serve(self, rule_set: RuleSet) -> None:
        first = self._active is None
        self._active = rule_set  # one reference: a request sees the old one or the new one
        self.last_success = time.time_ns() // 1_000_000
        self.outcomes["active", ""] += 1
        if first:
            self._on_first()


@contextlib.contextmanager
def _arriving(kept: Kept, bundle: bytes) -> Iterator[Path]:
    try:
        with kept.arriving(bundle) as path:
            yield path
    except OSError as error:
        raise _not_kept(error) from None


def _not_kept(error: OSError) -> Unavailable:
    message = f"the rule set cannot be kept in the data directory: {error.strerror}"
    return Unavailable(reason_pb2.REASON_STORE_UNAVAILABLE, message)
