"""Looking at the source of rule sets from time to time, and activating what is new there.

One worker of all does it, the one that leads. What was taken is remembered on disk (rules/source.json), so that
neither a restart nor another leader takes the same version again: who has rolled back since is not overruled.
"""

from __future__ import annotations

import hashlib
import json
import random
import threading
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import structlog

from fairpost.server.activation import Failure
from fairpost.server.errors import ServiceError, Unavailable
from fairpost.server.files import write_durably
from fairpost.server.sources.reading import Source, SourceFault, open_source, shown
from fairpost.v1 import reason_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

    from fairpost.server.activation import RuleSets
    from fairpost.server.config import Config

__all__ = ["SourcePolling"]

log = structlog.get_logger(__name__)

_FOLLOWER_SECONDS: Final = 0.5
_JITTER: Final = 0.2
_LONGEST_SECONDS: Final = 900.0
"""Between two looks after many failures, unless the usual time is longer."""
_NAME_CHARACTERS: Final = 200


class SourcePolling:
    """Polls in a thread of its own from `start` to `close`. leads: whether it is for this process to do. entered: runs
    the activation of these bytes and enters it in the audit log."""

    def __init__(
        self,
        rule_sets: RuleSets,
        config: Config,
        *,
        leads: Callable[[], bool],
        entered: Callable[[bytes, Callable[[], Any]], Any] = lambda _content, work: work(),
    ) -> None:
        self._rule_sets = rule_sets
        self._leads = leads
        self._entered = entered
        self._wake = threading.Condition()
        self._closed = False
        self._changed = False
        self._thread: threading.Thread | None = None
        self._source: Source | None = None
        self._last_look: int | None = None
        self._last_change: int | None = None
        self._next_look: int | None = None
        self._failure: Failure | None = None
        self._failures = 0
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Take the settings rules_source, rules_source_seconds and max_bundle_bytes; they hold from the next look on,
        which is now."""
        with self._wake:
            self._name = config.rules_source
            self._seconds = config.rules_source_seconds
            self._limit = config.max_bundle_bytes
            self._source = None
            self._changed = True
            self._wake.notify()

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="rules-source", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop; a look that is under way is not waited for long."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        if self._thread:
            self._thread.join(1.0)

    def status(self) -> dict[str, Any] | None:
        """For GetStatus, as JSON; None where nothing is polled, or by another worker."""
        if not self._name or not self._leads():
            return None
        return {
            "source": shown(self._name),
            "last_look": self._last_look,
            "last_change": self._last_change,
            "next_look": self._next_look,
            "failure": asdict(self._failure) if self._failure else None,
        }

    def look(self) -> bool:
        """Look once; gives whether all is well: nothing new, or it is active now."""
        name = self._name
        self._last_look = _now()
        try:
            self._look(name)
        except SourceFault as fault:
            error: ServiceError = Unavailable(reason_pb2.REASON_RULES_SOURCE, f"rules_source: {fault}")
            self._rule_sets.failed(error, _short(name))
        except ServiceError as refused:  # activate has noted it
            error = refused
        except Exception as fault:
            log.exception("rules source failed", source=shown(name))
            error = Unavailable(reason_pb2.REASON_RULES_SOURCE, f"rules_source: {type(fault).__name__}")
            self._rule_sets.failed(error, _short(name))
        else:
            self._failure, self._failures = None, 0
            return True
        self._failure = Failure.of(error, _short(name))
        self._failures += 1
        return False

    def delay(self) -> float:
        """Seconds until the next look: spread, so that many servers do not come at once; longer after failures."""
        seconds = self._seconds * 2.0 ** min(self._failures, 10)
        seconds = min(seconds, max(self._seconds, _LONGEST_SECONDS))
        return seconds * random.uniform(1 - _JITTER, 1 + _JITTER)

    # ---- its thread -------------------------------------------------------------------------------------

    def _run(self) -> None:
        due = 0.0
        while True:
            with self._wake:
                if self._changed:
                    self._changed, due, self._failures = False, 0.0, 0
                    continue
                now = time.monotonic()
                polls = bool(self._name) and self._leads()
                if self._closed:
                    return
                if not polls or now < due:
                    self._wake.wait(due - now if polls else _FOLLOWER_SECONDS)
                    continue
            self.look()
            delay = self.delay()
            due = time.monotonic() + delay
            self._next_look = _now() + round(delay * 1000)

    def _look(self, name: str) -> None:
        if self._source is None:
            self._source = open_source(name)
        remembered = self._remembered(name)
        found = self._source.look(remembered, self._limit)
        if found is None:
            return
        if not self._rule_sets.serves(found.content):
            content, signature = found.content, found.signature
            self._entered(content, lambda: self._rule_sets.activate(content, source=_short(name), signature=signature))
            self._last_change = _now()
        self._remember(name, found.stamp)

    def _remembered(self, name: str) -> str:
        """The stamp of what was last taken from this source, by whichever worker."""
        try:
            known = json.loads((self._rule_sets.folder / "source.json").read_text("utf-8"))
            return str(known["stamp"]) if known["source"] == _hash(name) else ""
        except (OSError, ValueError, KeyError, TypeError):
            return ""  # looked at anew: what is active already is not activated again

    def _remember(self, name: str, stamp: str) -> None:
        content = json.dumps({"version": 1, "source": _hash(name), "shown": shown(name), "stamp": stamp})
        try:
            write_durably(self._rule_sets.folder / "source.json", content.encode())
        except OSError as error:
            message = f"what was taken from the source cannot be noted: {error.strerror}"
            raise Unavailable(reason_pb2.REASON_STORE_UNAVAILABLE, message) from None


def _hash(name: str) -> str:
    # Not the name itself: it may hold a password.
    return hashlib.sha256(name.encode()).hexdigest()


def _short(name: str) -> str:
    return shown(name)[:_NAME_CHARACTERS]


def _now() -> int:
    return time.time_ns() // 1_000_000
