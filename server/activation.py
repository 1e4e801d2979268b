"""The active rule set: verify -> self-test -> warm -> keep -> swap.

`RuleSets` holds the rule set that new requests are judged by. A request takes one snapshot and keeps it; the old
rule set is freed when the last request on it ends. Whatever fails before the swap leaves the active one in place and
is told by `status`.

Folder (in the data directory):

    rules/3f9c...e1.fpb     the exact bytes of an activated bundle, by its revision
    rules/activations.json  which were active when, latest last; replaced by rename

A bundle file is never written in place: the engine maps it into memory.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import structlog

from fairpost.engine import InvalidBundle, RuleSet
from fairpost.server.errors import FailedPrecondition, InvalidArgument, NotFound, ServiceError, Unavailable
from fairpost.server.files import write_durably
from fairpost.v1 import reason_pb2

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["Activation", "Failure", "RuleSets"]

log = structlog.get_logger(__name__)

_SHRINK_LIMIT = 0.5
# Looks like what will come: plain, evasive, mixed, without any letters, and long.
_SELF_TEST = (
    "今天天气真好",
    "秋款女装上新 🌸 全场 99 元包邮，加 V：abc12345",
    "这 款*茶 根 治 糖尿病，𝐕信联系 ①③⑧0013800０",
    "🎉🎉🎉",
    "The best cure in the world! Wechat abc_123, 138 0013 8000, https://example.com/x?y=1",
    "最最最好" * 500,
)


@dataclass(frozen=True, slots=True)
class Activation:
    """A rule set that was active here. `activated_at` in milliseconds since 1970."""

    revision: str
    digest: str
    name: str
    size_bytes: int
    rule_count: int
    pattern_count: int
    activated_at: int
    source: str


@dataclass(frozen=True, slots=True)
class Failure:
    """An activation that did not come to pass."""

    at: int
    reason: str
    message: str
    source: str
    revision: str = ""


class RuleSets:
    """Holder of the active rule set. Thread-safe; activations queue, snapshots never wait."""

    def __init__(self, folder: Path, *, keep: int = 10, on_first: Callable[[], None] = lambda: None) -> None:
        self._folder = folder
        self._keep = keep
        self._on_first = on_first
        self._activating = threading.Lock()
        self._active: RuleSet | None = None
        self._history: list[Activation] = []
        self.last_failure: Failure | None = None
        self.last_success: int | None = None

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
    def active(self) -> Activation | None:
        return self._history[-1] if self._active is not None else None

    def revisions(self) -> list[Activation]:
        """Kept revisions, latest activation first, each once."""
        latest = {activation.revision: activation for activation in self._history}
        return sorted(latest.values(), key=self._history.index, reverse=True)

    def restore(self) -> bool:
        """Serve again what was active before the restart; False if nothing was.

        Raises:
            ServiceError: it is damaged, or not for this version of the engine. Nothing is active then.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._activating:
            source, revision = "restart", ""
            try:
                self._history = self._read_history()
                if not self._history:
                    return False
                last = self._history[-1]
                source, revision = f"restart ({last.source})", last.revision
                rule_set = self._verify(self._read(last.revision))
                if rule_set.revision != last.revision:
                    raise _invalid(f"{last.revision}.fpb holds revision {rule_set.revision}")
                self._try_out(rule_set)
            except ServiceError as error:
                self._failed(error, source, revision)
                raise
            self._swap(rule_set)
            log.info("rule set active", revision=last.revision, source=source)
            return True

    def activate(self, bundle: bytes, *, source: str, force: bool = False) -> tuple[Activation, Activation | None]:
        """Serve `bundle` to new requests; gives the new and the former activation.

        Raises:
            InvalidArgument: damaged, of another version, or no bundle at all.
            FailedPrecondition: fails the self-test, is empty, or much smaller than the active one (see `force`).
        """
        with self._activating:
            revision = ""
            try:
                rule_set = self._verify(bundle)
                revision = rule_set.revision
                if not force:
                    self._guard(rule_set)
                self._try_out(rule_set)
                return self._establish(rule_set, bundle, source)
            except ServiceError as error:
                self._failed(error, source, revision)
                raise

    def roll_back(self, revision: str = "") -> tuple[Activation, Activation | None]:
        """Serve an earlier revision again: the given one, or the one that was active before the present one.

        Raises:
            NotFound, FailedPrecondition: it is not kept here; there is none.
            InvalidArgument: its file is damaged.
        """
        with self._activating:
            active = self.active
            earlier = [a for a in self._history if active is None or a.revision != active.revision]
            if revision:
                chosen = next((a for a in reversed(self._history) if a.revision == revision), None)
                if chosen is None:
                    kept = ", ".join(a.revision for a in self.revisions()) or "none"
                    raise NotFound(
                        reason_pb2.REASON_REVISION_NOT_FOUND,
                        f"revision: {revision[:64]!r} is not kept here; kept: {kept}",
                    )
            elif earlier:
                chosen = earlier[-1]
            else:
                raise FailedPrecondition(
                    reason_pb2.REASON_NO_EARLIER_REVISION, "there is no earlier revision to go back to"
                )
            source = f"roll back ({chosen.source.removeprefix('roll back (').removesuffix(')')})"
            try:
                bundle = self._read(chosen.revision)
                rule_set = self._verify(bundle)
                self._try_out(rule_set)
                return self._establish(rule_set, bundle, source)
            except ServiceError as error:
                self._failed(error, source, chosen.revision)
                raise

    # ---- steps ------------------------------------------------------------------------------------------

    def _verify(self, bundle: bytes) -> RuleSet:
        try:
            return RuleSet.from_bytes(bundle)
        except InvalidBundle as error:
            raise _invalid(str(error)) from None

    def _guard(self, rule_set: RuleSet) -> None:
        rules, patterns = len(rule_set.meta["rules"]), rule_set.pattern_count
        if not rules or not patterns:
            raise FailedPrecondition(
                reason_pb2.REASON_RULE_SET_EMPTY,
                f"the rule set has {rules} rules and {patterns} patterns; set `force` to activate it all the same",
            )
        active = self.active
        if active and (rules < _SHRINK_LIMIT * active.rule_count or patterns < _SHRINK_LIMIT * active.pattern_count):
            raise FailedPrecondition(
                reason_pb2.REASON_RULE_SET_SHRUNK,
                f"the rule set has {rules} rules and {patterns} patterns; the active one has {active.rule_count} and "
                f"{active.pattern_count}: less than half. Set `force` to activate it all the same",
            )

    def _try_out(self, rule_set: RuleSet) -> None:
        """Self-test and warm-up in one: judge some posts as requests will, and look at what comes back."""
        try:
            batch = rule_set.check_batch(list(_SELF_TEST) * 8, unit="utf8")
            bad = [i for i in range(len(_SELF_TEST)) if batch.status[i]]
            verdicts = [batch[i] for i in range(len(_SELF_TEST))]
            sane = all(0 <= v.risk <= 1 and 0 <= v.commerce <= 1 and v.exposure >= 0 for v in verdicts)
        except Exception as error:
            raise _self_test(f"{type(error).__name__}: {error}") from error
        if bad:
            raise _self_test(f"post {bad[0]} of the self-test was refused with status {batch.status[bad[0]]}")
        if not sane:
            raise _self_test("a score is outside its range")

    def _establish(self, rule_set: RuleSet, bundle: bytes, source: str) -> tuple[Activation, Activation | None]:
        """Keep the bytes, write down the activation, swap."""
        previous = self.active
        activation = Activation(
            revision=rule_set.revision,
            digest=rule_set.digest,
            name=str(rule_set.meta.get("name", "")),
            size_bytes=len(bundle),
            rule_count=len(rule_set.meta["rules"]),
            pattern_count=rule_set.pattern_count,
            activated_at=time.time_ns() // 1_000_000,
            source=source,
        )
        path = self._path(rule_set.revision)
        history = self._trimmed([*self._history, activation])
        text = json.dumps({"version": 1, "activations": [asdict(a) for a in history]}, ensure_ascii=False, indent=1)
        try:
            write_durably(path, bundle)
            # From here on the file is what is served, so that a restart serves the very same.
            mapped = RuleSet.open(path)
            write_durably(self._folder / "activations.json", text.encode())
        except OSError as error:
            raise Unavailable(
                reason_pb2.REASON_STORE_UNAVAILABLE,
                f"the rule set cannot be kept in the data directory: {error.strerror}",
            ) from None
        self._history = history
        self._swap(mapped)
        self._sweep()
        log.info("rule set active", revision=activation.revision, source=source, rules=activation.rule_count)
        return activation, previous

    def _swap(self, rule_set: RuleSet) -> None:
        first = self._active is None
        self._active = rule_set  # one reference: a request sees the old one or the new one
        self.last_success = time.time_ns() // 1_000_000
        if first:
            self._on_first()

    def _failed(self, error: ServiceError, source: str, revision: str) -> None:
        at = time.time_ns() // 1_000_000
        self.last_failure = Failure(at, error.reason_name, error.message, source, revision)
        log.error("rule set refused", reason=error.reason_name, message=error.message, source=source)

    # ---- files ------------------------------------------------------------------------------------------

    def _path(self, revision: str) -> Path:
        return self._folder / f"{revision}.fpb"

    def _read(self, revision: str) -> bytes:
        try:
            return self._path(revision).read_bytes()
        except OSError as error:
            raise _invalid(f"{revision}.fpb: {error.strerror}") from None

    def _read_history(self) -> list[Activation]:
        path = self._folder / "activations.json"
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            return [Activation(**entry) for entry in found["activations"]]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError, KeyError) as error:
            # Serving anything else than what was active before would be a silent change of the rules.
            raise _invalid(f"{path.name}: cannot be read ({type(error).__name__}: {error})") from None

    def _trimmed(self, history: list[Activation]) -> list[Activation]:
        kept: list[str] = []
        for activation in reversed(history):
            if activation.revision not in kept:
                kept.append(activation.revision)
        allowed = set(kept[: self._keep])
        return [activation for activation in history if activation.revision in allowed][-10 * self._keep :]

    def _sweep(self) -> None:
        """Remove files of revisions that are no longer kept. A mapping of a removed file stays valid."""
        wanted = {f"{activation.revision}.fpb" for activation in self._history}
        for path in self._folder.glob("*.fpb*"):
            if path.name not in wanted:
                path.unlink(missing_ok=True)


def _invalid(message: str) -> InvalidArgument:
    return InvalidArgument(reason_pb2.REASON_INVALID_BUNDLE, f"bundle: {message}")


def _self_test(message: str) -> FailedPrecondition:
    return FailedPrecondition(reason_pb2.REASON_SELF_TEST_FAILED, f"self-test: {message}")
